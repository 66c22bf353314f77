-- Fingerprints of inputs: what they are refused for; they are noted by the runs,
-- compared by tasks of the owner, and correct the intervals that have changed.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set timezone = 'UTC';
set datestyle = 'ISO';
set statement_timeout = '300s';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await_backfill.sql

create table fp_raw (day date, amount int, loaded_at timestamptz default now());
create table fp_fact (day date primary key, amount bigint);
insert into fp_raw select d, 1 from generate_series('2024-03-28'::date, '2024-04-04', '1 day') d;
create view fp_random as select random() as r;
create function fp_writes(timestamptz) returns int stable language plpgsql
    as $$ begin insert into fp_raw values ($1, 0); return 1; end $$;
create function fp_broken(n bigint) returns bigint stable language plpgsql
    as $$ begin return n / (select count(*) from fp_gate); end $$;
create table fp_gate as select 1;

-- What is no fingerprint.
\pset tuples_only on
create function pg_temp.refused_fingerprint(query text, recheck text default null) returns text language sql as $$
    select pg_temp.refused(format('select weir.create_job(''fp'', ''select 1'', ''1 day'', fingerprint => %L, recheck => %L)', query, recheck))
$$;
select pg_temp.refused_fingerprint(q) from unnest(array[
    '', 'selec 1', 'select 1; select 2', 'select count(*) from fp_none', 'select none from fp_raw',
    'select $3', 'insert into fp_raw values ($1) returning 1', 'delete from fp_raw',
    'with w as (delete from fp_raw returning 1) select count(*) from w',
    'select amount from fp_raw for update', 'select 1 into fp_other', 'create table fp_other ()', 'vacuum', 'begin',
    'select random()', 'select r from fp_random', 'select count(*) from fp_raw where amount > (select random())',
    'select nextval(''weir.job_job_id_seq'')', 'select clock_timestamp()'
]) with ordinality u(q, i) order by i;
select pg_temp.refused_fingerprint(null, '1 day');
select pg_temp.refused_fingerprint('select 1', '-1 day');
select pg_temp.refused_fingerprint('select 1', '101 years');
select count(*) from weir.jobs;

-- One that reads.
select weir.create_job('fp', 'delete from fp_fact where day = $1; insert into fp_fact select $1, sum(amount) from fp_raw where day = $1 returning amount',
    '1 day', starts_at => '2100-01-01 00:00 Europe/Berlin', timezone => 'Europe/Berlin', inputs => '{fp_raw}', tables => '{fp_fact}',
    fingerprint => 'select count(*), sum(amount) from fp_raw where day >= $1 and day < $2');
select fingerprint, recheck from weir.jobs where name = 'fp';
select pg_temp.refused(c) from unnest(array[
    $$select weir.note_inputs()$$,
    $$select weir.check_inputs('none', '2024-03-30', '2024-03-31')$$,
    $$select weir.check_inputs('fp', '2024-03-30', '2024-03-31')$$,
    $$select weir.check_inputs('fp', null, '2024-03-31')$$,
    $$select weir.compare_inputs('none', '2024-03-30', '2024-03-31')$$,
    $$select weir.compare_inputs('fp', '2024-03-30', '2024-03-31')$$,
    $$select weir.compare_inputs('fp', null, '2024-03-31')$$,
    $$select weir.alter_job('fp', fingerprint => 'select now(), random()')$$
]) with ordinality u(c, i) order by i;
\pset tuples_only off
create temp view fp as
select (interval_start at time zone 'Europe/Berlin')::date as day, version, exec, currency, cause, reason
from weir.intervals where job = 'fp' order by interval_start;
create temp view noted as
select (interval_start at time zone 'Europe/Berlin')::date as day, version, attempt, split_part(f.fingerprint, ':', 1) as rows,
       dense_rank() over (order by f.fingerprint collate "C") as value
from weir.input_fingerprint f join weir.job j using (job_id) where j.name = 'fp' order by 1, 2, 3;
create function pg_temp.day(d date) returns timestamptz language sql as $$ select d::timestamp at time zone 'Europe/Berlin' $$;
create procedure pg_temp.await_corrections() language plpgsql as $$
declare
    b bigint;
begin
    for b in select backfill_id from weir.backfills where job = 'fp' and cause = 'correction' loop
        call pg_temp.await(b);
    end loop;
end $$;
create temp view corrections as
select (from_time at time zone 'Europe/Berlin')::date as low, (to_time at time zone 'Europe/Berlin')::date as high, intervals, reason
from weir.backfills where job = 'fp' and cause = 'correction' order by backfill_id;

