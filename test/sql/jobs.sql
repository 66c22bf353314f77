-- Jobs: create, alter, drop; the bounds of intervals; daily runs; what is
-- refused and how.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set timezone = 'UTC';
set datestyle = 'ISO';
set intervalstyle = 'postgres';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql

create table job_fact (start timestamptz, stop timestamptz);
create table job_date (day date);

-- Bounds.  Days and months are those of the time zone, whatever its clock does.
create function pg_temp.bounds(starts timestamptz, every interval, zone text, low int, high int)
returns table (k bigint, local timestamp, at timestamptz, length interval, found bigint, before bigint)
language sql as $$
    select k, at at time zone zone, at, lead(at) over (order by k) - at,
           weir._index(starts, every, zone, at), weir._index(starts, every, zone, at - interval '1 microsecond')
    from weir._boundaries(starts, every, zone, low, high)
$$;
-- the day that has 23 hours, and the one that has 25
select * from pg_temp.bounds('2024-03-30 00:00 Europe/Berlin', '1 day', 'Europe/Berlin', 0, 3);
select * from pg_temp.bounds('2024-10-26 00:00 Europe/Berlin', '1 day', 'Europe/Berlin', 0, 3);
-- a day that begins at a time that does not exist, and at one that is there twice
select * from pg_temp.bounds('2024-03-30 02:30 Europe/Berlin', '1 day', 'Europe/Berlin', 0, 3);
select * from pg_temp.bounds('2024-10-26 02:30 Europe/Berlin', '1 day', 'Europe/Berlin', 0, 3);
-- a midnight that does not exist
select * from pg_temp.bounds('2024-09-07 00:00 America/Santiago', '1 day', 'America/Santiago', 0, 3);
-- a day that there never was
select * from pg_temp.bounds('2011-12-29 00:00 Pacific/Apia', '1 day', 'Pacific/Apia', 0, 3);
-- hours are elapsed time
select * from pg_temp.bounds('2024-10-27 00:00 Europe/Berlin', '1 hour', 'Europe/Berlin', 0, 5);
select * from pg_temp.bounds('2024-03-31 00:00 Europe/Berlin', '6 hours', 'Europe/Berlin', 0, 4);
-- weeks, months from the 31st, leap days, before the start
select * from pg_temp.bounds('2024-03-25 00:00 Europe/Berlin', '1 week', 'Europe/Berlin', -1, 2);
select * from pg_temp.bounds('2024-01-31 00:00 UTC', '1 month', 'UTC', -2, 4);
select * from pg_temp.bounds('2024-02-29 00:00 UTC', '1 year', 'UTC', 0, 2);
-- whatever the interval and the zone: every time is in exactly one interval
select count(*) as wrong
from unnest(array['2024-01-31 00:00 UTC', '2023-10-28 02:30 Europe/Berlin', '2024-03-31 03:00 Europe/Berlin', '2011-12-28 23:59 Pacific/Apia']::timestamptz[]) s,
     unnest(array['1 minute', '90 minutes', '1 day', '2 days', '1 week', '1 month', '5 months', '1 year']::interval[]) e,
     unnest(array['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/Santiago', 'Pacific/Apia']) z,
     generate_series(-3, 3) n,
     lateral (select s + n * 173 * interval '5 hours 7 minutes' as t) t,
     lateral weir._index(s, e, z, t) k
where not (weir._boundary(s, e, z, k) <= t and t < weir._boundary(s, e, z, k + 1));
-- what an interval is that nobody said the start of
select e as every, weir._natural_start(e, 'Europe/Berlin', '2024-05-15 13:47 Europe/Berlin') at time zone 'Europe/Berlin' as start
from unnest(array['15 minutes', '1 hour', '6 hours', '1 day', '1 week', '1 month', '3 months', '1 year']::interval[]) e;

