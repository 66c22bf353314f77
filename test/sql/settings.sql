-- Settings of queues and tasks; what of the submitter is captured.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql

-- How a task ended.
create function pg_temp.ended(task_id bigint) returns text
language sql volatile as $$
    select concat_ws(' ', r.outcome, r.sqlstate, r.message, r.result)
    from weir.wait(task_id, '30s') r
$$;

create function pg_temp.shown(setting text, queue text default 'adhoc', settings jsonb default null, mode text default 'transaction')
returns bigint language sql volatile as $$
    select weir.enqueue('select current_setting($1) as x', jsonb_build_array(setting), queue, settings => settings, mode => mode)
$$;
-- The default, the queue's, the task's.
select weir.create_queue('set_q', settings => '{"work_mem": "7MB", "statement_timeout": 12345, "enable_seqscan": false, "my.own": "q"}');
select pg_temp.shown('work_mem') as a, pg_temp.shown('work_mem', 'set_q') as b,
       pg_temp.shown('work_mem', 'set_q', '{"work_mem": "9MB"}') as c,
       pg_temp.shown('work_mem', 'set_q', '{"WORK_MEM": 1024}') as d,
       pg_temp.shown('statement_timeout', 'set_q') as e, pg_temp.shown('enable_seqscan', 'set_q') as f,
       pg_temp.shown('enable_seqscan', 'set_q', '{"enable_seqscan": true}') as g,
       pg_temp.shown('my.own', 'set_q') as h, pg_temp.shown('my.own', 'set_q', '{"my.own": "t"}') as i,
       pg_temp.shown('work_mem') as j, pg_temp.shown('work_mem', 'set_q', null, 'autocommit') as k \gset
select pg_temp.ended(t) from unnest(array[:a, :b, :c, :d, :e, :f, :g, :h, :i, :j, :k]) with ordinality as u(t, i) order by i;

-- The transaction's characteristics follow the defaults.
select pg_temp.shown('transaction_isolation', settings => '{"default_transaction_isolation": "serializable"}') as a,
       pg_temp.shown('transaction_isolation', settings => '{"default_transaction_isolation": "repeatable read"}') as b,
       pg_temp.shown('transaction_isolation') as c,
       pg_temp.shown('transaction_deferrable', settings => '{"default_transaction_deferrable": true}') as d,
       pg_temp.shown('transaction_isolation', settings => '{"default_transaction_isolation": "serializable"}', mode => 'autocommit') as e \gset
select pg_temp.ended(t) from unnest(array[:a, :b, :c, :d, :e]) with ordinality as u(t, i) order by i;
-- A read-only task cannot write but its record is written.
create table set_t (a int);
select weir.enqueue('insert into set_t values (1)', settings => '{"default_transaction_read_only": true}', max_attempts => 1) as a,
       weir.enqueue('select count(*) as n from set_t', settings => '{"default_transaction_read_only": true}') as b,
       weir.enqueue('select count(*) as n from set_t', settings => '{"default_transaction_read_only": true}', mode => 'autocommit') as c \gset
select pg_temp.ended(:a);
select pg_temp.ended(:b);
select pg_temp.ended(:c);
-- lock_timeout bounds waits for locks, apart from the run's timeout.
select pg_advisory_lock(4712);
select weir.enqueue('select pg_advisory_xact_lock(4712)', settings => '{"lock_timeout": "10ms"}', max_attempts => 1) as a \gset
select pg_temp.ended(:a);
select pg_advisory_unlock(4712);

-- Captured: search_path and TimeZone of who submits, not of who runs.
create schema set_s;
create table set_s.set_only (a int);
set search_path = set_s, public;
set timezone = 'Asia/Kathmandu';
select weir.enqueue('select count(*) as n from set_only') as a,
       pg_temp.shown('search_path') as b, pg_temp.shown('timezone') as c,
       weir.enqueue('select ''2024-01-01 00:00''::timestamptz = ''2024-01-01 00:00+05:45'' as x') as d,
       pg_temp.shown('timezone', settings => '{"timezone": "UTC"}') as e,
       pg_temp.shown('search_path', settings => '{"search_path": "pg_catalog"}') as f \gset
