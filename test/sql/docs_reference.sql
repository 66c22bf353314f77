-- The examples of the documentation, taken out by test/lint/examples.pl --write.
\set home :DBNAME

-- page docs/reference/functions.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.enqueue('SELECT $1::int + $2::int AS sum', '[3, 4]') AS task \gset
SELECT outcome, rows, result FROM weir.wait(:task);
SELECT weir.enqueue('VACUUM');
SELECT weir.enqueue('SELECT $1::int', '[1, 2]');
BEGIN;
SELECT weir.enqueue('SELECT 1', serial_key => 'customer:7') AS first \gset
SELECT weir.enqueue('SELECT 2', serial_key => 'customer:7') AS second \gset
COMMIT;
SELECT outcome FROM weir.wait(:second);
SELECT f.finished_at <= s.started_at AS one_after_the_other
FROM weir.runs f, weir.runs s WHERE f.task_id = :first AND s.task_id = :second;
SELECT weir.enqueue('SELECT 1', run_at => 'tomorrow', unique_key => 'report:2024-05-01') AS task \gset
SELECT weir.enqueue('SELECT 1', unique_key => 'report:2024-05-01') = :task AS same;
SELECT outcome FROM weir.try_enqueue('SELECT 2', unique_key => 'report:2024-05-01', on_conflict => 'replace');
SELECT outcome, reason LIKE 'replaced by task %' AS says_why FROM weir.wait(:task);
SELECT weir.drain('adhoc', '1 minute');
SELECT weir.create_queue('small', capacity => 1);
SELECT weir.pause('small');
SELECT outcome FROM weir.try_enqueue('SELECT 1', queue => 'small');
SELECT task_id, outcome, extract(epoch FROM retry_after)::int AS seconds FROM weir.try_enqueue('SELECT 1', queue => 'small');
\set VERBOSITY terse
SELECT weir.enqueue('SELECT 1', queue => 'small');
\set VERBOSITY default
SELECT weir.resume('small');
SELECT weir.drain('small', '1 minute');
CREATE TABLE squares (n int, square int);
SELECT n FROM weir.enqueue_many('INSERT INTO squares VALUES ($1, $1::int * $1)', '[[1], [2], [3]]');
SELECT weir.drain('adhoc', '1 minute');
SELECT * FROM squares ORDER BY n;
CREATE TABLE steps (step text);
SELECT key, task_id IS NOT NULL AS submitted FROM weir.submit('[
    {"key": "sum", "command": "INSERT INTO steps VALUES ($1)", "args": ["sum"], "after": ["north", "south"]},
    {"key": "north", "command": "INSERT INTO steps VALUES ($1)", "args": ["north"]},
    {"key": "south", "command": "INSERT INTO steps VALUES ($1)", "args": ["south"], "after": ["north"]}]');
SELECT weir.drain('adhoc', '1 minute');
SELECT step FROM steps;
SELECT weir.fan_out('[{"key": "north", "command": "SELECT 10 AS n"},
                      {"key": "south", "command": "SELECT 20 AS n"},
                      {"key": "west", "command": "SELECT 30 AS n", "run_at": "2100-01-01"}]',
    collector => '{"command": "SELECT count(*) AS members, sum((result -> 0 ->> ''n'')::int) FROM weir.group_runs()"}',
    within => '1 second') AS collector \gset
