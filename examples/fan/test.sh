#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/fan.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select succeeded = 100, format('100 tasks succeeded (%s)', succeeded)
from fan.report;
-- whatever the result looks like as JSON, the square is the number in it
insert into tap (ok, name)
select count(*) = 100, format('100 answers are the squares (%s)', count(*))
from fan.answer
where regexp_replace(answer::text, '[^0-9]', '', 'g') = (n * n)::text;
insert into tap (ok, name)
select most_at_once <= 10, format('at most 10 at once (%s)', most_at_once)
from fan.report;
insert into tap (ok, name)
select most_at_once >= 2, 'some at once' from fan.report;
insert into tap (ok, name)
select seconds < seconds_of_work,
       format('faster than one after another: %s s for %s s of work', seconds,
              seconds_of_work)
from fan.report;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok is not true) > 0 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example fan failed'; end; $$;
\endif
SQL
