-- Controlling tasks: cancel, expedite, pause, pause_all, drain.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql

-- A task that waits until this session lets go of the lock.
create function held(what text) returns text language sql as $$
    select pg_advisory_xact_lock_shared(4711); select what
$$;
-- Until so many tasks of the queue are at the lock.
create procedure await(queue text, n int) language plpgsql as $$
begin
    while (select count(*) from weir.running r join pg_locks l using (pid)
           where r.queue = await.queue and l.locktype = 'advisory' and not l.granted) < n loop
        perform pg_stat_clear_snapshot();
        commit;
    end loop;
end $$;
select weir.create_queue('ctl');

-- Cancel a waiting task.
select weir.pause('ctl', 'for a look');
select weir.enqueue('select 1', queue => 'ctl') as id \gset
select paused, paused_reason from weir.queues where name = 'ctl';
select cause, detail from weir.why_waiting(:id);
select weir.cancel(:id, 'not needed');
select state, attempts from weir.tasks where task_id = :id;
select outcome, final, charged, worker_pid, started_at, actor = current_user as by_me, reason from weir.wait(:id);
select weir.cancel(:id);
select kind, task_id = :id as this, queue, reason, current_user_name = current_user as by_me
from weir.events where task_id = :id order by event_id;
select depth from weir.queues where name = 'ctl';

-- Cancel a running one.
select weir.resume('ctl');
select pg_advisory_lock(4711);
select weir.enqueue('select held($1)', '["a"]', 'ctl') as id \gset
call await('ctl', 1);
select state from weir.tasks where task_id = :id;
select * from weir.why_waiting(:id);
select weir.cancel(:id, 'enough');
select outcome, final, charged, worker_pid > 0 as worker, sqlstate, message, actor = current_user as by_me from weir.wait(:id, '30s');
select weir.cancel(:id);
select depth from weir.queues where name = 'ctl';
-- A task that catches the cancellation does not succeed all the same.
select weir.enqueue($c$do $$ begin
    perform held('b');
exception when query_canceled then null;
end $$$c$, queue => 'ctl') as id \gset
call await('ctl', 1);
select weir.cancel(:id);
select outcome, sqlstate from weir.wait(:id, '30s');
-- A cancel that is rolled back does not happen.
select weir.enqueue('select held($1)', '["c"]', 'ctl') as id \gset
call await('ctl', 1);
begin;
select weir.cancel(:id);
rollback;
select pg_advisory_unlock(4711);
select outcome, result from weir.wait(:id, '30s');
-- Finished, in whatever way: nothing to cancel.
select weir.cancel(:id);

-- Many at once, waiting, running and ended.
select pg_advisory_lock(4711);
select weir.create_queue('ctl_one', max_running => 1);
select first_id as f, last_id as l from weir.enqueue_many('select held($1)', '[["a"], ["b"], ["c"]]', 'ctl_one') \gset
call await('ctl_one', 1);
select weir.cancel_many(array[:f, :f + 1, :f + 1, :id]);
select outcome from weir.wait(:f, '30s');
select pg_advisory_unlock(4711);
select outcome from weir.wait(:f + 1, '30s');
select outcome from weir.wait(:f + 2, '30s');
select weir.cancel_many('{}');
\pset tuples_only on
select pg_temp.refused(c) from unnest(array[
    $$select weir.cancel(null::bigint)$$,
    $$select weir.cancel(0)$$,
    $$select weir.cancel(-1)$$,
    $$select weir.cancel(9223372036854775807)$$,
    $$select weir.cancel_many(null)$$,
    $$select weir.cancel_many(array[null]::bigint[])$$,
    $$select weir.cancel_many('{{999999998},{999999999}}')$$,
    $$select weir.expedite(null, 1)$$,
    $$select weir.expedite(1)$$,
    $$select weir.expedite(1, null, null)$$,
    $$select weir.expedite(999999999, 1)$$,
    $$select weir.expedite(1, 1000001)$$,
    $$select weir.expedite(1, -1000001)$$,
    $$select weir.expedite(1, deadline => 'infinity')$$,
    $$select weir.expedite_many(null, 1)$$,
    $$select weir.expedite_many(array[null]::bigint[], 1)$$,
    $$select weir.pause(null)$$,
    $$select weir.pause('')$$,
    $$select weir.pause('missing')$$,
    $$select weir.resume(null)$$,
    $$select weir.resume('missing')$$,
    $$select weir.drain(null)$$,
    $$select weir.drain('missing')$$,
    $$select weir.pause_all(running => 'kill')$$,
    $$select weir.pause_all(running => '')$$,
    $$select weir.adopt(null)$$,
    $$select weir.adopt('')$$,
    $$select weir.adopt('maybe')$$,
    $$select weir.adopt('keep')$$
]) with ordinality as u(c, i) order by i;
\pset tuples_only off

