-- The examples of the documentation, taken out by test/lint/examples.pl --write.
\set home :DBNAME

-- page docs/how-to/back-up-and-restore.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT generation_id, low, high, state FROM weir.generation ORDER BY low;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/cap-a-shared-table.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE fact (day date, amount numeric);
SELECT weir.cap_table('fact', slots => 4, reserved => 1);
SELECT weir.enqueue($$INSERT INTO fact VALUES ('2024-05-01', 100)$$, tables => '{fact}') AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT weir.cap_table('fact', slots => 4, reserved => 1, enforce => 'observe');
SELECT resource, would_wait FROM weir.resources;
SELECT weir.cap_table('fact', slots => 4, reserved => 1, enforce => 'everyone');
CREATE ROLE loader;
ALTER ROLE loader SET weir.max_wait = '30min';
DROP ROLE loader;
SELECT weir.cap_table('fact', slots => 4, reserved => 1, row_locks => true);
CREATE ROLE billing;
SELECT weir.cap_table('fact', slots => 4, reserved => 1, exempt => '{billing}');
SELECT weir.cap_table('fact', slots => 4, reserved => 1, enforce => 'tasks', exempt => '{}', row_locks => false);
DROP ROLE billing;
BEGIN;
SELECT weir.acquire('fact', wait => '5 minutes');
INSERT INTO fact VALUES ('2024-05-02', 200);
COMMIT;
SELECT weir.cap_table('fact', slots => 1);
SELECT pg_advisory_lock(1);
SELECT weir.enqueue('SELECT pg_advisory_xact_lock(1)', tables => '{fact}') AS holder \gset
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM weir.slots WHERE task_id IS NOT NULL) LOOP END LOOP; END $$;
\set VERBOSITY terse
BEGIN;
CREATE TEMPORARY TABLE staged (day date);
SELECT weir.acquire('fact', wait => '5 minutes');
ROLLBACK;
\set VERBOSITY default
SELECT pg_advisory_unlock(1);
SELECT outcome FROM weir.wait(:holder);
SELECT weir.cap_table('fact', slots => 4, reserved => 1);
BEGIN;
SELECT weir.try_acquire('fact');
ROLLBACK;
SELECT resource, slot, pid, task_id, reserved FROM weir.slots ORDER BY slot;
SELECT resource, slots, used, waiting_sessions FROM weir.resources;
SELECT weir.cap_table('fact', slots => 2);
SELECT weir.uncap_table('fact');
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/chain-tasks.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE raw (n int);
CREATE TABLE total (sum bigint);
BEGIN;
SELECT weir.enqueue('INSERT INTO raw SELECT generate_series(1, 10)') AS load_1 \gset
SELECT weir.enqueue('INSERT INTO raw SELECT generate_series(11, 20)') AS load_2 \gset
SELECT weir.enqueue('INSERT INTO total SELECT sum(n) FROM raw', after => ARRAY[:load_1, :load_2]) AS sum \gset
COMMIT;
SELECT outcome FROM weir.wait(:sum);
SELECT sum FROM total;
SELECT key, task_id > :sum AS submitted FROM weir.submit('[
    {"key": "clean", "command": "TRUNCATE total"},
    {"key": "fill", "command": "INSERT INTO total SELECT sum(n) FROM raw", "after": ["clean"]},
    {"key": "look", "command": "SELECT sum FROM total", "after": ["fill"]}]');