SELECT result FROM weir.wait(:collector);
SELECT weir.enqueue('SELECT 1', run_at => now() + interval '1 day') AS task \gset
SELECT weir.cancel(:task, reason => 'not needed any more');
SELECT outcome, reason FROM weir.wait(:task);
SELECT weir.cancel(:task);
SELECT array_agg(weir.enqueue('SELECT 1', run_at => now() + interval '1 day')) AS tasks
FROM generate_series(1, 3) \gset
SELECT weir.cancel_many(:'tasks', reason => 'not needed any more');
CREATE TABLE divisor AS SELECT 0 AS n;
SELECT weir.enqueue('SELECT 10 / n AS ten FROM divisor') AS task \gset
SELECT outcome, sqlstate, message FROM weir.wait(:task);
UPDATE divisor SET n = 1;
SELECT weir.retry(:task, reason => 'divisor mended');
SELECT attempt, outcome, result FROM weir.wait(:task);
SELECT attempt, outcome, final FROM weir.runs WHERE task_id = :task ORDER BY attempt;
SELECT weir.retry_many(:'tasks');
SELECT weir.cancel_many(:'tasks');
SELECT weir.enqueue('SELECT 1', run_at => now() + interval '1 day') AS task \gset
SELECT weir.expedite(:task, priority => -60);
SELECT detail FROM weir.events WHERE task_id = :task AND kind = 'expedite';
SELECT weir.cancel(:task);
SELECT weir.expedite_many(:'tasks', priority => -60);
SELECT weir.enqueue('SELECT 1') AS task \gset
SELECT outcome, attempt, final FROM weir.wait(:task, timeout => '1 minute');
SELECT weir.enqueue('SELECT n, n * n AS square FROM generate_series(1, 2) n') AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT weir.result(:task);
SELECT weir.fan_out('[{"key": "good", "command": "SELECT 1 AS n"}, {"key": "bad", "command": "SELECT 1 / 0"}]',
    '{"command": "SELECT 1"}') AS collector \gset
SELECT outcome FROM weir.wait(:collector);
SELECT key, outcome, result, message FROM weir.group_runs(:collector);
SELECT weir.pause('adhoc', 'month end');
SELECT weir.enqueue('SELECT 1') AS task \gset
SELECT cause, detail FROM weir.why_waiting(:task) LIMIT 1;
SELECT weir.resume('adhoc');
SELECT outcome FROM weir.wait(:task);
SELECT weir.current_task() IS NULL AS outside;
SELECT weir.enqueue('SELECT weir.current_task() AS me') AS task \gset
SELECT (w.result -> 0 ->> 'me')::bigint = :task AS inside FROM weir.wait(:task) w;
SELECT weir.enqueue($$SELECT weir.progress(3, 10, 'third of ten')$$) AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT weir.progress(1);
SELECT weir.enqueue('SELECT weir.should_yield() AS asked', queue => 'backfill') AS task \gset
SELECT w.result -> 0 ->> 'asked' AS asked FROM weir.wait(:task) w;
CREATE TABLE loaded (i int);
CREATE PROCEDURE load_numbers(until int) LANGUAGE plpgsql AS $$
DECLARE
    i int := coalesce((weir.checkpoint() -> 'next')::int, 1);
BEGIN
    WHILE i <= until LOOP
        INSERT INTO loaded VALUES (i);
        i := i + 1;
        PERFORM weir.checkpoint(jsonb_build_object('next', i));
        COMMIT;
        -- an accident
        IF i = 3 AND NOT EXISTS (SELECT FROM weir.runs WHERE task_id = weir.current_task()) THEN
            RAISE EXCEPTION USING errcode = '58030', message = 'disk is away';
        END IF;
    END LOOP;
END $$;
SELECT weir.enqueue('CALL load_numbers(4)', mode => 'autocommit', max_attempts => 2,
                    policy => '{"backoff_base": 0}') AS task \gset
SELECT outcome, attempt FROM weir.wait(:task);
SELECT attempt, checkpoint FROM weir.checkpoints WHERE task_id = :task ORDER BY attempt, number;
CREATE FUNCTION load_file() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    -- the first time it is not there
    IF NOT EXISTS (SELECT FROM weir.runs WHERE task_id = weir.current_task()) THEN
        PERFORM weir.snooze('50 milliseconds', 'no file yet');
    END IF;
    RETURN 'loaded';
END $$;
SELECT weir.enqueue('SELECT load_file()', max_attempts => 1) AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT attempt, outcome, charged, reason FROM weir.runs WHERE task_id = :task ORDER BY attempt;
SELECT weir.cap_resource('api', slots => 10);
CREATE FUNCTION call_api() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    -- the first time it is told to wait
    IF NOT EXISTS (SELECT FROM weir.runs WHERE task_id = weir.current_task()) THEN
        PERFORM weir.retry_after('api', '50 milliseconds');
    END IF;
    RETURN 'answered';
