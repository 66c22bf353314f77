-- Chunks of a backfill: with a chunk_target they cover as many consecutive
-- intervals as take about that long; every interval keeps a version of its own.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set timezone = 'UTC';
set datestyle = 'ISO';
set intervalstyle = 'postgres';
set statement_timeout = '120s';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await_backfill.sql

create table ch_bad (day date);
create table ch_fact (day date, task_id bigint);
-- Each day is written once, by the chunk that covers it; a bad day fails the
-- whole chunk.
select weir.create_job('ch', $$
        insert into ch_fact select d, weir.current_task() from generate_series($1::timestamptz, $2::timestamptz - interval '1 minute', '1 day') d;
        select 1 / (1 - count(*)::int) from ch_bad where day >= $1 and day < $2
    $$, '1 day', starts_at => '2100-01-01', tables => '{ch_fact}', chunk_target => '30 seconds', max_attempts => 1);
-- the sizes of the chunks of a backfill, in order of their tasks
create function pg_temp.sizes(backfill bigint) returns table (size bigint, exec text, chunks bigint)
language sql as $$
    select c.size, c.exec, count(*) from (
        select count(*) as size, min(exec) as exec from weir.intervals where job = 'ch' and backfill_id = backfill group by task_id) c
    group by 1, 2 order by 1, 2
$$;

\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.alter_job('ch', chunk_target => '-1 second')$$,
    $$select weir.alter_job('ch', chunk_target => '2 days')$$,
    $$select weir.alter_job('ch', command => 'insert into ch_fact select $1')$$,
    $$select weir.create_job('c1', 'insert into ch_fact select $1', '1 day', chunk_target => '1 second')$$,
    $$select weir.backfill('ch', '2024-01-01', '2024-01-02', chunk_target => '-1 second')$$
]) with ordinality u(c, i) order by i;
\pset tuples_only off

-- They begin with one interval each, and grow from what they took: the first
-- that were enqueued have one, those that follow at most twice as many.
select weir.backfill('ch', '2023-01-01', '2024-01-01', max_running => 1) as b1 \gset
call pg_temp.await(:b1);
select state, intervals, done, failed, skipped, percent, chunk_target from weir.backfills where backfill_id = :b1;
-- 1, 2, 4 ... and the rest, of which none is larger than what was left
select * from pg_temp.sizes(:b1);
select count(*), count(distinct day), count(distinct task_id) from ch_fact;
select bool_and(version = 1 and exec = 'done' and currency = 'current') from weir.intervals where job = 'ch' and backfill_id = :b1;
-- Newest first as well: a chunk is consecutive, its order does not matter.
select weir.backfill('ch', '2022-12-01', '2023-01-01', 'newest_first', max_running => 1) as b2 \gset
call pg_temp.await(:b2);
select * from pg_temp.sizes(:b2);
select count(*), count(distinct day) from ch_fact where day < '2023-01-01';
-- What is not consecutive is not in one chunk, nor is what another has done.
select weir.waive('ch', '2022-11-03', '2022-11-04', 'holiday'), weir.waive('ch', '2022-11-05', '2022-11-06', 'holiday');
select weir.backfill('ch', '2022-11-01', '2022-11-08', max_running => 1) as b3 \gset
call pg_temp.await(:b3);
select string_agg(extract(day from interval_start)::text, ',' order by interval_start) as days from weir.intervals
where job = 'ch' and backfill_id = :b3 group by task_id order by task_id;

-- One interval of a chunk is corrected alone.
select interval_start::date, version from weir.correct('ch', '2023-06-01', '2023-06-02', 'late file');
select max(backfill_id) as b4 from weir.backfills \gset
call pg_temp.await(:b4);
select version, exec, currency, count(*) from weir.intervals where job = 'ch' and interval_start >= '2023-05-28' and interval_start < '2023-06-04' group by 1, 2, 3 order by 1;
-- (and this command appends)
select day, count(*) from ch_fact where day between '2023-05-31' and '2023-06-02' group by day order by day;

-- A chunk that fails is run again one by one: the bad interval alone has failed
-- in the end, and no other was done twice.
insert into ch_bad values ('2022-10-20');
select weir.backfill('ch', '2022-10-01', '2022-11-01', max_running => 1) as b5 \gset
call pg_temp.await(:b5);
select state, intervals, done, failed, skipped, in_queue, percent from weir.backfills where backfill_id = :b5;
select count(*), count(distinct day) from ch_fact where day between '2022-10-01' and '2022-10-31';
select interval_start::date, version, exec from weir.intervals where job = 'ch' and backfill_id = :b5 and exec <> 'done';
select count(*) filter (where version = 2) > 1 as again, max(version) from weir.intervals where job = 'ch' and backfill_id = :b5;

-- One whose chunk somebody has cancelled is not: it was meant.
delete from ch_bad;
select weir.pause('backfill');
select weir.backfill('ch', '2022-09-01', '2022-09-04', max_running => 1) as b6 \gset
begin;
select weir.pause_backfill(:b6);
select weir.resume('backfill');
commit;
select weir.drain('backfill', '60s');
select weir.pause('backfill');
select weir.resume_backfill(:b6);
do $$ declare n int; begin loop select b.in_queue into n from weir.backfills b where b.job = 'ch' and b.state = 'running'; exit when n = 2; commit; end loop; end $$;
select weir.cancel(max(task_id)) from weir.intervals where job = 'ch' and backfill_id = :b6;
select weir.resume('backfill');
call pg_temp.await(:b6);
select state, intervals, done, failed, skipped from weir.backfills where backfill_id = :b6;

-- A backfill may say otherwise, and so may the job, at any time.
select weir.backfill('ch', '2022-08-01', '2022-08-05', chunk_target => '0') as b7 \gset
call pg_temp.await(:b7);
select * from pg_temp.sizes(:b7);
select chunk_target, chunk_size from weir.backfills where backfill_id = :b7;
select weir.alter_job('ch', reset => '{chunk_target}');
select chunk_target from weir.jobs where name = 'ch';
select weir.backfill('ch', '2022-07-01', '2022-07-05', chunk_target => '1 minute', max_running => 1) as b8 \gset
call pg_temp.await(:b8);
select * from pg_temp.sizes(:b8);

-- They do not grow beyond the target.
-- (sleep is the work)
select weir.create_job('slow', 'select pg_sleep(0.02 * extract(day from $2::timestamptz - $1::timestamptz))', '1 day',
    starts_at => '2100-01-01', chunk_target => '200 ms');
select weir.backfill('slow', '2022-01-01', '2022-02-10', max_running => 1) as b9 \gset
call pg_temp.await(:b9);
select intervals, done from weir.backfills where backfill_id = :b9;
select max(n) <= 10 as within from (select count(*) as n from weir.intervals where job = 'slow' group by task_id) c;

select weir.drop_job('ch'), weir.drop_job('slow');
drop table ch_fact, ch_bad;
