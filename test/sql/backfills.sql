-- Backfills and corrections: what they run and skip, pause, resume, cancel;
-- stale intervals, also those of jobs further down; waived ones.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set timezone = 'UTC';
set datestyle = 'ISO';
set statement_timeout = '120s';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await_backfill.sql

create table bf_fact (day date, version int);
create table bf_input (day date primary key, amount int);
insert into bf_input select d, 1 from generate_series('2024-03-01'::date, '2024-04-30', '1 day') d;

-- The job starts later, so nothing but its history is there.
select weir.create_job('bf', 'insert into bf_fact select $1, amount from bf_input where day = $1 returning version', '1 day',
    starts_at => '2100-01-01 00:00 Europe/Berlin', timezone => 'Europe/Berlin', tables => '{bf_fact}', inputs => '{bf_input}');
create temp view bf as
select (interval_start at time zone 'Europe/Berlin')::date as day, interval_end - interval_start as length, version, exec, currency, timeliness,
       cause, done_version, reason
from weir.intervals where job = 'bf' order by interval_start;
\set columns 'job, cause, direction, reprocess, max_running, state, state_reason, intervals, done, failed, skipped, in_queue, percent, rate, eta, ended, reason'
create temp view b as
select job, cause, direction, reprocess, max_running, state, state_reason, intervals, done, failed, skipped, in_queue, percent,
       rate is not null as rate, eta is not null as eta, ended_at is not null as ended, reason, backfill_id
from weir.backfills;

\pset tuples_only on
-- Refusals.
select pg_temp.refused(c) from unnest(array[
    $$select weir.backfill('none', '2024-03-01', '2024-03-02')$$,
    $$select weir.backfill('bf', null, '2024-03-02')$$,
    $$select weir.backfill('bf', '2024-03-01', null)$$,
    $$select weir.backfill('bf', '-infinity', '2024-03-02')$$,
    $$select weir.backfill('bf', '2024-03-01', 'infinity')$$,
    $$select weir.backfill('bf', '2024-03-01', '10000-01-01 UTC')$$,
    $$select weir.backfill('bf', '2024-03-02', '2024-03-01')$$,
    $$select weir.backfill('bf', '2024-03-30', '2024-04-01 12:00')$$,
    $$select weir.backfill('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-01 00:00 Europe/Berlin', direction => 'up')$$,
    $$select weir.backfill('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-01 00:00 Europe/Berlin', reprocess => 'some')$$,
    $$select weir.backfill('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-01 00:00 Europe/Berlin', max_running => 0)$$,
    $$select weir.backfill('bf', '2024-03-30 00:00 Europe/Berlin', '8024-04-01 00:00 Europe/Berlin')$$,
    $$select weir.pause_backfill(0)$$,
    $$select weir.resume_backfill(null)$$,
    $$select weir.cancel_backfill(0)$$,
    $$select weir.correct('bf', '2024-03-30', '2024-04-01')$$,
    $$select weir.waive('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-01 00:00 Europe/Berlin', null)$$
]) with ordinality u(c, i) order by i;
\pset tuples_only off

-- What would be done, oldest and newest first; the future is not there yet.
select (interval_start at time zone 'Europe/Berlin')::date as day, interval_end - interval_start as length, action, reason, estimate
from weir.preview_backfill('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-02 00:00 Europe/Berlin');
select (interval_start at time zone 'Europe/Berlin')::date as day, action, reason
from weir.preview_backfill('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-02 00:00 Europe/Berlin', 'newest_first');
select action, reason, count(*)
from weir.preview_backfill('bf', '2099-12-30 00:00 Europe/Berlin', '2100-01-02 00:00 Europe/Berlin') group by 1, 2;

-- It runs, in class backfill, in its order, no more than max_running at once.
select weir.pause('backfill');
select weir.backfill('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-05 00:00 Europe/Berlin', 'newest_first', max_running => 2, reason => 'history') as b1 \gset
select count(*), min(class), min(queue), min(reason), bool_and(deadline is null) as no_deadline from weir.tasks where job = 'bf';
select * from bf;
select :columns from b where backfill_id = :b1;
select weir.backfills.backfill_id = :b1 as shown from weir.jobs join weir.backfills using (backfill_id) where name = 'bf';
select weir.resume('backfill');
call pg_temp.await(:b1);
select :columns from b where backfill_id = :b1;
select * from bf;
select day, interval_start at time zone 'Europe/Berlin' from bf_fact join weir.tasks on day = (interval_start at time zone 'Europe/Berlin')::date where job = 'bf' order by task_id;
select kind, detail ->> 'intervals' as intervals from weir.events where job = 'bf' and interval_start is null order by event_id;
\pset tuples_only on
select pg_temp.refused(format('select weir.%s(%s)', f, :b1)) = format(E'55000 backfill %s has ended\n  It is finished.', :b1) as refused
from unnest(array['pause_backfill', 'resume_backfill', 'cancel_backfill']) f;
\pset tuples_only off
-- What is done is skipped, and said so; with reprocess it is done again.
select reprocess, action, p.reason, count(*) from unnest(array['none', 'failed', 'stale', 'all']) with ordinality u(reprocess, i),
    weir.preview_backfill('bf', '2024-03-29 00:00 Europe/Berlin', '2024-04-06 00:00 Europe/Berlin', reprocess => u.reprocess) p
