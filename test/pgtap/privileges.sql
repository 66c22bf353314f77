-- Who may do what, and who sees what.  Roles:
--   wt_owner   owns a queue, a table, and the tasks that are looked at
--   wt_other   an ordinary role without any grant
--   wt_member  a member of wt_owner
--   wt_monitor a member of pg_monitor
--   wt_nologin may not log in

CREATE ROLE wt_owner LOGIN;
CREATE ROLE wt_other LOGIN;
CREATE ROLE wt_member LOGIN IN ROLE wt_owner;
CREATE ROLE wt_monitor LOGIN IN ROLE pg_monitor;
CREATE ROLE wt_nologin;
GRANT EXECUTE ON FUNCTION weir.create_queue, weir.cap_resource TO wt_owner;
CREATE SCHEMA wt AUTHORIZATION wt_owner;
GRANT USAGE, CREATE ON SCHEMA wt TO PUBLIC;
SET client_min_messages = warning;

-- Tasks to look at: one that has ended, one dead letter, one that waits.
SET ROLE wt_owner;
CREATE TABLE wt.t (a int);
SELECT weir.create_queue('wt', class => 'backfill');
SELECT weir.cap_resource('wt api', 1), weir.cap_resource('wt:*', 1);
SELECT weir.enqueue('SELECT $1 AS secret', '["s3cret"]', 'wt', settings => '{"work_mem": "1MB"}', reason => 'hush') AS done \gset
SELECT weir.enqueue('DO $$ BEGIN RAISE ''s3cret'' USING DETAIL = ''s3cret'', HINT = ''s3cret''; END $$', queue => 'wt') AS dead \gset
SELECT outcome FROM weir.wait(:done, '30s');
SELECT outcome FROM weir.wait(:dead, '30s');
SELECT weir.pause('wt', 's3cret');
SELECT weir.enqueue('SELECT 1', queue => 'wt', unique_key => 's3cret') AS waiting \gset
-- A job to look at, with a backfill that waits.
SELECT weir.create_job('wt', 'SELECT $1::text, ''s3cret''', '1 day', starts_at => '2024-05-01 UTC', timezone => 'UTC',
    queue => 'wt', backfill_queue => 'wt', settings => '{"work_mem": "1MB"}');
SELECT weir.backfill('wt', '2024-05-01 UTC', '2024-05-03 UTC', reason => 'hush') AS backfill \gset
SELECT weir.waive('wt', '2024-05-03 UTC', '2024-05-04 UTC', 'hush');
RESET ROLE;

BEGIN;
SELECT no_plan();
GRANT USAGE ON SCHEMA wt TO wt_other;
SET LOCAL search_path = public, pg_catalog;
CREATE FUNCTION wt.denied(command text) RETURNS text LANGUAGE sql
    AS $$ SELECT throws_ok(command, '42501', NULL, 'denied: ' || regexp_replace(command, '\d+', 'N')) $$;
CREATE FUNCTION wt.allowed(command text) RETURNS text LANGUAGE sql
    AS $$ SELECT lives_ok(command, 'allowed: ' || regexp_replace(command, '\d+', 'N')) $$;
-- pgtap keeps its books in temporary tables of the session's user
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_temp TO PUBLIC;

