-- Caps of tables: cap_table, uncap_table, acquire, try_acquire.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
create function refused(command text) returns text language sql as $$
    select regexp_replace(pg_temp.refused(command), 'processes: [0-9, ]+', 'processes: N')
$$;
\i :here/sql/include/await.sql
create table caps_t (a int);
create table caps_p (a int) partition by range (a);
create table caps_p1 partition of caps_p for values from (0) to (10);
create table caps_p2 partition of caps_p for values from (10) to (20) partition by list (a);
create table caps_p21 partition of caps_p2 for values in (11);
create view caps_v as select * from caps_t;
create materialized view caps_m as select 1 as a;
create sequence caps_s;
create index caps_i on caps_t (a);
create temp table caps_temp (a int);
create unlogged table caps_u (a int);
create schema "Caps S";
create table "Caps S"."Caps ""T""" (a int);
create extension if not exists file_fdw;
create server caps_f foreign data wrapper file_fdw;
create foreign table caps_ft (a int) server caps_f options (filename '/dev/null');
create view caps as select resource, slots, reserved, used, waiting_sessions from weir.resources order by resource;

select weir.cap_table('caps_t', 2);
select weir.cap_table('caps_p', 4, 1);
select weir.cap_table('caps_u', 64, 64);
select weir.cap_table('"Caps S"."Caps ""T"""', slots => 1, reserved => null);
call pg_temp.await('select count(*) = 4 from weir.resources');
select * from caps;
select resource, slot, pid, task_id, since, reserved from weir.slots where resource in ('public.caps_t', 'public.caps_p') order by resource, slot;
-- Changed, and removed.
select weir.cap_table('caps_u', 3);
select weir.uncap_table('caps_u');
select weir.uncap_table('caps_u');
select weir.uncap_table('"Caps S"."Caps ""T"""');
-- A cap outlives its table; its name is enough to remove it.
create table caps_gone (a int);
select weir.cap_table('caps_gone', 1), weir.cap_table('"Caps S"."Caps ""T"""', 1);
select weir.uncap_table(name => '"Caps S"."Caps ""T"""');
drop table caps_gone;
select resource, slots, relation_oid from weir.resources where resource like '%gone';
create role caps_other;
grant usage on schema weir to caps_other;
set role caps_other;
select weir.uncap_table(name => 'public.caps_gone');
select weir.uncap_table(name => 'public.caps_u');
select weir.uncap_table(name => 'nowhere.caps_gone');
reset role;
revoke usage on schema weir from caps_other;
drop role caps_other;
select weir.uncap_table(name => 'caps_gone');
select weir.uncap_table(name => 'a.b.c.d');
select weir.uncap_table(name => 'nowhere.caps_gone');
select weir.uncap_table();
select weir.uncap_table(name => 'public.caps_gone'), weir.uncap_table(name => 'public.caps_gone');
call pg_temp.await('select count(*) = 2 from weir.resources');
select * from caps;
begin;
select weir.cap_table('caps_u', 3);
rollback;
select weir.try_acquire('caps_u');
\echo :SQLSTATE
\pset tuples_only on
select refused(c) from unnest(array[
    $$select weir.cap_table(null, 1)$$,
    $$select weir.cap_table('missing', 1)$$,
    $$select weir.cap_table('', 1)$$,
    $$select weir.cap_table(99999999, 1)$$,
    $$select weir.cap_table('caps_t', null)$$,
    $$select weir.cap_table('caps_t', 0)$$,
    $$select weir.cap_table('caps_t', -1)$$,
    $$select weir.cap_table('caps_t', 65)$$,
    $$select weir.cap_table('caps_t', 2, 3)$$,
    $$select weir.cap_table('caps_t', 2, -1)$$,
    $$select weir.cap_table('caps_v', 1)$$,
    $$select weir.cap_table('caps_m', 1)$$,
    $$select weir.cap_table('caps_s', 1)$$,
    $$select weir.cap_table('caps_i', 1)$$,
    $$select weir.cap_table('caps_ft', 1)$$,
    $$select weir.cap_table('caps_temp', 1)$$,
    $$select weir.cap_table('caps_p1', 1)$$,
    $$select weir.cap_table('caps_p2', 1)$$,
    $$select weir.cap_table('caps_p21', 1)$$,
    $$select weir.uncap_table(null)$$,
    $$select weir.uncap_table('missing')$$,
    $$select weir.uncap_table('caps_p1')$$,
    $$select weir.acquire(null)$$,
    $$select weir.acquire('missing')$$,
    $$select weir.acquire('caps_v')$$,
    $$select weir.acquire('caps_u')$$,
    $$select weir.acquire('caps_t', '-1 second')$$,
    $$select weir.try_acquire(null)$$,
    $$select weir.try_acquire('caps_u')$$
]) with ordinality as u(c, i) order by i;
\pset tuples_only off

