-- Jobs that wait for others: daily runs and backfills begin when the outputs that
-- they read are there; what ends the waiting, and what cannot wait.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set timezone = 'UTC';
set datestyle = 'ISO';
set intervalstyle = 'postgres';
set statement_timeout = '180s';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await.sql
\i :here/sql/include/await_backfill.sql

-- Days that end twelve hours ago: two of them are due, however long this takes.
-- Four of the input's intervals make a day of the output.
select date_trunc('minute', now()) - interval '12 hours' as base \gset
select timestamptz :'base' - interval '2 days' as first, timestamptz :'base' - interval '1 day' as second \gset
create table up_in (at timestamptz primary key, version int);
create table up_out (at timestamptz primary key, parts int, versions int);
create table up_broken (at timestamptz);
create table up_other (at timestamptz);
create function up_write(start timestamptz) returns void language plpgsql as $$
begin
    if exists (select from up_broken b where b.at = start) then
        raise 'broken';
    end if;
    insert into up_in values (start, 1) on conflict (at) do update set version = up_in.version + 1;
end $$;
\set command '\'insert into up_out select $1, count(*), sum(version) from up_in where at >= $1 and at < $2 on conflict (at) do update set parts = excluded.parts, versions = excluded.versions returning versions\''
select weir.create_job('up', 'select up_write($1)', '6 hours', timezone => 'UTC', starts_at => :'first', outputs => '{up_in}');
select weir.create_job('down', :command, '1 day', timezone => 'UTC', starts_at => :'first', tables => '{up_out}', inputs => '{up_in}', due => '1 hour');
select wait_for_inputs from weir.jobs where name = 'down';
create view up_state as
select job, interval_start - (select min(i.interval_start) from weir.intervals i where i.job = 'down') as start, exec, timeliness, waits_for, version
from weir.intervals where job in ('down', 'down2') order by job, interval_start;

-- Nothing is there: the intervals are blocked, once, and have no task.
select interval_start - timestamptz :'first' as start, interval_end - interval_start as length, task_id from weir.run_due('down');
select count(*) from weir.run_due('down');
select * from up_state;
select count(*) from weir.tasks where job = 'down';
select interval_start - timestamptz :'first' as start, cause, holder, substring(detail, '^.* done,') as detail from weir.why_late('down');
select interval_start - timestamptz :'first' as start, exec, excused_by from weir.late where job = 'down' order by 1;
select interval_start - timestamptz :'first' as start, input_job, input_start - timestamptz :'first' as input, input_end - input_start as length, exec
from weir.missing_inputs('down', :'first', :'second');
-- A day begins when its input is done; the other one does not.
select weir.backfill('up', :'first', :'second') as b \gset
call pg_temp.await(:b);
call pg_temp.await($$select exec = 'done' from up_state where job = 'down' and start = '0'$$);
select * from up_state;
select parts, versions from up_out;
select cause, created_by = current_user as mine from weir.interval where job_id = (select job_id from weir.job where name = 'down');
-- What has failed is not there; what is waived need not be.
insert into up_broken values (timestamptz :'second' + interval '6 hours');
select weir.backfill('up', :'second', :'base') as b \gset
call pg_temp.await(:b);
select input_start - timestamptz :'first' as input, exec from weir.missing_inputs('down', :'second', :'base');
select * from up_state;
select weir.waive('up', timestamptz :'second' + interval '6 hours', timestamptz :'second' + interval '12 hours', 'not needed');
call pg_temp.await($$select exec = 'done' from up_state where job = 'down' and start = '1 day'$$);
select at - timestamptz :'first' as start, parts from up_out order by at;
select count(*) from weir.missing_inputs('down', :'first', :'base');
select count(*) from weir.blocked_interval;

