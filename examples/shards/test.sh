#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Which shards are late depends on the machine; what
# becomes of them does not.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/shards.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select answered = 8 and total = 8036 and late is null,
       format('without a deadline all answer (%s)', answered)
from shards.answer where asked = 'all';
insert into tap (ok, name)
select count(*) = 1, 'with one there is an answer, too'
from shards.answer where asked = 'in time';
insert into tap (ok, name)
select bool_and(outcome in ('succeeded', 'cancelled')),
       'each shard has answered or was cancelled'
from shards.run;
insert into tap (ok, name)
select a.answered = count(*) filter (where r.outcome = 'succeeded')
       and coalesce(a.total, 0) = coalesce(sum(s.rows) filter (where r.outcome = 'succeeded'), 0),
       format('the answer is made of those that have answered (%s)', a.answered)
from shards.answer a, shards.run r join shards.shard s on s.name = r.shard
where a.asked = 'in time' group by a.answered, a.total;
insert into tap (ok, name)
select coalesce(bool_and(took >= ms * interval '1 ms'), true), 'none has answered before it could'
from shards.run where outcome = 'succeeded';
insert into tap (ok, name)
select count(*) = 0, 'nothing runs any more' from weir.running;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 6 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example shards failed'; end; $$;
\endif
SQL
