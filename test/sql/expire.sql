-- Tasks that do not start within their queue_timeout.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused_shortly.sql

select weir.create_queue('exp', capacity => 3);
select weir.pause('exp');

-- It ends without having started, also in a pause, and gives its place and
-- its key back.
select weir.enqueue('select 1', queue => 'exp', queue_timeout => '10 ms', unique_key => 'exp', tables => null) as id \gset
select outcome, final, charged, started_at, worker_pid, sqlstate, message, attempt, finished_at >= ready_at as ready
from weir.wait(:id, '30s');
select state, attempts, queue_timeout, expires_at from weir.tasks where task_id = :id;
select count(*) from weir.dead_letters where task_id = :id;
select depth from weir.queues where name = 'exp';
select count(*) from weir.unique_key where unique_key = 'exp';
select weir.cancel(:id);

-- The time counts from run_at.
select weir.enqueue('select 1', queue => 'exp', queue_timeout => '1 hour', run_at => '2100-01-01 00:00+00') as later \gset
set timezone = 'UTC';
set datestyle = 'ISO';
select queue_timeout, expires_at, state from weir.tasks where task_id = :later;
select cause, detail from weir.why_waiting(:later);
select expires_at from weir.waiting where task_id = :later;
select weir.cancel(:later);
select expires_at from weir.tasks where task_id = :later;
-- Of one whose run_at is long past, from when it was enqueued.
select weir.enqueue('select 1', queue => 'exp', queue_timeout => '1 month 1 day', run_at => '2001-01-01 00:00+00') as early \gset
select queue_timeout, expires_at = enqueued_at + interval '31 days' as since_enqueue from weir.tasks where task_id = :early;

-- One that starts in time is not touched by it.
select weir.resume('exp');
select outcome from weir.wait(:early, '30s');
select state, expires_at from weir.tasks where task_id = :early;
-- Nor is one that has begun, and waits for its next attempt.
select weir.enqueue($$do $x$ begin raise serialization_failure; end $x$ $$, queue => 'exp', queue_timeout => '1 day',
    policy => '{"max_contention": 0, "backoff_base": 1e9, "backoff_cap": 1e9}', max_attempts => 2) as begun \gset
do $$ begin
    while (select state <> 'retrying' from weir.tasks order by task_id desc limit 1) loop
        commit;
    end loop;
end $$;
select state, queue_timeout, expires_at from weir.tasks where task_id = :begun;
select weir.cancel(:begun);

-- Brought back, its time counts anew.
select weir.pause('exp');
begin;
select weir.retry(:begun);
select expires_at - retry_at as remaining from weir.tasks where task_id = :begun;
rollback;
select weir.enqueue('select 1', queue => 'exp', queue_timeout => '1 ms') as again \gset
select outcome from weir.wait(:again, '30s');
select weir.retry(:again);
select attempt, outcome from weir.wait(:again, '30s');
select outcome, final, attempt from weir.runs where task_id = :again order by attempt;

-- Many at once.
select weir.alter_queue('exp', capacity => 5000);
select n from weir.enqueue_many('select $1::int', (select jsonb_agg(jsonb_build_array(i)) from generate_series(1, 3000) i),
    queue => 'exp', queue_timeout => '50 ms');
select weir.drain('exp', '60s');
select outcome, count(*) from weir.runs r join weir.tasks t using (task_id)
where t.queue = 'exp' and t.queue_timeout = '50 ms' group by outcome;

-- Bad values.
\pset tuples_only on
select pg_temp.refused(format('select weir.enqueue(''select 1'', queue_timeout => %L)', v))
from unnest(array['0', '-1 s', '1 us', '0.9 ms', '10000 days 1 ms', '100000 years', '1 ms']) v;
select pg_temp.refused($$select weir.enqueue('select 1', queue_timeout => '10000 days', run_at => '294276-12-31')$$);
select pg_temp.refused($$select weir.enqueue('select 1', queue_timeout => '1 ms', run_at => '294276-12-31 23:59:59.9999')$$);

select weir.drop_queue('exp');
