-- The examples of the documentation, taken out by test/lint/examples.pl --write.
\set home :DBNAME

-- page README.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
CREATE TABLE fact (day date, amount numeric);
SELECT weir.cap_table('fact', slots => 2);
SELECT weir.create_queue('loads', capacity => 100, on_full => 'wait');
SELECT n FROM weir.enqueue_many('INSERT INTO fact VALUES ($1, $2)',
    '[["2024-05-01", 10], ["2024-05-02", 20], ["2024-05-03", 30]]',
    queue => 'loads', tables => '{fact}');
SELECT weir.drain('loads', timeout => '1 minute');
SELECT sum(amount) FROM fact;
SELECT task_id, state, attempts, enqueued_by IS NOT NULL AS known FROM weir.tasks ORDER BY task_id;
\connect :home
DROP DATABASE weir_docs;

-- page docs/tutorial.md
CREATE DATABASE weir_docs;
\connect weir_docs
CREATE EXTENSION pg_weir;
SELECT scheduler IN ('starting', 'rebuilding', 'running', 'down') AS on_its_way FROM weir.status;
SELECT weir.enqueue('SELECT 6 * 7 AS answer');
SELECT outcome, rows, result FROM weir.wait(1);
CREATE TABLE visits (day date, page text, n int);
SELECT weir.enqueue('INSERT INTO visits VALUES ($1, $2, $3)', '["2024-05-01", "home", 17]');
SELECT outcome, rows FROM weir.wait(2);
SELECT page, n FROM visits;
SELECT weir.enqueue('INSERT INTO vists VALUES (1)');
BEGIN;
SELECT weir.enqueue('INSERT INTO visits VALUES (''2024-05-02'', ''about'', 1)');
ROLLBACK;
SELECT count(*) FROM visits;
SELECT weir.create_queue('loads', capacity => 3);
SELECT weir.pause('loads', 'so that we can look');
SELECT n FROM weir.enqueue_many('INSERT INTO visits VALUES ($1, $2, $3)',
    '[["2024-05-02", "home", 20], ["2024-05-03", "home", 23], ["2024-05-04", "home", 19]]',
    queue => 'loads');
DO $$ BEGIN WHILE (SELECT blocked FROM weir.queues WHERE name = 'loads') < 3 LOOP END LOOP; END $$;
SELECT name, capacity, depth, blocked, paused FROM weir.queues WHERE name = 'loads';
\set VERBOSITY terse
SELECT weir.enqueue('SELECT 1', queue => 'loads');
\set VERBOSITY default
SELECT weir.resume('loads');
SELECT weir.drain('loads', timeout => '1 minute');
SELECT count(*), sum(n) FROM visits;
SELECT weir.cap_table('visits', slots => 2);
SELECT pg_advisory_lock(1);
SELECT n FROM weir.enqueue_many(
    'INSERT INTO visits VALUES ($1, ''cap'', 1); SELECT pg_advisory_xact_lock_shared(1)',
    '[["2024-06-01"], ["2024-06-02"], ["2024-06-03"]]',
    queue => 'loads', tables => '{visits}');
DO $$ BEGIN WHILE (SELECT count(*) FROM weir.lock_waits) < 2 OR (SELECT blocked FROM weir.queues WHERE name = 'loads') < 1 LOOP END LOOP; END $$;
SELECT resource, slots, used FROM weir.resources;
SELECT queue, cause, detail FROM weir.waiting;
SELECT weir.try_acquire('visits');
SELECT pg_advisory_unlock(1);
SELECT weir.drain('loads', timeout => '1 minute');
CREATE TABLE target (n int PRIMARY KEY);
INSERT INTO target VALUES (1);
SELECT weir.enqueue('INSERT INTO target VALUES (1)', queue => 'loads') AS task \gset
SELECT outcome, final, sqlstate, message FROM weir.wait(:task);
SELECT queue, command, sqlstate FROM weir.dead_letters;
DELETE FROM target;
SELECT weir.retry(:task, reason => 'the old row is gone');
SELECT outcome FROM weir.wait(:task);
SELECT attempt, outcome, final, reason FROM weir.runs WHERE task_id = :task ORDER BY attempt;
CREATE TABLE daily_visits (day date PRIMARY KEY, n bigint);
SELECT weir.create_job('count_visits',
    'DELETE FROM daily_visits WHERE day = $1;
     INSERT INTO daily_visits
     SELECT day, sum(n) FROM visits WHERE day >= $1 AND day < $2 GROUP BY day RETURNING n',
    every => '1 day', timezone => 'UTC', starts_at => '2024-05-01 UTC', tables => '{daily_visits}');
SELECT count(*) AS days FROM weir.run_due('count_visits');
SELECT count(*) AS again FROM weir.run_due('count_visits');
SELECT weir.drain('daily', timeout => '1 minute');
SELECT weir.backfill('count_visits', '2024-05-01 UTC', '2024-05-05 UTC') AS backfill \gset
SET datestyle = 'ISO';
DO $$ BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM weir.backfills WHERE state = 'running'); COMMIT; END LOOP; END $$;
SELECT state, intervals, done FROM weir.backfills WHERE backfill_id = :backfill;
SELECT day, n FROM daily_visits ORDER BY day;
BEGIN;
INSERT INTO visits VALUES ('2024-05-02', 'about', 5);
SELECT version AS stale FROM weir.correct('count_visits', '2024-05-02 UTC', '2024-05-03 UTC', reason => 'a file came late');
COMMIT;
DO $$ BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM weir.backfills WHERE state = 'running'); COMMIT; END LOOP; END $$;
SELECT version, exec, currency, reason FROM weir.intervals
WHERE job = 'count_visits' AND interval_start = '2024-05-02 UTC';
SELECT n FROM daily_visits WHERE day = '2024-05-02';
SELECT count(*) AS tasks FROM weir.tasks;
DELETE FROM weir.task;
\connect :home
DROP DATABASE weir_docs;