group by i, reprocess, action, p.reason order by i, action, p.reason;
select weir.backfill('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-05 00:00 Europe/Berlin') as b2 \gset
select :columns from b where backfill_id = :b2;
select weir.backfill('bf', '2024-03-30 00:00 Europe/Berlin', '2024-04-01 00:00 Europe/Berlin', reprocess => 'all') as b3 \gset
call pg_temp.await(:b3);
select day, version, exec, done_version, cause from bf where day < '2024-04-02';

-- Two backfills of the same intervals: the second finds them done.
select weir.pause('backfill');
select weir.backfill('bf', '2024-04-05 00:00 Europe/Berlin', '2024-04-09 00:00 Europe/Berlin', max_running => 1) as b4 \gset
select action, reason, count(*) from weir.preview_backfill('bf', '2024-04-05 00:00 Europe/Berlin', '2024-04-09 00:00 Europe/Berlin', reprocess => 'all') group by 1, 2 order by 1;
select weir.backfill('bf', '2024-04-05 00:00 Europe/Berlin', '2024-04-10 00:00 Europe/Berlin', 'newest_first') as b5 \gset
select intervals, in_queue from b where backfill_id = :b5;
select weir.resume('backfill');
call pg_temp.await(:b4);
call pg_temp.await(:b5);
select intervals, done, failed, skipped, state, percent from b where backfill_id in (:b4, :b5) order by backfill_id;
select day, count(*) from bf_fact where day >= '2024-04-05' group by day order by day;

-- Pause, resume, cancel.  A paused one feeds nothing, a cancelled one starts nothing.
select weir.pause('backfill');
select weir.backfill('bf', '2024-04-10 00:00 Europe/Berlin', '2024-04-20 00:00 Europe/Berlin', max_running => 2) as b6 \gset
select weir.pause_backfill(:b6, 'wait');
select weir.resume('backfill');
select weir.drain('backfill', '60s');
select state, state_reason, intervals, done, in_queue from b where backfill_id = :b6;
select weir.pause('backfill');
select weir.resume_backfill(:b6);
do $$ declare n int; begin loop select b.in_queue into n from b where b.state = 'running'; exit when n = 2; commit; end loop; end $$;
select weir.cancel_backfill(:b6, 'enough');
select state, state_reason, intervals, done, failed, in_queue, ended from b where backfill_id = :b6;
select weir.resume('backfill');
select weir.drain('backfill', '60s');
select state, intervals, done, failed, in_queue from b where backfill_id = :b6;
select day, exec from bf where day between '2024-04-10' and '2024-04-15';
-- What was cancelled has failed: it is run when that is asked for.
select weir.backfill('bf', '2024-04-10 00:00 Europe/Berlin', '2024-04-20 00:00 Europe/Berlin', reprocess => 'failed') as b7 \gset
call pg_temp.await(:b7);
select intervals, done, failed, state from b where backfill_id = :b7;
select exec, count(*) from bf where day between '2024-04-10' and '2024-04-19' group by exec;

-- A chunk that is cancelled while it waits is followed by the next.
select weir.pause('backfill');
select weir.backfill('bf', '2024-03-01 00:00 Europe/Berlin', '2024-03-03 00:00 Europe/Berlin', max_running => 1) as b0 \gset
select weir.cancel(task_id) from weir.intervals where job = 'bf' and backfill_id = :b0;
do $$ declare n int; begin loop select b.in_queue into n from b where b.state = 'running' and failed = 1; exit when n = 1; commit; end loop; end $$;
select weir.resume('backfill');
call pg_temp.await(:b0);
select day, exec from bf where day < '2024-03-05';

-- An interval whose version is not the newest is not brought back.
select task_id as cancelled from weir.tasks where job = 'bf' and state = 'cancelled' and interval_start > '2024-04-01' order by task_id limit 1 \gset
\pset tuples_only on
select regexp_replace(pg_temp.refused(format('select weir.retry(%s)', :cancelled)), 'task \d+', 'task N', 'g');
\pset tuples_only off

