-- Waits for locks: those under way, as the lock manager tells them, and those
-- that lasted, as the scheduler has seen them.

-- Live waits for heavyweight locks.  pg_blocking_pids() takes the lock
-- manager's locks: it is called only for processes that do wait.
CREATE VIEW weir.lock_waits WITH (security_barrier) AS
WITH RECURSIVE lock AS MATERIALIZED (
    SELECT * FROM pg_catalog.pg_locks
), waiter AS MATERIALIZED (
    SELECT l.pid, l.locktype, l.mode, l.waitstart,
           -- who waits for a row waits for its transaction, holding the place in line
           coalesce(l.relation, (SELECT r.relation FROM lock r
                                 WHERE r.pid = l.pid AND r.locktype = 'tuple' AND r.granted
                                 AND l.locktype = 'transactionid' LIMIT 1)) AS relation,
           l.classid, l.objsubid, pg_catalog.pg_blocking_pids(l.pid) AS blockers
    FROM lock l
    WHERE NOT l.granted
    AND (l.database IS NULL OR l.database =
         (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
    UNION ALL
    -- who holds the gate is the head of the line and waits for the slots
    SELECT l.pid, l.locktype, l.mode, r.head_since, l.relation, l.classid, l.objsubid,
           ARRAY(SELECT s.pid FROM lock s
                 WHERE s.locktype = 'advisory' AND s.granted AND s.database = l.database
                 AND s.classid = l.classid AND s.objid <> l.objid AND s.objsubid = l.objsubid)
    FROM lock l
    JOIN weir._show_resources() r ON r.id = l.classid
    WHERE l.granted AND l.locktype = 'advisory' AND l.objsubid = 22273 AND l.objid = 4294967295
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
), chain AS (
    -- each pair once for each distance: of those in a line for one lock each is
    -- blocked by all before it, and the ways through are 2 to the power of them
    SELECT w.pid, b.pid AS blocker, 1 AS depth
    FROM waiter w, unnest(w.blockers) b(pid)
    UNION
    SELECT c.pid, b.pid, c.depth + 1
    FROM chain c JOIN waiter w ON w.pid = c.blocker, unnest(w.blockers) b(pid)
    WHERE b.pid <> c.pid AND c.depth < (SELECT least(count(*), 64) FROM waiter)
), root AS (
    SELECT DISTINCT ON (c.pid) c.pid, c.blocker, c.depth
    FROM chain c
    WHERE NOT EXISTS (SELECT FROM waiter w WHERE w.pid = c.blocker)
    ORDER BY c.pid, c.depth DESC, c.blocker
)
SELECT w.pid, k.task_id, v.class, v.queue, w.locktype, w.mode,
       (CASE WHEN w.locktype = 'advisory' AND w.objsubid = 22273 THEN w.classid
             ELSE w.relation END)::regclass AS relation,
       w.waitstart AS since, pg_catalog.clock_timestamp() - w.waitstart AS waited,
       w.blockers, r.blocker AS root_blocker, rk.task_id AS root_task_id,
       ra.state AS root_state, ra.xact_start AS root_xact_start,
       CASE WHEN pg_catalog.pg_has_role('pg_monitor', 'USAGE')
              OR pg_catalog.pg_has_role(ra.usesysid, 'USAGE') THEN ra.query END AS root_query,
       r.depth,
       (SELECT count(*) FROM waiter o WHERE w.pid = ANY (o.blockers))::integer AS waiting_behind,
       t.deadline, k.attempt
FROM waiter w
LEFT JOIN root r ON r.pid = w.pid
LEFT JOIN weir._show_workers() k ON k.pid = w.pid
LEFT JOIN weir.task t ON t.task_id = k.task_id
LEFT JOIN weir.environment v ON v.environment_id = t.environment_id
LEFT JOIN weir._show_workers() rk ON rk.pid = r.blocker
LEFT JOIN pg_catalog.pg_stat_get_activity(r.blocker) ra ON ra.pid = r.blocker;
COMMENT ON VIEW weir.lock_waits IS 'Processes of this database that wait for a lock or for a slot now, tasks and sessions: who blocks them, directly and at the root.';
COMMENT ON COLUMN weir.lock_waits.pid IS 'Process that waits.';
COMMENT ON COLUMN weir.lock_waits.task_id IS 'Task that it executes; null for a session.';
COMMENT ON COLUMN weir.lock_waits.class IS 'Class of the task.';
COMMENT ON COLUMN weir.lock_waits.queue IS 'Queue of the task.';
COMMENT ON COLUMN weir.lock_waits.locktype IS 'Type of the lock, as in pg_locks.';
COMMENT ON COLUMN weir.lock_waits.mode IS 'Mode that it wants.';
COMMENT ON COLUMN weir.lock_waits.relation IS 'Table that the lock, or the slot, is on.';
COMMENT ON COLUMN weir.lock_waits.since IS 'When the wait began.';
COMMENT ON COLUMN weir.lock_waits.waited IS 'For how long it has been waiting.';
COMMENT ON COLUMN weir.lock_waits.blockers IS 'Processes that block it directly.';
COMMENT ON COLUMN weir.lock_waits.root_blocker IS 'Process at the end of the chain, which waits for nobody.';
COMMENT ON COLUMN weir.lock_waits.root_task_id IS 'Task that the root blocker executes; null for a session.';
COMMENT ON COLUMN weir.lock_waits.root_state IS 'State of its session.';
COMMENT ON COLUMN weir.lock_waits.root_xact_start IS 'When its transaction began.';
COMMENT ON COLUMN weir.lock_waits.root_query IS 'Its last query; null for those who may not see it.';
COMMENT ON COLUMN weir.lock_waits.depth IS 'Length of the chain to the root.';
COMMENT ON COLUMN weir.lock_waits.waiting_behind IS 'Number of processes that this one blocks directly.';
COMMENT ON COLUMN weir.lock_waits.deadline IS 'Deadline of the task.';
COMMENT ON COLUMN weir.lock_waits.attempt IS 'Number of the task''s attempt.';

CREATE TABLE weir.lock_wait (
    task_id bigint NOT NULL,
    attempt integer NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    locktype text NOT NULL,
    mode text NOT NULL,
    relation text,
    blockers integer[] NOT NULL,
    blocker_tasks bigint[] NOT NULL,
    root_blocker integer,
    root_task_id bigint,
    root_role text,
    depth integer
);
COMMENT ON TABLE weir.lock_wait IS 'Ledger: waits of tasks for locks that lasted for a second or more, written when they were over.';
CREATE INDEX lock_wait_task_id_idx ON weir.lock_wait (task_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON weir.lock_wait
    FOR EACH STATEMENT EXECUTE FUNCTION weir._append_only();
ALTER TABLE weir.lock_wait ENABLE ALWAYS TRIGGER append_only;
SELECT pg_catalog.pg_extension_config_dump('weir.lock_wait', '');

-- If the attempt ended with the wait, or right after it, its run says how.
CREATE VIEW weir.lock_wait_history AS
SELECT w.task_id, w.attempt, v.class, v.queue, v.owner_name AS owner,
       w.since, u.until, u.until - w.since AS waited,
       w.locktype, w.mode, w.relation, w.blockers, w.blocker_tasks,
       w.root_blocker, w.root_task_id, w.root_role, w.depth,
       CASE WHEN r.sqlstate = '55P03' OR r.outcome = 'timed_out' THEN 'timeout'
            WHEN r.sqlstate = '40P01' THEN 'deadlock'
            WHEN r.sqlstate = '57014' OR r.outcome NOT IN ('succeeded', 'failed', 'snoozed') THEN 'cancelled'
            ELSE 'granted' END AS outcome
FROM weir.lock_wait w
JOIN weir.task t ON t.task_id = w.task_id
JOIN weir.environment v ON v.environment_id = t.environment_id
LEFT JOIN weir.run r ON r.task_id = w.task_id AND r.attempt = w.attempt
    AND r.finished_at < w.until + interval '1 s'
CROSS JOIN LATERAL (
    SELECT least(w.until, greatest(w.since, coalesce(r.finished_at, w.until))) AS until) u;
COMMENT ON VIEW weir.lock_wait_history IS 'Waits of tasks for locks that lasted for a second or more and are over: who blocked them, and how they ended.';
COMMENT ON COLUMN weir.lock_wait_history.task_id IS 'Task that waited.';
COMMENT ON COLUMN weir.lock_wait_history.attempt IS 'Number of its attempt.';
COMMENT ON COLUMN weir.lock_wait_history.class IS 'Class of the task.';
COMMENT ON COLUMN weir.lock_wait_history.queue IS 'Queue of the task.';
COMMENT ON COLUMN weir.lock_wait_history.owner IS 'Role that it ran as.';
COMMENT ON COLUMN weir.lock_wait_history.since IS 'When the wait began.';
COMMENT ON COLUMN weir.lock_wait_history.until IS 'When it was seen to be over.';
COMMENT ON COLUMN weir.lock_wait_history.waited IS 'How long it lasted.';
COMMENT ON COLUMN weir.lock_wait_history.locktype IS 'Type of the lock, as in pg_locks.';
COMMENT ON COLUMN weir.lock_wait_history.mode IS 'Mode that it wanted.';
COMMENT ON COLUMN weir.lock_wait_history.relation IS 'Table that the lock was on, or the rows of; null if it is not known.';
COMMENT ON COLUMN weir.lock_wait_history.blockers IS 'Processes that blocked it directly when that was last looked at; 0 is a prepared transaction.';
COMMENT ON COLUMN weir.lock_wait_history.blocker_tasks IS 'The tasks that they executed, in the same order; null for a session.';
COMMENT ON COLUMN weir.lock_wait_history.root_blocker IS 'Process at the end of the chain, which waited for no lock.';
COMMENT ON COLUMN weir.lock_wait_history.root_task_id IS 'Task that it executed; null for a session.';
COMMENT ON COLUMN weir.lock_wait_history.root_role IS 'Role that it was connected as.';
COMMENT ON COLUMN weir.lock_wait_history.depth IS 'Length of the chain to the root.';
COMMENT ON COLUMN weir.lock_wait_history.outcome IS 'granted, timeout, deadlock or cancelled.';
