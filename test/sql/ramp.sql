-- Recovery ramps: of a resource when its breaker closes, of everything after a pause; shown, told, and ended.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/await.sql
create temporary table began as select coalesce(max(event_id), 0) as at from weir.events;
create temporary view ramp_events as
    select queue, detail ->> 'resource' as resource, detail ->> 'state' as state, detail ->> 'tasks' as tasks, detail ? 'until' as until
    from weir.events where kind = 'ramp' and event_id > (select at from began) order by event_id;
create function wait_until_free() returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(1, 66);
end $$;

-- A breaker that closes begins a ramp of its own length, to as many tasks as there are slots.
select weir.create_queue('ramp', capacity => 1000);
select weir.cap_resource('back', slots => 3, breaker => '{"ramp_up": "20 hours"}');
select weir.set_breaker('back', 'forced_open', 'an outage');
call pg_temp.await($$select state = 'forced_open' from weir.breakers where resource = 'back'$$);
select pg_advisory_lock(1, 66);
select n from weir.enqueue_many('select wait_until_free()', (select jsonb_agg('[]'::jsonb) from generate_series(1, 20)), queue => 'ramp', resources => '{back}');
select weir.set_breaker('back', 'closed', 'it is over');
call pg_temp.await($$select running = 1 from weir.ramps where name = 'back'$$);
call pg_temp.await($$select not exists (select from weir.waiting where queue = 'ramp' and cause = 'inbox')$$);
select kind, name, ends_at - began_at as length, running, allowed, total, next_at between began_at and ends_at as in_time from weir.ramps;
select distinct cause, holder, detail, eta > now() as told_when from weir.waiting where queue = 'ramp';
select * from ramp_events;
select running, ready, blocked from weir.queues where name = 'ramp';

-- It goes on when the scheduler is another one.
select scheduler_pid as pid from weir.status \gset
select pg_terminate_backend(:pid);
call pg_temp.await(format($$select scheduler = 'running' and scheduler_pid <> %s from weir.status$$, :pid));
call pg_temp.await($$select running = 1 from weir.queues where name = 'ramp'$$);
select kind, name, running, allowed, total from weir.ramps;
select * from ramp_events;

-- No ramps at all.
alter system set weir.ramp_up = 0;
select pg_reload_conf();
call pg_temp.await($$select running = 3 from weir.queues where name = 'ramp'$$);
call pg_temp.await($$select count(*) = 2 from ramp_events$$);
select count(*) from weir.ramps;
select * from ramp_events;
select weir.set_breaker('back', 'forced_open');
call pg_temp.await($$select state = 'forced_open' from weir.breakers where resource = 'back'$$);
select weir.set_breaker('back', 'closed');
call pg_temp.await($$select state = 'closed' from weir.breakers where resource = 'back'$$);
select count(*) from weir.ramps;
alter system reset weir.ramp_up;
select pg_reload_conf();
select pg_advisory_unlock(1, 66);
select weir.drain('ramp', '30s') is not null as drained;

-- Everything: only if more tasks are ready than there are workers, and no longer than it was paused.
select weir.pause_all('too few');
call pg_temp.await($$select paused from weir.status$$);
select n from weir.enqueue_many('select 1', '[[],[],[]]', queue => 'ramp');
-- (the scheduler has to have seen that it is paused)
call pg_temp.await($$select ready + blocked = 3 from weir.queues where name = 'ramp'$$);
select weir.resume_all();
select weir.drain('ramp', '30s') is not null as drained;
select count(*) from ramp_events;
select weir.pause_all('enough');
call pg_temp.await($$select paused from weir.status$$);
select n from weir.enqueue_many('select 1', (select jsonb_agg('[]'::jsonb) from generate_series(1, 100)), queue => 'ramp');
call pg_temp.await($$select ready + blocked = 100 from weir.queues where name = 'ramp'$$);
select weir.resume_all();
select weir.drain('ramp', '30s') is not null as drained;
call pg_temp.await($$select count(*) = 4 from ramp_events$$);
select * from ramp_events;
select count(*) from weir.ramps;

-- A queue that is resumed, if it is to have a ramp; to its max_running.
select weir.alter_queue('ramp', max_running => 4, policy => '{"ramp_up": 70000}');
select weir.pause('ramp', 'an outage downstream');
call pg_temp.await($$select paused from weir.queues where name = 'ramp'$$);
select pg_advisory_lock(1, 66);
select n from weir.enqueue_many('select wait_until_free()', '[[],[],[],[],[],[]]', queue => 'ramp');
call pg_temp.await($$select ready + blocked = 6 from weir.queues where name = 'ramp'$$);
select weir.resume('ramp');
call pg_temp.await($$select running = 1 from weir.ramps$$);
call pg_temp.await($$select not exists (select from weir.waiting where queue = 'ramp' and cause = 'inbox')$$);
select kind, name, ends_at - began_at as length, allowed, total from weir.ramps;
select distinct cause, holder, detail, eta > now() as told_when from weir.waiting where queue = 'ramp';
select scheduler_pid as pid from weir.status \gset
select pg_terminate_backend(:pid);
call pg_temp.await(format($$select scheduler = 'running' and scheduler_pid <> %s from weir.status$$, :pid));
call pg_temp.await($$select running = 1 from weir.queues where name = 'ramp'$$);
select kind, name, running, allowed, total from weir.ramps;
select pg_advisory_unlock(1, 66);
select weir.drain('ramp', '30s') is not null as drained;

-- A job that catches up does the same.
select weir.create_queue('ramp2', capacity => 100, max_running => 3, policy => '{"ramp_up": 70000}');
select weir.create_job('catching', 'select wait_until_free()', every => '1 day', timezone => 'UTC', queue => 'ramp2',
                       starts_at => date_trunc('day', now(), 'UTC') - interval '5 days');
select pg_advisory_lock(1, 66);
select count(*) from weir.run_due('catching');
call pg_temp.await($$select running = 1 from weir.ramps where name = 'ramp2'$$);
select kind, name, running, allowed, total from weir.ramps where name = 'ramp2';
call pg_temp.await($$select running = 1 and ready + blocked = 4 from weir.queues where name = 'ramp2'$$);
select pg_advisory_unlock(1, 66);
select weir.drain('ramp2', '30s') is not null as drained;
select weir.drop_job('catching');
select * from ramp_events offset 4;

-- What is refused.
\i :here/sql/include/refused_shortly.sql
select pg_temp.refused(format($$select weir.cap_resource('x', breaker => '{"ramp_up": %s}')$$, v))
from unnest(array['5', '"2 days"', '"-1 s"', '"soon"', 'null']) v;
select pg_temp.refused($$select weir.enqueue('select 1', policy => '{"ramp_up": 5}')$$);
select pg_temp.refused($$select weir.alter_queue('ramp', policy => '{"ramp_up": "5 s"}')$$);
select weir.cap_resource('x', breaker => '{"ramp_up": "0 s"}');
select weir.uncap_resource('x');
select weir.uncap_resource('back');
select weir.drop_queue('ramp');
select weir.drop_queue('ramp2');
call pg_temp.await($$select count(*) = 0 from weir.ramps$$);
drop view ramp_events;
drop function wait_until_free();
