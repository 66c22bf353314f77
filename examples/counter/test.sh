#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/counter.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select value = 1,
       format('without a cap, %s of %s additions are lost', lost, additions)
from counter.report where how = 'no cap';
insert into tap (ok, name)
select most_at_once = additions, format('%s tasks at once', most_at_once)
from counter.report where how = 'no cap';
insert into tap (ok, name)
select value = 200 and lost = 0,
       format('with one slot, %s of 200 additions are lost', lost)
from counter.report where how = 'one slot';
insert into tap (ok, name)
select most_at_once = 1, format('%s task at once', most_at_once)
from counter.report where how = 'one slot';
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 4 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example counter failed'; end; $$;
\endif
SQL