SELECT weir.drain('adhoc', '1 minute');
SELECT weir.result(max(task_id)) FROM weir.tasks;
CREATE TABLE divisor AS SELECT 0 AS n;
SELECT weir.enqueue('SELECT 10 / n AS ten FROM divisor') AS parent \gset
SELECT weir.enqueue('SELECT 1', after => ARRAY[:parent]) AS next \gset
SELECT weir.enqueue('SELECT 1', after => ARRAY[:parent], on_parent_failure => 'wait') AS patient \gset
SELECT weir.enqueue('SELECT 1', after => ARRAY[:parent], on_parent_failure => 'run') AS report \gset
SELECT outcome FROM weir.wait(:report);
SELECT outcome, actor = 'task ' || :parent AS names_it, reason FROM weir.wait(:next);
SELECT state FROM weir.tasks WHERE task_id = :patient;
UPDATE divisor SET n = 1;
SELECT weir.retry(:parent);
SELECT outcome FROM weir.wait(:patient);
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/come-back-after-an-outage.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
ALTER SYSTEM SET weir.ramp_up = '1 min';
SELECT pg_reload_conf();
SELECT weir.cap_resource('ledger service', slots => 8, breaker => '{"wait_duration_in_open_state": "30 seconds", "ramp_up": "5 minutes"}');
SELECT weir.alter_queue('daily', policy => '{"ramp_up": 120}');
SELECT kind, name, running, allowed, total, next_at FROM weir.ramps;
SELECT cause, count(*) FROM weir.waiting GROUP BY cause;
ALTER SYSTEM SET weir.ramp_up = 0;
SELECT pg_reload_conf();
ALTER SYSTEM RESET weir.ramp_up;
SELECT pg_reload_conf();
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/copy-production-to-staging.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.enqueue('SELECT 1', run_at => now() + interval '1 day') AS task \gset
CREATE DATABASE weir_docs_copy TEMPLATE weir_docs;
\connect weir_docs_copy
DO $$ BEGIN WHILE (SELECT scheduler FROM weir.status) <> 'not_adopted' LOOP END LOOP; END $$;
SELECT scheduler, adopted FROM weir.status;
SELECT weir.enqueue('SELECT 1');
SELECT weir.adopt('cancel') AS cancelled;
SELECT weir.enqueue('SELECT 1') AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT scheduler, adopted FROM weir.status;
\connect weir_docs
DROP DATABASE weir_docs_copy;
SELECT weir.unschedule(name) FROM weir.jobs WHERE schedule IS NOT NULL;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/daily-runs-and-backfills.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE call (at timestamptz, minutes int);
CREATE TABLE usage (day date PRIMARY KEY, calls bigint, minutes bigint);
INSERT INTO call SELECT t, 3 FROM generate_series(timestamptz '2024-03-20 UTC', '2024-04-10 UTC', '10 minutes') t;
SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';
SELECT weir.create_job('usage',
    'DELETE FROM usage WHERE day = $1;
     INSERT INTO usage
     SELECT (min(at) AT TIME ZONE ''Europe/Berlin'')::date, count(*), sum(minutes)
     FROM call WHERE at >= $1 AND at < $2 HAVING count(*) > 0
     RETURNING calls, minutes',
    every => '1 day', timezone => 'Europe/Berlin',
    tables => '{usage}', inputs => '{call}', due => '6 hours');
SELECT weir.cap_table('usage', slots => 2, reserved => 1);
SELECT * FROM weir.run_due('usage');
CREATE TABLE bill (day date PRIMARY KEY, amount numeric);
SELECT weir.create_job('bill',
    'DELETE FROM bill WHERE day = $1; INSERT INTO bill SELECT day, 0.1 * minutes FROM usage WHERE day = $1 RETURNING amount',
    every => '1 day', timezone => 'Europe/Berlin', tables => '{bill}', inputs => '{usage}');
SELECT action, reason, count(*) FROM weir.preview_backfill('usage',
    '2024-03-25 00:00 Europe/Berlin', '2024-04-08 00:00 Europe/Berlin') GROUP BY action, reason;
SELECT weir.backfill('usage', '2024-03-25 00:00 Europe/Berlin', '2024-04-08 00:00 Europe/Berlin',
    direction => 'newest_first', max_running => 2) AS backfill \gset
DO $$ BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM weir.backfills WHERE state = 'running'); COMMIT; END LOOP; END $$;
SELECT state, intervals, done, percent FROM weir.backfills WHERE backfill_id = :backfill;
SELECT day, calls, minutes FROM usage WHERE day IN ('2024-03-30', '2024-03-31') ORDER BY day;
SELECT weir.set_health('replication_lag', 1000000000, reason => 'reports read the standby');
SELECT weir.set_health('xmin_age', 50000000);
SELECT weir.set_health('active_sessions', 40, 30);
SELECT measure, bound, resume_at FROM weir.health WHERE bound IS NOT NULL ORDER BY measure;
SELECT weir.unset_health(m) FROM unnest('{replication_lag,xmin_age,active_sessions}'::text[]) m;
BEGIN;
INSERT INTO call SELECT timestamptz '2024-03-30 12:00 Europe/Berlin', 60;
SELECT version, task_id IS NOT NULL AS enqueued FROM weir.correct('usage',
    '2024-03-30 00:00 Europe/Berlin', '2024-03-31 00:00 Europe/Berlin', reason => 'till 7 came late');
