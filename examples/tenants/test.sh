#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/tenants.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select accepted = 1500 and rejected = 500,
       format('who floods is refused (%s of 2000)', rejected)
from tenants.flood;
insert into tap (ok, name)
select max(unfinished) <= 1500, format('with at most 1500 unfinished tasks (%s)', max(unfinished))
from (select sum(step) over (order by at, step rows unbounded preceding) as unfinished
      from weir.tasks t,
           lateral (values (t.enqueued_at, 1), (t.finished_at, -1)) e (at, step)
      where t.owner = 'tenants_flood') s;
insert into tap (ok, name)
select at_once <= current_setting('weir.max_workers')::int - 2,
       format('of which no more run at once than allowed (%s)', at_once)
from tenants.overlap where who = 'tenants_flood';
insert into tap (ok, name)
select r.tasks = 20, '20 tasks of the other tenant have run'
from tenants.report r where tenant = 'tenants_calm';
insert into tap (ok, name)
select tasks > 0, format('while the flood went on (%s left)', tasks)
from tenants.left_then;
-- a start may come just between, and on a busy machine a few
insert into tap (ok, name)
select percentile_disc(0.5) within group (order by before) <= 3,
       format('each after few of the flood: %s at most, %s in the median', max(before),
              percentile_disc(0.5) within group (order by before))
from (select (select count(*) from weir.runs f
              where f.owner = 'tenants_flood' and f.started_at between t.enqueued_at and r.started_at) as before
      from weir.runs r join weir.tasks t using (task_id) where r.owner = 'tenants_calm') b;
insert into tap (ok, name)
select count(*) = 4 and max(at_once) <= 2, format('of each customer %s tasks at once', max(at_once))
from tenants.overlap where who like 'customer%';
insert into tap (ok, name)
select bool_and(tasks = case customer when 1 then 200 else 10 end), 'all of them have run'
from tenants.customers;
insert into tap (ok, name)
select max(done_after_ms) filter (where customer > 1) < min(done_after_ms) filter (where customer = 1),
       'no customer waited for the one with many tasks'
from tenants.customers;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 9 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example tenants failed'; end; $$;
\endif
SQL
