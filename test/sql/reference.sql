-- The examples of the reference, one for each public function.

\set VERBOSITY default
\pset format unaligned
set client_min_messages = warning;
create table fact (day date, amount numeric);

-- create_queue, alter_queue, grant_queue, revoke_queue, drop_queue
select weir.create_queue('nightly', class => 'daily', capacity => 1000, max_running => 4,
                         settings => '{"work_mem": "64MB"}',
                         policy => '{"max_attempts": 5, "backoff_base": 2}');
select weir.alter_queue('nightly', capacity => 2000, reset => '{settings}');
select weir.grant_queue('nightly', 'public', max_class => 'adhoc', min_priority => 0);
select weir.revoke_queue('nightly', 'public');
select name, class, capacity, depth, max_running, settings, policy from weir.queues where name = 'nightly';

-- set_class
select weir.set_class('backfill', max_share => 0.5, floor_share => 0.1, weight => 2);
select max_share, floor_share, weight from weir.classes where class = 'backfill';
select weir.set_class('backfill', reset => '{max_share, floor_share, weight}');

-- correct_changed
create trigger late after insert on fact referencing new table as changed for each statement execute function weir.correct_changed('no such job', 'day');
insert into fact values ('2026-01-01', 1);
drop trigger late on fact;

-- digest
select weir.digest(r) from (values (1, 'a'), (2, 'b')) r (i, t);

-- add_window, drop_window
select weir.add_window('by night', '22:00', '8 hours', class => 'backfill', days => '{mon,tue}', timezone => 'UTC',
                       at_end => 'cancel', cancel_after => '10 minutes', priority => 1, reason => 'quiet days');
select name, class, start_time, duration, days, at_end, reason from weir.windows;
select weir.drop_window('by night');

-- cap_table, acquire, try_acquire, uncap_table
select weir.cap_table('fact', slots => 2);
begin;
select weir.acquire('fact', wait => '5 seconds');
insert into fact values ('2026-01-01', 1);
commit;
begin;
select weir.try_acquire('fact');
commit;

-- cap_resource, set_breaker, grant_resource, revoke_resource, acquire_resource, try_acquire_resource, retry_after, uncap_resource
select weir.cap_resource('api', slots => 2, reserved => 0, rate => 1000, per => '1 second', burst => 10);
select weir.grant_resource('api', 'public');
select weir.revoke_resource('api', 'public');
begin;
select weir.acquire_resource('api', wait => '5 seconds');
select weir.try_acquire_resource('api');
commit;
select weir.enqueue($$do 'begin if not exists (select from weir.runs where task_id = weir.current_task()) then perform weir.retry_after($q$api$q$, $q$10 ms$q$); end if; end'$$,
                    resources => '{api}') as task_id \gset
select outcome, attempt from weir.wait(:task_id, '30 seconds');
select weir.cap_resource('breaks', breaker => '{}');
select weir.set_breaker('breaks', 'disabled', reason => 'not now');
select weir.uncap_resource('breaks');
select weir.uncap_resource('api');

-- enqueue, wait, result, current_task
select weir.enqueue('insert into fact values ($1, $2)', '["2026-01-02", 12.50]',
                    queue => 'nightly', tables => '{fact}', deadline => now() + interval '1 hour') as task_id \gset
select outcome, rows from weir.wait(:task_id, '30 seconds');
select weir.enqueue('select sum(amount) as total, weir.current_task() is not null as inside from fact') as task_id \gset
select outcome from weir.wait(:task_id, '30 seconds');
select weir.result(:task_id);

-- try_enqueue, enqueue_many, drain
select outcome from weir.try_enqueue('vacuum fact', mode => 'autocommit', tables => '{fact}');
select n, last_id - first_id as span from weir.enqueue_many('insert into fact values ($1, $2)',
    '[["2026-01-03", 1], ["2026-01-04", 2]]', queue => 'backfill', tables => '{fact}');
select weir.drain('backfill', timeout => '30 seconds'), weir.drain('adhoc', '30 seconds');
select count(*), sum(amount) from fact;

-- submit
select key, task_id > :task_id as submitted from weir.submit('[{"key": "a", "command": "select 1"}, {"command": "select 2", "after": ["a"]}]');
select weir.drain('adhoc', timeout => '1 minute');

-- fan_out, group_runs
select weir.fan_out('[{"key": "a", "command": "select 1 as n"}]', collector => '{"command": "select 2"}', within => '1 minute', on_deadline => 'fail') as task_id \gset
select outcome from weir.wait(:task_id, '30 seconds');
select key, outcome, result from weir.group_runs(:task_id);

-- progress
select weir.enqueue('select weir.progress(1, 2, ''half of it'')') as task_id \gset
select outcome from weir.wait(:task_id, '30 seconds');

-- checkpoint
select weir.enqueue($$do 'begin if weir.checkpoint() is null then perform weir.checkpoint(checkpoint => $q$1$q$), weir.snooze($q$0$q$); end if; end'$$) as task_id \gset
select attempt, outcome from weir.wait(:task_id, '30 seconds');