---- An ordinary role.
SET LOCAL ROLE wt_other;
SELECT wt.denied(format('SELECT * FROM weir.%I', relname)) FROM pg_class
WHERE relnamespace = 'weir'::regnamespace AND relkind = 'r' ORDER BY relname;
SELECT wt.denied(format('INSERT INTO weir.%I DEFAULT VALUES', relname)) FROM pg_class
WHERE relnamespace = 'weir'::regnamespace AND relkind = 'r' ORDER BY relname;
SELECT wt.denied('SELECT nextval(''weir.queue_queue_id_seq'')');
SELECT wt.allowed(format('SELECT * FROM weir.%I', relname)) FROM pg_class
WHERE relnamespace = 'weir'::regnamespace AND relkind = 'v' ORDER BY relname;
SELECT wt.denied(c) FROM unnest(ARRAY[
    $$SELECT weir.create_queue('x')$$,
    $$SELECT weir.set_class('daily', reserved => 1)$$,
    $$SELECT weir.add_window('w', '22:00', '1 hour')$$,
    $$SELECT weir.drop_window('w')$$,
    $$SELECT weir.set_health('xmin_age', 5)$$,
    $$SELECT weir.unset_health('xmin_age')$$,
    $$SELECT weir.pause_all()$$,
    $$SELECT weir.resume_all()$$,
    $$SELECT weir.adopt('keep')$$,
    $$SELECT weir.alter_queue('wt', capacity => 1)$$,
    $$SELECT weir.alter_queue('adhoc', capacity => 1)$$,
    $$SELECT weir.drop_queue('wt')$$,
    $$SELECT weir.grant_queue('wt', 'wt_other')$$,
    $$SELECT weir.grant_queue('daily', 'wt_other')$$,
    $$SELECT weir.revoke_queue('adhoc', 'public')$$,
    $$SELECT weir.pause('wt')$$,
    $$SELECT weir.resume('wt')$$,
    $$SELECT weir.pause('adhoc')$$,
    $$SELECT weir.drain('wt', '0')$$,
    $$SELECT weir.enqueue('SELECT 1', queue => 'wt')$$,
    $$SELECT weir.enqueue('SELECT 1', queue => 'daily')$$,
    $$SELECT weir.enqueue('SELECT 1', class => 'daily')$$,
    $$SELECT weir.enqueue('SELECT 1', deadline => now())$$,
    $$SELECT weir.enqueue('SELECT 1', priority => -1)$$,
    $$SELECT weir.enqueue('SELECT 1', tables => '{wt.t}')$$,
    $$SELECT weir.try_enqueue('SELECT 1', queue => 'wt')$$,
    $$SELECT weir.enqueue_many('SELECT 1', '[[]]', queue => 'wt')$$,
    $$SELECT weir.enqueue('SELECT 1', unique_key => 's3cret', on_conflict => 'replace')$$,
    $$SELECT weir.enqueue('SELECT 1', after => (SELECT array_agg(task_id) FROM weir.tasks WHERE owner = 'wt_owner'))$$,
    $$SELECT weir.enqueue('SELECT 1', unique_key => 's3cret', on_conflict => 'join')$$,
    $$SELECT weir.cap_table('wt.t', 1)$$,
    $$SELECT weir.uncap_table('wt.t')$$,
    $$SELECT weir.acquire('wt.t')$$,
    $$SELECT weir.try_acquire('wt.t')$$,
    $$SELECT weir.cap_table('pg_class', 1)$$,
    $$SELECT weir.limit_role('wt_other', 1)$$,
    $$SELECT weir.unlimit_role('wt_other')$$,
    $$SELECT weir.cap_resource('x', 1)$$,
    $$SELECT weir.uncap_resource('wt api')$$,
    $$SELECT weir.grant_resource('wt api', 'wt_other')$$,
    $$SELECT weir.revoke_resource('wt api', 'wt_owner')$$,
    $$SELECT weir.acquire_resource('wt api')$$,
    $$SELECT weir.try_acquire_resource('wt:1')$$,
    $$SELECT weir.enqueue('SELECT 1', resources => '{wt api}')$$,
    $$SELECT weir.enqueue('SELECT 1', resources => '{wt:1}')$$,
    $$SELECT * FROM wt.t$$,
    -- what the task may not do is found when it is submitted, if it can be
    $$SELECT weir.enqueue('SELECT 1', settings => '{"log_statement": "all"}')$$,
    $$SET weir.max_result = 1$$
]) WITH ORDINALITY u(c, i) ORDER BY i;
SELECT wt.denied(format(c, i)) FROM unnest(ARRAY[
    'SELECT weir.cancel(%s)', 'SELECT weir.retry(%s)', 'SELECT weir.expedite(%s, 1)', 'SELECT weir.wait(%s)',
    'SELECT weir.result(%s)', 'SELECT * FROM weir.why_waiting(%s)', 'SELECT weir.cancel_many(ARRAY[%s]::bigint[])',
    'SELECT weir.retry_many(ARRAY[%s]::bigint[])', 'SELECT weir.expedite_many(ARRAY[%s]::bigint[], 1)'
]) c, unnest(ARRAY[:done, :dead, :waiting]) i;
SELECT wt.allowed(c) FROM unnest(ARRAY[
    $$SELECT weir.enqueue('SELECT 1')$$,
    $$SELECT weir.enqueue('SELECT 1', queue => 'backfill')$$,
    $$SELECT weir.enqueue('SELECT 1', class => 'backfill')$$,
    $$SELECT weir.enqueue('SELECT 1', priority => 10)$$,
    -- keys are the database's; of whose key it is only the id is told
    $$SELECT weir.enqueue('SELECT 1', unique_key => 's3cret')$$
]) WITH ORDINALITY u(c, i) ORDER BY i;
-- It sees that there are tasks, and nothing of what is in them.
SELECT is((SELECT row(queue, state, owner, command, args, settings, client_addr, reason)::text FROM weir.tasks WHERE task_id = :done),
    '(wt,succeeded,wt_owner,,,,,)', 'tasks hides command, args, settings, reason');