-- A daily run does not wait for what is only made anew; a backfill does, and has
-- nothing in the queue meanwhile.
select weir.pause('backfill');
select weir.backfill('up', :'first', :'second', reprocess => 'all', max_running => 1) as above \gset
select weir.create_job('down2', 'select 1', '1 day', timezone => 'UTC', starts_at => :'first', inputs => '{up_in}', catch_up => '100 years');
select count(task_id) from weir.run_due('down2') where interval_start < :'base';
select weir.backfill('down', :'first', :'second', reprocess => 'all') as below \gset
select exec, count(*) from weir.missing_inputs('down', :'first', :'second') group by exec order by exec;
select in_queue from weir.backfills where backfill_id in (:above, :below) order by backfill_id;
select weir.resume('backfill');
call pg_temp.await(:above);
call pg_temp.await(:below);
select state, done from weir.backfills where backfill_id in (:above, :below) order by backfill_id;
select parts, versions from up_out where at = :'first';
select currency from weir.intervals where job = 'down' and interval_start = :'first';
select weir.drop_job('down2') >= 0;

-- The history of both at once, the one that waits submitted first and in the other
-- order: every day finds its input.
select weir.create_job('hup', 'select up_write($1)', '6 hours', timezone => 'UTC', starts_at => '2023-01-01', outputs => '{up_in}', catch_up => '0');
select weir.create_job('hdown', :command, '1 day', timezone => 'UTC', starts_at => '2023-01-01', tables => '{up_out}', inputs => '{up_in}', catch_up => '0', chunk_target => '10 s');
select weir.drop_job('up') >= 0, weir.drop_job('down') >= 0;
select weir.backfill('hdown', '2023-01-01', '2023-02-01', direction => 'newest_first') as below \gset
select in_queue, done from weir.backfills where backfill_id = :below;
select weir.backfill('hup', '2023-01-01', '2023-02-01') as above \gset
call pg_temp.await(:above);
call pg_temp.await(:below);
select state, intervals, done from weir.backfills where backfill_id in (:above, :below) order by backfill_id;
select parts, versions, count(*) from up_out where at < '2023-02-01' group by 1, 2;
select currency, count(*) from weir.intervals where job = 'hdown' and version is not null group by 1;
-- Before the input's first interval nothing is expected, but what is in hand is
-- waited for.
select weir.pause('backfill');
select weir.backfill('hup', '2022-12-01', '2022-12-02') as above \gset
select weir.backfill('hdown', '2022-12-01', '2022-12-03') as below \gset
select interval_start::date, count(*) from weir.missing_inputs('hdown', '2022-12-01', '2022-12-03') group by 1;
select interval_start::date, exec from weir.intervals where job = 'hdown' and interval_start < '2023-01-01' order by 1;
select weir.cancel_backfill(:above) > 0 as cancelled;
select weir.resume('backfill');
call pg_temp.await(:below);
select state, done from weir.backfills where backfill_id = :below;
-- What can go on is found however much waits before it, and the backfill can be
-- cancelled.
select weir.create_job('long', 'select 1', '1 hour', timezone => 'UTC', starts_at => '2023-01-01', inputs => '{up_other}');
select weir.create_job('source', 'select 1', '1 hour', timezone => 'UTC', starts_at => '2023-01-01', outputs => '{up_other}', catch_up => '0');
select weir.waive('source', '2023-04-01', '2023-04-01 05:00', 'there already');
select weir.backfill('long', '2023-03-08', '2023-04-02') as b \gset
call pg_temp.await(format('select done = 5 from weir.backfills where backfill_id = %s', :b));
select state, intervals, done, in_queue from weir.backfills where backfill_id = :b;
select weir.cancel_backfill(:b);
select weir.drop_job('long') >= 0, weir.drop_job('source') >= 0, weir.drop_job('hup') >= 0, weir.drop_job('hdown') >= 0;