COMMIT;
DO $$ BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM weir.backfills WHERE state = 'running'); COMMIT; END LOOP; END $$;
SELECT version, exec, currency, cause, reason FROM weir.intervals
WHERE job = 'usage' AND interval_start = '2024-03-30 00:00 Europe/Berlin';
SELECT calls, minutes FROM usage WHERE day = '2024-03-30';
SELECT weir.alter_job('usage', recheck => '3 days',
    fingerprint => 'SELECT count(*), sum(minutes) FROM call WHERE at >= $1 AND at < $2');
SELECT interval_start, exec, currency, timeliness FROM weir.intervals
WHERE job = 'usage' AND (exec NOT IN ('done', 'waived') OR currency <> 'current' OR timeliness NOT IN ('on_time'));
SELECT * FROM weir.why_late('usage');
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/enqueue-once.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.create_queue('refresh');
SELECT weir.pause('refresh');
SELECT outcome FROM weir.try_enqueue('ANALYZE', queue => 'refresh', unique_key => 'refresh:stats');
SELECT outcome FROM weir.try_enqueue('ANALYZE', queue => 'refresh', unique_key => 'refresh:stats');
SELECT outcome FROM weir.try_enqueue('SELECT 1', queue => 'refresh', unique_key => 'refresh:stats', on_conflict => 'replace');
SELECT n FROM weir.enqueue_many('SELECT $1::date', '[["2024-05-01"], ["2024-05-02"]]', queue => 'refresh', unique_key => 'load:$1');
SELECT n FROM weir.enqueue_many('SELECT $1::date', '[["2024-05-02"], ["2024-05-03"]]', queue => 'refresh', unique_key => 'load:$1');
SELECT unique_key FROM weir.tasks WHERE unique_key LIKE 'load:%' ORDER BY 1;
SELECT weir.enqueue('SELECT 42 AS answer', unique_key => 'report', unique_for => '1 hour', on_conflict => 'join') AS report \gset
SELECT outcome FROM weir.wait(:report);
SELECT outcome, weir.result(task_id) FROM weir.try_enqueue('SELECT 42 AS answer', unique_key => 'report', unique_for => '1 hour', on_conflict => 'join');
SELECT weir.resume('refresh');
SELECT weir.drain('refresh', '1 minute');
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/fan-out-and-collect.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE answer (shard text, n int);
CREATE FUNCTION ask(shard text) RETURNS int LANGUAGE sql AS $$ SELECT length(shard) $$;
SELECT weir.fan_out(
    tasks => (SELECT jsonb_agg(jsonb_build_object('key', s, 'command', 'SELECT ask($1) AS n', 'args', jsonb_build_array(s)))
              FROM unnest('{north,south,far west}'::text[]) s),
    collector => '{"command": "INSERT INTO answer SELECT key, (result -> 0 ->> ''n'')::int FROM weir.group_runs()"}') AS collector \gset
SELECT outcome FROM weir.wait(:collector);
SELECT * FROM answer ORDER BY shard;
SELECT weir.fan_out('[{"key": "late", "command": "SELECT pg_sleep(100)"},
                      {"key": "in time", "command": "SELECT ask(''east'') AS n"}]',
    collector => '{"command": "SELECT key, outcome FROM weir.group_runs()"}',
    within => '1 second') AS collector \gset