-- Refusals of create_job.
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.create_job(null, 'select 1', '1 day')$$,
    $$select weir.create_job('', 'select 1', '1 day')$$,
    $$select weir.create_job(repeat('n', 64), 'select 1', '1 day')$$,
    $$select weir.create_job('x', null, '1 day')$$,
    $$select weir.create_job('x', '', '1 day')$$,
    $$select weir.create_job('x', 'selec 1', '1 day')$$,
    $$select weir.create_job('x', 'select $3', '1 day')$$,
    $$select weir.create_job('x', 'insert into job_none values ($1)', '1 day')$$,
    $$select weir.create_job('x', 'insert into job_date values ($1 + $2)', '1 day')$$,
    $$select weir.create_job('x', 'vacuum', '1 day')$$,
    $$select weir.create_job('x', 'select 1', null)$$,
    $$select weir.create_job('x', 'select 1', '0')$$,
    $$select weir.create_job('x', 'select 1', '-1 day')$$,
    $$select weir.create_job('x', 'select 1', '1 day 1 hour')$$,
    $$select weir.create_job('x', 'select 1', '1 month 1 day')$$,
    $$select weir.create_job('x', 'select 1', '30 seconds')$$,
    $$select weir.create_job('x', 'select 1', '1 day', starts_at => 'infinity')$$,
    $$select weir.create_job('x', 'select 1', '1 day', starts_at => '294276-12-31 UTC')$$,
    $$select weir.create_job('x', 'select 1', '178000000 years')$$,
    $$select weir.create_job('x', 'select 1', '1 day', due => '178000000 years')$$,
    $$select weir.create_job('x', 'select 1', '1 day', catch_up => '101 years')$$,
    $$select weir.create_job('x', 'select 1', '1 minute', starts_at => '0001-01-01')$$,
    $$select weir.create_job('x', 'select 1', '1 day', timezone => 'Mars/Olympus')$$,
    $$select weir.create_job('x', 'select 1', '1 day', timezone => null)$$,
    $$select weir.create_job('x', 'select 1', '1 day', queue => 'none')$$,
    $$select weir.create_job('x', 'select 1', '1 day', backfill_queue => 'none')$$,
    $$select weir.create_job('x', 'select 1', '1 day', tables => '{pg_stat_activity}')$$,
    $$select weir.create_job('x', 'select 1', '1 day', due => '-1 hour')$$,
    $$select weir.create_job('x', 'select 1', '1 day', catch_up => '-1 hour')$$,
    $$select weir.create_job('x', 'select 1', '1 day', catch_up => null)$$,
    $$select weir.create_job('x', 'select 1', '1 day', misfire => 'all')$$,
    $$select weir.create_job('x', 'select 1', '1 day', mode => 'fast')$$,
    $$select weir.create_job('x', 'select 1', '1 day', priority => 2000000)$$,
    $$select weir.create_job('x', 'select 1', '1 day', timeout => '-1 s')$$,
    $$select weir.create_job('x', 'select 1', '1 day', max_attempts => 0)$$,
    $$select weir.create_job('x', 'select 1', '1 day', settings => '{"role": "x"}')$$,
    $$select weir.create_job('x', 'select 1', '1 day', policy => '{"x": 1}')$$,
    $$select * from weir.run_due('x')$$,
    $$select * from weir.run_due(null)$$,
    $$select weir.alter_job('x')$$,
    $$select weir.drop_job('x')$$,
    $$select weir.schedule('x', '* * * * *')$$,
    $$select * from weir.why_late('x')$$
]) with ordinality u(c, i) order by i;
\pset tuples_only off
-- nothing of all that is left
select count(*) from weir.jobs;
select name, depth from weir.queues order by queue_id;

-- A job: everything given, and altered.
select weir.create_job('full', 'insert into job_fact values ($1, $2)', '1 hour', starts_at => '2100-01-01',
    timezone => 'Europe/Berlin', queue => 'daily', tables => '{job_fact}', inputs => '{job_date}', outputs => '{job_fact, job_date}',
    due => '30 minutes', catch_up => '1 day', misfire => 'skip', priority => -3, timeout => '1 min', max_attempts => 2,
    settings => '{"work_mem": "8MB"}', policy => '{"backoff_base": 2}', search_path => 'public');
create temp view full_job as
select name, owner = current_user as mine, every, timezone, starts_at, schedule, queue, backfill_queue, tables, inputs, outputs, due,
       catch_up, misfire, command, priority, timeout, max_attempts, mode, settings, policy, search_path, backfill_id
from weir.jobs where name = 'full';
\x on
select * from full_job;
select weir.alter_job('full', command => 'insert into job_date values ($1)', misfire => 'run_all', catch_up => '3 days',
    tables => '{job_date}', priority => 0, reset => '{inputs, due, settings, policy, timeout, max_attempts}');
select * from full_job;
\x off
select kind, detail from weir.events where job = 'full' order by event_id desc limit 1;
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.create_job('full', 'select 1', '1 day')$$,
    $$select weir.alter_job('full', reset => '{command}')$$,
    $$select weir.alter_job('full', reset => array[null])$$,
    $$select weir.alter_job('full', command => 'selec')$$,
    $$select weir.alter_job('full', tables => '{job_none}')$$,
    $$select weir.alter_job('full', queue => 'none')$$,
    $$select weir.alter_job('full', misfire => 'never')$$
]) with ordinality u(c, i) order by i;
\pset tuples_only off
select command, misfire from full_job;
-- A job that starts later has nothing to do.
select * from weir.run_due('full');
select count(*) from weir.intervals where job = 'full';
select weir.drop_job('full');
select count(*) from weir.jobs;