-- acquire holds one slot to the end of the transaction; the table twice, or
-- a partition of it, is the same slot.
begin;
select weir.acquire('caps_t');
select weir.acquire('caps_t', '0');
select weir.try_acquire('caps_t');
select resource, slots, used from weir.resources where resource = 'public.caps_t';
select slot, pid = pg_backend_pid() as mine, task_id, since is not null as since
from weir.slots where resource = 'public.caps_t' order by slot;
select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and classid = 'caps_t'::regclass;
-- a second resource: without waiting
select weir.try_acquire('caps_p21');
select weir.acquire('caps_p');
select used from weir.resources where resource = 'public.caps_p';
-- (slot 0 of it is reserved)
select slot from weir.slots where resource = 'public.caps_p' and pid is not null;
commit;
select resource, used from weir.resources order by resource;
-- A savepoint does not give it back, unlock_all does not either.
begin;
savepoint a;
select weir.acquire('caps_t');
rollback to a;
select used from weir.resources where resource = 'public.caps_t';
select pg_advisory_unlock_all();
select count(*) from weir.slots where resource = 'public.caps_t' and pid = pg_backend_pid();
rollback;
select used from weir.resources where resource = 'public.caps_t';
-- A transaction that holds a slot is not prepared.
begin;
select weir.acquire('caps_t');
prepare transaction 'caps';
\echo :SQLSTATE

-- All slots held by tasks: refused at once, or in time, naming the holders.
create function hold_4715() returns void language sql as $$ select pg_advisory_xact_lock_shared(4715) $$;
create function held(n int) returns boolean language sql as $$
    select count(*) = n from weir.running r join pg_locks l using (pid)
    where l.locktype = 'advisory' and not l.granted
$$;
select pg_advisory_lock(4715);
select n from weir.enqueue_many('select hold_4715()', '[[], []]', tables => '{caps_t}');
call pg_temp.await('select held(2)');
select weir.try_acquire('caps_t');
\pset tuples_only on
select refused as before from weir.resources where resource = 'public.caps_t' \gset
select refused($$select weir.acquire('caps_t', '0')$$);
select refused($$select weir.acquire('caps_t', '20 milliseconds')$$);
set weir.max_wait = '20ms';
select refused($$select weir.acquire('caps_t')$$);
reset weir.max_wait;
set lock_timeout = '20ms';
select refused($$select weir.acquire('caps_t')$$);
reset lock_timeout;
-- each of them once
select refused - :before from weir.resources where resource = 'public.caps_t';
set statement_timeout = '20ms';
select weir.acquire('caps_t');
\echo :SQLSTATE
set statement_timeout = '60s';
-- A transaction that has written, or holds a slot, does not wait.
begin;
insert into caps_u values (1);
select refused($$select weir.acquire('caps_t')$$);
rollback;
begin;
select weir.acquire('caps_p');
select refused($$select weir.acquire('caps_t')$$);
rollback;
\pset tuples_only off
select waiting_sessions from weir.resources where resource = 'public.caps_t';
select pg_advisory_unlock(4715);
select weir.drain('adhoc', '30s');
select used from weir.resources where resource = 'public.caps_t';

