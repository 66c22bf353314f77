-- A limit for each lock that a command waits for.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;

select weir.create_queue('lt', max_running => 1, settings => '{"lock_timeout": "1h"}', policy => '{"backoff_base": 0.001, "retry_budget": false}');
-- the argument goes before the settings of queue and task
select weir.enqueue('select current_setting(''lock_timeout'') as t', queue => 'lt', lock_timeout => l, settings => s)
from (values (null::interval, null::jsonb), (null, '{"lock_timeout": "2h"}'), ('3 h', '{"lock_timeout": "2h"}'),
    ('1 ms', null), ('1 month', null)) v (l, s) \g /dev/null
select weir.drain('lt', '30s');
select max(task_id) as id from weir.tasks where queue = 'lt' \gset
select weir.result(t.task_id), t.lock_timeout from weir.tasks t where queue = 'lt' order by task_id;

-- What waits too long ends as timed_out, and is tried again; other locks that
-- were not to be had, and a limit of the run, are told from it.
create function lock_up() returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(4711);
exception when lock_not_available then
    raise;
end $$;
create function not_available() returns void language plpgsql as $$
begin
    raise lock_not_available using message = 'canceling statement due to lock timeout';
end $$;
select pg_advisory_lock(4711);
select weir.enqueue(command, queue => 'lt', max_attempts => 2, lock_timeout => lock, timeout => run) - :id as enqueued
from (values ('select pg_advisory_xact_lock(4711)', interval '10 ms', null::interval), ('select lock_up()', '10 ms', null),
    ('select pg_advisory_xact_lock(4711)', '1 h', '10 ms'), ('select not_available()', '10 ms', null)) v (command, lock, run);
select weir.drain('lt', '30s');
select pg_advisory_unlock(4711);
select task_id - :id as task, attempt, outcome, exceeded, sqlstate, message, charged, final
from weir.runs where task_id > :id order by task_id, attempt;
-- In mode autocommit each statement has it.
select weir.enqueue('select 1; select current_setting(''lock_timeout'') as t', queue => 'lt', mode => 'autocommit', lock_timeout => '5 s') as id \gset
select outcome, result from weir.wait(:id, '30s');
-- In a batch each member has its own.
select weir.alter_queue('lt', batch => 8);
select weir.pause('lt');
select weir.enqueue('select current_setting(''lock_timeout'') as t', queue => 'lt', lock_timeout => l) - :id as enqueued
from unnest('{1 s, 1 s, 2 s}'::interval[]) l;
select weir.resume('lt');
select weir.drain('lt', '30s');
select weir.result(task_id) from weir.tasks where task_id > :id order by task_id;

-- Refused.
select weir.enqueue('select 1', lock_timeout => '0');
\echo :SQLSTATE
select weir.enqueue('select 1', lock_timeout => '-1 s');
select weir.drop_queue('lt');
drop function lock_up, not_available;