-- Daily runs.  The bounds are twelve hours from now, so that no test meets them.
create temp table base as select date_trunc('minute', now()) - interval '12 hours' as at;
create function pg_temp.start(n int) returns timestamptz language sql
    as $$ select at + n * interval '1 day' from base $$;
create function pg_temp.n(start timestamptz) returns int language sql
    as $$ select (extract(epoch from start - at) / 86400)::int from base $$;
create temp view d as
select pg_temp.n(interval_start) as n, interval_end - interval_start as length, version, exec, currency,
       timeliness, cause, attempts, task_id is not null as has_task, done_version
from weir.intervals where job = 'd' order by interval_start;
select weir.create_job('d', 'insert into job_fact values ($1, $2)', '1 day', starts_at => pg_temp.start(-5), catch_up => '3 days', due => '1 hour', tables => '{job_fact}');
select * from d;
-- Those that ended within catch_up, each once, oldest first; in class daily, with a deadline.
select weir.pause('daily');
create temp table enqueued as select * from weir.run_due('d');
select pg_temp.n(interval_start) as n from enqueued;
select count(*) from weir.run_due('d');
select pg_temp.n(t.interval_start) as n, t.class, t.queue, t.job, t.deadline - t.interval_start as deadline, t.tables, t.owner = current_user as mine, t.reason
from weir.tasks t where t.job = 'd' order by t.task_id;
select * from d;
select pg_temp.n(interval_start) as n, cause, holder from weir.why_late('d');
select weir.resume('daily');
select count(w.outcome) from enqueued e, weir.wait(e.task_id, '30s') w;
select * from d;
select pg_temp.n(start) as n, stop - start as length from job_fact order by 1;
select count(*) from weir.run_due('d');
-- To look takes no right to write, and no lock.
begin read only;
select count(*) from weir.intervals where job = 'd';
select count(*) from weir.late where job = 'd';
select count(*) from weir.why_late('d');
select action, count(*) from weir.preview_backfill('d', pg_temp.start(-5), pg_temp.start(0)) group by action order by action;
select count(*) from weir.run_due('d');
rollback;
-- What is to be said of them is said once.
select kind, array_agg(pg_temp.n(interval_start) order by interval_start) as n
from weir.events where job = 'd' and interval_start is not null group by kind order by kind;
select pg_temp.n(interval_start) as n, due_at - interval_end as due, exec, event_id is not null as told, acknowledged_by from weir.late where job = 'd' order by 1;
select weir.acknowledge(event_id, 'known') > 0 as acknowledged from weir.late where job = 'd' and interval_start = pg_temp.start(-4);
select pg_temp.n(interval_start) as n, acknowledged_by = current_user as by_me, note from weir.late where job = 'd' order by 1;
\pset tuples_only on
select pg_temp.refused($$select weir.acknowledge(0)$$);
select pg_temp.refused($$select weir.acknowledge(null)$$);
\pset tuples_only off
select pg_temp.n(interval_start) as n, cause, detail from weir.why_late('d');
select weir.drop_job('d');

-- An interval that fails is not enqueued again by itself.  weir.retry() brings it back.
truncate job_fact;
create table job_gate (open boolean);
insert into job_gate values (false);
select weir.create_job('d', 'insert into job_fact select $1, $2 from job_gate where 1 / open::int = 1', '1 day', starts_at => pg_temp.start(-1), due => '1 hour');
select task_id as failing from weir.run_due('d') \gset
select outcome from weir.wait(:failing, '30s');
select * from d;
select count(*) from weir.run_due('d');
select cause, holder = 'task ' || :failing as holder, detail from weir.why_late('d');
update job_gate set open = true;
select weir.retry(:failing);
select outcome from weir.wait(:failing, '30s');
select * from d;
select weir.drop_job('d');

-- Misfire policies.
truncate job_fact;
select weir.create_job('d', 'insert into job_fact values ($1, $2)', '1 day', starts_at => pg_temp.start(-4), misfire => 'skip');
create temp table runs as select * from weir.run_due('d');
select weir.drain('daily', '30s');
select * from d;
select weir.drop_job('d');
truncate job_fact;
select weir.create_job('d', 'insert into job_fact values ($1, $2)', '1 day', starts_at => pg_temp.start(-4), misfire => 'run_once');
select interval_end - interval_start as length from weir.run_due('d');
select weir.drain('daily', '30s');
select * from d;
select count(distinct task_id) from weir.intervals where job = 'd';
select stop - start as length from job_fact;
select count(*) from weir.run_due('d');
select weir.drop_job('d');

