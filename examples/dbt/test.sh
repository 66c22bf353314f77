#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/dbt.sql"
"$here/run.sh" | sed 's/^/# /'
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
-- with the pre-hook it waits: run.sh would not have come to its end otherwise
insert into tap (ok, name)
select count(*) = 1 and min(detail ->> 'cause') = 'has_written',
       format('without the pre-hook one transaction was let through, on record (%s)', count(*))
from weir.events where kind = 'let_through' and relation = 'mart.orders';
insert into tap (ok, name)
select count(*) = 1, 'the cap has followed the name to a new table'
from weir.events where kind = 'cap_follows' and relation = 'mart.orders';
insert into tap (ok, name)
select count(*) = case who when 'dbt' then 12 else 40 end, format('%s writes by %s', count(*), who)
from mart.writer group by who order by who;
insert into tap (ok, name)
select max(n) <= 2, format('at most two wrote at once (%s)', max(n))
from (select sum(step) over (order by at, step rows unbounded preceding) as n
      from mart.writer, lateral (values (began, 1), (ended, -1)) e (at, step)) s;
insert into tap (ok, name)
select not exists (select from weir.runs where outcome <> 'succeeded'), 'no attempt failed';
insert into tap (ok, name)
select count(*) = 0, 'no order is there twice'
from (select from mart.orders where order_id > 0 group by order_id having count(*) > 1) d;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok is not true) > 0 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example dbt failed'; end; $$;
\endif
SQL