-- Intervals of other lengths and other places: all that overlap.
select weir.create_job('day', 'select 1', '1 day', timezone => 'UTC', starts_at => '2024-01-01', outputs => '{up_other}', catch_up => '0');
select weir.create_job('berlin', 'select 1', '1 day', timezone => 'Europe/Berlin', starts_at => '2024-01-01 Europe/Berlin', inputs => '{up_other}');
select weir.create_job('month', 'select 1', '1 month', timezone => 'UTC', starts_at => '2024-01-01', inputs => '{up_other}', outputs => '{up_out}');
select weir.create_job('hour', 'select 1', '1 hour', timezone => 'UTC', starts_at => '2024-01-01', inputs => '{up_out}');
select input_start, input_end from weir.missing_inputs('berlin', '2024-03-31 Europe/Berlin', '2024-04-01 Europe/Berlin');
-- the first one, of which only a part is expected
select input_start, input_end from weir.missing_inputs('berlin', '2024-01-01 Europe/Berlin', '2024-01-02 Europe/Berlin');
select input_job, count(*), min(input_start), max(input_end) from weir.missing_inputs('month', '2024-02-01', '2024-03-01') group by 1;
select input_job, input_start, input_end from weir.missing_inputs('hour', '2024-02-03 10:00', '2024-02-03 11:00');
-- the last of them, however far it is from the end
select weir.waive('day', '2024-02-03', '2024-03-01', 'there already');
select l.interval_start from weir.job j, weir._last_awaited(weir._upstream(j), '2024-02-01', '2024-03-01') l where j.name = 'month';
select weir.waive('day', '2024-02-01', '2024-02-03', 'there already');
select l.interval_start from weir.job j, weir._last_awaited(weir._upstream(j), '2024-02-01', '2024-03-01') l where j.name = 'month';
select weir.drop_job('day') >= 0, weir.drop_job('berlin') >= 0, weir.drop_job('month') >= 0, weir.drop_job('hour') >= 0;

-- What ends the waiting: the interval is waived, ...
select weir.create_job('up', 'select up_write($1)', '6 hours', timezone => 'UTC', starts_at => :'first', outputs => '{up_in}');
select weir.create_job('down', 'insert into up_other values ($1)', '1 day', timezone => 'UTC', starts_at => :'first', tables => '{up_other}', inputs => '{up_in}');
select count(*) from weir.run_due('down');
select weir.waive('down', :'first', :'second', 'holiday');
select * from up_state;
-- ... its job need not wait, ...
select weir.alter_job('down', wait_for_inputs => false);
select detail from weir.events where job = 'down' and kind = 'alter_job' order by event_id desc limit 1;
call pg_temp.await($$select exec = 'done' from up_state where start = '1 day'$$);
select wait_for_inputs from weir.jobs where name = 'down';
select count(*) from weir.missing_inputs('down', :'first', :'base');
select weir.drop_job('down') >= 0;
-- ... reads something else, or nobody makes what it reads any more.
select weir.create_job('down', 'insert into up_other values ($1)', '1 day', timezone => 'UTC', starts_at => :'first', tables => '{up_other}', inputs => '{up_in}');
select weir.create_job('down2', 'insert into up_other values ($1)', '1 day', timezone => 'UTC', starts_at => :'first', tables => '{up_other}', inputs => '{up_in}', misfire => 'skip');
select count(*) from weir.run_due('down');
-- only the newest
select interval_start = :'second' as newest from weir.run_due('down2');
select weir.alter_job('down', inputs => '{up_broken}');
call pg_temp.await($$select count(*) = 2 from up_state where job = 'down' and exec = 'done'$$);
select * from up_state where job = 'down2';
select weir.drop_job('up') >= 0;
call pg_temp.await($$select count(*) = 1 from up_state where job = 'down2' and exec = 'done'$$);
select weir.drop_job('down') >= 0, weir.drop_job('down2') >= 0;

-- A job that is dropped leaves nothing behind.  Several that follow one another are
-- one task where they would have been one.
select weir.create_job('up', 'select up_write($1)', '6 hours', timezone => 'UTC', starts_at => :'first', outputs => '{up_in}');
select weir.create_job('down', 'select 1', '1 day', timezone => 'UTC', starts_at => :'first', inputs => '{up_in}');
select count(*) from weir.run_due('down');
select weir.drop_job('down');
select count(*) from weir.blocked_interval;
select weir.create_job('down', 'select 1', '1 day', timezone => 'UTC', starts_at => :'first', inputs => '{up_in}', misfire => 'run_once');
select count(*) from weir.run_due('down');
select weir.waive('up', :'first', :'base', 'there already');
call pg_temp.await($$select count(*) = 2 from up_state where job = 'down' and exec = 'done'$$);
select count(distinct task_id) from weir.intervals where job = 'down';
select weir.drop_job('down') >= 0;
-- A tick starts what does not wait any more by itself, and a backfill may come
-- before it: whoever comes second finds it done.
select weir.drop_job('up') >= 0;
select weir.create_job('up', 'select up_write($1)', '6 hours', timezone => 'UTC', starts_at => :'first', outputs => '{up_in}');
select weir.create_job('down', 'select 1', '1 day', timezone => 'UTC', starts_at => :'first', inputs => '{up_in}');
select count(*) from weir.run_due('down');
begin;
select weir.waive('up', :'first', :'second', 'there already');
select interval_start - timestamptz :'first' as start, task_id is not null as task from weir.run_due('down');
commit;
begin;
select weir.waive('up', :'second', :'base', 'there already');
select weir.backfill('down', :'first', :'base') as b \gset
commit;
call pg_temp.await(:b);
call pg_temp.await($$select count(*) = 2 from up_state where job = 'down' and exec = 'done'$$);
select version, cause, count(*) from weir.intervals where job = 'down' group by 1, 2 order by 2;
call pg_temp.await('select count(*) = 0 from weir.blocked_interval');
select weir.drop_job('down') >= 0;

