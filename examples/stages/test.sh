#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, with
# 10,000 items unless STAGES_ITEMS says otherwise, and checks what it leaves; then
# a job that takes longer than it may, which is one second here.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
items=${STAGES_ITEMS:-10000}

psql -Xq -v items="$items" -f "$here/stages.sql"
psql -XqAt -v ON_ERROR_STOP=1 -v items="$items" <<'SQL'
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
-- on a busy machine others may take too long twice
select succeeded + failed = :items and failed between :items / 1000 and :items / 20,
       format('all items but those that hang went through (%s, %s)', succeeded, failed)
from stages.report;
insert into tap (ok, name)
select count(*) = r.succeeded, 'each was computed once'
from stages.computed, stages.report r group by r.succeeded;
insert into tap (ok, name)
select count(*) >= :items / 100 + :items / 1000, format('what hung was ended after 200 ms (%s)', count(*))
from weir.runs where queue = 'fetch' and outcome = 'timed_out';
insert into tap (ok, name)
select bool_and(attempts <= 2), 'and tried once more' from weir.tasks where queue = 'fetch';
insert into tap (ok, name)
select at_once <= 50, format('at most 50 in flight (%s)', at_once)
from stages.overlap where queue = 'fetch';
insert into tap (ok, name)
select count(*) = 0, 'no item was computed before it was fetched'
from weir.runs c join weir.tasks t using (task_id)
join weir.runs f on f.task_id = t.after[1] and f.outcome = 'succeeded'
where c.queue = 'compute' and c.started_at < f.finished_at;

-- A job that takes too long.
select weir.pause('compute');
truncate stages.fetched, stages.computed, stages.report;
select stages.submit(:items, '1 second') as job \gset
insert into tap (ok, name)
select outcome = 'cancelled', 'a job that takes too long is cancelled'
from weir.wait(:job, interval '1 minute');
select bool_and(weir.drain(q, timeout => '5 minutes')) as drained from unnest('{fetch,compute}'::text[]) q \gset
insert into tap (ok, name)
select count(*) = 0, 'with every task of it'
from weir.group_runs(:job) where outcome is null;
insert into tap (ok, name)
select count(*) = 0, 'and nothing runs' from weir.running;
insert into tap (ok, name)
select count(*) = 0, 'nor is anything reported' from stages.report;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 10 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example stages failed'; end; $$;
\endif
SQL
