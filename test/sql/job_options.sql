-- What else a job can be told: named resources, a queue timeout, business days;
-- inputs that come late, outputs that have not changed.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set timezone = 'UTC';
set datestyle = 'ISO';
set intervalstyle = 'postgres';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql

-- Business days: the days of due are counted in them, from the first one that
-- is not before the end of the interval; the time of the day comes on top.
\pset tuples_only off
create function pg_temp.due(due interval, calendar jsonb, ends timestamptz, zone text default 'Europe/Berlin')
returns timestamp language sql as $$
    select weir._due_at(jsonb_populate_record(null::weir.job,
        jsonb_build_object('starts_at', '2000-01-01', 'timezone', zone, 'due', due, 'due_calendar', calendar)), ends) at time zone zone
$$;
-- of Thursday to Sunday; without a calendar, with one, with a holiday on Monday, with other days
select to_char(d, 'Dy') as of_day, pg_temp.due('1 day 09:00', null, e), pg_temp.due('09:00', '{}', e) as first,
       pg_temp.due('1 day 09:00', '{}', e) as second,
       pg_temp.due('1 day 09:00', '{"holidays": ["2024-05-13"]}', e) as holiday,
       pg_temp.due('2 days', '{"days": ["sun", "mon", "tue", "wed", "thu"]}', e) as others
from generate_series('2024-05-09'::timestamp, '2024-05-12', '1 day') d, lateral (select (d + '1 day') at time zone 'Europe/Berlin' as e) x;
-- of an hour, and over the change of the clock
select pg_temp.due('1 day 02:00', '{}', '2024-05-10 15:00 Europe/Berlin') as hour,
       pg_temp.due('02:30', '{}', '2024-03-31 00:00 Europe/Berlin') as monday, pg_temp.due('02:30', '{"days": ["sun"]}', '2024-03-31 00:00 Europe/Berlin') as no_such;
\pset tuples_only on
select pg_temp.refused(format('select weir.create_job(''x'', ''select 1'', ''1 day'', due => ''1 day'', due_calendar => %L)', c))
from unnest(array['[]', '3', '{"day": []}', '{"days": "mon"}', '{"days": ["monday"]}', '{"days": []}', '{"holidays": ["tomorrow x"]}']) c;
select pg_temp.refused('select weir.create_job(''x'', ''select 1'', ''1 day'', due_calendar => ''{}'')');
select pg_temp.refused('select weir.create_job(''x'', ''select 1'', ''1 day'', due => ''1 month'', due_calendar => ''{}'')');
select pg_temp.refused('select weir.create_job(''x'', ''select 1'', ''1 day'', resources => ''{job_no_such}'')');
select pg_temp.refused('select weir.create_job(''x'', ''select 1'', ''1 day'', queue_timeout => ''0'')');
\pset tuples_only off
-- They are passed on to the tasks, can be changed, and cleared.
select weir.cap_resource('job_api', slots => 2);
select weir.create_job('job_args', 'select 1', '1 day', timezone => 'UTC', starts_at => '2024-05-01', resources => '{job_api}',
                       queue_timeout => '1 hour', due => '1 day', due_calendar => '{"holidays": ["2024-05-03"]}', catch_up => '100 years');
select resources, queue_timeout, due_calendar from weir.jobs where name = 'job_args';
select weir.backfill('job_args', '2024-05-01', '2024-05-03') > 0;
select resources, queue_timeout from weir.tasks where job = 'job_args';
select interval_start::date, due_at from weir.intervals where job = 'job_args' and interval_start < '2024-05-05' order by 1;
select weir.alter_job('job_args', queue_timeout => '2 hours', due_calendar => '{"days": ["mon"]}');
select resources, queue_timeout, due_calendar from weir.jobs where name = 'job_args';
select weir.alter_job('job_args', reset => '{resources, queue_timeout, due_calendar}');
select resources, queue_timeout, due_calendar from weir.jobs where name = 'job_args';
select weir.drop_job('job_args') >= 0;
select weir.uncap_resource('job_api');

-- Unchanged output stops the cascade: a job whose last statement is the digest
-- of what it produced does not make what reads it stale if that is the same.
create table opt_raw (day date, n int);
create table opt_up (day date, n int);
create table opt_down (day date, n int);
insert into opt_raw select d::date, 1 from generate_series('2024-05-01'::date, '2024-05-02', '1 day') d;
select weir.create_job('opt_up', $$
    delete from opt_up where day = $1;
    insert into opt_up select day, sum(n) from opt_raw where day = $1 group by day;
    select weir.digest(u) from opt_up u where day = $1$$, '1 day', timezone => 'UTC', starts_at => '2024-05-01', tables => '{opt_up}');
