-- Queues: create, alter, drop, grant, revoke; what is refused and how.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql

-- Three queues exist from the start.
select queue_id, name, class, capacity, depth, ready, delayed, blocked, running,
       paused, paused_reason, on_full, max_running, weight, batch, durability, settings, policy
from weir.queues where queue_id <= 100 order by queue_id;

-- Defaults, and everything given.
select weir.create_queue('q_default');
select weir.create_queue('q_all', class => 'backfill', capacity => 7,
    on_full => 'wait', max_running => 3, weight => 2.5,
    batch => 32, durability => 'grouped', settings => '{"work_mem": "8MB"}', policy => '{"max_attempts": 5}');
create temp view q as
select name, class, capacity, depth, paused, on_full, max_running, weight,
       batch, durability, settings, policy, owner = current_user as mine
from weir.queues where name like 'q\_%' order by queue_id;
select * from q;

-- In one statement, the one after the other.
select weir.create_queue('q_once'), weir.alter_queue('q_once', capacity => 2), weir.drop_queue('q_once');
-- A null is as good as nothing.
select weir.create_queue('q_null', null, null, null, null, null, null, null, null, null);
select * from q where name = 'q_null';

-- Names are any text, up to the length of an identifier.
select weir.create_queue('Q "quoted" ; drop');
select weir.alter_queue('Q "quoted" ; drop', capacity => 3);
select capacity from weir.queues where name = 'Q "quoted" ; drop';
select weir.drop_queue('Q "quoted" ; drop');
select weir.create_queue(repeat('n', 63));
select weir.drop_queue(repeat('n', 63));

-- Refusals of create_queue.
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.create_queue(null)$$,
    $$select weir.create_queue('')$$,
    $$select weir.create_queue(repeat('n', 64))$$,
    $$select weir.create_queue('q_default')$$,
    $$select weir.create_queue('adhoc')$$,
    $$select weir.create_queue('x', class => 'urgent')$$,
    $$select weir.create_queue('x', class => 'system')$$,
    $$select weir.create_queue('x', durability => 'never')$$,
    $$select weir.create_queue('x', batch => 0)$$,
    $$select weir.create_queue('x', batch => 33)$$,
    $$select weir.create_queue('x', class => '')$$,
    $$select weir.create_queue('x', class => 'ADHOC')$$,
    $$select weir.create_queue('x', capacity => 0)$$,
    $$select weir.create_queue('x', capacity => -1)$$,
    $$select weir.create_queue('x', capacity => 1000001)$$,
    $$select weir.create_queue('x', capacity => 2147483647)$$,
    $$select weir.create_queue('x', on_full => 'drop')$$,
    $$select weir.create_queue('x', max_running => 0)$$,
    $$select weir.create_queue('x', max_running => -2147483648)$$,
    $$select weir.create_queue('x', weight => 0)$$,
    $$select weir.create_queue('x', weight => -1)$$,
    $$select weir.create_queue('x', weight => 'NaN')$$,
    $$select weir.create_queue('x', weight => 'Infinity')$$,
    $$select weir.create_queue('x', settings => '[]')$$,
    $$select weir.create_queue('x', settings => '{"no_such_setting": 1}')$$,
    $$select weir.create_queue('x', settings => '{"work_mem": "lots"}')$$,
    $$select weir.create_queue('x', settings => '{"work_mem": null}')$$,
    $$select weir.create_queue('x', settings => '{"work_mem": {"a": 1}}')$$,
    $$select weir.create_queue('x', settings => '{"role": "postgres"}')$$,
    $$select weir.create_queue('x', settings => '{"shared_buffers": "1GB"}')$$,
    $$select weir.create_queue('x', policy => '1')$$,
    $$select weir.create_queue('x', policy => '{"max_tries": 3}')$$,
    $$select weir.create_queue('x', policy => '{"max_attempts": "3"}')$$,
    $$select weir.create_queue('x', policy => '{"max_attempts": 0}')$$,
    $$select weir.create_queue('x', policy => '{"max_attempts": 1.5}')$$,
    $$select weir.create_queue('x', policy => '{"backoff_base": -1}')$$,
    $$select weir.create_queue('x', policy => '{"backoff_cap": 1e300}')$$,
    $$select weir.create_queue('x', policy => '{"retry_permanent": 1}')$$,
    $$select weir.create_queue('x', capacity => 'many')$$
]) with ordinality as u(c, i) order by i;
\pset tuples_only off

-- All capacities together are bounded, since the scheduler holds all tasks.
select weir.create_queue('q_too_much', capacity => 1000000);
\echo :SQLSTATE
select weir.alter_queue('q_default', capacity => 1000000);
\echo :SQLSTATE

