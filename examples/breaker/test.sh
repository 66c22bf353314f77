#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/breaker.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select was = 'closed' and became = 'open', 'what failed opened the breaker'
from breaker.change order by at limit 1;
insert into tap (ok, name)
select was = 'half_open' and became = 'closed', 'a probe that was answered closed it'
from breaker.change order by at desc limit 1;
insert into tap (ok, name)
select count(*) = 1, 'tasks said that they wait for it'
from breaker.waiting where cause = 'breaker' and holder = 'resource quotes';
insert into tap (ok, name)
select answered = 200, format('all were answered (%s)', answered) from breaker.result;
insert into tap (ok, name)
-- those that ran when it opened have called, too
select failed <= 5 + 4 + probes_in_vain,
       format('%s calls in vain, %s of them probes', failed, probes_in_vain)
from breaker.result;
insert into tap (ok, name)
select with_fallback = 100 and without = 0, 'with a fallback nobody waits' from breaker.instead;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 6 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example breaker failed'; end; $$;
\endif
SQL
