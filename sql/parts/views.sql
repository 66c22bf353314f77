-- The views: the way to read pg_weir.  They are owned by the extension's owner
-- and read the private tables with its rights; text, arguments, messages and
-- results are shown to the task's owner and to pg_monitor only.

CREATE FUNCTION weir._show_status(
    OUT preloaded boolean, OUT scheduler text, OUT scheduler_pid integer,
    OUT started_at timestamptz, OUT heartbeat timestamptz, OUT adopted boolean,
    OUT paused boolean, OUT counted boolean, OUT out_of_processes boolean,
    OUT enabled boolean, OUT library_version text
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1
    AS 'MODULE_PATHNAME', 'weir_show_status';

CREATE FUNCTION weir._show_queues(
    OUT queue_id integer, OUT depth integer, OUT ready integer,
    OUT delayed integer, OUT blocked integer, OUT running integer,
    OUT waiting_producers integer, OUT refused bigint, OUT waited bigint,
    OUT shed bigint, OUT wait_time bigint, OUT high boolean, OUT gap bigint,
    OUT last_end timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_queues';

CREATE FUNCTION weir._show_workers(
    OUT slot integer, OUT pid integer, OUT role oid, OUT state text,
    OUT task_id bigint, OUT attempt integer, OUT since timestamptz,
    OUT started_at timestamptz, OUT done bigint, OUT total bigint, OUT note text,
    OUT lock_wait interval
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_workers';

CREATE FUNCTION weir._show_assigned(
    OUT task_id bigint, OUT attempt integer, OUT pid integer,
    OUT queue_id integer, OUT dispatched_at timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_assigned';

CREATE FUNCTION weir._show_resources(
    OUT kind integer, OUT id oid, OUT slots integer, OUT reserved integer,
    OUT used integer, OUT waiting_sessions integer, OUT head_since timestamptz,
    OUT beside integer, OUT waited bigint, OUT let_through bigint,
    OUT refused bigint, OUT would_wait bigint, OUT name text,
    OUT on_demand boolean, OUT next_start timestamptz,
    OUT paused_until timestamptz, OUT paused_by bigint,
    OUT adaptive_limit integer, OUT backfill_limit integer,
    OUT lock_share double precision, OUT left_to bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_resources';

CREATE FUNCTION weir._show_roles(
    OUT role oid, OUT unfinished integer, OUT running integer, OUT refused bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_roles';

-- Which of the tasks do not start because of others of their serial key, and
-- the first of those.
CREATE FUNCTION weir._show_serial(
    wanted bigint[],
    OUT task_id bigint, OUT first_id bigint, OUT before bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_serial';

-- Unfinished tasks, from the open generations alone.
CREATE FUNCTION weir._show_unfinished() RETURNS SETOF bigint
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1000
    AS 'MODULE_PATHNAME', 'weir_show_unfinished';

-- Whether the current user may see what a role enqueued then.  Functions in a view
-- are executed as whoever selects from it.
CREATE FUNCTION weir._may_see(owner oid, owner_name text, enqueued_at timestamptz) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'weir_may_see';

-- Which role is meant by one that was recorded then; null if it is gone.
CREATE FUNCTION weir._role(owner oid, owner_name text, at timestamptz) RETURNS oid
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'weir_role';

CREATE VIEW weir.status AS
SELECT s.preloaded, s.scheduler, s.scheduler_pid, s.started_at, s.heartbeat,
       s.adopted,
       EXISTS (SELECT FROM weir.control c WHERE c.paused) AS paused,
       (SELECT c.reason FROM weir.control c WHERE c.paused) AS paused_reason,
       s.enabled, s.counted, s.out_of_processes, s.library_version,
       (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_weir') AS extension_version
FROM weir._show_status() s;
COMMENT ON VIEW weir.status IS 'One row: the state of pg_weir in this database.';
COMMENT ON COLUMN weir.status.preloaded IS 'Whether the library is in shared_preload_libraries.';
COMMENT ON COLUMN weir.status.scheduler IS 'State of the scheduler: down, starting, not_adopted, rebuilding, running.';
COMMENT ON COLUMN weir.status.scheduler_pid IS 'Its process.';
COMMENT ON COLUMN weir.status.started_at IS 'When it started.';
COMMENT ON COLUMN weir.status.heartbeat IS 'End of its last round; it only has rounds when there is something to do.';
COMMENT ON COLUMN weir.status.adopted IS 'Whether this ledger belongs here; if not nothing starts until weir.adopt() is called.';
COMMENT ON COLUMN weir.status.paused IS 'Whether weir.pause_all() is in force.';
COMMENT ON COLUMN weir.status.paused_reason IS 'The reason given with it.';
COMMENT ON COLUMN weir.status.enabled IS 'The setting weir.enabled.';
COMMENT ON COLUMN weir.status.counted IS 'Whether the depths of queues are known.';
COMMENT ON COLUMN weir.status.out_of_processes IS 'Whether the last worker could not be started for want of max_worker_processes.';
COMMENT ON COLUMN weir.status.library_version IS 'Version of the library.';
COMMENT ON COLUMN weir.status.extension_version IS 'Version of the SQL objects.';

CREATE VIEW weir.queues AS
SELECT q.queue_id, q.name, q.class, q.capacity,
       CASE WHEN st.counted THEN coalesce(s.depth, 0) END AS depth,
       coalesce(s.ready, 0) AS ready, coalesce(s.delayed, 0) AS delayed,
       coalesce(s.blocked, 0) AS blocked, coalesce(s.running, 0) AS running,
       q.paused, q.paused_reason, q.on_full, q.max_running, q.weight,
       q.batch, q.durability,
       coalesce(s.waiting_producers, 0) AS waiting_producers,
       coalesce(s.refused, 0) AS refused, coalesce(s.waited, 0) AS waited,
       coalesce(s.wait_time, 0) * interval '1 microsecond' AS wait_time,
       coalesce(s.shed, 0) AS shed, q.settings, q.policy, q.owner_name AS owner,
       q.high_watermark,
       CASE WHEN q.high_watermark IS NOT NULL
            THEN coalesce(q.low_watermark, q.high_watermark / 2) END AS low_watermark,
       CASE WHEN q.high_watermark IS NOT NULL THEN coalesce(s.high, false) END AS high
FROM weir.queue q
CROSS JOIN weir._show_status() st
LEFT JOIN weir._show_queues() s ON s.queue_id = q.queue_id;
COMMENT ON VIEW weir.queues IS 'The queues: how they are configured and how full they are.';
COMMENT ON COLUMN weir.queues.queue_id IS 'Number of the queue.';
COMMENT ON COLUMN weir.queues.name IS 'Name of the queue.';
COMMENT ON COLUMN weir.queues.class IS 'Class that its tasks have: daily, adhoc or backfill.';
COMMENT ON COLUMN weir.queues.capacity IS 'Most unfinished tasks that it takes.';
COMMENT ON COLUMN weir.queues.depth IS 'Unfinished tasks, those of running transactions included; null until they are counted after a restart.';
COMMENT ON COLUMN weir.queues.ready IS 'Tasks that could start now, if it were their turn.';
COMMENT ON COLUMN weir.queues.delayed IS 'Tasks whose run_at or retry time is to come.';
COMMENT ON COLUMN weir.queues.blocked IS 'Tasks that wait for others, for a slot, for max_running or for the end of a pause.';
COMMENT ON COLUMN weir.queues.running IS 'Tasks that are running.';
COMMENT ON COLUMN weir.queues.paused IS 'Whether it is paused.';
COMMENT ON COLUMN weir.queues.paused_reason IS 'The reason given with the pause.';
COMMENT ON COLUMN weir.queues.on_full IS 'What happens to an enqueue when it is full: reject, wait or shed.';
COMMENT ON COLUMN weir.queues.max_running IS 'Most of its tasks that run at once; null is no limit.';
COMMENT ON COLUMN weir.queues.weight IS 'Its share among the queues of its class.';
COMMENT ON COLUMN weir.queues.batch IS 'Most of its tasks that share a transaction.';
COMMENT ON COLUMN weir.queues.durability IS 'Whether each of its tasks is flushed by itself (each) or several share a flush (grouped).';
COMMENT ON COLUMN weir.queues.waiting_producers IS 'Sessions that wait for room.';
COMMENT ON COLUMN weir.queues.refused IS 'Enqueues that were refused since the server started.';
COMMENT ON COLUMN weir.queues.waited IS 'Enqueues that had to wait since the server started.';
COMMENT ON COLUMN weir.queues.wait_time IS 'Time that those have waited in all that got room.';
COMMENT ON COLUMN weir.queues.shed IS 'Tasks that were shed since the server started.';
COMMENT ON COLUMN weir.queues.settings IS 'Settings for the session of its tasks.';
COMMENT ON COLUMN weir.queues.policy IS 'Retry parameters, and the retry budget.';
COMMENT ON COLUMN weir.queues.owner IS 'Role that may change it.';
COMMENT ON COLUMN weir.queues.high_watermark IS 'Fraction of the capacity from which on it is high; null is none.';
COMMENT ON COLUMN weir.queues.low_watermark IS 'Fraction of the capacity at which it is low again.';
COMMENT ON COLUMN weir.queues.high IS 'Whether it is high; null without a high_watermark.';

CREATE VIEW weir.tasks WITH (security_barrier) AS
SELECT t.task_id, v.queue, v.class,
       CASE WHEN l.final THEN
                CASE WHEN l.outcome IN ('succeeded', 'cancelled', 'expired', 'shed') THEN l.outcome
                     ELSE 'discarded' END
            WHEN a.task_id IS NOT NULL THEN 'running'
            WHEN d.unmet > 0 THEN 'blocked'
            WHEN l.retry_at > pg_catalog.clock_timestamp() THEN 'retrying'
            WHEN t.run_at > pg_catalog.clock_timestamp() THEN 'scheduled'
            ELSE 'ready' END AS state,
       v.owner_name AS owner,
       (SELECT j.name FROM weir.interval i JOIN weir.job j ON j.job_id = i.job_id
        WHERE i.task_id = t.task_id LIMIT 1) AS job,
       (SELECT min(i.interval_start) FROM weir.interval i WHERE i.task_id = t.task_id) AS interval_start,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN t.command END AS command,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN t.args END AS args,
       t.priority, t.run_at, t.deadline, t.enqueued_at, t.tables, t.resources,
       CASE WHEN v.autocommit THEN 'autocommit' ELSE 'transaction' END AS mode,
       t.timeout, v.max_attempts, coalesce(l.attempt, 0) AS attempts, l.retry_at,
       l.finished_at,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN t.settings END AS settings,
       t.policy, v.session_user_name AS enqueued_by, v.application_name,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN v.client_addr END AS client_addr,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN t.reason END AS reason,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN t.unique_key END AS unique_key,
       t.queue_timeout,
       CASE WHEN t.queue_timeout IS NOT NULL AND l.final IS NOT TRUE
             AND a.task_id IS NULL AND NOT s.started AND coalesce(d.unmet, 0) = 0
            THEN greatest(t.enqueued_at, t.run_at, s.back_at, d.met_at) + t.queue_timeout END AS expires_at,
       t.after, t.on_parent_failure, t.lock_timeout, t.unique_for,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN t.serial_key END AS serial_key,
       weir._role(v.owner, v.owner_name, t.enqueued_at) AS owner_oid
FROM weir.task t
JOIN weir.environment v ON v.environment_id = t.environment_id
LEFT JOIN LATERAL (
    SELECT r.attempt, r.outcome, r.final, r.retry_at, r.finished_at
    FROM weir.run r WHERE r.task_id = t.task_id
    ORDER BY r.attempt DESC LIMIT 1) l ON true
LEFT JOIN weir._show_assigned() a ON a.task_id = t.task_id
-- whether it has started since it was brought back
LEFT JOIN LATERAL (
    SELECT b.at AS back_at,
           EXISTS (SELECT FROM weir.run r
                   WHERE r.task_id = t.task_id AND (r.started_at IS NOT NULL OR r.charged)
                   AND r.attempt > coalesce(b.attempt, 0)) AS started
    FROM (SELECT max(r.attempt) AS attempt, max(r.finished_at) AS at FROM weir.run r
          WHERE r.task_id = t.task_id AND r.outcome = 'retried') b
    WHERE t.queue_timeout IS NOT NULL) s ON true
-- how many of its parents have not ended as they must, and when the last one did
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE p.final IS NOT TRUE
                            OR (p.outcome <> 'succeeded' AND t.on_parent_failure <> 'run')) AS unmet,
           max(p.finished_at) AS met_at
    FROM unnest(t.after) u(id)
    LEFT JOIN LATERAL (SELECT r.final, r.outcome, r.finished_at FROM weir.run r
                       WHERE r.task_id = u.id ORDER BY r.attempt DESC LIMIT 1) p ON true
    WHERE t.after IS NOT NULL AND l.final IS NOT TRUE) d ON true;
COMMENT ON VIEW weir.tasks IS 'The tasks and their states, finished ones included.';
COMMENT ON COLUMN weir.tasks.task_id IS 'Id of the task.';
COMMENT ON COLUMN weir.tasks.queue IS 'Queue that it was enqueued in.';
COMMENT ON COLUMN weir.tasks.class IS 'Its class.';
COMMENT ON COLUMN weir.tasks.state IS 'scheduled, blocked, ready, running, retrying, succeeded, discarded (a dead letter), cancelled, expired or shed.';
COMMENT ON COLUMN weir.tasks.owner IS 'Role that it runs as.';
COMMENT ON COLUMN weir.tasks.job IS 'Job that it belongs to, if any.';
COMMENT ON COLUMN weir.tasks.interval_start IS 'Start of its interval, if it belongs to a job.';
COMMENT ON COLUMN weir.tasks.command IS 'SQL that it executes; null for those who may not see it.';
COMMENT ON COLUMN weir.tasks.args IS 'Arguments for $1 and so on; null for those who may not see them.';
COMMENT ON COLUMN weir.tasks.priority IS 'Lower goes first; as enqueued, see the events of kind expedite.';
COMMENT ON COLUMN weir.tasks.run_at IS 'Not to start before.';
COMMENT ON COLUMN weir.tasks.deadline IS 'To be done by, as enqueued; weir.deadlines has what is in force.';
COMMENT ON COLUMN weir.tasks.enqueued_at IS 'Start of the transaction that enqueued it.';
COMMENT ON COLUMN weir.tasks.tables IS 'Tables that it declared to write.';
COMMENT ON COLUMN weir.tasks.resources IS 'Named resources that it declared to need.';
COMMENT ON COLUMN weir.tasks.mode IS 'transaction or autocommit.';
COMMENT ON COLUMN weir.tasks.timeout IS 'Longest time that a run may take.';
COMMENT ON COLUMN weir.tasks.max_attempts IS 'Attempts that it has.';
COMMENT ON COLUMN weir.tasks.attempts IS 'Number of the last attempt that has ended.';
COMMENT ON COLUMN weir.tasks.retry_at IS 'When the next attempt is due.';
COMMENT ON COLUMN weir.tasks.finished_at IS 'End of the last attempt.';
COMMENT ON COLUMN weir.tasks.settings IS 'Settings for its session; null for those who may not see them.';
COMMENT ON COLUMN weir.tasks.policy IS 'Its retry parameters.';
COMMENT ON COLUMN weir.tasks.enqueued_by IS 'Session user that enqueued it.';
COMMENT ON COLUMN weir.tasks.application_name IS 'Application that enqueued it.';
COMMENT ON COLUMN weir.tasks.client_addr IS 'Where that came from; null for local clients.';
COMMENT ON COLUMN weir.tasks.reason IS 'Reason given; null for those who may not see it.';
COMMENT ON COLUMN weir.tasks.unique_key IS 'Key under which no other task exists until it has ended; null for those who may not see it.';
COMMENT ON COLUMN weir.tasks.queue_timeout IS 'Longest time that it may wait for its start.';
COMMENT ON COLUMN weir.tasks.expires_at IS 'When it ends if it has not started by then.';
COMMENT ON COLUMN weir.tasks.after IS 'Tasks that have to end before it starts.';
COMMENT ON COLUMN weir.tasks.unique_for IS 'How long after its enqueue no other task exists under that key if it succeeds.';
COMMENT ON COLUMN weir.tasks.lock_timeout IS 'Longest time that its command may wait for a lock.';
COMMENT ON COLUMN weir.tasks.on_parent_failure IS 'What becomes of it when one of them ends without success: cancel, wait or run.';
COMMENT ON COLUMN weir.tasks.serial_key IS 'Key whose tasks run one at a time; null for those who may not see it.';
COMMENT ON COLUMN weir.tasks.owner_oid IS 'Oid of the owner, which may have been renamed since; null if it is gone.';

CREATE VIEW weir.runs WITH (security_barrier) AS
SELECT r.task_id, r.attempt, v.queue, v.class, v.owner_name AS owner,
       r.outcome, r.final, r.charged, r.retry_at, r.worker_pid,
       r.ready_at, r.started_at, r.finished_at, t.tables, r.sqlstate,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.message END AS message,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.detail END AS detail,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.hint END AS hint,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.context END AS context,
       r.rows,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.result END AS result,
       r.actor,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.reason END AS reason, r.xid,
       CASE WHEN r.outcome = 'timed_out' THEN
                CASE r.sqlstate WHEN '55P03' THEN 'lock_timeout' ELSE 'timeout' END END AS exceeded,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.fallback END AS fallback
FROM weir.run r
JOIN weir.task t ON t.task_id = r.task_id
JOIN weir.environment v ON v.environment_id = t.environment_id;
COMMENT ON VIEW weir.runs IS 'The runs: one row for each attempt that has ended, and for each end without an attempt.';
COMMENT ON COLUMN weir.runs.task_id IS 'Id of the task.';
COMMENT ON COLUMN weir.runs.attempt IS 'Number of the attempt, from 1.';
COMMENT ON COLUMN weir.runs.queue IS 'Queue of the task.';
COMMENT ON COLUMN weir.runs.class IS 'Class of the task.';
COMMENT ON COLUMN weir.runs.owner IS 'Role that it ran as.';
COMMENT ON COLUMN weir.runs.outcome IS 'succeeded, failed, crashed, timed_out, cancelled, interrupted, snoozed (it asked to be repeated later), preempted (it ended early for a daily task), expired (it did not start in time), shed (it had to go from a full queue), or retried (it was brought back).';
COMMENT ON COLUMN weir.runs.final IS 'Whether the task ended with it.';
COMMENT ON COLUMN weir.runs.charged IS 'Whether it counts against max_attempts.';
COMMENT ON COLUMN weir.runs.retry_at IS 'When the next attempt is due.';
COMMENT ON COLUMN weir.runs.worker_pid IS 'Process that executed it; null if none did.';
COMMENT ON COLUMN weir.runs.ready_at IS 'When it was handed to the worker.';
COMMENT ON COLUMN weir.runs.started_at IS 'When its command began; its slots were held by then. Null if it never began.';
COMMENT ON COLUMN weir.runs.finished_at IS 'When it ended; its slots were still held.';
COMMENT ON COLUMN weir.runs.tables IS 'Tables that the task declared to write.';
COMMENT ON COLUMN weir.runs.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN weir.runs.message IS 'Message of the error; null for those who may not see it.';
COMMENT ON COLUMN weir.runs.detail IS 'Detail of the error; null for those who may not see it.';
COMMENT ON COLUMN weir.runs.hint IS 'Hint of the error; null for those who may not see it.';
COMMENT ON COLUMN weir.runs.context IS 'Context of the error; null for those who may not see it.';
COMMENT ON COLUMN weir.runs.rows IS 'Rows that the last statement returned or affected.';
COMMENT ON COLUMN weir.runs.result IS 'Rows that the last statement returned; null for those who may not see them.';
COMMENT ON COLUMN weir.runs.actor IS 'Who ended it, if somebody did.';
COMMENT ON COLUMN weir.runs.reason IS 'Reason given; null for those who may not see it.';
COMMENT ON COLUMN weir.runs.exceeded IS 'Which limit ended a run that timed_out: timeout, the one of the run, or lock_timeout.';
COMMENT ON COLUMN weir.runs.fallback IS 'Command that was executed instead of the one of the task, because a breaker was open; null if it was the task''s, and for those who may not see it.';
COMMENT ON COLUMN weir.runs.xid IS 'Transaction that wrote the row, and with it the effects of a success in mode transaction.';

-- From the few runs that failed for good to their tasks, not from all tasks to
-- their last runs.  A run after it says that the task was brought back.
CREATE VIEW weir.dead_letters WITH (security_barrier) AS
SELECT t.task_id, v.queue, v.class, v.owner_name AS owner,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN t.command END AS command,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN t.args END AS args,
       t.enqueued_at, r.attempt AS attempts, r.outcome, r.sqlstate,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.message END AS message,
       CASE WHEN weir._may_see(v.owner, v.owner_name, t.enqueued_at) THEN r.detail END AS detail,
       r.finished_at, r.outcome = 'crashed' AS quarantined
FROM weir.run r
JOIN weir.task t ON t.task_id = r.task_id
JOIN weir.environment v ON v.environment_id = t.environment_id
WHERE r.final AND r.outcome NOT IN ('succeeded', 'cancelled', 'expired', 'shed')
AND NOT EXISTS (SELECT FROM weir.run n
                WHERE n.task_id = r.task_id AND n.attempt > r.attempt);
COMMENT ON VIEW weir.dead_letters IS 'Tasks that ended without success, neither cancelled nor expired nor shed; weir.retry() brings them back.';
COMMENT ON COLUMN weir.dead_letters.task_id IS 'Id of the task.';
COMMENT ON COLUMN weir.dead_letters.queue IS 'Its queue.';
COMMENT ON COLUMN weir.dead_letters.class IS 'Its class.';
COMMENT ON COLUMN weir.dead_letters.owner IS 'Role that it ran as.';
COMMENT ON COLUMN weir.dead_letters.command IS 'Its command; null for those who may not see it.';
COMMENT ON COLUMN weir.dead_letters.args IS 'Its arguments; null for those who may not see them.';
COMMENT ON COLUMN weir.dead_letters.enqueued_at IS 'When it was enqueued.';
COMMENT ON COLUMN weir.dead_letters.attempts IS 'Number of the last attempt.';
COMMENT ON COLUMN weir.dead_letters.outcome IS 'Outcome of the last attempt.';
COMMENT ON COLUMN weir.dead_letters.sqlstate IS 'Its SQLSTATE.';
COMMENT ON COLUMN weir.dead_letters.message IS 'Its message; null for those who may not see it.';
COMMENT ON COLUMN weir.dead_letters.detail IS 'Its detail; null for those who may not see it.';
COMMENT ON COLUMN weir.dead_letters.finished_at IS 'When it ended.';
COMMENT ON COLUMN weir.dead_letters.quarantined IS 'Whether it is here because it kept crashing the server.';

CREATE VIEW weir.workers AS
SELECT w.pid, pg_catalog.pg_get_userbyid(w.role) AS role, w.state, w.task_id,
       w.attempt, w.since
FROM weir._show_workers() w;
COMMENT ON VIEW weir.workers IS 'The workers of this database.';
COMMENT ON COLUMN weir.workers.pid IS 'Process; null while it starts.';
COMMENT ON COLUMN weir.workers.role IS 'Role that it is connected as.';
COMMENT ON COLUMN weir.workers.state IS 'starting, idle, running or gone (waiting to be reconciled).';
COMMENT ON COLUMN weir.workers.task_id IS 'Task that it executes.';
COMMENT ON COLUMN weir.workers.attempt IS 'Number of the attempt.';
COMMENT ON COLUMN weir.workers.since IS 'When the state began.';

CREATE VIEW weir.running AS
SELECT w.task_id, w.attempt, t.queue, t.class, t.owner, w.pid, t.command, t.args,
       w.started_at, pg_catalog.clock_timestamp() - w.started_at AS runtime,
       w.done, w.total,
       CASE WHEN w.total > 0 AND w.done >= 0
            THEN round(100.0 * w.done / w.total, 1) END AS percent,
       w.note,
       t.deadline, t.tables, w.lock_wait
FROM weir._show_workers() w
JOIN weir.tasks t ON t.task_id = w.task_id
-- said twice, since a join alone does not reach into weir.tasks
WHERE w.state = 'running'
AND t.task_id = ANY (ARRAY(SELECT v.task_id FROM weir._show_workers() v));
COMMENT ON VIEW weir.running IS 'The attempts that are being executed.';
COMMENT ON COLUMN weir.running.task_id IS 'Id of the task.';
COMMENT ON COLUMN weir.running.attempt IS 'Number of the attempt.';
COMMENT ON COLUMN weir.running.queue IS 'Queue of the task.';
COMMENT ON COLUMN weir.running.class IS 'Class of the task.';
COMMENT ON COLUMN weir.running.owner IS 'Role that it runs as.';
COMMENT ON COLUMN weir.running.pid IS 'Process that executes it.';
COMMENT ON COLUMN weir.running.command IS 'Its command; null for those who may not see it.';
COMMENT ON COLUMN weir.running.args IS 'Its arguments; null for those who may not see them.';
COMMENT ON COLUMN weir.running.started_at IS 'When the worker began it.';
COMMENT ON COLUMN weir.running.runtime IS 'For how long it has been running.';
COMMENT ON COLUMN weir.running.done IS 'What weir.progress() said is done.';
COMMENT ON COLUMN weir.running.total IS 'What it said there is in all.';
COMMENT ON COLUMN weir.running.percent IS 'The one in percent of the other.';
COMMENT ON COLUMN weir.running.note IS 'The note that came with it; null for those who may not see it.';
COMMENT ON COLUMN weir.running.deadline IS 'To be done by.';
COMMENT ON COLUMN weir.running.tables IS 'Tables that the task declared to write.';
COMMENT ON COLUMN weir.running.lock_wait IS 'For how long it has waited for locks so far, all waits together, as sampled.';

CREATE VIEW weir.resources AS
SELECT 'table'::text AS kind,
       pg_catalog.format('%I.%I', k.schema_name, k.table_name) AS resource,
       c.oid AS relation_oid, k.slots, k.reserved,
       coalesce(r.used, 0) AS used,
       coalesce(r.waiting_sessions, 0) AS waiting_sessions,
       k.enforce, k.if_unsafe_to_wait, k.exempt,
       coalesce(r.beside, 0) AS beside, coalesce(r.waited, 0) AS waited,
       coalesce(r.let_through, 0) AS let_through,
       coalesce(r.refused, 0) AS refused, coalesce(r.would_wait, 0) AS would_wait,
       NULL::double precision AS rate, NULL::interval AS per, NULL::integer AS burst,
       NULL::text AS template, NULL::timestamptz AS next_start,
       NULL::timestamptz AS paused_until, NULL::bigint AS paused_by, NULL::text AS owner,
       NULL::jsonb AS retry_budget,
       k.adaptive, r.adaptive_limit, r.backfill_limit, r.lock_share, r.left_to, k.row_locks
FROM weir.cap k
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = k.schema_name
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = k.table_name
LEFT JOIN weir._show_resources() r ON r.kind = 22273 AND r.id = c.oid
UNION ALL
SELECT CASE WHEN k.name LIKE '%*' THEN 'template' ELSE 'named' END,
       k.name, NULL, k.slots, k.reserved,
       coalesce(r.used, 0), coalesce(r.waiting_sessions, 0), NULL, NULL, NULL,
       0, coalesce(r.waited, 0), 0, coalesce(r.refused, 0), 0,
       k.rate, k.per, CASE WHEN k.rate IS NOT NULL THEN k.burst END,
       NULL, r.next_start, r.paused_until, r.paused_by, k.owner_name,
       k.retry_budget,
       NULL, NULL, NULL, NULL, NULL, NULL
FROM weir.resource k
LEFT JOIN weir._show_resources() r ON r.kind = 22274 AND r.name = k.name
UNION ALL
SELECT 'named', r.name, NULL, k.slots, k.reserved, r.used, r.waiting_sessions,
       NULL, NULL, NULL, 0, r.waited, 0, r.refused, 0,
       k.rate, k.per, CASE WHEN k.rate IS NOT NULL THEN k.burst END,
       k.name, r.next_start, r.paused_until, r.paused_by, k.owner_name,
       k.retry_budget,
       NULL, NULL, NULL, NULL, NULL, NULL
FROM weir._show_resources() r
CROSS JOIN LATERAL (
    SELECT t.* FROM weir.resource t
    WHERE t.name LIKE '%*' AND pg_catalog.starts_with(r.name, pg_catalog.left(t.name, -1))
    ORDER BY pg_catalog.length(t.name) DESC LIMIT 1) k
WHERE r.kind = 22274 AND r.on_demand;
COMMENT ON VIEW weir.resources IS 'The capped resources, and how much of each is used.';
COMMENT ON COLUMN weir.resources.kind IS 'What it is: table, named, or template.';
COMMENT ON COLUMN weir.resources.resource IS 'Its name.';
COMMENT ON COLUMN weir.resources.relation_oid IS 'Oid of the table; null if there is none of that name, and for what is no table.';
COMMENT ON COLUMN weir.resources.slots IS 'The cap; null if there is only a rate.';
COMMENT ON COLUMN weir.resources.reserved IS 'Slots that only class daily uses.';
COMMENT ON COLUMN weir.resources.used IS 'Slots that are held.';
COMMENT ON COLUMN weir.resources.waiting_sessions IS 'Sessions that wait for a slot.';
COMMENT ON COLUMN weir.resources.enforce IS 'Whom the cap of a table binds: tasks, observe or everyone.';
COMMENT ON COLUMN weir.resources.if_unsafe_to_wait IS 'What becomes of a session that finds no slot of a table and cannot wait: allow or error.';
COMMENT ON COLUMN weir.resources.exempt IS 'Roles that it does not bind.';
COMMENT ON COLUMN weir.resources.beside IS 'Transactions that write now without a slot, because they were let through or the cap only observes.';
COMMENT ON COLUMN weir.resources.waited IS 'Sessions that had to wait since the server started.';
COMMENT ON COLUMN weir.resources.let_through IS 'Transactions that were let through without a slot since the server started.';
COMMENT ON COLUMN weir.resources.refused IS 'Sessions that got an error for want of a slot since the server started.';
COMMENT ON COLUMN weir.resources.would_wait IS 'Transactions that would not have got a slot at once, under a cap that observes, since the server started.';
COMMENT ON COLUMN weir.resources.rate IS 'Tasks that may start per time; null is no limit.';
COMMENT ON COLUMN weir.resources.per IS 'The time that the rate is for.';
COMMENT ON COLUMN weir.resources.burst IS 'Most tasks that start at once under the rate.';
COMMENT ON COLUMN weir.resources.template IS 'Template that it was made after; null if it has a cap of its own.';
COMMENT ON COLUMN weir.resources.next_start IS 'When the next task can start, as far as rate and pause go; null is now.';
COMMENT ON COLUMN weir.resources.paused_until IS 'Until when a task has paused it with weir.retry_after().';
COMMENT ON COLUMN weir.resources.paused_by IS 'The task that said so last.';
COMMENT ON COLUMN weir.resources.owner IS 'Role that may change it and grant its use; null for a table, whose owner may.';
COMMENT ON COLUMN weir.resources.retry_budget IS 'Its retry budget as configured; null is the default one.';
COMMENT ON COLUMN weir.resources.adaptive IS 'Whether the cap of a table adapts: off, observe or act.';
COMMENT ON COLUMN weir.resources.adaptive_limit IS 'Slots that tasks hold at most now if it acts, or would if it observes; null as long as none has run.';
COMMENT ON COLUMN weir.resources.backfill_limit IS 'The same for tasks of class backfill.';
COMMENT ON COLUMN weir.resources.lock_share IS 'Share of their time that tasks waited for locks of one another lately, between 0 and 1.';
COMMENT ON COLUMN weir.resources.left_to IS 'Task that waits for a lock of a task on this table, which therefore is left to its class and better ones; null if there is none.';
COMMENT ON COLUMN weir.resources.row_locks IS 'Whether SELECT FOR UPDATE and FOR NO KEY UPDATE take a slot of a table, too.';

CREATE VIEW weir.slots AS
SELECT r.resource, s.slot, l.pid, w.task_id,
       coalesce(w.started_at, a.xact_start) AS since,
       s.slot < r.reserved AS reserved, r.kind
FROM weir.resources r
LEFT JOIN weir._show_resources() i
    ON r.kind = 'named' AND i.kind = 22274 AND i.name = r.resource
CROSS JOIN LATERAL generate_series(0, r.slots - 1) s(slot)
LEFT JOIN pg_catalog.pg_locks l
    ON l.locktype = 'advisory' AND l.granted
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
    AND l.classid = coalesce(r.relation_oid, i.id) AND l.objid = s.slot::oid
    AND l.objsubid = CASE r.kind WHEN 'table' THEN 22273 ELSE 22274 END
LEFT JOIN weir._show_workers() w ON w.pid = l.pid
LEFT JOIN pg_catalog.pg_stat_get_activity(l.pid) a ON a.pid = l.pid
WHERE r.kind <> 'template';
COMMENT ON VIEW weir.slots IS 'Each slot of each capped resource and who holds it, from the lock manager.';
COMMENT ON COLUMN weir.slots.resource IS 'Name of the resource.';
COMMENT ON COLUMN weir.slots.slot IS 'Number of the slot, from 0.';
COMMENT ON COLUMN weir.slots.pid IS 'Process that holds it; null if it is free.';
COMMENT ON COLUMN weir.slots.task_id IS 'Task that the process executes; null for a session.';
COMMENT ON COLUMN weir.slots.since IS 'Since when.';
COMMENT ON COLUMN weir.slots.reserved IS 'Whether only class daily uses it.';
COMMENT ON COLUMN weir.slots.kind IS 'What the resource is: table or named.';

CREATE VIEW weir.role_limits AS
SELECT coalesce(r.rolname::text, l.role_name) AS role, l.max_queued, s.unfinished, l.max_running, s.running,
       l.weight, s.refused
FROM weir.role_limit l
LEFT JOIN weir._show_roles() s ON s.role = l.role
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.role;
COMMENT ON VIEW weir.role_limits IS 'The roles with limits, and what their tasks use of them.';
COMMENT ON COLUMN weir.role_limits.role IS 'The role.';
COMMENT ON COLUMN weir.role_limits.max_queued IS 'Unfinished tasks that it may have; null is no limit.';
COMMENT ON COLUMN weir.role_limits.unfinished IS 'Unfinished tasks that it has, those of open transactions included; null if they are not counted yet.';
COMMENT ON COLUMN weir.role_limits.max_running IS 'Tasks of it that may run at once; null is no limit.';
COMMENT ON COLUMN weir.role_limits.running IS 'Tasks of it that workers have in hand.';
COMMENT ON COLUMN weir.role_limits.weight IS 'Its share of the starts of a queue, in proportion to the weights of the other roles there.';
COMMENT ON COLUMN weir.role_limits.refused IS 'Submissions that were refused because it had too many unfinished tasks, since the server started.';

CREATE VIEW weir.events WITH (security_barrier) AS
SELECT e.event_id, e.at, e.kind, e.task_id, e.queue, e.relation,
       e.session_user_name, e.current_user_name,
       CASE WHEN pg_catalog.pg_has_role('pg_monitor', 'USAGE')
              OR e.current_user_name = current_user THEN e.client_addr END AS client_addr,
       CASE WHEN pg_catalog.pg_has_role('pg_monitor', 'USAGE')
              OR e.current_user_name = current_user THEN e.reason END AS reason,
       CASE WHEN pg_catalog.pg_has_role('pg_monitor', 'USAGE')
              OR e.current_user_name = current_user THEN e.detail END AS detail,
       e.job, e.interval_start
FROM weir.event e;
COMMENT ON VIEW weir.events IS 'Everything besides tasks and runs that changed what runs.';
COMMENT ON COLUMN weir.events.event_id IS 'Number of the event.';
COMMENT ON COLUMN weir.events.at IS 'When it happened.';
COMMENT ON COLUMN weir.events.kind IS 'What was called or has happened, for example cancel, pause, cap_table or late.';
COMMENT ON COLUMN weir.events.task_id IS 'Task that it concerns.';
COMMENT ON COLUMN weir.events.queue IS 'Queue that it concerns.';
COMMENT ON COLUMN weir.events.relation IS 'Table that it concerns.';
COMMENT ON COLUMN weir.events.session_user_name IS 'Who was logged in.';
COMMENT ON COLUMN weir.events.current_user_name IS 'Role that did it.';
COMMENT ON COLUMN weir.events.client_addr IS 'Where from; null for those who may not see it.';
COMMENT ON COLUMN weir.events.reason IS 'Reason given; null for those who may not see it.';
COMMENT ON COLUMN weir.events.detail IS 'What was changed; null for those who may not see it.';
COMMENT ON COLUMN weir.events.job IS 'Job that it concerns.';
COMMENT ON COLUMN weir.events.interval_start IS 'Start of the interval that it concerns.';