-- should_yield
select weir.enqueue('select weir.should_yield() as asked', queue => 'backfill') as task_id \gset
select result from weir.wait(:task_id);
select weir.should_yield();
-- snooze
select weir.enqueue($$do 'begin if not exists (select from weir.runs where task_id = weir.current_task()) then perform weir.snooze($q$10 ms$q$, reason => $q$too early$q$); end if; end'$$) as task_id \gset
select attempt, outcome from weir.wait(:task_id, '30 seconds');

-- pause, why_waiting, expedite, expedite_many, cancel, cancel_many, resume
select weir.pause('adhoc', 'moving the data');
select weir.enqueue('select 1') as a, weir.enqueue('select 2') as b, weir.enqueue('select 3') as c \gset
select * from weir.why_waiting(:a);
select weir.expedite(:a, priority => -10);
select weir.expedite_many(array[:b, :c], deadline => now() + interval '1 hour');
select weir.cancel(:a, reason => 'not needed');
select weir.cancel_many(array[:a, :b, :c]);
select weir.resume('adhoc');

-- retry, retry_many
select weir.enqueue('select 1 / $1::int', '[0]') as task_id \gset
select outcome, sqlstate, message from weir.wait(:task_id, '30 seconds');
select command, args, outcome, message from weir.dead_letters where task_id = :task_id;
select weir.retry(:task_id, reason => 'perhaps now');
select outcome from weir.wait(:task_id, '30 seconds');
select weir.retry_many(array[:task_id]);
select outcome from weir.wait(:task_id, '30 seconds');

-- set_health, unset_health
select weir.set_health('wal_rate', 100000000, resume_at => 50000000, classes => '{backfill}', reason => 'slow disk');
select weir.unset_health('wal_rate', reason => 'new disk');

-- limit_role, unlimit_role
create role weir_reference;
select weir.limit_role('weir_reference', max_queued => 100, max_running => 2, weight => 2);
select role, max_queued, max_running, weight from weir.role_limits;
select weir.unlimit_role('weir_reference'), weir.unlimit_role(name => 'weir_reference');
drop role weir_reference;

-- pause_all, resume_all, adopt
select weir.pause_all(reason => 'upgrade', running => 'finish');
select paused, paused_reason from weir.status;
select weir.resume_all();
select weir.adopt('keep');

-- create_job, alter_job, run_due, schedule, unschedule, acknowledge, why_late
select weir.create_job('daily_fact', 'insert into fact values ($1, 1)', every => '1 day', timezone => 'UTC', tables => '{fact}');
select weir.alter_job('daily_fact', catch_up => '3 days', reset => '{due}');
select * from weir.run_due('daily_fact');
\set VERBOSITY terse
select weir.schedule('daily_fact', '*/5 * * * *');
\set VERBOSITY default
select weir.unschedule('daily_fact');
select weir.acknowledge(event_id, note => 'known') from weir.late where job = 'daily_fact';
select * from weir.why_late('daily_fact');

-- preview_backfill, backfill, pause_backfill, resume_backfill, cancel_backfill, correct, waive, drop_job
select weir.pause('backfill');
select action, reason from weir.preview_backfill('daily_fact', '2024-05-01 UTC', '2024-05-03 UTC', 'newest_first', reprocess => 'stale');
select weir.backfill('daily_fact', from_time => '2024-05-01 UTC', to_time => '2024-05-03 UTC', max_running => 1) as backfill \gset
select weir.pause_backfill(:backfill, 'later');
select weir.resume_backfill(:backfill);
select count(*) from weir.correct('daily_fact', '2024-05-01 UTC', '2024-05-02 UTC', reason => 'late file');
select weir.cancel_backfill(:backfill, 'wrong range');
select weir.waive('daily_fact', '2024-05-02 UTC', '2024-05-03 UTC', 'closed');
select weir.resume('backfill');
select weir.drop_job('daily_fact') is not null as dropped;

-- check_inputs, compare_inputs, note_inputs, missing_inputs
select weir.create_job('seen_fact', 'select 1', every => '1 day', timezone => 'UTC', fingerprint => 'select $1, $2');
select weir.check_inputs('seen_fact', '2024-05-01 UTC', '2024-05-03 UTC') as task_id \gset
select outcome, weir.result(:task_id) from weir.wait(:task_id, '60 seconds');
select * from weir.compare_inputs('seen_fact', '2024-05-01 UTC', '2024-05-03 UTC', reprocess => false);
select weir.enqueue('select weir.note_inputs() as noted') as task_id \gset
select outcome, weir.result(:task_id) from weir.wait(:task_id, '60 seconds');
select * from weir.missing_inputs('seen_fact', '2024-05-01 UTC', '2024-05-03 UTC');
select weir.drop_job('seen_fact') is not null as dropped;

select weir.uncap_table('fact');
select weir.drop_queue('nightly');
drop table fact;

-- No public function is missing above.
create temp table seen (name text);
\set example `cat "${PG_ABS_SRCDIR:-test}/sql/reference.sql" 2>/dev/null`
insert into seen select distinct m[1] from regexp_matches(:'example', 'weir\.(\w+)\(', 'g') m;
select p.proname from pg_proc p
where p.pronamespace = 'weir'::regnamespace and p.proname !~ '^_'
and p.proname not in (select name from seen)
order by p.proname;
select count(*) > 0 as looked from seen;
