#!/bin/bash
# Runs the example in an empty database of a server with pg_weir preloaded, and
# checks what it leaves.  Prints TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

psql -Xq -f "$here/daily.sql"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
set client_min_messages = warning;
create temporary table tap (n int generated always as identity, ok boolean,
                            name text);
insert into tap (ok, name)
select count(*) = 3, 'three days were due' from daily.due;
insert into tap (ok, name)
select count(*) = 0, 'and were enqueued once' from daily.again;
insert into tap (ok, name)
select bool_and(class = 'daily' and deadline is not null), 'in class daily, with a deadline'
from weir.tasks where task_id in (select task_id from daily.due);
insert into tap (ok, name)
select count(*) = 1 and min(version) = 1, 'the corrected day became stale, and no other' from daily.stale;
insert into tap (ok, name)
select count(*) = 63 and bool_and(exec = 'done' and currency = 'current'), 'all 63 days are done and current'
from daily.state;
insert into tap (ok, name)
select count(*) filter (where version = 2) = 1 and count(*) filter (where version = 2 and day = -2 and cause = 'correction') = 1,
       'the corrected day alone was done twice'
from daily.state;
insert into tap (ok, name)
select count(*) = 63 and bool_and(readings = 24) and sum(kwh) = 62 * 24 + 48, 'the result is right'
from daily.consumption;
insert into tap (ok, name)
select count(*) = 64 and bool_and(outcome = 'succeeded'), 'in 64 runs'
from weir.runs r join weir.tasks t using (task_id) where t.job = 'meters';
insert into tap (ok, name)
select state = 'finished' and intervals = 60 and done = 60, 'the backfill has done its sixty'
from weir.backfills where job = 'meters' and cause = 'backfill' order by backfill_id desc limit 1;
insert into tap (ok, name)
select count(*) filter (where class = 'backfill') = 61 and count(*) filter (where class = 'daily') = 3,
       'history and correction ran in class backfill'
from weir.tasks where job = 'meters';
-- no more than one chunk at a time: the other slot is for daily runs
insert into tap (ok, name)
select count(*) = 0, 'never two chunks at once, one slot is for daily runs'
from weir.runs a join weir.runs b on a.task_id < b.task_id and a.started_at < b.finished_at and b.started_at < a.finished_at
where a.class = 'backfill' and b.class = 'backfill' and '{daily.consumption}' <@ a.tables and '{daily.consumption}' <@ b.tables;
select format('%s %s - %s', case when ok then 'ok' else 'not ok' end, n, name)
from tap order by n;
select '1..' || count(*) from tap;
select count(*) filter (where ok) <> 11 as failed from tap \gset
\if :failed
    do $$ begin raise exception 'the example daily failed'; end; $$;
\endif
SQL
