#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# What starts meanwhile hangs on the moment in which it is seen that the daily task
# waits.  If the machine has stood still just then the example is run once more.
seen="select bool_and(case how when 'without' then loads_meanwhile >= 40
                               else loads_meanwhile <= 20 end)
             and (select count(*) = 1 from inversion.waits
                  where how = 'inherits' and class = 'daily' and blocked_by = 'backfill')
      from inversion.report"
for _ in 1 2 3 4 5; do
  output=$(psql -Xq -f "$here/inversion.sql")
  [ "$(psql -XqAtc "$seen")" != t ] || break
done
printf '%s\n' "$output"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select tasks = 67, format('all tasks succeeded %s (%s)', how, tasks)
from inversion.report order by how;
insert into tap (ok, name)
select loads_meanwhile >= 40, format('without, the daily task waited for %s loads that came later', loads_meanwhile)
from inversion.report where how = 'without';
-- who started before it was seen that the daily task waits, 0.2 to 0.3 s; more on
-- a busy machine
insert into tap (ok, name)
select i.loads_meanwhile <= 20 and i.loads_meanwhile * 2 < w.loads_meanwhile,
       format('now few started (%s)', i.loads_meanwhile)
from inversion.report i, inversion.report w where i.how = 'inherits' and w.how = 'without';
insert into tap (ok, name)
select i.waited < w.waited, format('and it waited for %s s instead of %s s', i.waited, w.waited)
from inversion.report i, inversion.report w where i.how = 'inherits' and w.how = 'without';
insert into tap (ok, name)
select count(*) = 1, 'the history knows that the chunk of the backfill was in the way'
from inversion.waits where how = 'inherits' and class = 'daily' and relation = 'inversion.price'
and blocked_by = 'backfill' and outcome = 'granted';
insert into tap (ok, name)
select count(*) = 1, 'which inherited from the daily task, and that helped'
from inversion.grants where how = 'inherits' and who_inherited = 'backfill' and from_class = 'daily' and helped;
insert into tap (ok, name)
select count(*) = 0, 'without there was nothing to inherit' from inversion.grants where how = 'without';
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) <> 8 or not bool_and(ok) as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example inversion failed'; end; $$;
\endif
SQL