-- Corrected input: the output is stale, readers keep it until the new one is there.
select weir.pause('backfill');
update bf_input set amount = 2 where day in ('2024-04-06', '2024-04-07');
select (interval_start at time zone 'Europe/Berlin')::date as day, version, task_id is not null as enqueued
from weir.correct('bf', '2024-04-06 00:00 Europe/Berlin', '2024-04-08 00:00 Europe/Berlin', 'file of the 6th came late');
select day, version, exec, currency, done_version, cause, reason from bf where day between '2024-04-05' and '2024-04-08';
-- corrected again while it waits: once more afterwards
select (interval_start at time zone 'Europe/Berlin')::date as day, version, task_id is not null as enqueued
from weir.correct('bf', '2024-04-07 00:00 Europe/Berlin', '2024-04-08 00:00 Europe/Berlin');
select max(backfill_id) as b8 from weir.backfills where job = 'bf' \gset
select weir.resume('backfill');
call pg_temp.await(:b8);
select day, version, exec, currency, done_version, cause from bf where day between '2024-04-05' and '2024-04-08';
select cause, reprocess, intervals, done, state from b where backfill_id = :b8;
select kind, count(*) from weir.events where job = 'bf' and kind = 'corrected' group by kind;
-- without running it: stale until somebody does
select count(*) from weir.correct('bf', '2024-04-06 00:00 Europe/Berlin', '2024-04-07 00:00 Europe/Berlin', reprocess => false);
select day, version, exec, currency from bf where day = '2024-04-06';
select (interval_start at time zone 'Europe/Berlin')::date as day, action, reason
from weir.preview_backfill('bf', '2024-04-05 00:00 Europe/Berlin', '2024-04-08 00:00 Europe/Berlin', reprocess => 'stale');
-- or waives it
select weir.waive('bf', '2024-04-05 00:00 Europe/Berlin', '2024-04-08 00:00 Europe/Berlin', 'not worth it');
select day, version, exec, currency, done_version, reason from bf where day between '2024-04-05' and '2024-04-07';
select weir.waive('bf', '2024-04-20 00:00 Europe/Berlin', '2024-04-22 00:00 Europe/Berlin', 'closed');
select day, exec, currency from bf where day >= '2024-04-20';
select weir.backfill('bf', '2024-04-19 00:00 Europe/Berlin', '2024-04-23 00:00 Europe/Berlin') as b9 \gset
call pg_temp.await(:b9);
select day, exec from bf where day >= '2024-04-19';
-- what waits in a queue is not waived
select weir.pause('backfill');
select weir.backfill('bf', '2024-04-23 00:00 Europe/Berlin', '2024-04-24 00:00 Europe/Berlin') as b10 \gset
\pset tuples_only on
select pg_temp.refused($$select weir.waive('bf', '2024-04-23 00:00 Europe/Berlin', '2024-04-24 00:00 Europe/Berlin', 'x')$$);
\pset tuples_only off
select weir.resume('backfill');
call pg_temp.await(:b10);
-- Another command makes the old output stale, too.
select weir.alter_job('bf', command => 'insert into bf_fact select $1, amount from bf_input where day = $1 returning version, 1');
select currency, count(*) from bf group by currency order by currency;
select weir.alter_job('bf', command => 'insert into bf_fact select $1, amount from bf_input where day = $1 returning version');

-- A job further down follows: when what it reads has changed, not when the
-- task above has returned the same as before.
create table bf_week (week date, n int);
select weir.create_job('down', 'insert into bf_week select $1, count(*) from bf_fact where day >= $1 and day < $2', '1 week',
    starts_at => '2100-01-04 00:00 Europe/Berlin', timezone => 'Europe/Berlin', tables => '{bf_week}', inputs => '{bf_fact}');
select weir.backfill('down', '2024-04-08 00:00 Europe/Berlin', '2024-04-22 00:00 Europe/Berlin') as b11 \gset
call pg_temp.await(:b11);
create temp view down as
select (interval_start at time zone 'Europe/Berlin')::date as day, version, exec, currency from weir.intervals where job = 'down' order by 1;
select * from down;
select count(*) from weir.correct('bf', '2024-04-12 00:00 Europe/Berlin', '2024-04-13 00:00 Europe/Berlin', 'same as before');
select max(backfill_id) as b12 from weir.backfills where job = 'bf' \gset
call pg_temp.await(:b12);
select * from down;
update bf_input set amount = 3 where day = '2024-04-12';
select count(*) from weir.correct('bf', '2024-04-12 00:00 Europe/Berlin', '2024-04-13 00:00 Europe/Berlin', 'not the same');
select max(backfill_id) as b13 from weir.backfills where job = 'bf' \gset
call pg_temp.await(:b13);
select * from down;
select weir.backfill('down', '2024-04-08 00:00 Europe/Berlin', '2024-04-22 00:00 Europe/Berlin', reprocess => 'stale') as b14 \gset
call pg_temp.await(:b14);
select * from down;