SELECT e.* FROM weir.wait(:collector) w, jsonb_to_recordset(w.result) AS e (key text, outcome text);
SELECT weir.fan_out('[{"command": "SELECT pg_sleep(100)"}]', '{"command": "SELECT 1"}') AS collector \gset
SELECT weir.cancel(:collector, 'not needed any more');
SELECT outcome FROM weir.wait(:collector);
SELECT outcome, reason FROM weir.group_runs(:collector) JOIN weir.runs USING (task_id, outcome);
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/find-out-why-a-task-waits.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.create_queue('loads', max_running => 1);
SELECT weir.pause('loads', 'storage is being moved');
SELECT weir.enqueue('SELECT 1', queue => 'loads', run_at => now() + interval '1 hour') AS task \gset
SELECT cause, detail FROM weir.why_waiting(:task);
SELECT queue, cause, count(*) AS n, bool_and(eta > now()) AS eta_known
FROM weir.waiting GROUP BY queue, cause ORDER BY n DESC;
SELECT weir.cancel(:task);
SELECT weir.resume('loads');
CREATE TABLE fact (day date);
SELECT pg_advisory_lock(1);
SELECT weir.enqueue('SELECT pg_advisory_xact_lock(1); INSERT INTO fact VALUES (''2024-05-01'')') AS task \gset
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM weir.lock_waits) LOOP END LOOP; END $$;
BEGIN;
LOCK TABLE fact IN SHARE MODE;
SELECT pg_advisory_unlock(1);
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM weir.lock_waits WHERE relation = 'fact'::regclass) LOOP END LOOP; END $$;
SELECT task_id = :task AS the_task, mode, relation, root_blocker = pg_backend_pid() AS by_us, root_state
FROM weir.lock_waits;
COMMIT;
SELECT outcome FROM weir.wait(:task);
SELECT s.resource, s.slot, s.task_id, s.pid, a.usename, a.state, a.query
FROM weir.slots s JOIN pg_stat_activity a USING (pid)
ORDER BY s.resource, s.slot;
SELECT scheduler, adopted, paused, paused_reason, enabled, counted, out_of_processes FROM weir.status;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/give-roles-access-to-queues.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE ROLE weir_docs_team;
CREATE ROLE weir_docs_ann LOGIN IN ROLE weir_docs_team;
SELECT weir.create_queue('team', capacity => 500, max_running => 2);
SELECT weir.grant_queue('team', 'weir_docs_team');
SET ROLE weir_docs_ann;
SELECT weir.enqueue('SELECT current_user', queue => 'team') AS task \gset
SELECT outcome, result FROM weir.wait(:task);
RESET ROLE;
SET ROLE weir_docs_team;
SELECT weir.enqueue('SELECT 1', queue => 'team');
RESET ROLE;
SELECT weir.grant_queue('team', 'weir_docs_ann', max_class => 'daily',
                        may_set_deadline => true, min_priority => -60);
SET ROLE weir_docs_ann;
SELECT weir.enqueue('SELECT 1', queue => 'team', class => 'daily', priority => -60,
                    deadline => now() + interval '1 hour') AS task \gset
