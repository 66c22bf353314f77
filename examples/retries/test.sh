#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/retries.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select attempts = want, format('%s: %s attempts', name, attempts)
from retries.outcome
join (values ('contended', 3), ('remote', 3), ('outage', 3), ('broken', 2))
     w (name, want) using (name)
order by name;
insert into tap (ok, name)
select succeeded = 1 and effects = 1,
       format('%s: succeeded once, one effect', name)
from retries.outcome order by name;
insert into tap (ok, name)
select array_agg(name order by name) = '{broken,outage}',
       'the dead letters were broken and outage'
from retries.dead;
insert into tap (ok, name)
select count(*) = 0, 'no dead letters are left'
from weir.dead_letters where queue = 'retries';
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 10 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example retries failed'; end; $$;
\endif
SQL
