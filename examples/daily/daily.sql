-- A daily job, a backfill beside it, and a file that comes late.
--
--   psql -f examples/daily/daily.sql
--
-- Files with the readings of meters arrive, one for each day.  A job makes one
-- row per day of them.  While a backfill fills the history, the daily runs go
-- first; then a corrected file arrives, and the day is done again, and nothing
-- else.

\set ON_ERROR_STOP on
set client_min_messages = warning;

create extension if not exists pg_weir;
drop schema if exists daily cascade;
create schema daily;

-- What arrives: readings with the file that they came in.
create table daily.reading (read_at timestamptz not null, kwh int not null, file text not null);
create index on daily.reading (read_at);
-- What is made of it.
create table daily.consumption (day_start timestamptz primary key, readings bigint not null, kwh bigint not null);

-- Days begin twelve hours from now, so that none ends while this runs.
create table daily.base as select date_trunc('minute', now()) - interval '12 hours' as today;
create function daily.day(n int) returns timestamptz
language sql stable
as $$
    select today + n * interval '1 day' from daily.base;
$$;

-- Sixty-three days of files: one reading in an hour, one kWh each.
insert into daily.reading
select daily.day(-63) + h * interval '1 hour', 1, 'day ' || h / 24
from generate_series(0, 63 * 24 - 1) h;

-- The job.  It removes what it wrote before, so it can be run again; it
-- returns what its output is told by.
\o /dev/null
select weir.drop_job(name) from weir.jobs where name = 'meters';
select weir.create_job('meters', $$
    delete from daily.consumption where day_start = $1;
    insert into daily.consumption
    select $1::timestamptz, count(*), sum(kwh) from daily.reading
    where read_at >= $1::timestamptz and read_at < $2
    returning readings, kwh
    $$, every => '1 day', starts_at => daily.day(-3), timezone => 'UTC',
    tables => '{daily.consumption}', inputs => '{daily.reading}', due => '6 hours');
-- One slot of the table is for daily runs alone.
select weir.cap_table('daily.consumption', slots => 2, reserved => 1);

-- The history first: sixty days, and nothing has run when the daily runs come.
select weir.pause('backfill');
select weir.pause('daily');
select weir.backfill('meters', daily.day(-63), daily.day(-3),
                     direction => 'newest_first', reason => 'history') as history \gset
create table daily.due as select * from weir.run_due('meters');
-- as often as one likes: nothing is enqueued twice
create table daily.again as select * from weir.run_due('meters');
select weir.resume('backfill');
select weir.resume('daily');
select w.outcome from daily.due d, lateral weir.wait(d.task_id, interval '1 minute') w;
create table daily.beside as select * from weir.backfills where backfill_id = :history;

create procedure daily.await(backfill bigint)
language plpgsql
as $$
declare
    b record;
begin
    loop
        select * into b from weir.backfills w where w.backfill_id = await.backfill;
        exit when b.state <> 'running';
        perform weir.wait(i.task_id, interval '1 minute') from weir.intervals i
        where i.job = b.job and i.backfill_id = b.backfill_id and i.exec in ('queued', 'running');
        commit;
    end loop;
end;
$$;
call daily.await(:history);
\o

\pset footer off
\echo The daily runs, enqueued once however often one asks:
select (select count(*) from daily.due) as first_call, (select count(*) from daily.again) as second_call;

\echo The backfill:
select cause, direction, state, intervals, done, failed, percent
from weir.backfills where backfill_id = :history;

-- A corrected file: the day before yesterday had twice as much.
\o /dev/null
begin;
delete from daily.reading where read_at >= daily.day(-2) and read_at < daily.day(-1);
insert into daily.reading
select daily.day(-2) + h * interval '1 hour', 2, 'corrected' from generate_series(0, 23) h;
create table daily.stale as
select * from weir.correct('meters', daily.day(-2), daily.day(-1), reason => 'corrected file');
commit;
select max(backfill_id) as correction from weir.backfills where job = 'meters' \gset
call daily.await(:correction);
\o

\echo The last three days; one was done again, after it was due:
create table daily.state as
select round(extract(epoch from interval_start - daily.day(0)) / 86400)::int as day,
       version, exec, currency, cause, readings, kwh
from weir.intervals
left join daily.consumption on day_start = interval_start
where job = 'meters';
select * from daily.state where day >= -3 order by day;

\echo And all of them:
select exec, currency, count(*) as days, sum(readings) as readings, sum(kwh) as kwh
from daily.state group by exec, currency;