SELECT is((SELECT unique_key FROM weir.tasks WHERE task_id = :waiting), NULL, 'and the unique key');
SELECT is((SELECT row(outcome, sqlstate, message, detail, hint, context, result)::text FROM weir.runs WHERE task_id = :done),
    '(succeeded,,,,,,)', 'runs hides the result');
SELECT is((SELECT row(outcome, sqlstate, message, detail, hint, context, result)::text FROM weir.runs WHERE task_id = :dead),
    '(failed,P0001,,,,,)', 'runs hides message, detail, hint and context');
SELECT is((SELECT row(command, args, message, detail)::text FROM weir.dead_letters WHERE task_id = :dead),
    '(,,,)', 'dead_letters hides command and message');
SELECT is((SELECT row(reason, detail, client_addr)::text FROM weir.events WHERE queue = 'wt' AND kind = 'pause' ORDER BY event_id DESC LIMIT 1),
    '(,,)', 'events hides the reason');
-- The functions behind the views tell no more than the views.
SELECT is_empty($$SELECT FROM weir._show_workers() w WHERE w.note IS NOT NULL
    AND NOT weir._may_see(w.role, pg_get_userbyid(w.role)::text, now())$$, '_show_workers tells no note of others');
RESET ROLE;

---- Jobs: others neither act nor see; what runs, runs as the owner.
SET LOCAL ROLE wt_other;
SELECT wt.denied(replace(c, 'BF', :backfill::text)) FROM unnest(ARRAY[
    $$SELECT weir.alter_job('wt', priority => 1)$$,
    $$SELECT weir.drop_job('wt')$$,
    $$SELECT * FROM weir.run_due('wt')$$,
    $$SELECT weir.schedule('wt', '* * * * *')$$,
    $$SELECT weir.unschedule('wt')$$,
    $$SELECT * FROM weir.why_late('wt')$$,
    $$SELECT * FROM weir.missing_inputs('wt', '2024-05-01 UTC', '2024-05-03 UTC')$$,
    $$SELECT * FROM weir.preview_backfill('wt', '2024-05-01 UTC', '2024-05-03 UTC')$$,
    $$SELECT weir.backfill('wt', '2024-05-01 UTC', '2024-05-03 UTC')$$,
    $$SELECT weir.pause_backfill(BF)$$,
    $$SELECT weir.resume_backfill(BF)$$,
    $$SELECT weir.cancel_backfill(BF)$$,
    $$SELECT * FROM weir.correct('wt', '2024-05-01 UTC', '2024-05-03 UTC')$$,
    $$SELECT weir.waive('wt', '2024-05-01 UTC', '2024-05-03 UTC', 'x')$$,
    $$SELECT weir.acknowledge((SELECT max(event_id) FROM weir.events WHERE job = 'wt' AND kind = 'waived'))$$,
    $$SELECT weir.create_job('mine', 'SELECT 1', '1 day')$$,
    $$SELECT weir.create_job('mine', 'SELECT 1', '1 day', queue => 'adhoc', due => '1 hour')$$,
    $$SELECT weir.create_job('mine', 'SELECT 1', '1 day', queue => 'adhoc', backfill_queue => 'wt')$$,
    $$SELECT weir.create_job('mine', 'SELECT 1', '1 day', queue => 'adhoc', tables => '{wt.t}')$$,
    $$SELECT weir._as(10, 'public', 'UTC', 'SELECT 1', '{}')$$,
    -- the private functions are of no use to others
    $$SELECT weir._run_due(10, 'wt')$$,
    $$SELECT weir._drop_job(10, 'wt', NULL)$$,
    $$SELECT weir._feed(0, '1 s')$$,
    $$SELECT weir._wake_feeder()$$,
    $$SELECT weir._begin_ramp(1)$$,
    $$SELECT weir._ended(1)$$,
    $$SELECT weir._available(1, now())$$,
    $$SELECT weir._feed_blocked(now())$$,
    $$SELECT weir.__intervals(10, 1, NULL, NULL)$$
]) WITH ORDINALITY u(c, i) ORDER BY i;
SELECT is((SELECT row(name, owner, command, settings, search_path)::text FROM weir.jobs WHERE name = 'wt'),
    '(wt,wt_owner,,,)', 'jobs hides command, settings and search path');