SELECT outcome FROM weir.wait(:task);
RESET ROLE;
SELECT weir.revoke_queue('team', 'weir_docs_team');
SELECT weir.revoke_queue('adhoc', 'public');
CREATE ROLE weir_docs_operator;
GRANT EXECUTE ON FUNCTION weir.create_queue, weir.pause_all, weir.resume_all TO weir_docs_operator;
GRANT pg_monitor TO weir_docs_operator;
SELECT kind, queue, detail FROM weir.events
WHERE kind IN ('grant_queue', 'revoke_queue') ORDER BY event_id;
DROP OWNED BY weir_docs_operator, weir_docs_team, weir_docs_ann;
DROP ROLE weir_docs_operator, weir_docs_ann, weir_docs_team;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/give-up-waiting.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.create_queue('pages');
SELECT weir.pause('pages');
SELECT weir.enqueue('SELECT 1', queue => 'pages', queue_timeout => '20 ms') AS task \gset
SELECT outcome, started_at, message FROM weir.wait(:task);
SELECT weir.enqueue('SELECT 1', queue => 'pages', run_at => '2100-01-01 00:00+00', queue_timeout => '1 hour') AS task \gset
SELECT state, extract(epoch FROM expires_at - run_at)::int AS may_wait FROM weir.tasks WHERE task_id = :task;
SELECT queue, count(*) FROM weir.runs WHERE outcome = 'expired' GROUP BY queue;
SELECT weir.cancel(:task);
SELECT weir.resume('pages');
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/handle-dead-letters.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE target (n int PRIMARY KEY);
INSERT INTO target VALUES (1), (2);
SELECT n FROM weir.enqueue_many('INSERT INTO target VALUES ($1)', '[[1], [2], [3]]');
SELECT weir.drain('adhoc', '1 minute');
SELECT queue, sqlstate, count(*) AS n, min(message) AS for_example
FROM weir.dead_letters GROUP BY queue, sqlstate;
SELECT attempt, outcome, charged, sqlstate, detail FROM weir.runs WHERE task_id = 1;
DELETE FROM target WHERE n = 1;
SELECT weir.retry_many(array_agg(task_id), reason => 'old row deleted') AS brought_back
FROM weir.dead_letters WHERE args = '[1]';
SELECT weir.drain('adhoc', '1 minute');
SELECT args FROM weir.dead_letters;
SELECT task_id, command FROM weir.dead_letters WHERE quarantined;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/keep-in-order.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE account (id int, balance int);
INSERT INTO account VALUES (1, 0), (2, 0);
BEGIN;
SELECT weir.enqueue('UPDATE account SET balance = 100 WHERE id = $1::int', '[1]', serial_key => 'account:$1') AS first \gset
SELECT weir.enqueue('UPDATE account SET balance = balance / 2 WHERE id = $1::int', '[1]', serial_key => 'account:$1') AS second \gset
SELECT weir.enqueue('UPDATE account SET balance = 7 WHERE id = $1::int', '[2]', serial_key => 'account:$1') AS other \gset
COMMIT;
SELECT outcome FROM weir.wait(:second);
SELECT outcome FROM weir.wait(:other);
SELECT * FROM account ORDER BY id;
SELECT n FROM weir.enqueue_many('UPDATE account SET balance = balance + $2::int WHERE id = $1::int', '[[1, 10], [2, 20], [1, 30]]', serial_key => 'account:$1');
BEGIN;
SELECT weir.enqueue('SELECT 1', serial_key => 'account:3', after => ARRAY[weir.enqueue('SELECT 1', run_at => 'tomorrow', reason => 'parent')]) AS first \gset
SELECT weir.enqueue('SELECT 1', serial_key => 'account:3') AS second \gset
COMMIT;
SELECT cause, holder = 'task ' || :first AS holder_is_first, detail FROM weir.why_waiting(:second);
SELECT weir.cancel(task_id) FROM weir.tasks WHERE reason = 'parent';
SELECT outcome FROM weir.wait(:second);
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/keep-work-out-of-hours.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.add_window('backfills by night', '20:00', '10 hours', class => 'backfill',
                       timezone => 'Europe/Berlin', at_end => 'yield');
SELECT weir.add_window('backup', '03:00', '45 minutes', kind => 'blackout', timezone => 'Europe/Berlin');
SELECT name, kind, class, start_time, duration FROM weir.windows ORDER BY name;
SELECT weir.add_window('office hours', '08:00', '10 hours', class => 'backfill', kind => 'blackout',
                       days => '{mon,tue,wed,thu,fri}', timezone => 'Europe/Berlin');
SELECT weir.add_window('bank holidays', '06:00', '14 hours', class => 'backfill', priority => -1,
                       dates => '{2026-12-25,2027-01-01}', timezone => 'Europe/Berlin');
CREATE TABLE claims (day date, amount numeric);
SELECT weir.add_window('claims in the morning', '05:00', '2 hours', class => 'backfill', relation => 'claims',
                       kind => 'blackout', timezone => 'Europe/Berlin');
SELECT weir.drop_window(name, reason => 'month end') FROM weir.windows WHERE name = 'office hours';
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/limit-a-tenant.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE ROLE tenant_a LOGIN;
CREATE ROLE tenant_b LOGIN;
SELECT weir.create_queue('work', capacity => 10000);
SELECT weir.grant_queue('work', 'public');
SELECT weir.limit_role('tenant_a', max_queued => 2, max_running => 4);
SELECT weir.limit_role('tenant_b', max_queued => 2000, max_running => 4, weight => 3);
CREATE FUNCTION counted() RETURNS boolean LANGUAGE sql AS $$ SELECT count(unfinished) = 2 FROM weir.role_limits $$;
DO $$ BEGIN WHILE NOT counted() LOOP COMMIT; END LOOP; END $$;
SELECT weir.pause('work');
SET ROLE tenant_a;
SELECT outcome FROM weir.try_enqueue('SELECT 1', queue => 'work');
SELECT outcome FROM weir.try_enqueue('SELECT 2', queue => 'work');
SELECT outcome FROM weir.try_enqueue('SELECT 3', queue => 'work');
RESET ROLE;
SELECT role, unfinished, max_queued, refused FROM weir.role_limits ORDER BY role;
SELECT weir.resume('work');
SELECT weir.drain('work', '30s');
SELECT weir.unlimit_role('tenant_a'), weir.unlimit_role('tenant_b');
SELECT weir.drop_queue('work');
DROP ROLE tenant_a;
DROP ROLE tenant_b;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/monitor.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.drain('adhoc', '1 minute');
DO $$ BEGIN WHILE (SELECT scheduler FROM weir.status) <> 'running' LOOP END LOOP; END $$;
SELECT scheduler = 'running' AS running, paused, enabled, out_of_processes FROM weir.status;
SELECT name, depth, capacity, round(100.0 * depth / capacity, 1) AS percent,
       ready, delayed, blocked, running, waiting_producers, refused, waited