-- Tasks hold one slot each and never more at once than the cap; the proof is
-- in the ledger.  Class daily has the reserved ones for itself.
select weir.cap_table('caps_t', 3, 1);
select weir.create_queue('caps_daily', class => 'daily');
select n from weir.enqueue_many('insert into caps_t values ($1)', (select jsonb_agg(jsonb_build_array(i)) from generate_series(1, 60) i), tables => '{caps_t}');
select n from weir.enqueue_many('insert into caps_t values ($1)', (select jsonb_agg(jsonb_build_array(i)) from generate_series(61, 100) i), 'caps_daily', tables => '{caps_t}');
select weir.drain('adhoc', '30s'), weir.drain('caps_daily', '30s');
select count(*), count(distinct a) from caps_t;
create view at_once as
with runs as (
    select r.task_id, r.class, r.started_at, r.finished_at from weir.runs r
    where r.tables @> '{public.caps_t}' and r.started_at is not null
)
select a.task_id, a.class, count(*) as n, count(*) filter (where b.class <> 'daily') as not_daily
from runs a join runs b on b.started_at <= a.started_at and b.finished_at > a.started_at
group by a.task_id, a.class;
select max(n) <= 3 as capped, max(not_daily) <= 2 as reserved from at_once;
-- All slots reserved: others wait, and a daily task goes.
select weir.cap_table('caps_t', 1, 1);
select weir.enqueue('select 1', tables => '{caps_t}') as a \gset
select weir.enqueue('select 1', tables => '{caps_t}', queue => 'caps_daily') as b \gset
select outcome from weir.wait(:b, '30s');
select cause, detail from weir.why_waiting(:a);
\set VERBOSITY sqlstate
select weir.acquire('caps_t', '10 milliseconds');
\set VERBOSITY terse
select weir.cap_table('caps_t', 1);
select outcome from weir.wait(:a, '30s');

-- A task that needs two tables holds both; a leaf stands for its root.
select weir.cap_table('caps_p', 1);
select pg_advisory_lock(4715);
select weir.enqueue('select hold_4715()', tables => '{caps_p1, caps_t}') as a \gset
select tables from weir.tasks where task_id = :a;
call pg_temp.await('select held(1)');
select resource, task_id = :a as this from weir.slots order by resource, slot;
select weir.enqueue('select 1 as x', tables => '{caps_p21}') as b \gset
call pg_temp.await(format('select cause = ''cap'' from weir.why_waiting(%s)', :b));
select detail from weir.why_waiting(:b);
select pg_advisory_unlock(4715);
select outcome from weir.wait(:b, '30s');
-- Removed while held and waited for: what waits goes.
select pg_advisory_lock(4715);
select weir.enqueue('select hold_4715()', tables => '{caps_t}') as a \gset
call pg_temp.await('select held(1)');
select weir.enqueue('select 1 as x', tables => '{caps_t}') as b \gset
select weir.uncap_table('caps_t');
select outcome from weir.wait(:b, '30s');
select state from weir.tasks where task_id = :a;
-- Set while a task that declared the table runs.
select weir.cap_table('caps_t', 1);
select pg_advisory_unlock(4715);
select outcome from weir.wait(:a, '30s');

-- A task does not lose its slot: transaction ...
create function slots_of_task() returns bigint language sql security definer as $$
    select count(*) from weir.slots where pid = pg_backend_pid()