END $$;
SELECT weir.enqueue('SELECT call_api()', resources => '{api}', max_attempts => 1) AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT attempt, outcome, charged, reason FROM weir.runs WHERE task_id = :task ORDER BY attempt;
SELECT weir.uncap_resource('api');
SELECT weir.create_queue('loads', capacity => 200, on_full => 'wait', max_running => 4,
                         settings => '{"work_mem": "64MB"}', policy => '{"max_attempts": 5}');
SELECT name, class, capacity, depth, on_full, max_running FROM weir.queues WHERE name = 'loads';
SELECT weir.create_queue('publish', capacity => 1);
SELECT weir.create_queue('fetch', policy => '{"feeds": "publish"}');
SELECT weir.pause('publish', 'to see it fill');
SELECT n FROM weir.enqueue_many(
    $$SELECT weir.enqueue('SELECT $1::text', jsonb_build_array($1::text), queue => 'publish')$$,
    '[["a"], ["b"]]', queue => 'fetch');
SELECT outcome FROM weir.wait((SELECT min(task_id) FROM weir.tasks WHERE queue = 'fetch'), '1 minute');
SELECT cause, holder, detail
FROM weir.why_waiting((SELECT max(task_id) FROM weir.tasks WHERE queue = 'fetch'));
SELECT weir.resume('publish');
SELECT weir.create_queue('refresh', capacity => 2, on_full => 'shed');
SELECT weir.pause('refresh', 'to see it overflow');
SELECT weir.enqueue('SELECT ''first''', queue => 'refresh') > 0 AS accepted;
SELECT weir.enqueue('SELECT ''second''', queue => 'refresh') > 0 AS accepted;
DO $$ BEGIN WHILE (SELECT blocked FROM weir.queues WHERE name = 'refresh') < 2 LOOP END LOOP; END $$;
SELECT weir.enqueue('SELECT ''third''', queue => 'refresh') > 0 AS accepted;
SELECT t.command, t.state, r.message
FROM weir.tasks t LEFT JOIN weir.runs r USING (task_id)
WHERE t.queue = 'refresh' ORDER BY t.task_id;
SELECT weir.resume('refresh');
SELECT weir.alter_queue('loads', capacity => 300, reset => '{max_running}');
SELECT capacity, max_running FROM weir.queues WHERE name = 'loads';
SELECT weir.drop_queue('loads');
SELECT weir.drop_queue('adhoc');
CREATE ROLE weir_docs_analyst LOGIN;
SELECT weir.create_queue('reports', class => 'adhoc');
SELECT weir.grant_queue('reports', 'weir_docs_analyst', max_class => 'daily', min_priority => -10);
SET ROLE weir_docs_analyst;
SELECT weir.enqueue('SELECT 1', queue => 'reports', class => 'daily') IS NOT NULL AS accepted;
SELECT weir.enqueue('SELECT 1', queue => 'reports', priority => -11);
RESET ROLE;
SELECT weir.revoke_queue('reports', 'weir_docs_analyst');
SET ROLE weir_docs_analyst;
SELECT weir.enqueue('SELECT 1', queue => 'reports');
RESET ROLE;
SELECT weir.drain('reports', '1 minute');
DROP ROLE weir_docs_analyst;
SELECT weir.set_class('daily', reserved => 1);
SELECT weir.set_class('backfill', max_share => 0.5, floor_share => 0.1);
SELECT class, reserved, max_share, floor_share, weight FROM weir.classes ORDER BY class;
SELECT weir.set_class('daily', reset => '{reserved}'), weir.set_class('backfill', reset => '{max_share, floor_share}');
SELECT weir.add_window('by night', '22:00', '8 hours', class => 'backfill',
                       days => '{mon,tue,wed,thu,fri}', timezone => 'Europe/Berlin');
SELECT weir.add_window('end of the year', '00:00', '1 day', kind => 'blackout',
                       dates => '{2026-12-31,2027-01-01}', timezone => 'UTC', at_end => 'cancel', cancel_after => '10 minutes');