-- Each run notes what it begins with, each interval by itself, the short day and
-- that of a chunk, too.
select weir.backfill('fp', pg_temp.day('2024-03-30'), pg_temp.day('2024-04-03')) as b \gset
call pg_temp.await(:b);
select day, version, attempt, rows from noted;
select count(distinct value) from noted;
select bool_and(command ~ '^SELECT weir.note_inputs\(\); delete') as noting from weir.tasks where job = 'fp';
select day, amount from fp_fact order by 1;

-- Nothing has changed.
select weir.check_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03')) as t \gset
select outcome, weir.result(:t) from weir.wait(:t, '60s');
select * from fp;
select class, queue, reason from weir.tasks where task_id = :t;

-- What has changed is run again: two neighbours as one correction, another one apart.
insert into fp_raw values ('2024-03-30', 5), ('2024-03-31', 5), ('2024-04-02', 5);
select weir.check_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03')) as t \gset
select outcome, weir.result(:t) from weir.wait(:t, '60s');
select * from corrections;
call pg_temp.await_corrections();
select * from fp;
select day, amount from fp_fact order by 1;
select kind, reason, count(*) from weir.events where job = 'fp' and kind = 'corrected' group by 1, 2;
-- done with that
select weir.check_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03')) as t \gset
select outcome, weir.result(:t) from weir.wait(:t, '60s');

-- By the owner itself, at once; left stale, it is not found again.
update fp_raw set amount = 7 where day = '2024-04-01';
select (interval_start at time zone 'Europe/Berlin')::date as day, version, task_id
from weir.compare_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'), reprocess => false);
select count(*) from weir.compare_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'));
select day, version, currency from fp where day = '2024-04-01';
select weir.backfill('fp', pg_temp.day('2024-03-30'), pg_temp.day('2024-04-03'), reprocess => 'stale') as b \gset
call pg_temp.await(:b);
select day, version, currency from fp where day = '2024-04-01';
select count(*) from weir.compare_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'));

-- One that waits to be run again reads what is there then.
select weir.pause('backfill');
select weir.backfill('fp', pg_temp.day('2024-04-01'), pg_temp.day('2024-04-02'), reprocess => 'all') as b \gset
update fp_raw set amount = 8 where day = '2024-04-01';
select day, version, exec from fp where day = '2024-04-01';
select count(*) from weir.compare_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'));
select weir.resume('backfill');
call pg_temp.await(:b);
select count(*) from weir.compare_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'));
-- What was found is of no use any more when the interval has been run again since,
-- the job has another query, or is gone.
create function pg_temp.found(id int, query text, version int) returns bigint language sql as $$
    select count(*) from weir._correct_inputs(id, query, array[pg_temp.day('2024-04-01')], array[version], array['another'],
        (select oid from pg_roles where rolname = current_user), false)
$$;
select pg_temp.found(job_id, fingerprint, 2), pg_temp.found(job_id, 'select 1', 3), pg_temp.found(0, fingerprint, 3)
from weir.job where name = 'fp';
select day, version, currency from fp where day = '2024-04-01';
select pg_temp.found(job_id, fingerprint, 3) from weir.job where name = 'fp';
select day, version, currency from fp where day = '2024-04-01';
select weir.backfill('fp', pg_temp.day('2024-04-01'), pg_temp.day('2024-04-02'), reprocess => 'stale') as b \gset
call pg_temp.await(:b);

-- Another query: what is there now is what it is compared with from then on.
select weir.alter_job('fp', fingerprint => 'select amount from fp_raw where day >= $1 and day < $2 and amount <> 2');
update fp_raw set amount = 3 where day = '2024-04-01';
select count(*) from weir.compare_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'));
update fp_raw set amount = 4 where day = '2024-04-01';
select (interval_start at time zone 'Europe/Berlin')::date as day
from weir.compare_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'), reprocess => false);
select day, version, attempt, rows from noted where day = '2024-04-01';
-- the ledger of it is as the rest
\set VERBOSITY sqlstate
delete from weir.input_fingerprint;
update weir.input_fingerprint set fingerprint = '';
\set VERBOSITY terse
-- none any more
select weir.alter_job('fp', reset => '{fingerprint}');
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.check_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'))$$,
    $$select weir.compare_inputs('fp', pg_temp.day('2024-03-29'), pg_temp.day('2024-04-03'))$$
]) with ordinality u(c, i) order by i;
\pset tuples_only off
select weir.drop_job('fp');