$$;
select weir.enqueue('select pg_advisory_unlock_all(); select slots_of_task() as n', tables => '{caps_t}') as a \gset
select outcome, result from weir.wait(:a, '30s');
select weir.enqueue('do $$ begin begin perform 1 / 0; exception when division_by_zero then null; end; end $$; select slots_of_task() as n', tables => '{caps_t}') as a \gset
select outcome, result from weir.wait(:a, '30s');
select weir.enqueue('select weir.acquire(''caps_t''), weir.try_acquire(''caps_t''); select slots_of_task() as n', tables => '{caps_t}') as a \gset
select outcome, result from weir.wait(:a, '30s');
-- ... and autocommit, through commits.
select weir.enqueue('select pg_advisory_unlock_all(); select 1', tables => '{caps_t}', mode => 'autocommit') as a \gset
select outcome, sqlstate from weir.wait(:a, '30s');
select weir.enqueue('do $$ begin commit; execute ''select pg_advisory_unlock_all()''; end $$', tables => '{caps_t}', mode => 'autocommit') as a \gset
select outcome, sqlstate from weir.wait(:a, '30s');
select weir.enqueue('do $$ begin commit; begin perform pg_advisory_unlock_all(); exception when feature_not_supported then null; end; end $$; select slots_of_task() as n', tables => '{caps_t}', mode => 'autocommit') as a \gset
select outcome, result from weir.wait(:a, '30s');
select weir.enqueue('do $$ begin insert into caps_t values (1000); commit; insert into caps_t values (1001); rollback; end $$; select slots_of_task() as n', tables => '{caps_t}', mode => 'autocommit') as a \gset
select outcome, result from weir.wait(:a, '30s');
-- (without a slot it may)
select weir.enqueue('select pg_advisory_lock(1), pg_advisory_unlock_all()', mode => 'autocommit') as a \gset
select outcome from weir.wait(:a, '30s');
select slot, pid from weir.slots where resource = 'public.caps_t';

-- A table that is made anew, or renamed into place, under the name takes the
-- cap over, also for tasks that wait.
select weir.pause('adhoc');
select weir.enqueue('select slots_of_task() as n', tables => '{caps_t}') as a \gset
begin;
alter table caps_t rename to caps_old;
create table caps_t (a int);
commit;
select weir.resume('adhoc');
select outcome, result from weir.wait(:a, '30s');
call pg_temp.await('select relation_oid = ''caps_t''::regclass from weir.resources where resource = ''public.caps_t''');
select resource, slots from weir.resources order by resource;
select weir.enqueue('select slots_of_task() as n', tables => '{caps_t}') as a,
       weir.enqueue('select slots_of_task() as n', tables => '{caps_old}') as b \gset
select outcome, result from weir.wait(:a, '30s');
select outcome, result from weir.wait(:b, '30s');
begin;
select weir.try_acquire('caps_t');
rollback;
-- A table that is dropped while tasks for it wait: they run, and say so.
select weir.pause('adhoc');
select weir.enqueue('select 1 as x', tables => '{caps_t}') as a,
       weir.enqueue('insert into caps_t values (1)', tables => '{caps_t}') as b \gset
drop table caps_t, caps_old cascade;
select weir.resume('adhoc');
select outcome, result, message from weir.wait(:a, '30s');
select outcome, sqlstate, message from weir.wait(:b, '30s');
-- The cap waits for a table of that name.
select relation_oid, slots, used from weir.resources where resource = 'public.caps_t';
create table caps_t (a int);
select relation_oid = 'caps_t'::regclass as new from weir.resources where resource = 'public.caps_t';
begin;
select weir.acquire('caps_t', '0');
select used from weir.resources where resource = 'public.caps_t';
commit;
select weir.uncap_table('caps_t');
drop table caps_t;

select weir.uncap_table('caps_p');
select weir.drop_queue('caps_daily');
drop view at_once, caps;
drop server caps_f cascade;
drop extension file_fdw;
drop table caps_p, caps_u;
drop materialized view caps_m;
drop sequence caps_s;
drop schema "Caps S" cascade;
drop function refused, held, hold_4715, slots_of_task;