-- A backfill does not overflow its queue, whoever else fills it.
select weir.create_queue('narrow', class => 'backfill', capacity => 3);
select weir.create_job('bn', 'insert into bf_fact values ($1, 9)', '1 day', starts_at => '2100-01-01', backfill_queue => 'narrow');
select weir.pause('narrow');
select weir.enqueue('select 1', queue => 'narrow') is not null as other;
select weir.backfill('bn', '2023-01-01', '2023-02-01') as b15 \gset
select depth from weir.queues where name = 'narrow';
select weir.resume('narrow');
call pg_temp.await(:b15);
select intervals, done, state from b where backfill_id = :b15;
select refused > 0 as felt from weir.queues where name = 'narrow';
select count(*), count(distinct day) from bf_fact where version = 9;
-- One that cannot be fed says why, and stops.
select weir.alter_queue('narrow', capacity => 1);
select weir.pause('narrow');
select weir.backfill('bn', '2023-03-01', '2023-03-05') as b16 \gset
drop table bf_week;
select weir.alter_job('bn', tables => '{bf_input}');
alter table bf_input rename to bf_input_gone;
select weir.resume('narrow');
call pg_temp.await(:b16);
-- it may stop while its first chunk runs
select weir.drain('narrow', '60s') as drained;
select state, state_reason, done from b where backfill_id = :b16;
alter table bf_input_gone rename to bf_input;
select weir.resume_backfill(:b16);
call pg_temp.await(:b16);
select state, state_reason, done from b where backfill_id = :b16;

-- The scheduler looks at as many chunks as it has time for, one at least, and
-- goes on behind the last backfill.
select weir.pause('narrow');
select weir.backfill('bn', '2023-05-01', '2023-05-06', max_running => 1) as b18 \gset
begin;
select weir.pause_backfill(:b18);
select weir.cancel(task_id) from weir.intervals where job = 'bn' and backfill_id = :b18 and exec = 'queued';
select weir.waive('bn', '2023-05-01', '2023-05-06', 'not needed');
select weir.resume_backfill(:b18);
select answer, last = :b18 as this from weir._feed(0, '0');
select outcome, count(*) from weir.backfill_step where backfill_id = :b18 group by outcome order by outcome;
select answer, last = :b18 as this from weir._feed(:b18, '1 min');
select state, skipped from b where backfill_id = :b18;
rollback;
select weir.cancel_backfill(:b18);
-- Its rate is that of the last twenty chunks: here they had two intervals each and
-- took a minute; those before took days.  (In a transaction that nobody else sees.)
begin;
insert into weir.backfill (job_id, job, owner, owner_name, cause, from_time, to_time, direction, reprocess, intervals, state, created_at, created_by)
select job_id, name, owner, owner_name, 'backfill', '2020-01-01 UTC', '2020-03-01 UTC', 'oldest_first', 'none', 60, 'running', now() - interval '11 days', 'me'
from weir.job where name = 'bn' returning backfill_id as b19 \gset
insert into weir.backfill_step (backfill_id, ordinal, outcome, task_id) select :b19, n, 'enqueued', -1000 - n from generate_series(1, 51) n;
insert into weir.interval_end (task_id, attempt, outcome, finished_at)
select -1000 - n, 1, 'succeeded', now() - interval '20 min' - (11 - n) * interval '1 day' from generate_series(1, 11) n
union all
select -1000 - n, 1, 'succeeded', now() - interval '20 min' + (1 + (n - 12) / 2) * interval '1 min' from generate_series(12, 51) n;
select done, percent, rate, eta between now() + interval '4 min 29 s' and clock_timestamp() + interval '4 min 31 s' as eta
from weir.backfills where backfill_id = :b19;
rollback;
-- A job that is dropped takes its backfill along.
select weir.pause('narrow');
select weir.backfill('bn', '2023-04-01', '2023-04-05') as b17 \gset
select weir.drop_job('bn');
select job, state, state_reason, done, failed, in_queue from b where backfill_id = :b17;
select weir.resume('narrow');
select weir.drain('narrow', '30s');
select weir.drop_queue('narrow');
select weir.drop_job('bf'), weir.drop_job('down');
drop table bf_fact, bf_input;
