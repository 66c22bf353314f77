#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/storm.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select tasks = 300 and calls = 1500 and dead = 300,
       format('without a budget five times the load, and nothing left (%s calls)', calls)
from storm.result where queue = 'storm_free';
insert into tap (ok, name)
select tasks = 300 and calls between 301 and 330,
       format('with one a tenth more (%s calls)', calls)
from storm.result where queue = 'storm_budget';
insert into tap (ok, name)
select dead <= 7 and waiting = tasks - dead, format('the others wait (%s)', waiting)
from storm.result where queue = 'storm_budget';
insert into tap (ok, name)
select m.succeeded = r.waiting, format('and are done when it is mended (%s)', m.succeeded)
from storm.mended m join storm.result r using (queue) where queue = 'storm_budget';
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 4 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example storm failed'; end; $$;
\endif
SQL
