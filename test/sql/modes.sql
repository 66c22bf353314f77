-- Modes: transaction and autocommit; scripts of several statements.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql

-- How a task ended.
create function pg_temp.ended(task_id bigint) returns text
language sql volatile as $$
    select concat_ws(' ', r.outcome, r.sqlstate, r.message, r.result)
    from weir.wait(task_id, '30s') r
$$;

create table modes_t (a int primary key, b text);
create function pg_temp.runs(task_id bigint) returns text
language sql as $$
    select string_agg(concat_ws(' ', attempt, outcome, sqlstate,
        case when final then 'final' end, case when charged then 'charged' end), ', ' order by attempt)
    from weir.runs r where r.task_id = runs.task_id
$$;

-- Building an index concurrently waits for all snapshots, also for one that
-- weir.wait() would hold: look again and again instead.
create procedure await_end(task_id bigint) language plpgsql as $$
begin
    while not exists (select from weir.runs r where r.task_id = await_end.task_id and r.final) loop
        commit;
    end loop;
end $$;

-- What cannot run in a transaction runs in mode autocommit.
insert into modes_t values (1, 'x');
select weir.enqueue('vacuum modes_t', mode => 'autocommit', tables => '{modes_t}') as id \gset
select pg_temp.ended(:id);
select mode, max_attempts from weir.tasks where task_id = :id;
select weir.enqueue('create index concurrently modes_i on modes_t (b)', mode => 'autocommit') as id \gset
call await_end(:id);
select pg_temp.ended(:id);
select indisvalid from pg_index where indexrelid = 'modes_i'::regclass;
select weir.enqueue('reindex index concurrently modes_i; drop index concurrently modes_i', mode => 'autocommit') as id \gset
call await_end(:id);
select pg_temp.ended(:id);
select to_regclass('modes_i');

-- A procedure commits there, and cannot in mode transaction.
create procedure modes_p(n int, at_commit boolean) language plpgsql as $$
begin
    for i in 1..n loop
        insert into modes_t values (100 + i, 'p');
        if at_commit then commit; else rollback; end if;
    end loop;
end $$;
select weir.enqueue('call modes_p($1, $2)', '[3, true]', mode => 'autocommit') as id \gset
select pg_temp.ended(:id);
select a from modes_t where b = 'p' order by a;
delete from modes_t where b = 'p';
select weir.enqueue('call modes_p($1, $2)', '[3, false]', mode => 'autocommit') as id \gset
select pg_temp.ended(:id);
select a from modes_t where b = 'p' order by a;
select weir.enqueue('call modes_p($1, $2)', '[1, true]', mode => 'transaction', max_attempts => 1) as id \gset
select pg_temp.ended(:id);
select a from modes_t where b = 'p' order by a;
select weir.enqueue('do $$ begin insert into modes_t values (200); commit; insert into modes_t values (201); rollback; end $$',
    mode => 'autocommit') as id \gset
select pg_temp.ended(:id);
select a from modes_t where a >= 200 order by a;

-- A claim is committed before the attempt begins, in that mode only.
create function modes_claims() returns setof weir.claim language sql security definer
    as 'select * from weir.claim where task_id = weir.current_task()';
select weir.enqueue('select count(*) as claims from modes_claims()', mode => 'autocommit') as id \gset
select pg_temp.ended(:id);
select task_id = :id as this, attempt, claimed_at is not null as at, worker_pid > 0 as pid
from weir.claim where task_id = :id;
select weir.enqueue('select count(*) as claims from modes_claims()') as id \gset
select pg_temp.ended(:id);
select count(*) from weir.claim where task_id = :id;

-- One attempt, unless more are asked for: what ran before the failure stays.
create table modes_log (a int);
select weir.enqueue('insert into modes_log values (1); select 1 / (select count(*) - 1 from modes_log)', mode => 'autocommit') as id \gset
select pg_temp.ended(:id);
select pg_temp.runs(:id);
select a from modes_log order by a;
truncate modes_log;
create function modes_fail(times int) returns int language plpgsql as $$
begin
    if (select count(*) from modes_log) <= times then
        raise exception using errcode = 'connection_failure', message = 'no answer';
    end if;
    return times;