reset search_path;
reset timezone;
select pg_temp.ended(t) from unnest(array[:a, :b, :c, :d, :e, :f]) with ordinality as u(t, i) order by i;
-- The path is used for checking as well.
select weir.enqueue('select count(*) from set_only');
\echo :SQLSTATE
-- A function with a path of its own submits with that one.
create function set_s.submit() returns bigint language sql set search_path = set_s
    as $$ select weir.enqueue('select count(*) as n from set_only') $$;
select set_s.submit() as a \gset
select pg_temp.ended(:a);
-- A path with a strange name, one that does not exist, and none.
create schema "Set ""S"", x";
create table "Set ""S"", x".set_odd (a int);
set search_path = "Set ""S"", x";
select weir.enqueue('select count(*) as n from set_odd') as a \gset
set search_path = no_such_schema;
select weir.enqueue('select 2 as x') as b \gset
set search_path = '';
select weir.enqueue('select 3 as x') as c \gset
reset search_path;
select pg_temp.ended(t) from unnest(array[:a, :b, :c]) with ordinality as u(t, i) order by i;
-- Other settings of the session are not.
set work_mem = '2MB';
select pg_temp.shown('work_mem') as a \gset
reset work_mem;
select pg_temp.ended(:a);
-- What a role has as its own settings holds for its tasks.
create role set_role login;
alter role set_role set work_mem = '6MB';
alter role set_role set search_path = 'set_s';
grant usage on schema set_s to set_role;
grant select on set_s.set_only to set_role;
set role set_role;
select weir.enqueue('select current_setting($1) as x', '["work_mem"]') as a,
       weir.enqueue('select current_setting($1) as x', '["work_mem"]', settings => '{"work_mem": "5MB"}') as b \gset
reset role;
select pg_temp.ended(t) from unnest(array[:a, :b]) with ordinality as u(t, i) order by i;

-- The command is looked at as the task will see it, and the submitter's
-- session is as before.
create schema set_o;
create table set_o.only_there (d date);
select weir.create_queue('set_p', settings => '{"search_path": "set_o", "datestyle": "german"}');
select weir.enqueue($$insert into only_there values ('31.12.2024') returning d$$, queue => 'set_p') as a,
       weir.enqueue($$insert into only_there values ('30.12.2024') returning d$$,
           settings => '{"search_path": "set_o", "datestyle": "german"}') as b \gset
select pg_temp.ended(t) from unnest(array[:a, :b]) with ordinality as u(t, i) order by i;
select weir.enqueue('select * from only_there');
select weir.enqueue('select * from set_t', queue => 'set_p');
select current_setting('search_path'), current_setting('datestyle');
-- What the queue sets and the role may not is told at once.
select weir.alter_queue('set_p', settings => '{"log_statement": "all"}');
select weir.grant_queue('set_p', 'set_role');
set role set_role;
select weir.enqueue('select 1', queue => 'set_p');
reset role;

-- Refused: what changes who or what the session is, and what the role may not set.
\pset tuples_only on
select pg_temp.refused(format('select weir.enqueue(%L, settings => %L)', 'select 1', s))
from unnest(array[
    '{"role": "postgres"}', '{"ROLE": "none"}', '{"session_authorization": "postgres"}',
    '{"session_replication_role": "replica"}', '{"transaction_isolation": "serializable"}',
    '{"transaction_read_only": true}', '{"transaction_deferrable": true}', '{"is_superuser": true}',
    '{"local_preload_libraries": "x"}', '{"shared_buffers": "1GB"}', '{"weir.max_workers": 1}',
    '{"work_mem": ""}', '{"": 1}', '{"work_mem": null}',
    '{"no such name": 1}', '{"weir.missing": 1}', '{"search_path": ["a", "b"]}'
]) with ordinality as u(s, i) order by i;
-- (the message differs between versions)
select split_part(pg_temp.refused($$select weir.enqueue('select 1', settings => '{"work_mem": -1}')$$), ' ', 1);
set role set_role;
select pg_temp.refused(format('select weir.enqueue(%L, settings => %L)', 'select 1', s))
from unnest(array['{"log_statement": "all"}', '{"weir.max_result": 1}', '{"work_mem": "1MB"}']) with ordinality as u(s, i)
order by i;
reset role;

select weir.drain('adhoc', '30s');
select weir.drain('set_q', '30s');
select weir.drop_queue('set_q');
select weir.drain('set_p', '30s');
select weir.drop_queue('set_p');
drop table set_t;
drop schema set_s cascade;
drop schema set_o cascade;
drop schema "Set ""S"", x" cascade;
drop role set_role;