SELECT name, kind, class, start_time, duration, days, dates, at_end FROM weir.windows ORDER BY name;
SELECT weir.drop_window('by night'), weir.drop_window('end of the year'), weir.drop_window('no such');
SELECT weir.set_health('replication_lag', 500000000, reason => 'reports read the standby');
SELECT weir.set_health('free_workers', 1, classes => '{adhoc,backfill}');
SELECT measure, bound, resume_at, classes FROM weir.health WHERE bound IS NOT NULL ORDER BY measure;
SELECT weir.unset_health('replication_lag'), weir.unset_health('free_workers'), weir.unset_health('wal_rate');
CREATE ROLE weir_docs_tenant;
SELECT weir.limit_role('weir_docs_tenant', max_queued => 1000, max_running => 4);
SELECT role, max_queued, max_running, weight FROM weir.role_limits;
SELECT weir.unlimit_role('weir_docs_tenant') AS first, weir.unlimit_role('weir_docs_tenant') AS second;
DROP ROLE weir_docs_tenant;
SELECT weir.pause('adhoc', reason => 'maintenance');
SELECT name, paused, paused_reason FROM weir.queues WHERE paused;
SELECT weir.resume('adhoc');
SELECT count(*) FROM weir.queues WHERE paused;
SELECT weir.drain('adhoc', timeout => '1 minute') AS empty;
SELECT weir.pause_all('upgrade of the storage', running => 'finish');
SELECT paused_reason FROM weir.status;
SELECT weir.resume_all();
SELECT weir.enqueue('SELECT 1') AS task \gset
SELECT outcome FROM weir.wait(:task);
CREATE TABLE fact (day date, amount numeric);
SELECT weir.cap_table('fact', slots => 2);
SELECT weir.try_acquire('fact');
SELECT kind, resource, slots, reserved, enforce FROM weir.resources;
SELECT weir.cap_table('fact', slots => 2, enforce => 'everyone');
BEGIN;
INSERT INTO fact VALUES ('2024-05-01', 100);
SELECT resource, slot, pid = pg_backend_pid() AS mine FROM weir.slots WHERE pid IS NOT NULL;
ROLLBACK;
SELECT weir.cap_table('fact', slots => 2, enforce => 'tasks');
CREATE TABLE other (n int);
SELECT weir.cap_table('other', 1);
SELECT weir.uncap_table('other') AS first, weir.uncap_table('other') AS second;
SELECT weir.cap_table('other', 1);
DROP TABLE other;
SELECT weir.uncap_table(name => 'public.other') AS gone;
BEGIN;
SELECT weir.acquire('fact', wait => '10 seconds');
INSERT INTO fact VALUES ('2024-05-01', 100);
SELECT resource, slot, pid = pg_backend_pid() AS mine FROM weir.slots WHERE pid IS NOT NULL;
COMMIT;
BEGIN;
SELECT weir.try_acquire('fact');
ROLLBACK;
SELECT weir.try_acquire('squares');
SELECT weir.cap_resource('api', slots => 10, rate => 100, per => '1 minute', burst => 5);
SELECT weir.cap_resource('tenant:*', slots => 2);
SELECT kind, resource, slots, rate, burst FROM weir.resources WHERE kind <> 'table' ORDER BY resource;
SELECT weir.cap_resource('flaky api', breaker => '{"failure_count_threshold": 5, "sliding_window_size": 10, "wait_duration_in_open_state": "30 seconds"}');
SELECT weir.set_breaker('flaky api', 'forced_open', 'maintenance until noon');
SELECT kind, reason, detail FROM weir.events WHERE kind = 'set_breaker';
SELECT weir.uncap_resource('flaky api');
SELECT weir.cap_resource('other', 1);
SELECT weir.uncap_resource('other') AS first, weir.uncap_resource('other') AS second;
CREATE ROLE weir_docs_caller LOGIN;
SELECT weir.grant_resource('tenant:*', 'weir_docs_caller');
SET ROLE weir_docs_caller;
SELECT weir.enqueue('SELECT 1', resources => '{tenant:7}') IS NOT NULL AS accepted;
SELECT weir.enqueue('SELECT 1', resources => '{api}');
RESET ROLE;
SELECT weir.revoke_resource('tenant:*', 'weir_docs_caller');
SELECT weir.drain('adhoc', '1 minute');
DROP ROLE weir_docs_caller;
BEGIN;
SELECT weir.acquire_resource('tenant:7', wait => '10 seconds');
SELECT resource, slot, pid = pg_backend_pid() AS mine FROM weir.slots WHERE resource = 'tenant:7';
COMMIT;
BEGIN;
SELECT weir.try_acquire_resource('api');
ROLLBACK;
SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';
CREATE TABLE raw_sales (sold_at timestamptz, amount numeric);
CREATE TABLE sales (day date PRIMARY KEY, amount numeric);
INSERT INTO raw_sales SELECT t, 10 FROM generate_series(timestamptz '2024-03-29 UTC', '2024-04-04 UTC', '1 hour') t;
SELECT weir.create_job('sales',
    'DELETE FROM sales WHERE day = $1;
     INSERT INTO sales SELECT (min(sold_at) AT TIME ZONE ''Europe/Berlin'')::date, sum(amount)
     FROM raw_sales WHERE sold_at >= $1 AND sold_at < $2 RETURNING amount',
    every => '1 day', timezone => 'Europe/Berlin', tables => '{sales}', inputs => '{raw_sales}', due => '6 hours');