-- A queue that is full: it goes on waiting for room.
select weir.create_queue('up_narrow', class => 'daily', capacity => 1);
select weir.drop_job('up') >= 0;
select weir.create_job('up', 'select up_write($1)', '6 hours', timezone => 'UTC', starts_at => :'first', outputs => '{up_in}');
select weir.create_job('down', 'select 1', '1 day', timezone => 'UTC', starts_at => :'first', inputs => '{up_in}', queue => 'up_narrow');
select count(*) from weir.run_due('down');
select weir.pause('up_narrow');
select weir.enqueue('select 1', queue => 'up_narrow') is not null as other;
select weir.waive('up', :'first', :'base', 'there already');
select weir.resume('up_narrow');
call pg_temp.await($$select count(*) = 2 from up_state where job = 'down' and exec = 'done'$$);
select weir.drain('up_narrow', '60s');
select weir.drop_job('down') >= 0, weir.drop_queue('up_narrow');
-- Many at once: it goes on by itself, though no task ends.
select weir.create_queue('up_many', class => 'daily');
select weir.pause('up_many');
select weir.create_job('many', 'select 1', '5 minutes', timezone => 'UTC', starts_at => :'base', inputs => '{up_in}', catch_up => '2 days', queue => 'up_many');
select weir.create_job('many_up', 'select up_write($1)', '7 days', timezone => 'UTC', starts_at => :'base', outputs => '{up_in}');
select count(*) >= 144 as blocked from weir.run_due('many') where task_id is null;
select weir.alter_job('many', wait_for_inputs => false);
call pg_temp.await('select count(*) = 0 from weir.blocked_interval');
select count(*) >= 144 as in_queue from weir.tasks where job = 'many';
select weir.drop_job('many') >= 144, weir.drop_job('many_up') >= 0;
select weir.resume('up_many');
select weir.drain('up_many', '60s');
select weir.drop_queue('up_many');
-- What cannot be enqueued is tried again by the next tick, which says what is wrong.
select weir.drop_job('up') >= 0;
select weir.create_job('up', 'select up_write($1)', '6 hours', timezone => 'UTC', starts_at => :'first', outputs => '{up_in}');
select weir.create_job('down', 'insert into up_other values ($1)', '1 day', timezone => 'UTC', starts_at => :'first', tables => '{up_other}', inputs => '{up_in}', due => '1 hour');
select count(*) from weir.run_due('down');
alter table up_other rename to up_gone;
select weir.waive('up', :'first', :'base', 'there already');
call pg_temp.await('select count(*) = 2 from weir.blocked_interval where problem is not null');
select cause, detail from weir.why_late('down');
\pset tuples_only on
select pg_temp.refused($$select * from weir.run_due('down')$$);
\pset tuples_only off
alter table up_gone rename to up_other;
select count(task_id) from weir.run_due('down');
call pg_temp.await($$select count(*) = 2 from up_state where job = 'down' and exec = 'done'$$);
select count(*) from weir.blocked_interval;
select weir.drop_job('down') >= 0, weir.drop_job('up') >= 0;