SELECT is((SELECT string_agg(DISTINCT coalesce(reason, 'null'), ',') FROM weir.intervals WHERE job = 'wt'), 'null', 'intervals hides the reason');
SELECT is((SELECT row(state, intervals, reason)::text FROM weir.backfills WHERE backfill_id = :backfill), '(running,2,)', 'backfills, too');
SELECT is((SELECT string_agg(DISTINCT coalesce(reason, 'null'), ',') FROM weir.tasks WHERE job = 'wt'), 'null', 'tasks, too');
-- his own job, in a queue that is open to him
SELECT wt.allowed($$SELECT weir.create_job('mine', 'SELECT current_user', '1 day', timezone => 'UTC', queue => 'adhoc')$$);
SELECT wt.allowed($$SELECT weir.backfill('mine', '2024-05-01 UTC', '2024-05-02 UTC')$$);
RESET ROLE;
SELECT lives_ok($$SELECT weir.backfill('mine', '2024-05-02 UTC', '2024-05-03 UTC')$$, 'a superuser backfills it');
SELECT is((SELECT string_agg(DISTINCT owner, ',') FROM weir.tasks WHERE job = 'mine'), 'wt_other', 'and it runs as its owner');
-- An index function cannot make a job of its code.
SET LOCAL ROLE wt_other;
CREATE TABLE wt.job_trap (a int);
CREATE FUNCTION wt.job_trap(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_setting('wt.armed', true) = 'on' THEN PERFORM weir.run_due('mine'); END IF;
    RETURN a;
END $$;
INSERT INTO wt.job_trap VALUES (1);
CREATE INDEX job_trap_i ON wt.job_trap (wt.job_trap(a));
RESET ROLE;
SET LOCAL wt.armed = 'on';
SELECT throws_ok('REINDEX INDEX wt.job_trap_i', '42501', 'cannot use jobs within a security-restricted operation', 'jobs are not used in an index function of REINDEX');
SET LOCAL wt.armed = 'off';

---- A member of the owner acts for it; pg_monitor reads.
SET LOCAL ROLE wt_member;
SELECT is((SELECT command FROM weir.jobs WHERE name = 'wt'), 'SELECT $1::text, ''s3cret''', 'a member sees the job');
SELECT is((SELECT string_agg(DISTINCT reason, ',') FROM weir.intervals WHERE job = 'wt'), 'hush', 'and why its intervals are what they are');
SELECT wt.allowed(format('SELECT weir.pause_backfill(%s), weir.resume_backfill(%1$s)', :backfill));
SELECT wt.allowed($$SELECT weir.alter_job('wt', priority => 1)$$);
SELECT wt.allowed($$SELECT * FROM weir.why_late('wt')$$);
SELECT wt.allowed($$SELECT * FROM weir.correct('wt', '2024-05-01 UTC', '2024-05-03 UTC', 'x')$$);
SELECT is((SELECT row(command, args, reason)::text FROM weir.tasks WHERE task_id = :done),
    '("SELECT $1 AS secret","[""s3cret""]",hush)', 'a member sees the tasks');
SELECT is((SELECT message FROM weir.runs WHERE task_id = :dead), 's3cret', 'and the messages');
SELECT is(weir.result(:done)::text, '[{"secret": "s3cret"}]', 'and the result');
SELECT is((SELECT cause FROM weir.why_waiting(:waiting)), 'paused', 'and why a task waits');
SELECT is((SELECT outcome FROM weir.wait(:done)), 'succeeded', 'may wait');
SELECT is(weir.expedite(:waiting, 5), 1, 'may expedite, as owner of the queue');
SELECT is(weir.cancel(:waiting), 1, 'may cancel');
SELECT is(weir.retry(:waiting), 1, 'may retry');
SELECT wt.allowed($$SELECT weir.alter_queue('wt', capacity => 100)$$);
SELECT wt.allowed($$SELECT weir.enqueue('SELECT 1', queue => 'wt', priority => -5)$$);
SELECT wt.allowed($$SELECT weir.cap_table('wt.t', 1)$$);
RESET ROLE;
SET LOCAL ROLE wt_monitor;
SELECT is((SELECT row(command, args, reason)::text FROM weir.tasks WHERE task_id = :done),
    '("SELECT $1 AS secret","[""s3cret""]",hush)', 'pg_monitor sees the tasks');
SELECT is((SELECT message FROM weir.runs WHERE task_id = :dead), 's3cret', 'and the messages');
SELECT is((SELECT reason FROM weir.events WHERE queue = 'wt' AND kind = 'pause' ORDER BY event_id DESC LIMIT 1), 's3cret', 'and the reasons');
SELECT is(weir.result(:done)::text, '[{"secret": "s3cret"}]', 'and the result');
SELECT is((SELECT outcome FROM weir.wait(:done)), 'succeeded', 'may wait');
SELECT lives_ok(format('SELECT * FROM weir.why_waiting(%s)', :waiting), 'and ask why');
SELECT lives_ok($$SELECT * FROM weir.why_late('wt')$$, 'also of a job');
SELECT wt.denied($$SELECT * FROM weir.run_due('wt')$$);
SELECT wt.denied(format(c, :waiting)) FROM unnest(ARRAY[
    'SELECT weir.cancel(%s)', 'SELECT weir.expedite(%s, 1)', 'SELECT weir.retry(%s)']) c;
SELECT wt.denied($$SELECT weir.pause('wt')$$);
SELECT wt.denied($$SELECT weir.pause_all()$$);
RESET ROLE;
-- The owner of tasks does not expedite in a queue of somebody else.
SET LOCAL ROLE wt_other;
SELECT weir.enqueue('SELECT 1', run_at => 'tomorrow') AS own \gset
SELECT wt.denied(format('SELECT weir.expedite(%s, -1)', :own));
SELECT is(weir.cancel(:own), 1, 'but cancels them');
RESET ROLE;
-- To bring one back takes what it takes to enqueue it.
SELECT weir.revoke_queue('adhoc', 'public');
SET LOCAL ROLE wt_other;
SELECT wt.denied(format('SELECT weir.retry(%s)', :own));
RESET ROLE;
SELECT weir.grant_queue('adhoc', 'public', 'adhoc');
SET LOCAL ROLE wt_other;
SELECT is(weir.retry(:own), 1, 'what was granted again brings it back');
SELECT is(weir.cancel(:own), 1, 'and it is cancelled again');
RESET ROLE;

---- grant_queue: class, deadline, priority, each as far as granted.
CREATE FUNCTION wt.as_other(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL ROLE wt_other;
    EXECUTE command;
    RESET ROLE;
    RETURN 'ok';
EXCEPTION WHEN others THEN
    RETURN sqlstate;
END $$;
CREATE FUNCTION wt.enqueues(queue text) RETURNS TABLE (class text, deadline text, priority int, answer text) LANGUAGE sql AS $$
    SELECT c.n, d.x, p.y, wt.as_other(format('SELECT weir.enqueue(''SELECT 1'', queue => %L, class => %L, deadline => %s, priority => %s)', queue, c.n, d.x, p.y))
    FROM unnest(ARRAY['daily', 'adhoc', 'backfill']) WITH ORDINALITY c(n, o), (VALUES ('null'), ('now()')) d(x), (VALUES (-10), (0)) p(y)
    ORDER BY c.o, d.x DESC, p.y DESC
$$;
SELECT weir.create_queue('wg', class => 'adhoc');
SELECT weir.pause('wg');
SELECT bag_eq($$SELECT DISTINCT answer FROM wt.enqueues('wg')$$, $$VALUES ('42501')$$, 'without a grant: nothing');
SELECT weir.grant_queue('wg', 'wt_other');
SELECT bag_eq($$SELECT class, deadline, priority FROM wt.enqueues('wg') WHERE answer = 'ok'$$,
    $$VALUES ('adhoc', 'null', 0), ('backfill', 'null', 0)$$, 'a plain grant: the class of the queue and lower ones, priority 0');
SELECT weir.grant_queue('wg', 'wt_other', max_class => 'daily');
SELECT bag_eq($$SELECT class, deadline, priority FROM wt.enqueues('wg') WHERE answer = 'ok'$$,
    $$VALUES ('daily', 'null', 0), ('adhoc', 'null', 0), ('backfill', 'null', 0)$$, 'max_class raises the class');
SELECT weir.grant_queue('wg', 'wt_other', may_set_deadline => true);
SELECT bag_eq($$SELECT class, deadline, priority FROM wt.enqueues('wg') WHERE answer = 'ok'$$,
    $$VALUES ('adhoc', 'null', 0), ('adhoc', 'now()', 0), ('backfill', 'null', 0), ('backfill', 'now()', 0)$$, 'may_set_deadline');
SELECT weir.grant_queue('wg', 'wt_other', min_priority => -10);
SELECT bag_eq($$SELECT class, deadline, priority FROM wt.enqueues('wg') WHERE answer = 'ok'$$,
    $$VALUES ('adhoc', 'null', 0), ('adhoc', 'null', -10), ('backfill', 'null', 0), ('backfill', 'null', -10)$$, 'min_priority');
SELECT weir.grant_queue('wg', 'wt_other', min_priority => 1);
SELECT is_empty($$SELECT FROM wt.enqueues('wg') WHERE answer = 'ok'$$, 'a higher min_priority forbids zero');
SELECT is(wt.as_other($$SELECT weir.enqueue('SELECT 1', queue => 'wg', priority => 1)$$), 'ok', 'and allows itself');
SELECT weir.grant_queue('wg', 'wt_other', max_class => 'backfill');
SELECT bag_eq($$SELECT class, deadline, priority FROM wt.enqueues('wg') WHERE answer = 'ok'$$,
    $$VALUES ('adhoc', 'null', 0), ('backfill', 'null', 0)$$, 'a class below that of the queue does not take that away');
SELECT weir.revoke_queue('wg', 'wt_other');
SELECT is_empty($$SELECT FROM wt.enqueues('wg') WHERE answer = 'ok'$$, 'revoked');
-- By membership, and to everybody.
CREATE ROLE wt_group;
SELECT weir.grant_queue('wg', 'wt_group', may_set_deadline => true);
SELECT is_empty($$SELECT FROM wt.enqueues('wg') WHERE answer = 'ok'$$, 'granted to a group');
GRANT wt_group TO wt_other;
SELECT is((SELECT count(*) FROM wt.enqueues('wg') WHERE answer = 'ok'), 4::bigint, 'reaches its members');
SELECT weir.revoke_queue('wg', 'wt_group');
SELECT weir.grant_queue('wg', 'public');
SELECT is((SELECT count(*) FROM wt.enqueues('wg') WHERE answer = 'ok'), 2::bigint, 'public is everybody');
-- Two grants do not add up: one of them must allow the whole request.
SELECT weir.grant_queue('wg', 'public', min_priority => -10);
SELECT weir.grant_queue('wg', 'wt_group', may_set_deadline => true);
SELECT is(wt.as_other($$SELECT weir.enqueue('SELECT 1', queue => 'wg', deadline => now(), priority => -10)$$), '42501', 'two grants do not add up');

---- tables, cap_table, acquire: a privilege to write, ownership.
SELECT weir.cap_table('wt.t', 1);
SELECT is(wt.as_other($$SELECT weir.enqueue('SELECT 1', tables => '{wt.t}')$$), '42501', 'tables takes a privilege');
GRANT SELECT, REFERENCES, TRIGGER ON wt.t TO wt_other;
SELECT is(wt.as_other($$SELECT weir.enqueue('SELECT 1', tables => '{wt.t}')$$), '42501', 'to read is not enough');
SELECT is(wt.as_other($$SELECT weir.try_acquire('wt.t')$$), '42501', 'for a slot neither');
CREATE FUNCTION wt.with_privilege(privilege text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('GRANT %s ON wt.t TO wt_other', privilege);
    answer := wt.as_other('SELECT weir.enqueue(''SELECT 1'', tables => ARRAY[''wt.t''::regclass])');
    -- (the cap is not committed, so there is none yet; the privilege is asked for first)
    answer := answer || wt.as_other('SELECT weir.try_acquire(''wt.t'')');
    EXECUTE format('REVOKE %s ON wt.t FROM wt_other', privilege);
    RETURN answer;
END $$;
SELECT is(wt.with_privilege(p), 'ok55000', p || ' is') FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p;
GRANT ALL ON wt.t TO wt_other;
SELECT is(wt.as_other($$SELECT weir.cap_table('wt.t', 2)$$), '42501', 'cap_table takes ownership');
SELECT is(wt.as_other($$SELECT weir.uncap_table('wt.t')$$), '42501', 'uncap_table, too');

---- Named resources: the owner, and who was granted their use.
GRANT EXECUTE ON FUNCTION weir.cap_resource TO wt_other;
SELECT is(wt.as_other($$SELECT weir.cap_resource('wt api', 2)$$), '42501', 'what belongs to another role cannot be changed');
SELECT is(wt.as_other($$SELECT weir.cap_resource('wt own', 2), weir.try_acquire_resource('wt own')$$), 'ok', 'who defines a resource owns it');
SELECT weir.grant_resource('wt api', 'wt_other'), weir.grant_resource('wt:*', 'public');
SELECT is(wt.as_other($$SELECT weir.enqueue('SELECT 1', resources => '{wt api,wt:1}')$$), 'ok', 'who was granted it may use it, or all of a template');
SELECT is(wt.as_other($$SELECT weir.try_acquire_resource('wt api')$$), 'ok', 'in a session too');
SELECT is(wt.as_other($$SELECT weir.uncap_resource('wt api')$$), '42501', 'and change nothing');
SELECT weir.revoke_resource('wt api', 'wt_other'), weir.revoke_resource('wt:*', 'public');
SELECT is(wt.as_other($$SELECT weir.enqueue('SELECT 1', resources => '{wt api}')$$), '42501', 'until it is revoked');
SELECT is(wt.as_other($$SELECT weir.enqueue('SELECT 1', resources => '{wt:1}')$$), '42501', 'which for a template is for all');
SET LOCAL ROLE wt_member;
SELECT wt.allowed($$SELECT weir.enqueue('SELECT 1', queue => 'wt', resources => '{wt api}')$$);
SELECT wt.allowed($$SELECT weir.grant_resource('wt api', 'wt_member')$$);
RESET ROLE;

---- Tasks run as whoever submits them: GetUserId().
SELECT throws_ok($$SET LOCAL ROLE wt_nologin; SELECT weir.enqueue('SELECT 1')$$, '28000', NULL, 'a role that cannot log in is refused');
RESET ROLE;
SET LOCAL ROLE wt_owner;
CREATE FUNCTION wt.submit() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT weir.enqueue('SELECT current_user AS u', queue => 'wt') $$;
RESET ROLE;
SET LOCAL ROLE wt_other;
SELECT wt.submit() AS definer \gset
RESET ROLE;
SELECT is((SELECT owner FROM weir.tasks WHERE task_id = :definer), 'wt_owner', 'a SECURITY DEFINER function submits as its owner');
-- An index function cannot defer code out of the sandbox.
SET LOCAL ROLE wt_other;
CREATE TABLE wt.trap (a int);
CREATE FUNCTION wt.trap(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_setting('wt.armed', true) = 'on' THEN PERFORM weir.enqueue('SELECT 1'); END IF;
    RETURN a;
END $$;
INSERT INTO wt.trap VALUES (1);
CREATE INDEX trap_i ON wt.trap (wt.trap(a));
RESET ROLE;
SET LOCAL wt.armed = 'on';
SELECT throws_ok('REINDEX INDEX wt.trap_i', '42501', 'cannot enqueue a task within a security-restricted operation', 'not in an index function of REINDEX');
SELECT throws_ok('ANALYZE wt.trap', '42501', 'cannot enqueue a task within a security-restricted operation', 'nor of ANALYZE');
SELECT throws_ok('CREATE MATERIALIZED VIEW wt.mv AS SELECT wt.trap(a) FROM wt.trap', '42501',
    'cannot enqueue a task within a security-restricted operation', 'nor in a materialized view');
SET LOCAL wt.armed = 'off';

---- Objects that a role plants do not change what the functions of weir do.
SET LOCAL ROLE wt_other;
CREATE FUNCTION wt.planted() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted function was called'; END $$;
CREATE FUNCTION wt.eq(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT wt.planted()';
CREATE FUNCTION wt.eq_text(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT wt.planted()';
CREATE FUNCTION wt.eq_int(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT wt.planted()';
CREATE FUNCTION wt.cat(text, text) RETURNS text LANGUAGE sql AS 'SELECT wt.planted()::text';
CREATE OPERATOR wt.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = wt.eq);
CREATE OPERATOR wt.= (LEFTARG = text, RIGHTARG = text, FUNCTION = wt.eq_text);
CREATE OPERATOR wt.= (LEFTARG = int, RIGHTARG = int, FUNCTION = wt.eq_int);
CREATE OPERATOR wt.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = wt.cat);
CREATE FUNCTION wt.format(text, VARIADIC bigint[]) RETURNS text LANGUAGE sql AS 'SELECT wt.planted()::text';
CREATE FUNCTION wt.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT CASE WHEN wt.planted() THEN now() END';
CREATE FUNCTION wt.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT wt.planted()::text';
CREATE FUNCTION wt.pg_has_role(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE TABLE wt.pg_roles (oid oid, rolname name);
CREATE TABLE wt.queue (queue_id int, name text);
CREATE TABLE pg_temp.pg_roles (oid oid, rolname name);
INSERT INTO pg_temp.pg_roles SELECT oid, rolname FROM pg_catalog.pg_roles;
CREATE TABLE pg_temp.pg_database (oid oid, datname name);
-- (not the path of the tests themselves: pgtap would fall for it)
CREATE FUNCTION wt.attacked(command text) RETURNS text LANGUAGE plpgsql SET search_path = wt, pg_temp, pg_catalog AS $$
BEGIN
    EXECUTE command;
    RETURN 'ok';
EXCEPTION WHEN others THEN
    RETURN sqlerrm;
END $$;
SELECT is(wt.attacked('SELECT 1::bigint = 1::bigint'), 'planted function was called', 'what is planted is found first');
SELECT is(wt.attacked(format('SELECT * FROM weir.%I', relname)), 'ok', relname || ' is not misled')
FROM pg_class WHERE relnamespace = 'weir'::regnamespace AND relkind = 'v' ORDER BY relname;
SELECT weir.enqueue('SELECT 1 AS x', run_at => 'tomorrow') AS own \gset
SELECT is(wt.attacked(format(c, :own)), 'ok', regexp_replace(c, '%s', 'N')) FROM unnest(ARRAY[
    $$SELECT weir.enqueue('SELECT 1', run_at => 'tomorrow')$$,
    $$SELECT weir.try_enqueue('SELECT 1', run_at => 'tomorrow')$$,
    $$SELECT weir.try_enqueue('SELECT 1', run_at => 'tomorrow', unique_key => 'k') FROM generate_series(1, 2)$$,
    $$SELECT weir.enqueue_many('SELECT $1::int', '[[1], [2]]', 'backfill', run_at => 'tomorrow')$$,
    $$SELECT * FROM weir.why_waiting(%s)$$,
    $$SELECT weir.try_enqueue('SELECT 2', run_at => 'tomorrow', unique_key => 'k', on_conflict => 'replace')$$,
    $$SELECT weir.cancel(%s)$$,
    $$SELECT weir.retry(%s)$$,
    $$SELECT weir.result(%s)$$
]) WITH ORDINALITY u(c, i) ORDER BY i;
-- (its own table of roles says that it is everybody)
SELECT is(wt.attacked(format('SELECT weir.result(%s)', :done)), format('must be owner of task %s', :done), 'result still asks who is asking');
SELECT is(wt.attacked(format('SELECT * FROM weir.why_waiting(%s)', :waiting)), format('must be owner of task %s', :waiting), 'why_waiting, too');
SELECT is(wt.attacked(format('SELECT 1 / (SELECT count(command) FROM weir.tasks WHERE task_id OPERATOR(pg_catalog.=) %s)', :done)),
    'division by zero', 'and nothing is seen');
RESET ROLE;
-- The same with a superuser who has such a path.
SELECT is(wt.attacked(c), 'ok', c) FROM unnest(ARRAY[
    $$SELECT weir.create_queue('planted'), weir.alter_queue('planted', capacity => 5, reset => '{policy}')$$,
    $$SELECT weir.grant_queue('planted', 'public'), weir.revoke_queue('planted', 'public')$$,
    $$SELECT weir.pause('planted'), weir.resume('planted'), weir.drop_queue('planted')$$,
    $$SELECT weir.cap_table('wt.t', 2), weir.uncap_table('wt.t')$$,
    $$SELECT weir.pause_all(), weir.resume_all()$$,
    $$SELECT * FROM weir.waiting$$
]) WITH ORDINALITY u(c, i) ORDER BY i;

SELECT * FROM finish();
ROLLBACK;

SELECT weir.drop_job('wt');
SELECT weir.resume('wt');
SELECT weir.drain('wt', '30s');
SELECT weir.drop_queue('wt');
DROP SCHEMA wt CASCADE;
SELECT weir.uncap_resource(r) FROM unnest(ARRAY['wt api', 'wt:*']) r;
REVOKE ALL ON FUNCTION weir.create_queue, weir.cap_resource FROM wt_owner;
DROP ROLE wt_member, wt_owner, wt_other, wt_monitor, wt_nologin;