SELECT weir.create_job('report', 'SELECT count(*) FROM sales WHERE day >= $1 AND day < $2', every => '1 week',
    timezone => 'Europe/Berlin', inputs => '{sales}');
SELECT weir.alter_job('report', catch_up => '30 days', misfire => 'skip', reset => '{due}');
SELECT weir.create_job('mistake', 'SELECT 1', every => '1 hour');
SELECT weir.drop_job('mistake', reason => 'not needed');
SELECT * FROM weir.run_due('sales');
\set VERBOSITY terse
SELECT weir.schedule('sales', '*/5 * * * *');
\set VERBOSITY default
SELECT weir.unschedule('sales');
SELECT weir.acknowledge(event_id, note => 'the supplier sends it at noon') FROM weir.late WHERE event_id IS NOT NULL;
SELECT * FROM weir.why_late('sales');
CREATE TABLE cost (day date, amount numeric);
SELECT weir.create_job('cost', 'INSERT INTO cost VALUES ($1, 1)', every => '1 day', timezone => 'Europe/Berlin',
    starts_at => '2024-04-01 00:00 Europe/Berlin', tables => '{cost}');
SELECT weir.create_job('margin', 'SELECT sum(amount) FROM cost WHERE day >= $1 AND day < $2', every => '1 week',
    timezone => 'Europe/Berlin', starts_at => '2024-04-01 00:00 Europe/Berlin', inputs => '{cost}');
SELECT input_job, exec, count(*) FROM weir.missing_inputs('margin',
    '2024-04-01 00:00 Europe/Berlin', '2024-04-08 00:00 Europe/Berlin') GROUP BY input_job, exec;
SELECT weir.drop_job('margin');
SELECT weir.drop_job('cost');
DROP TABLE cost;
SELECT interval_start AT TIME ZONE 'Europe/Berlin' AS day, interval_end - interval_start AS length, action, reason
FROM weir.preview_backfill('sales', '2024-03-30 00:00 Europe/Berlin', '2024-04-03 00:00 Europe/Berlin');
SELECT weir.backfill('sales', '2024-03-30 00:00 Europe/Berlin', '2024-04-03 00:00 Europe/Berlin', reason => 'new job') AS backfill \gset
CREATE PROCEDURE await(backfill bigint) LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        EXIT WHEN EXISTS (SELECT FROM weir.backfills b WHERE b.backfill_id = await.backfill AND b.state <> 'running');
        COMMIT;
    END LOOP;