-- Somebody who cannot write a table does not keep others waiting for it.
create role up_stranger login;
select weir.create_job('down', 'select 1', '1 day', timezone => 'UTC', starts_at => '2024-01-01', inputs => '{up_in}');
set role up_stranger;
select weir.create_job('strange', 'select 1', '1 day', timezone => 'UTC', starts_at => '2024-01-01', outputs => '{up_in}', queue => 'adhoc', backfill_queue => 'adhoc', inputs => '{up_other}');
reset role;
select count(*) from weir.missing_inputs('down', '2024-01-01', '2024-01-03');
-- nor does he make what is done stale, or excuse what is late,
select weir.create_job('judged', 'select 1', '1 day', timezone => 'UTC', starts_at => '2024-01-01', inputs => '{up_in}', due => '1 hour', catch_up => '0', wait_for_inputs => false);
select weir.backfill('judged', '2024-01-01', '2024-01-02') as b \gset
call pg_temp.await(:b);
set role up_stranger;
select weir.backfill('strange', '2024-01-01', '2024-01-02') as b \gset
reset role;
call pg_temp.await(:b);
select exec, currency from weir.intervals where job = 'judged' and interval_start = '2024-01-01';
select excused_by from weir.late where job = 'judged' and interval_start = '2024-01-02';
-- nor does he make a cycle of it
select weir.alter_job('down', outputs => '{up_other}');
grant insert on up_in to up_stranger;
select exec, currency from weir.intervals where job = 'judged' and interval_start = '2024-01-01';
select excused_by from weir.late where job = 'judged' and interval_start = '2024-01-02';
select weir.drop_job('judged') >= 0;
select input_job, count(*) from weir.missing_inputs('down', '2024-01-01', '2024-01-03') group by 1;
\pset tuples_only on
set role up_stranger;
select pg_temp.refused($$select * from weir.missing_inputs('down', '2024-01-01', '2024-01-03')$$);
reset role;
-- Cycles are refused, however long; a job may read what it writes.
select weir.drop_job('strange') >= 0;
revoke all on up_in from up_stranger;
drop role up_stranger;
select weir.create_job('own', 'select 1', '1 day', inputs => '{up_in}', outputs => '{up_in}');
select weir.drop_job('own') >= 0;
select pg_temp.refused($$select weir.create_job('back', 'select 1', '1 day', inputs => '{up_other}', outputs => '{up_in}')$$);
select weir.create_job('between', 'select 1', '1 day', inputs => '{up_other}', outputs => '{up_out}');
select pg_temp.refused($$select weir.create_job('back', 'select 1', '1 day', inputs => '{up_out}', outputs => '{up_in}')$$);
select weir.create_job('back', 'select 1', '1 day', inputs => '{up_out}', outputs => '{up_in}', wait_for_inputs => false);
select pg_temp.refused($$select weir.alter_job('back', wait_for_inputs => true)$$);
select weir.alter_job('between', wait_for_inputs => false);
select weir.alter_job('back', wait_for_inputs => true);
select pg_temp.refused(c) from unnest(array[
    $$select weir.alter_job('between', wait_for_inputs => true)$$,
    $$select weir.alter_job('between', wait_for_inputs => true, reset => '{inputs}')$$,
    $$select weir.create_job('null', 'select 1', '1 day', wait_for_inputs => null)$$,
    $$select * from weir.missing_inputs(null, '2024-01-01', '2024-01-02')$$,
    $$select * from weir.missing_inputs('gone', '2024-01-01', '2024-01-02')$$,
    $$select * from weir.missing_inputs('down', '2024-01-01', null)$$,
    $$select * from weir.missing_inputs('down', '2024-01-01', 'infinity')$$,
    $$select * from weir.missing_inputs('down', '2024-01-01 01:00', '2024-01-02')$$]) c;
-- Two sessions do not make one together; what has nothing to do with it is no
-- matter of theirs.
begin isolation level repeatable read;
select pg_temp.refused($$select weir.alter_job('down', inputs => '{up_broken}')$$);
rollback;
create view up_locks as select count(*) from pg_locks
where relation = 'weir.job'::regclass and pid = pg_backend_pid() and mode = 'ShareUpdateExclusiveLock';
begin;
select weir.alter_job('down', priority => 1);
select * from up_locks;
select weir.alter_job('down', inputs => '{up_broken}');
select * from up_locks;
rollback;
drop view up_locks;
select weir.drop_job(name) >= 0 from (values ('down'), ('between'), ('back')) j (name);
drop view up_state;
drop function up_write;
drop table up_in, up_out, up_broken, up_other;