end $$;
select weir.enqueue('insert into modes_log values (1); select modes_fail(2)', mode => 'autocommit') as id \gset
select pg_temp.ended(:id);
select pg_temp.runs(:id);
truncate modes_log;
select weir.enqueue('insert into modes_log values (1); select modes_fail(2)', mode => 'autocommit',
    max_attempts => 3, policy => '{"backoff_base": 0}') as id \gset
select pg_temp.ended(:id);
select pg_temp.runs(:id);
select count(*) from modes_log;

-- In mode transaction all or nothing.
truncate modes_log;
select weir.enqueue('insert into modes_log values (1); insert into modes_log values (2); select 1 / 0') as id \gset
select pg_temp.ended(:id);
select count(*) from modes_log;
-- A later statement may need an earlier one, in both modes.
select weir.enqueue('create table modes_a (a int); insert into modes_a values ($1); select a + $2 as x from modes_a', '[1, 2]') as id \gset
select pg_temp.ended(:id);
select weir.enqueue('create table modes_b (a int); insert into modes_b values ($1); select a + $2 as x from modes_b', '[1, 2]',
    mode => 'autocommit') as id \gset
select pg_temp.ended(:id);
select weir.enqueue('create temp table modes_c as select 3 as a; select a from modes_c') as id \gset
select pg_temp.ended(:id);
select weir.enqueue('set work_mem = ''3MB''; select current_setting(''work_mem'') as x') as id \gset
select pg_temp.ended(:id);
-- A parameter has a type of its own in each statement.
select weir.enqueue('select $1::int + 1 as x; select $1::text || ''!'' as x', '[7]') as id \gset
select pg_temp.ended(:id);
-- The result is that of the last statement.
select weir.enqueue('select 1 as x; insert into modes_log values (5), (6)') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
select weir.enqueue('insert into modes_log values (7), (8) returning a') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
select weir.enqueue('insert into modes_log values (9); create table modes_d (a int)') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
select weir.enqueue('select a from modes_log where false') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
select weir.enqueue('table modes_log; select a from modes_t where a < 0') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
select weir.enqueue('explain (costs off) select 1') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
select weir.enqueue('show work_mem') as id \gset
select outcome, result is not null as shown from weir.wait(:id, '30s');
select weir.enqueue('select 1 as a, 2 as a, null as b, ''{"c": 3}''::jsonb as d, array[1, 2] as e') as id \gset
select result from weir.wait(:id, '30s');
select weir.enqueue('select') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
-- Each statement sees what the one before did, once.
select weir.enqueue('update modes_log set a = a + 1 where a = 5; update modes_log set a = a + 1 where a = 6; select count(*) as n from modes_log where a = 7') as id \gset
select result from weir.wait(:id, '30s');