END $$;
CALL await(:backfill);
SELECT day, amount FROM sales ORDER BY day;
SELECT job, state, intervals, done, failed, skipped, percent FROM weir.backfills WHERE backfill_id = :backfill;
SELECT weir.backfill('report', '2023-01-02 00:00 Europe/Berlin', '2024-01-01 00:00 Europe/Berlin', 'newest_first', max_running => 1) AS backfill \gset
SELECT weir.pause_backfill(:backfill, reason => 'month end');
SELECT state, state_reason FROM weir.backfills WHERE backfill_id = :backfill;
SELECT weir.resume_backfill(:backfill);
SELECT weir.cancel_backfill(:backfill, reason => 'wrong range') IS NOT NULL AS cancelled;
SELECT state, state_reason FROM weir.backfills WHERE backfill_id = :backfill;
INSERT INTO raw_sales VALUES ('2024-03-31 12:34 Europe/Berlin', 5);
SELECT interval_start AT TIME ZONE 'Europe/Berlin' AS day, version, task_id IS NOT NULL AS enqueued
FROM weir.correct('sales', '2024-03-31 00:00 Europe/Berlin', '2024-04-01 00:00 Europe/Berlin', reason => 'late till');
SELECT weir.drain('backfill', '1 minute');
SELECT version, cause, exec, currency, reason FROM weir.intervals
WHERE job = 'sales' AND interval_start = '2024-03-31 00:00 Europe/Berlin';
SELECT amount FROM sales WHERE day = '2024-03-31';
CREATE TABLE visits (seen_on date, n int);
SELECT weir.create_job('count visits', 'SELECT sum(n) FROM visits WHERE seen_on = $1', every => '1 day',
    timezone => 'UTC', starts_at => '2024-06-01 UTC', inputs => '{visits}', catch_up => '0');
SELECT weir.backfill('count visits', '2024-06-01 UTC', '2024-06-04 UTC') IS NOT NULL AS submitted;
SELECT weir.drain('backfill', '1 minute');
CREATE TRIGGER late AFTER INSERT ON visits REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION weir.correct_changed('count visits', 'seen_on');
INSERT INTO visits VALUES ('2024-06-02', 5), ('2024-06-02', 3);
SELECT interval_start AT TIME ZONE 'UTC' AS interval_start, version, cause, reason
FROM weir.intervals WHERE job = 'count visits' AND version IS NOT NULL ORDER BY 1;
SELECT weir.drain('backfill', '1 minute');
SELECT weir.drop_job('count visits');
CREATE TABLE raw_orders (ordered_on date, amount int, loaded_at timestamptz DEFAULT now());
INSERT INTO raw_orders SELECT d, 10 FROM generate_series(date '2024-06-01', '2024-06-03', '1 day') d;
SELECT weir.create_job('orders', 'SELECT sum(amount) FROM raw_orders WHERE ordered_on = $1', every => '1 day',
    timezone => 'UTC', starts_at => '2024-06-01 UTC', catch_up => '0',
    fingerprint => 'SELECT count(*), max(loaded_at) FROM raw_orders WHERE ordered_on >= $1 AND ordered_on < $2');
SELECT weir.backfill('orders', '2024-06-01 UTC', '2024-06-04 UTC') IS NOT NULL AS submitted;
SELECT weir.drain('backfill', '1 minute');
INSERT INTO raw_orders VALUES ('2024-06-02', 5);
SELECT weir.check_inputs('orders', '2024-06-01 UTC', '2024-06-04 UTC') AS task \gset
SELECT outcome, weir.result(:task) FROM weir.wait(:task, '1 minute');
SELECT weir.drain('backfill', '1 minute');
INSERT INTO raw_orders VALUES ('2024-06-03', 5);
SELECT interval_start AT TIME ZONE 'UTC' AS day, version, task_id
FROM weir.compare_inputs('orders', '2024-06-01 UTC', '2024-06-04 UTC', reprocess => false);
SELECT bool_and(command LIKE 'SELECT weir.note_inputs(); SELECT sum(amount)%') AS noting
FROM weir.tasks WHERE job = 'orders';
SELECT weir.drop_job('orders') >= 0 AS dropped;
SELECT weir.waive('sales', '2024-12-25 00:00 Europe/Berlin', '2024-12-27 00:00 Europe/Berlin', reason => 'closed');
SELECT weir.digest(r) FROM (VALUES (1, 'a'), (2, 'b')) r (i, t);
SELECT weir.digest(r) FROM (VALUES (2, 'b'), (1, 'a')) r (i, t);
SELECT weir.adopt('keep');
\connect :home
DROP DATABASE weir_docs;

