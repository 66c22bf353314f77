#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves: not when things happened, which depends on the machine,
# but that the return was no faster than the ramp allows.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/outage.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select count(*) = 1000, format('all orders are told (%s)', count(*)) from outage.told;
insert into tap (ok, name)
select count(*) = 0, 'no order was given up' from weir.dead_letters where queue = 'orders';
insert into tap (ok, name)
select count(*) < 100, format('the service was left alone: %s calls failed, of 900 orders that waited', count(*))
from outage.run where outcome = 'failed';
insert into tap (ok, name)
select string_agg(distinct detail ->> 'state', ' ' order by detail ->> 'state') = 'closed half_open open',
       'its breaker was open, half open and closed'
from weir.events where kind = 'breaker';
insert into tap (ok, name)
select array_agg(detail ->> 'state' order by event_id) = '{began,ended}', 'then a ramp began and ended'
from weir.events where kind = 'ramp';
-- Of six slots one was used at first, and one more after each half a second.
insert into tap (ok, name)
with ramp as (
    select (detail ->> 'until')::timestamptz - interval '3 s' as began_at
    from weir.events where kind = 'ramp' and detail ->> 'state' = 'began'
), start as (
    select r.started_at, ramp.began_at,
           (select count(*) from outage.run o
            where o.started_at <= r.started_at and o.finished_at > r.started_at) as at_once
    from outage.run r, ramp
    where r.started_at between ramp.began_at and ramp.began_at + interval '3 s'
)
select count(*) > 0 and bool_and(at_once <= 1 + ceil(extract(epoch from started_at - began_at) * 2)),
       format('never more at once than the ramp allows, in %s starts', count(*))
from start;
insert into tap (ok, name)
select max(at_once) >= 5, format('and in the end as many as there are slots (%s)', max(at_once))
from (select (select count(*) from outage.run o
              where o.started_at <= r.started_at and o.finished_at > r.started_at) as at_once
      from outage.run r
      where r.started_at > (select at from outage.event where what = 'breaker closed')) s;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 7 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example outage failed'; end; $$;
\endif
SQL