-- Deferred constraints and triggers count: the run row comes after them.
create table modes_p (a int primary key);
create table modes_f (a int references modes_p deferrable initially deferred);
select weir.enqueue('insert into modes_f values (1)') as id \gset
select outcome, sqlstate from weir.wait(:id, '30s');
select weir.enqueue('insert into modes_f values (1); insert into modes_p values (1)') as id \gset
select outcome, sqlstate from weir.wait(:id, '30s');
select weir.enqueue('insert into modes_f values (2)', mode => 'autocommit') as id \gset
select outcome, sqlstate from weir.wait(:id, '30s');
select a from modes_f order by a;
-- Cursors that are left open, holdable ones as well.
select weir.enqueue('declare modes_cur cursor with hold for select 1 / a as x from modes_p; fetch modes_cur') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
select weir.enqueue('declare modes_cur cursor with hold for select 1 / a as x from modes_p; fetch modes_cur', mode => 'autocommit') as id \gset
select outcome, rows, result from weir.wait(:id, '30s');
select weir.enqueue('select count(*) as n from pg_cursors where name = ''modes_cur''') as id \gset
select result from weir.wait(:id, '30s');
-- A type changes under a command that has been run before.
select n from weir.enqueue_many('insert into modes_log values ($1)', (select jsonb_agg(jsonb_build_array(70)) from generate_series(1, 100)));
select weir.drain('adhoc', '30s');
alter table modes_log alter a type text;
select n from weir.enqueue_many('insert into modes_log values ($1)', (select jsonb_agg(jsonb_build_array('seventy')) from generate_series(1, 20)));
select weir.drain('adhoc', '30s');
select a, count(*) from modes_log where a like '%7%0%' or a like 'sev%' group by a order by a;
-- ... or its names mean something else in another search_path.
create schema modes_s;
create table modes_s.modes_log (a jsonb);
set search_path = modes_s;
select n from weir.enqueue_many('insert into modes_log values ($1)', (select jsonb_agg(jsonb_build_array('{"b": 7}'::jsonb)) from generate_series(1, 20)));
reset search_path;
select weir.drain('adhoc', '30s');
select a, count(*) from modes_s.modes_log group by a;
drop schema modes_s cascade;
-- ... or a table is made anew.
select weir.enqueue('select * from modes_d') as id \gset
select outcome, result from weir.wait(:id, '30s');
drop table modes_d;
create table modes_d as select 'new' as b;
select weir.enqueue('select * from modes_d') as id \gset
select outcome, result from weir.wait(:id, '30s');

-- A result that is too large is not stored, and the run says so.
select weir.enqueue('set weir.max_result = 1; select repeat(''x'', 10000) as x from generate_series(1, 3)') as id \gset
select outcome, rows, result, detail from weir.wait(:id, '30s');

-- A long script takes no more memory than its parts, and can do what others can.
select weir.enqueue(repeat('select 1;', 4000) || 'select sum(total_bytes) < 64 * 1024 * 1024 as little from pg_backend_memory_contexts') as id \gset
select outcome, rows, result from weir.wait(:id, '60s');
select repeat('-- a long comment' || chr(10), 100000) as long \gset
truncate modes_t;
select weir.enqueue(:'long' || 'call modes_p($1, $2); select count(*) + $1::int as x from modes_t', '[3, true]', mode => 'autocommit') as id \gset
select outcome, rows, result, sqlstate, message from weir.wait(:id, '60s');
select weir.enqueue(:'long' || 'create temp table l (a int); insert into l values ($1); select a, $1::text as b from l', '[7]') as id \gset
select outcome, rows, result from weir.wait(:id, '60s');
select weir.enqueue(:'long' || 'insert into modes_t values (77); select 1/$1::int', '[0]', max_attempts => 1) as id \gset
select outcome, sqlstate, (select count(*) from modes_t where a = 77) as there from weir.wait(:id, '60s');

-- What is not caught when it is enqueued is refused when it runs.
select weir.enqueue('do $$ begin execute ''vacuum''; end $$', max_attempts => 1) as id \gset
select outcome, sqlstate, message from weir.wait(:id, '30s');
select weir.enqueue('do $$ begin execute ''listen x''; end $$', max_attempts => 1) as id \gset
select outcome, sqlstate from weir.wait(:id, '30s');
select weir.enqueue('do $$ begin execute ''copy modes_log from stdin''; end $$', max_attempts => 1) as id \gset
select outcome, sqlstate from weir.wait(:id, '30s');
select weir.enqueue('do $$ begin execute ''discard all''; end $$', max_attempts => 1) as id \gset
select outcome, sqlstate, message from weir.wait(:id, '30s');

drop table modes_t, modes_log, modes_a, modes_b, modes_d, modes_f, modes_p;
drop procedure modes_p, await_end;
drop function modes_claims, modes_fail;