-- Alter: null keeps, reset clears.
select weir.alter_queue('q_all', capacity => 9);
select weir.alter_queue('q_all', class => 'adhoc', on_full => 'reject', weight => 1, batch => 2, durability => 'each');
select * from q where name = 'q_all';
select weir.alter_queue('q_all', max_running => 4, settings => '{"work_mem": "16MB"}',
    policy => '{"backoff_base": 0.5, "retry_permanent": true}');
select * from q where name = 'q_all';
select weir.alter_queue('q_all', reset => '{max_running}');
select * from q where name = 'q_all';
select weir.alter_queue('q_all', reset => '{settings,policy}');
select * from q where name = 'q_all';
select weir.alter_queue('q_all', reset => '{}');
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.alter_queue(null)$$,
    $$select weir.alter_queue('')$$,
    $$select weir.alter_queue('q_none', capacity => 1)$$,
    $$select weir.alter_queue('q_all', capacity => 0)$$,
    $$select weir.alter_queue('q_all', class => 'none')$$,
    $$select weir.alter_queue('q_all', reset => '{capacity}')$$,
    $$select weir.alter_queue('q_all', reset => array[null])$$,
    $$select weir.alter_queue('q_all', policy => '{"backoff": 1}')$$,
    $$select weir.drop_queue(null)$$,
    $$select weir.drop_queue('q_none')$$,
    $$select weir.drop_queue('adhoc')$$,
    $$select weir.drop_queue('daily')$$,
    $$select weir.drop_queue('backfill')$$
]) with ordinality as u(c, i) order by i;
\pset tuples_only off

-- Configuration is transactional.
begin;
select weir.create_queue('q_rolled_back');
select weir.alter_queue('q_all', capacity => 11);
select weir.drop_queue('q_null');
select name, capacity from q;
rollback;
select name, capacity from q;
begin read only;
select weir.create_queue('q_read_only');
rollback;

-- A queue with unfinished tasks is not dropped, and lowering its capacity
-- leaves what is in it.
select weir.pause('q_all', 'to fill it');
select weir.enqueue('select 1', queue => 'q_all') as a,
       weir.enqueue('select 2', queue => 'q_all') as b \gset
select weir.drop_queue('q_all');
\echo :SQLSTATE
select weir.alter_queue('q_all', capacity => 1);
select name, capacity, depth, paused from q where name = 'q_all';
select weir.enqueue('select 3', queue => 'q_all');
\echo :SQLSTATE
select weir.cancel_many(array[:a, :b]);
select weir.enqueue('select 3', queue => 'q_all') as a \gset
select weir.enqueue('select 4', queue => 'q_all');
\echo :SQLSTATE
select weir.cancel(:a);
select weir.drop_queue('q_all');
select weir.enqueue('select 1', queue => 'q_all');
\echo :SQLSTATE
-- A new queue of the same name is another queue, empty and not paused.
select weir.create_queue('q_all', capacity => 1);
select name, capacity, depth, paused from q where name = 'q_all';

-- Grants.
create role weir_queue_user login;
grant usage on schema weir to weir_queue_user;
set role weir_queue_user;
select weir.enqueue('select 1', queue => 'q_all');
\echo :SQLSTATE
reset role;
select weir.grant_queue('q_all', 'weir_queue_user');
set role weir_queue_user;
select weir.enqueue('select 1', queue => 'q_all') > 0 as enqueued;
reset role;
select weir.drain('q_all');
select weir.revoke_queue('q_all', 'weir_queue_user');
set role weir_queue_user;
select weir.enqueue('select 1', queue => 'q_all');
reset role;
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.grant_queue(null, 'public')$$,
    $$select weir.grant_queue('q_none', 'public')$$,
    $$select weir.grant_queue('q_all', null)$$,
    $$select weir.grant_queue('q_all', '')$$,
    $$select weir.grant_queue('q_all', 'weir_nobody')$$,
    $$select weir.grant_queue('q_all', 'public', 'none')$$,
    $$select weir.grant_queue('q_all', 'public', 'system')$$,
    $$select weir.revoke_queue(null, 'public')$$,
    $$select weir.revoke_queue('q_none', 'public')$$,
    $$select weir.revoke_queue('q_all', null)$$,
    -- what is not there can be taken back
    $$select weir.revoke_queue('q_all', 'weir_nobody')$$
]) with ordinality as u(c, i) order by i;
\pset tuples_only off
-- A role that is dropped takes nothing along that hurts.
select weir.grant_queue('q_all', 'weir_queue_user');
drop owned by weir_queue_user;
drop role weir_queue_user;
select weir.enqueue('select 1', queue => 'q_all') > 0 as enqueued;
select weir.drain('q_all');
select weir.revoke_queue('q_all', 'weir_queue_user');

select weir.drop_queue(name) from q;
select kind, detail from weir.events where queue = 'q_all' and detail is not null order by event_id;
select kind, queue, count(*) from weir.events where queue = 'q_all'
group by kind, queue order by kind collate "C";
