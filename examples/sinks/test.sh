#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/sinks.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select succeeded = case queue when 'daily' then 20 else 40 end,
       format('%s %s tasks succeeded', succeeded, queue)
from sinks.report order by queue;
insert into tap (ok, name)
select last_value = 60, format('60 commits of the metastore, no conflict (%s)', last_value)
from sinks.version;
insert into tap (ok, name)
select not exists (select from weir.runs where outcome = 'failed'), 'no attempt failed';
insert into tap (ok, name)
select count(*) = 60, '60 rows: what was snoozed was rolled back'
from sinks.fact;
-- the API has refused, and then not everybody has gone on asking
insert into tap (ok, name)
select sum(r.snoozed) between 1 and 24, format('%s calls were told to come back', sum(r.snoozed))
from sinks.report r;
insert into tap (ok, name)
select (select seconds from sinks.report where queue = 'daily') <
       (select seconds from sinks.report where queue = 'backfill'),
       'daily work went first';
-- 80 starts at 30 per second
insert into tap (ok, name)
select max(r.started_at) - min(t.enqueued_at) >= interval '1 second' * 79 / 30,
       'the rate was kept'
from weir.runs r join weir.tasks t using (task_id) where 'sinks.api' = any (t.resources);
insert into tap (ok, name)
select max(running) <= 3, format('at most 3 wrote the table (%s)', max(running))
from (select sum(step) over (order by at, step rows unbounded preceding) as running
      from weir.runs r,
           lateral (values (r.started_at, 1), (r.finished_at, -1)) e (at, step)
      where 'sinks.fact' = any (r.tables)) s;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok is not true) > 0 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example sinks failed'; end; $$;
\endif
SQL