FROM weir.queues ORDER BY queue_id;
SELECT queue, outcome, sqlstate, count(*)
FROM weir.runs WHERE finished_at > now() - interval '1 hour'
GROUP BY queue, outcome, sqlstate ORDER BY count(*) DESC;
SELECT count(*) AS dead_letters, count(*) FILTER (WHERE quarantined) AS quarantined FROM weir.dead_letters;
SELECT queue, class, count(*), min(deadline) AS first
FROM weir.tasks
WHERE state IN ('ready', 'running', 'retrying', 'scheduled') AND deadline < now()
GROUP BY queue, class;
SELECT job, interval_start, late_by, exec, acknowledged_by FROM weir.late;
SELECT job, state, state_reason, percent, failed, eta FROM weir.backfills WHERE state IN ('running', 'paused');
SELECT resource, slots, used, waiting_sessions, waited, let_through, refused, next_start, paused_until
FROM weir.resources WHERE kind <> 'template';
SELECT task_id, relation, waited, root_blocker, root_task_id, root_state, waiting_behind
FROM weir.lock_waits WHERE waited > interval '10 seconds' ORDER BY waiting_behind DESC;
SELECT relation, root_role, root_task_id IS NULL AS session, outcome, count(*), sum(waited) AS waited
FROM weir.lock_wait_history WHERE until > now() - interval '1 day'
GROUP BY 1, 2, 3, 4 ORDER BY waited DESC;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/pause-for-maintenance.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.create_queue('loads');
SELECT weir.pause('loads', reason => 'source system is down');
SELECT weir.resume('loads');
SELECT weir.drain('loads', timeout => '10 minutes') AS empty;
SELECT weir.pause_all(reason => 'moving the tablespace');
SELECT task_id, runtime, command FROM weir.running;
SELECT weir.resume_all();
SELECT weir.retry_many(array_agg(task_id), reason => 'cancelled for maintenance') AS retried
FROM weir.runs
WHERE outcome = 'cancelled' AND final AND started_at IS NOT NULL
AND finished_at > now() - interval '1 hour'
HAVING count(*) > 0;
ALTER SYSTEM SET weir.enabled = off;
SELECT pg_reload_conf();
ALTER SYSTEM RESET weir.enabled;
SELECT pg_reload_conf();
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/run-many-short-tasks.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE seen (id int);
SELECT weir.create_queue('clicks', capacity => 10000, durability => 'grouped');
SELECT n FROM weir.enqueue_many('INSERT INTO seen VALUES ($1)',
    (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 1000) i), queue => 'clicks');