-- A fingerprint is noted before the command begins: what comes later counts as a change.
select weir.create_job('fp', 'insert into fp_raw values ($1, 100)', '1 day', starts_at => '2100-01-01 00:00 Europe/Berlin',
    timezone => 'Europe/Berlin', fingerprint => 'select count(*) from fp_raw where day >= $1 and day < $2');
select weir.backfill('fp', pg_temp.day('2024-03-30'), pg_temp.day('2024-03-31')) as b \gset
call pg_temp.await(:b);
select count(*) from weir.compare_inputs('fp', pg_temp.day('2024-03-30'), pg_temp.day('2024-03-31'), false);
select weir.drop_job('fp');

-- A chunk notes each of its intervals.
select weir.create_job('fp', 'select $1::timestamptz, $2::timestamptz', '1 day', starts_at => '2100-01-01 00:00 Europe/Berlin',
    timezone => 'Europe/Berlin', chunk_target => '10 minutes', fingerprint => 'select $1, $2');
select weir.backfill('fp', pg_temp.day('2024-03-01'), pg_temp.day('2024-03-31'), max_running => 1) as b \gset
call pg_temp.await(:b);
select count(*), count(distinct value), count(distinct day), (select count(distinct task_id) < 30 from weir.intervals where job = 'fp') as chunks from noted;
select weir.drop_job('fp');

-- In mode autocommit the first attempt has noted its own, the second, which is done, counts.
create table fp_tries (n int);
create table fp_open as select false as open;
select weir.create_job('fp', 'insert into fp_tries select 1 where not exists (select from fp_tries); select 1 / open::int from fp_open', '1 day', starts_at => '2100-01-01 00:00 Europe/Berlin',
    timezone => 'Europe/Berlin', mode => 'autocommit', max_attempts => 1, fingerprint => 'select count(*) from fp_tries');
select weir.backfill('fp', pg_temp.day('2024-03-30'), pg_temp.day('2024-03-31')) as b \gset
call pg_temp.await(:b);
select task_id as t from weir.intervals where job = 'fp' and version = 1 \gset
select outcome from weir.wait(:t, '60s');
update fp_open set open = true;
select weir.retry(:t);
select outcome from weir.wait(:t, '60s');
select count(*), count(distinct attempt), count(distinct value) from noted;
select count(*) from weir.compare_inputs('fp', pg_temp.day('2024-03-30'), pg_temp.day('2024-03-31'), false);
select weir.drop_job('fp');

-- Also before what does not run in a transaction.
select weir.create_job('fp', 'vacuum fp_tries', '1 day', starts_at => '2100-01-01 00:00 Europe/Berlin', timezone => 'Europe/Berlin',
    mode => 'autocommit', fingerprint => 'select count(*) from fp_tries');
select weir.backfill('fp', pg_temp.day('2024-03-30'), pg_temp.day('2024-03-31')) as b \gset
call pg_temp.await(:b);
select exec from fp;
select count(*) from noted;
select weir.drop_job('fp');

-- A query that fails: the run fails; the checks of other jobs do not.
select weir.create_job('fp', 'select 1', '1 day', starts_at => '2100-01-01 00:00 UTC', timezone => 'UTC', max_attempts => 1,
    fingerprint => 'select fp_broken(count(*)) from fp_raw where day = $1');
select weir.create_job('fp2', 'select 2', '1 day', starts_at => '2100-01-01 00:00 UTC', timezone => 'UTC', max_attempts => 1,
    fingerprint => 'select count(*) from fp_raw where day = $1');
select weir.create_job('fp3', 'select 3', '1 day', starts_at => '2100-01-01 00:00 UTC', timezone => 'UTC', max_attempts => 1,
    fingerprint => 'select fp_writes($1)');
select weir.backfill('fp', '2024-03-30', '2024-03-31') as b, weir.backfill('fp2', '2024-03-30', '2024-03-31') as b2,
       weir.backfill('fp3', '2024-03-30', '2024-03-31') as b3 \gset