-- Expedite: what waits, not what has ended.
select weir.expedite(:id, 1);
select weir.pause('ctl');
select weir.enqueue('select 1', queue => 'ctl') as id \gset
select weir.expedite(:id, -3, '2099-01-01');
select weir.expedite_many(array[:id, :f], 4);
select kind, detail from weir.events where task_id = :id order by event_id;
select weir.cancel(:id);

-- Pause and resume act at commit, more than once does no harm.
select weir.resume('ctl');
select weir.resume('ctl');
begin;
select weir.pause('ctl', 'rolled back');
select paused, paused_reason from weir.queues where name = 'ctl';
rollback;
select paused, paused_reason from weir.queues where name = 'ctl';
select weir.pause('ctl');
select weir.pause('ctl', 'other reason');
select paused, paused_reason from weir.queues where name = 'ctl';
select weir.enqueue('select 1', queue => 'ctl') as id \gset
\set VERBOSITY sqlstate
select outcome from weir.wait(:id, '20 milliseconds');
\set VERBOSITY terse
select weir.resume('ctl');
select outcome from weir.wait(:id, '30s');
-- What runs when its queue is paused finishes.
select pg_advisory_lock(4711);
select weir.enqueue('select held($1)', '["d"]', 'ctl') as id \gset
call await('ctl', 1);
select weir.pause('ctl');
select pg_advisory_unlock(4711);
select outcome from weir.wait(:id, '30s');
select weir.resume('ctl');

-- pause_all: nothing starts, what runs finishes.
select pg_advisory_lock(4711);
select weir.enqueue('select held($1)', '["e"]', 'ctl') as a \gset
call await('ctl', 1);
select weir.pause_all('maintenance');
select paused, paused_reason from weir.status;
select weir.enqueue('select 1', queue => 'ctl') as b \gset
select cause, detail from weir.why_waiting(:b);
select pg_advisory_unlock(4711);
select outcome from weir.wait(:a, '30s');
\set VERBOSITY sqlstate
select outcome from weir.wait(:b, '20 milliseconds');
\set VERBOSITY terse
select weir.resume_all();
select paused, paused_reason from weir.status;
select outcome from weir.wait(:b, '30s');
-- ... or is cancelled.
select pg_advisory_lock(4711);
select weir.enqueue('select held($1)', '["f"]', 'ctl') as a \gset
call await('ctl', 1);
select weir.pause_all(running => 'cancel');
select outcome, actor = current_user as by_me from weir.wait(:a, '30s');
select pg_advisory_unlock(4711);
select weir.resume_all();
select weir.resume_all();
select kind, reason from weir.events where kind in ('pause_all', 'resume_all') order by event_id;

-- drain waits until a queue is empty.
select weir.drain('ctl');
select pg_advisory_lock(4711);
select weir.enqueue('select held($1)', '["g"]', 'ctl') as a \gset
select weir.drain('ctl', '20 milliseconds');
select weir.drain('ctl', '0');
select weir.drain('ctl', '-1 day');
set statement_timeout = '20ms';
select weir.drain('ctl');
set statement_timeout = '60s';
select pg_advisory_unlock(4711);
select weir.drain('ctl', '30s');
select outcome from weir.wait(:a);
-- Not for oneself, nor inside a task.
begin;
select weir.enqueue('select 1', queue => 'ctl') > 0;
select weir.drain('ctl', '1s');
\echo :SQLSTATE
rollback;
select weir.enqueue('select weir.drain(''ctl_one'')', queue => 'ctl') as a \gset
select outcome, sqlstate, message from weir.wait(:a, '30s');
select weir.drain('ctl', '30s');

-- Who waits for a task that waits for him is told: a lock of his, ...
set deadlock_timeout = '100ms';
\set VERBOSITY sqlstate
create table ctl_t (a int);
select pg_advisory_lock(4711);
select weir.enqueue('select held($1); insert into ctl_t values (1)', '["h"]', 'ctl') as a \gset
call await('ctl', 1);
begin;
lock table ctl_t in share mode;
select pg_advisory_unlock(4711);
select outcome from weir.wait(:a);
rollback;
select outcome from weir.wait(:a, '30s');
-- ... his snapshot.
select pg_advisory_lock(4711);
select weir.enqueue('select held(''i''); create index concurrently on ctl_t (a)', queue => 'ctl', mode => 'autocommit') as a \gset
call await('ctl', 1);
begin isolation level repeatable read;
select pg_advisory_unlock(4711);
select outcome from weir.wait(:a);
rollback;
select outcome from weir.wait(:a, '30s');
select weir.drain('ctl', '30s');
reset deadlock_timeout;
\set VERBOSITY terse
drop table ctl_t;

select weir.drop_queue('ctl'), weir.drop_queue('ctl_one');
drop procedure await;
drop function held;