SELECT weir.drain('clicks', '1 minute');
SELECT count(*) FROM seen;
SELECT weir.alter_queue('clicks', batch => 20);
SELECT batch, durability FROM weir.queues WHERE name = 'clicks';
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY finished_at - started_at) < '1 second' AS short
FROM weir.runs WHERE queue = 'clicks';
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/run-vacuum-and-procedures.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE fact (day date, amount numeric);
SELECT weir.enqueue('VACUUM (ANALYZE) fact', mode => 'autocommit') AS task \gset
SELECT outcome FROM weir.wait(:task);
CREATE PROCEDURE load_days(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        INSERT INTO fact VALUES (date '2024-05-01' + i, i);
        COMMIT;
    END LOOP;
END
$$;
SELECT weir.enqueue('CALL load_days($1)', '[3]', mode => 'autocommit', tables => '{fact}') AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT count(*) FROM fact;
SELECT weir.enqueue('VACUUM fact', mode => 'autocommit', max_attempts => 3) AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT task_id, command, outcome FROM weir.dead_letters WHERE outcome IN ('interrupted', 'crashed');
SELECT weir.enqueue('BEGIN; VACUUM fact; COMMIT', mode => 'autocommit');
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/share-an-api.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.cap_resource('geocoder', slots => 8, rate => 100, per => '1 minute');
CREATE TABLE place (name text, located boolean DEFAULT false);
INSERT INTO place VALUES ('Ulm'), ('Bern'), ('Graz');
SELECT n FROM weir.enqueue_many('UPDATE place SET located = true WHERE name = $1',
    (SELECT jsonb_agg(jsonb_build_array(name)) FROM place),
    tables => '{place}', resources => '{geocoder}');
SELECT weir.drain('adhoc', '1 minute');
CREATE FUNCTION locate(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    status int := 200;    -- of the request that is made here
    wait_s int;           -- and its header Retry-After
BEGIN
    IF status = 429 THEN
        PERFORM weir.retry_after('geocoder', make_interval(secs => wait_s));
    END IF;
END $$;
CREATE FUNCTION translate(place text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF place = 'nowhere' THEN
        RAISE EXCEPTION USING ERRCODE = '08006', MESSAGE = 'no answer';
    END IF;
    RETURN place;
END $$;
SELECT weir.cap_resource('translator', slots => 10, breaker => '{"failure_count_threshold": 5, "sliding_window_size": 10, "wait_duration_in_open_state": "30 seconds"}');
SELECT n FROM weir.enqueue_many('SELECT translate($1)', (SELECT jsonb_agg('["nowhere"]'::jsonb) FROM generate_series(1, 5)),
    resources => '{translator}', max_attempts => 1);
SELECT weir.drain('adhoc', '1 minute');
DO $$ BEGIN
    WHILE (SELECT state <> 'open' FROM weir.breakers WHERE resource = 'translator') LOOP
        COMMIT;
    END LOOP;
END $$;
SELECT weir.enqueue('SELECT translate($1)', '["Rome"]', resources => '{translator}') AS task \gset
SELECT cause, holder, detail FROM weir.why_waiting(:task);
SELECT weir.set_breaker('translator', 'closed', reason => 'they say it is mended');
SELECT outcome FROM weir.wait(:task);
SELECT weir.uncap_resource('translator');
SELECT weir.create_queue('calls', max_running => 50);
SELECT weir.cap_resource('tenant:*', slots => 2, rate => 10, per => '1 second', burst => 10);
SELECT weir.cap_resource('tenant:4711', slots => 20);
SELECT weir.enqueue('SELECT 1', resources => '{tenant:1}') AS task \gset
SELECT outcome FROM weir.wait(:task);
SELECT kind, resource, slots, rate FROM weir.resources WHERE resource LIKE 'tenant:%' AND template IS NULL ORDER BY resource;
CREATE ROLE weir_docs_loader LOGIN;
SELECT weir.grant_resource('geocoder', 'weir_docs_loader');
SELECT weir.grant_resource('tenant:*', 'public');
SELECT weir.revoke_resource('geocoder', 'weir_docs_loader');
DROP ROLE weir_docs_loader;
SELECT weir.cap_resource('geocoder', rate => 1, per => '1 hour');
SELECT count(weir.enqueue('SELECT 1', resources => '{geocoder}')) FROM generate_series(1, 3);
DO $$ BEGIN WHILE (SELECT depth FROM weir.queues WHERE name = 'adhoc') > 2 LOOP COMMIT; END LOOP; END $$;
SELECT cause, detail, eta > now() + interval '55 minutes' AS later FROM weir.waiting ORDER BY task_id;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/size-workers.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT weir.set_class('daily', reserved => 1);
SELECT class, reserved, lent, reclaim_bound FROM weir.classes WHERE class = 'daily';
SELECT weir.set_class('daily', reset => '{reserved}');
SELECT out_of_processes FROM weir.status;
SELECT state, count(*) FROM weir.workers GROUP BY state;
SELECT queue, count(*) AS runs,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - ready_at)) AS p95_s
FROM weir.runs WHERE started_at IS NOT NULL GROUP BY queue;
\connect :home
DROP DATABASE weir_docs;

-- page docs/how-to/upgrade.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
ALTER EXTENSION pg_weir UPDATE;
SELECT library_version = extension_version AS same FROM weir.status;
DROP EXTENSION pg_weir;
\connect :home
DROP DATABASE weir_docs;