-- page docs/reference/privileges.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE ROLE weir_docs_operator;
GRANT EXECUTE ON FUNCTION weir.pause_all, weir.resume_all TO weir_docs_operator;
DROP OWNED BY weir_docs_operator;
DROP ROLE weir_docs_operator;
\connect :home
DROP DATABASE weir_docs;

-- page docs/reference/retries.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.create_queue('api', policy => '{"max_attempts": 8, "backoff_base": 5, "backoff_cap": 600}');
SELECT weir.alter_queue('api', policy => '{"max_attempt": 8}');
SELECT weir.alter_queue('api', policy => '{"retry_budget": {"ratio": 0.2, "window": "5 minutes"}}');
SELECT weir.alter_queue('api', policy => '{"retry_budget": false}');
SELECT weir.alter_queue('api', policy => '{"retry_budget": {"window": "0 s"}}');
\connect :home
DROP DATABASE weir_docs;

-- page docs/reference/settings.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SHOW weir.max_wait;
SET weir.max_waits = '5s';
SET weir.enforce = off;
SHOW weir.enforce;
RESET weir.enforce;
\connect :home
DROP DATABASE weir_docs;

-- page docs/reference/views.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE fact (day date, amount numeric);
SELECT weir.cap_table('fact', 2, reserved => 1);
SELECT weir.enqueue('INSERT INTO fact VALUES ($1, $2)', '["2024-05-01", 100]', tables => '{fact}', reason => 'first load') AS good \gset
SELECT weir.enqueue('SELECT 1 / 0') AS failed \gset
SELECT weir.drain('adhoc', '1 minute');
SELECT preloaded, scheduler, adopted, paused, enabled, counted, out_of_processes FROM weir.status;
SELECT name, class, capacity, depth, on_full, weight FROM weir.queues ORDER BY queue_id;
SELECT count(*) AS limited FROM weir.role_limits;
SELECT class, reserved, floor_share, weight FROM weir.classes ORDER BY class;
SELECT weir.add_window('quiet', '06:00', '2 hours', class => 'backfill', relation => 'fact', kind => 'blackout', timezone => 'UTC');
SELECT name, kind, class, relation, start_time, duration, timezone, at_end FROM weir.windows;
SELECT weir.drop_window('quiet');
SELECT measure, value, bound, bad FROM weir.health WHERE bound IS NOT NULL;
SELECT queue, class, state, command, args, tables, attempts FROM weir.tasks ORDER BY task_id;
SELECT weir.enqueue('SELECT 1', run_at => now() + interval '1 day') AS later \gset
SELECT state, cause, detail, eta > now() AS in_future FROM weir.waiting;
SELECT weir.cancel(:later);
SELECT pg_advisory_lock(1);
SELECT weir.enqueue($$SELECT weir.progress(1, 4, 'first quarter'), pg_advisory_xact_lock(1)$$) AS running \gset
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM weir.running WHERE note IS NOT NULL) LOOP END LOOP; END $$;
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM weir.lock_waits) LOOP END LOOP; END $$;
SELECT queue, done, total, percent, note FROM weir.running;
SELECT task_id = :running AS the_task, locktype, root_blocker = pg_backend_pid() AS by_us, root_task_id FROM weir.lock_waits;
SELECT pg_advisory_unlock(1);
SELECT outcome FROM weir.wait(:running);
SELECT task_id, relation, blocker_tasks, outcome FROM weir.lock_wait_history WHERE waited > interval '10 minutes';
SELECT attempt, outcome, final, charged, rows, sqlstate, message FROM weir.runs WHERE task_id IN (:good, :failed) ORDER BY task_id;
SELECT queue, command, attempts, outcome, sqlstate, message, quarantined FROM weir.dead_letters;
SELECT weir.enqueue($$SELECT weir.checkpoint('{"page": 3}'); SELECT 1 / 0$$) AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT attempt, number, checkpoint FROM weir.checkpoints WHERE task_id = :task;
SELECT weir.fan_out('[{"command": "SELECT 1"}, {"command": "SELECT 2"}]', '{"command": "SELECT 3"}') AS collector \gset
SELECT outcome FROM weir.wait(:collector);
SELECT members, ended, deadline, on_deadline FROM weir.groups WHERE task_id = :collector;
SELECT count(*) > 0 AS some, bool_and(role = current_user) AS all_mine FROM weir.workers;
SELECT kind, resource, slots, reserved, waiting_sessions FROM weir.resources;
SELECT resource, state, calls, failures, half_open_at FROM weir.breakers;
SELECT kind, name, running, allowed, total FROM weir.ramps;
SELECT kind, name, ratio, budget_window, floor, retries_left, waiting FROM weir.retry_budgets WHERE kind = 'queue' ORDER BY name;
SELECT queue, sum(first_attempts) AS first_attempts, sum(retries) AS retries FROM weir.attempts GROUP BY queue ORDER BY queue;
SELECT kind, name, what, sum(times) AS times FROM weir.backpressure WHERE what = 'breaker open' GROUP BY kind, name, what;
BEGIN;
SELECT weir.acquire('fact');
SELECT resource, slot, pid = pg_backend_pid() AS mine, task_id, reserved FROM weir.slots ORDER BY slot;
COMMIT;
SELECT kind, relation, reason, detail -> 'slots' AS slots FROM weir.events WHERE kind = 'cap_table';
SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';
CREATE TABLE visits (day date, n int);
SELECT weir.create_job('visits', 'INSERT INTO visits VALUES ($1, 1)', every => '1 day', timezone => 'UTC', tables => '{visits}', due => '2 hours');
SELECT weir.backfill('visits', '2024-05-01 UTC', '2024-05-04 UTC', reason => 'for the views') AS backfill \gset
SELECT weir.drain('backfill', '1 minute');
SELECT count(*) FROM weir.correct('visits', '2024-05-02 UTC', '2024-05-03 UTC', 'counted twice', reprocess => false);
SELECT weir.waive('visits', '2024-05-04 UTC', '2024-05-05 UTC', 'no data');
SELECT name, every, timezone, queue, backfill_queue, tables, due, catch_up, misfire, schedule FROM weir.jobs;
SELECT interval_start::date AS day, version, exec, currency, done_version, cause, reason
FROM weir.intervals WHERE job = 'visits' ORDER BY interval_start;
DO $$ BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM weir.backfills WHERE state = 'running'); COMMIT; END LOOP; END $$;
SELECT job, cause, direction, state, intervals, done, failed, skipped, in_queue, percent FROM weir.backfills;
SELECT job, interval_start, late_by, exec, acknowledged_by FROM weir.late ORDER BY late_by DESC;
SELECT weir.pause('daily', reason => 'to look at a task that waits');
SELECT weir.enqueue('SELECT 1', queue => 'daily', deadline => now() + interval '1 hour',
                    policy => '{"estimate": 60}') AS task \gset
DO $$ BEGIN LOOP EXIT WHEN EXISTS (SELECT FROM weir.deadlines); COMMIT; END LOOP; END $$;
SELECT state, tier, missed, deadline - latest_start AS nine_of_ten FROM weir.deadlines WHERE task_id = :task;
SELECT weir.resume('daily');
SELECT job, count(*), sum(lost) AS lost FROM weir.preemptions
WHERE finished_at > now() - interval '1 day' GROUP BY job ORDER BY lost DESC;
SELECT preemptions, share FROM weir.preempted_work;
\connect :home
DROP DATABASE weir_docs;