select weir.create_job('opt_down', $$delete from opt_down where day = $1; insert into opt_down select * from opt_up where day = $1$$,
    '1 day', timezone => 'UTC', starts_at => '2024-05-01', tables => '{opt_down}', inputs => '{opt_up}');
select weir.backfill('opt_up', '2024-05-01', '2024-05-03') > 0;
select weir.drain('backfill', '30s');
select weir.backfill('opt_down', '2024-05-01', '2024-05-03') > 0;
select weir.drain('backfill', '30s');
-- a correction that changes one day, and repeats the other
insert into opt_raw values ('2024-05-02', 5);
select count(*) from weir.correct('opt_up', '2024-05-01', '2024-05-03', 'new numbers');
select weir.drain('backfill', '30s');
select interval_start::date, version, currency from weir.intervals where job = 'opt_up' and version is not null order by 1;
select interval_start::date, currency from weir.intervals where job = 'opt_down' and version is not null order by 1;

-- A trigger on an input corrects what it has changed.
select weir.drop_job('opt_up') >= 0, weir.drop_job('opt_down') >= 0;
create table opt_in (day date, at timestamptz, local timestamp, n int);
select weir.create_job('opt_in', 'select count(*) from opt_in where at >= $1 and at < $2', '1 day', timezone => 'Asia/Tokyo',
                       starts_at => '2024-05-01 Asia/Tokyo', inputs => '{opt_in}', catch_up => '0');
select weir.backfill('opt_in', '2024-05-01 Asia/Tokyo', '2024-05-11 Asia/Tokyo') > 0;
select weir.drain('backfill', '30s');
create view opt_versions as
select string_agg(to_char(interval_start at time zone 'Asia/Tokyo', 'DD') || '.' || version, ' ' order by interval_start) as versions
from weir.intervals where job = 'opt_in' and version is not null;
create trigger added after insert on opt_in referencing new table as changed for each statement execute function weir.correct_changed('opt_in', 'at');
-- the evening before in UTC is the day there; nothing, and what has no time, is nothing
insert into opt_in (at) values ('2024-05-02 16:00 UTC'), ('2024-05-04 01:00 UTC'), ('2024-05-08 00:00 Asia/Tokyo'), (null), ('infinity');
insert into opt_in (at) select now() where false;
select weir.drain('backfill', '30s');
select * from opt_versions;
drop trigger added on opt_in;
create trigger added after insert on opt_in referencing new table as changed for each statement execute function weir.correct_changed('opt_in', 'day');
create trigger gone after delete on opt_in referencing old table as changed for each statement execute function weir.correct_changed('opt_in', 'local');
insert into opt_in (day, local) values ('2024-05-01', '2024-05-10 23:59');
select weir.drain('backfill', '30s');
select * from opt_versions;
delete from opt_in where day is not null;
select weir.drain('backfill', '30s');
select * from opt_versions;
select kind, reason, count(*) from weir.events where job = 'opt_in' and kind = 'corrected' group by kind, reason order by 2;
-- what is no such trigger
create trigger wrong after update on opt_in for each row execute function weir.correct_changed('opt_in', 'day');
create trigger wrong_column after truncate on opt_in for each statement execute function weir.correct_changed('opt_in', 'n');
select pg_temp.refused(c) from unnest(array['update opt_in set n = 1', 'truncate opt_in']) c;
drop trigger added on opt_in;
create trigger added after insert on opt_in referencing new table as changed for each statement execute function weir.correct_changed('opt_in', 'n');
select pg_temp.refused('insert into opt_in (n) values (1)');
select weir.drop_job('opt_in') >= 0;
drop view opt_versions;
drop table opt_in;

-- Late input excuses: today's output is late, and so was what it reads.
select weir.create_job('opt_up', 'select 1', '1 day', timezone => 'UTC', starts_at => current_date - 2, outputs => '{opt_up}', due => '1 hour');
select weir.create_job('opt_down', 'select 1', '1 day', timezone => 'UTC', starts_at => current_date - 2, outputs => '{opt_down}',
                       inputs => '{opt_up}', due => '2 hours');
select weir.create_job('opt_alone', 'select 1', '1 day', timezone => 'UTC', starts_at => current_date - 2, due => '2 hours');
select weir.pause('daily');
select count(*) >= 1 from weir.run_due('opt_down');
select count(*) >= 1 from weir.run_due('opt_alone');
select job, excused_by from weir.late where job like 'opt%' and interval_start = current_date - 2 order by 1;
select job, kind, detail -> 'excused_by' as excused_by from weir.events
where job in ('opt_down', 'opt_alone') and kind = 'late' and interval_start = current_date - 2 order by 1;
select weir.drop_job('opt_up') >= 0, weir.drop_job('opt_down') >= 0, weir.drop_job('opt_alone') >= 0;
select weir.resume('daily');
drop table opt_raw, opt_up, opt_down;