-- What a backfill has in a queue is due as well: the daily run takes its place.
truncate job_fact;
select weir.create_job('d', 'insert into job_fact values ($1, $2)', '1 day', starts_at => pg_temp.start(-4));
select weir.pause('backfill');
-- (what ended before the job started is not due)
select weir.backfill('d', pg_temp.start(-6), pg_temp.start(0)) as b \gset
select * from d;
create temp table taken as select * from weir.run_due('d');
select pg_temp.n(interval_start) as n from taken;
select count(*) from weir.run_due('d');
select count(w.outcome) from taken e, weir.wait(e.task_id, '30s') w;
select * from d;
select intervals, done, failed, skipped, in_queue from weir.backfills where backfill_id = :b;
select weir.resume('backfill');
select weir.drain('backfill', '30s');
select * from d;
select intervals, done, failed, skipped, in_queue, percent from weir.backfills where backfill_id = :b;
select count(*), count(distinct start) from job_fact;
select weir.drop_job('d');

-- Timeliness, with a history as if an hour had passed: runs that took an hour,
-- ended before or after they were due.
select weir.create_job('d', 'select 1', '1 day', starts_at => pg_temp.start(-4), due => '12 hours 30 minutes', timezone => 'UTC');
insert into weir.interval (job_id, interval_start, interval_end, version, task_id, cause, due_at, created_by)
select j.job_id, pg_temp.start(v.n), pg_temp.start(v.n + 1), v.version, v.task, 'schedule', pg_temp.start(v.n + 1) + interval '2 hours', 'me'
from weir.job j, (values (-4, 1, -1), (-3, 1, -2), (-2, 1, -3), (-2, 2, -4)) v(n, version, task) where j.name = 'd';
insert into weir.interval_end (task_id, attempt, outcome, started_at, finished_at)
select v.task, 1, 'succeeded', pg_temp.start(v.n) + interval '1 hour' * (23 + v.h), pg_temp.start(v.n) + interval '1 hour' * (24 + v.h)
from (values (-1, -4, 1), (-2, -3, 3), (-3, -2, 1), (-4, -2, 3)) v(task, n, h);
select n, exec, timeliness, done_version from d;
select weir.alter_job('d', due => '1 day');
select n, exec, timeliness, done_version from d where n = -1;
select weir.drop_job('d');

-- Some things take a snapshot that sees all.
begin isolation level repeatable read;
\set VERBOSITY default
\set SHOW_CONTEXT never
select weir.drop_job('none');
rollback;
select weir.create_job('d', 'select 1', '1 day');
begin isolation level repeatable read;
select weir.drop_job('d');
rollback;
\set VERBOSITY terse
select weir.drop_job('d');

-- A full queue is not overrun: what did not fit follows.
truncate job_fact;
select weir.create_queue('small', class => 'daily', capacity => 2);
select weir.create_job('d', 'insert into job_fact values ($1, $2)', '1 day', starts_at => pg_temp.start(-4), queue => 'small');
select weir.pause('small');
select count(*) from weir.run_due('d');
set client_min_messages = error;
select count(*) from weir.run_due('d');
select depth, refused from weir.queues where name = 'small';
select weir.resume('small');
select weir.drain('small', '30s');
select count(*) from weir.run_due('d');
select weir.drain('small', '30s');
select exec, count(*) from d group by exec;
-- A command with one parameter, or none; the date is that of the time zone.
select weir.drop_job('d');
select weir.create_job('d', 'insert into job_date values ($1)', '1 day', timezone => 'Pacific/Auckland');
select count(*) from weir.preview_backfill('d', '2024-05-01 00:00 Pacific/Auckland', '2024-05-03 00:00 Pacific/Auckland');
select weir.backfill('d', '2024-05-01 00:00 Pacific/Auckland', '2024-05-03 00:00 Pacific/Auckland') > 0 as submitted;
select weir.drain('backfill', '30s');
select * from job_date order by day;
-- The owner is who creates it; a task of it in the queue is cancelled with it.
select weir.pause('daily');
select weir.alter_job('d', command => 'select 1', catch_up => '2 days');
select weir.drop_job('d', 'not needed');
select weir.create_job('d', 'select 1', '1 day', starts_at => pg_temp.start(-2));
create temp table last as select * from weir.run_due('d');
select weir.drop_job('d', 'not needed');
select t.state, r.outcome, r.actor = current_user as by_me, r.reason, t.job from weir.tasks t join weir.runs r using (task_id) where t.task_id in (select task_id from last);
select weir.resume('daily');
-- Not through pg_cron that is not there.
select weir.create_job('d', 'select 1', '1 day');
select regexp_replace(pg_temp.refused($$select weir.schedule('d', '* * * * *')$$), E'\n.*', '');
select weir.unschedule('d');
select weir.drop_job('d');
select weir.drop_queue('small');
drop table job_fact, job_date, job_gate;
-- However often it is asked for, the feeder gets one message per transaction.
select count(weir._wake_feeder()) from generate_series(1, 10000);
select count(*) from weir.jobs;