call pg_temp.await(:b);
call pg_temp.await(:b2);
call pg_temp.await(:b3);
truncate fp_gate;
insert into fp_raw values ('2024-03-30', 9);
select weir.check_inputs('fp', '2024-03-30', '2024-03-31') as t, weir.check_inputs('fp2', '2024-03-30', '2024-03-31', reprocess => false) as t2 \gset
select w.outcome, w.sqlstate, w.message, weir.result(t) from unnest(array[:t, :t2]) with ordinality u(t, i), weir.wait(t, '60s') w order by i;
select job, exec, currency from weir.intervals where job in ('fp', 'fp2', 'fp3') order by 1;
select r.sqlstate, r.message from weir.runs r join weir.tasks t using (task_id) where t.job = 'fp3';
select weir.backfill('fp', '2024-03-31', '2024-04-01') as b \gset
call pg_temp.await(:b);
select r.outcome, r.sqlstate, r.message from weir.runs r join weir.intervals i using (task_id) where i.job = 'fp' and i.interval_start = '2024-03-31';
select weir.drop_job(j) from unnest('{fp,fp2,fp3}'::text[]) j;

-- weir.run_due() has what is not older than recheck compared: once, until that is
-- done.  The bounds are twelve hours from now, so that no test meets them.
create temp table base as select date_trunc('minute', now()) - interval '12 hours' as at;
select weir.create_job('fp', 'select sum(amount) from fp_raw', '1 day', starts_at => (select at - interval '9 days' from base), timezone => 'UTC',
    catch_up => '30 days', fingerprint => 'select count(*) from fp_raw where $1 < $2', recheck => '2 days');
select count(*) from weir.run_due('fp');
select weir.drain('daily', '60s') is not null as drained;
select weir.drain('backfill', '60s') is not null as drained;
insert into fp_raw values ('2024-04-01', 9);
select weir.pause('backfill');
select count(*) from weir.run_due('fp');
select count(*) from weir.run_due('fp');
select (args ->> 2)::timestamptz - (args ->> 1)::timestamptz as range, queue, class, state from weir.tasks
where command ~ 'compare_inputs' and reason = 'inputs of job fp' and state = 'ready';
select weir.resume('backfill');
select w.outcome from (select max(task_id) as id from weir.tasks where reason = 'inputs of job fp') t, weir.wait(t.id, '60s') w;
call pg_temp.await_corrections();
select version, currency, count(*), bool_and(interval_start >= (select at - interval '2 days' from base)) as recent
from weir.intervals where job = 'fp' and exec <> 'missing' group by 1, 2 order by 1, 2;
-- who drops the job does not want to know any more
select weir.pause('backfill');
select weir.check_inputs('fp', (select at - interval '2 days' from base), (select at from base)) as t \gset
select weir.drop_job('fp');
select outcome, reason from weir.wait(:t, '60s');
select weir.resume('backfill');

-- The query is the owner's, whoever asks: in its own task, or by itself.
create role regress_fp login;
select weir.grant_queue(q, 'regress_fp') from unnest('{daily,backfill}'::text[]) q;
set role regress_fp;
select weir.create_job('fp', 'select 1', '1 day', starts_at => '2100-01-01 00:00 UTC', timezone => 'UTC',
    fingerprint => 'select session_user, current_user');
select weir.backfill('fp', '2024-03-30', '2024-03-31') as b \gset
call pg_temp.await(:b);
reset role;
\pset tuples_only on
select pg_temp.refused($$select weir.compare_inputs('fp', '2024-03-30', '2024-03-31')$$);
\pset tuples_only off
select weir.check_inputs('fp', '2024-03-30', '2024-03-31') as t \gset
select outcome, weir.result(:t) from weir.wait(:t, '60s');
select owner from weir.tasks where task_id = :t;
select weir.alter_job('fp', fingerprint => 'select count(*) from fp_raw');
select weir.check_inputs('fp', '2024-03-30', '2024-03-31') as t \gset
select outcome, sqlstate, message from weir.wait(:t, '60s');
create role regress_fp2;
set role regress_fp2;
\pset tuples_only on
select pg_temp.refused($$select weir.check_inputs('fp', '2024-03-30', '2024-03-31')$$);
select pg_temp.refused($$select weir.compare_inputs('fp', '2024-03-30', '2024-03-31')$$);
select pg_temp.refused($$select weir._check_fingerprint(10, 'public', 'UTC', 'select 1')$$);
select fingerprint is null from weir.jobs where name = 'fp';
\pset tuples_only off
reset role;
select weir.drop_job('fp');
select weir.revoke_queue(q, 'regress_fp') from unnest('{daily,backfill}'::text[]) q;
drop role regress_fp, regress_fp2;
drop view fp_random;
drop table fp_raw, fp_fact, fp_gate, fp_tries, fp_open;
drop function fp_writes, fp_broken;
