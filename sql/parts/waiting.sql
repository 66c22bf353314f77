-- Why tasks do not run: one question to one function, whether it is asked of
-- one task or of all of them.

-- Why a task does not run: every cause that holds now, the decisive one first.
CREATE FUNCTION weir._causes(
    wanted bigint[],
    OUT task_id bigint, OUT cause text, OUT holder text, OUT detail text, OUT eta timestamptz
) RETURNS SETOF record
    LANGUAGE sql VOLATILE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET intervalstyle = postgres
    ROWS 3
    AS $$
    WITH t AS MATERIALIZED (
        SELECT * FROM weir.tasks t
        WHERE t.task_id = ANY (wanted)
        AND t.state IN ('scheduled', 'blocked', 'ready', 'retrying', 'running')
        -- one that has just ended may be seen in its worker still
        AND (t.state = 'retrying'
             OR NOT EXISTS (SELECT FROM weir._show_workers() w WHERE w.task_id = t.task_id))
    ), s AS MATERIALIZED (
        SELECT * FROM weir.status
    ), r AS MATERIALIZED (
        SELECT r.*, CASE WHEN r.left_to IS NOT NULL THEN
                        (SELECT w.class FROM weir.tasks w WHERE w.task_id = r.left_to) END AS left_class
        FROM weir.resources r
    ), h AS MATERIALIZED (
        SELECT * FROM weir.slots
    ), e AS MATERIALIZED (
        -- by when runs are likely to have ended; who takes longer than nine of ten
        -- of the last ones of its queue did is not counted on any more
        SELECT w.task_id, a.queue_id, w.started_at + d.likely AS ends_at
        FROM weir._show_workers() w
        JOIN weir._show_assigned() a ON a.task_id = w.task_id
        JOIN weir._show_durations() d ON d.queue_id = a.queue_id
        WHERE w.started_at + d.likely > clock_timestamp()
    ), l AS MATERIALIZED (
        -- the roles that have as many tasks running as they may
        SELECT l.role, r.oid, l.running, l.max_running, a.tasks, a.ends_at
        FROM weir.role_limits l JOIN pg_roles r ON r.rolname = l.role CROSS JOIN LATERAL (
            SELECT string_agg('task ' || a.task_id, ', ' ORDER BY a.task_id) AS tasks,
                   min(e.ends_at) AS ends_at
            FROM weir._show_assigned() a
            JOIN weir.tasks o ON o.task_id = a.task_id AND o.owner_oid = r.oid
            LEFT JOIN e ON e.task_id = a.task_id) a
        WHERE l.running >= l.max_running
    ), b AS MATERIALIZED (
        -- the breakers that hold tasks back, which none with a fallback does
        SELECT b.resource, b.state, b.calls, b.failures, b.probing, b.half_open_at, p.probes, p.ends_at
        FROM weir.breakers b CROSS JOIN LATERAL (
            SELECT string_agg('task ' || a.task_id, ', ' ORDER BY a.task_id) AS probes,
                   min(e.ends_at) AS ends_at
            FROM weir._show_assigned() a
            JOIN weir.tasks o ON o.task_id = a.task_id AND b.resource = ANY (o.resources)
            LEFT JOIN e ON e.task_id = a.task_id
            WHERE b.state = 'half_open') p
        WHERE b.breaker ->> 'on_open' IS DISTINCT FROM 'fallback'
        AND (b.state IN ('open', 'forced_open') OR (b.state = 'half_open' AND b.probing > 0))
    ), m AS MATERIALIZED (
        -- so many have to end that one more worker than the limit is free
        SELECT m.*, CASE WHEN m.measure = 'free_workers'
                         THEN (SELECT e.ends_at FROM e ORDER BY e.ends_at
                               OFFSET greatest(m.bound - m.value, 0) LIMIT 1) END AS ends_at
        FROM weir.health m WHERE m.bad
    ), k AS MATERIALIZED (
        SELECT class, reserved_in_force AS reserved, running, max_share, reclaim_bound
        FROM weir.classes
    ), w AS MATERIALIZED (
        SELECT w.*, concat_ws(' on ', 'class ' || w.class, coalesce(w.relation, w.resource)) AS target
        FROM weir._window_states(clock_timestamp()) w WHERE EXISTS (SELECT FROM weir.windows)
    ), c AS (
        SELECT t.task_id, 1 AS rank, 'not_adopted' AS cause, NULL::text AS holder,
               'call weir.adopt()' AS detail, NULL::timestamptz AS eta
        FROM t, s WHERE s.scheduler = 'not_adopted'
        UNION ALL
        SELECT t.task_id, 2, 'scheduler_down', NULL, 'the scheduler is ' || s.scheduler, NULL
        FROM t, s WHERE s.scheduler IN ('down', 'starting', 'rebuilding')
        UNION ALL
        SELECT t.task_id, 3, 'paused', NULL,
               coalesce('everything: ' || s.paused_reason, 'everything'), NULL
        FROM t, s WHERE s.paused
        UNION ALL
        SELECT t.task_id, 3, 'paused', NULL, 'weir.enabled is off', NULL
        FROM t, s WHERE NOT s.enabled
        UNION ALL
        SELECT t.task_id, 3, 'paused', NULL,
               format('the library has version %s and the extension %s: ALTER EXTENSION pg_weir UPDATE',
                      s.library_version, s.extension_version), NULL
        FROM t, s WHERE s.library_version <> s.extension_version
        UNION ALL
        SELECT t.task_id, 4, 'paused', NULL,
               coalesce('queue ' || q.name || ': ' || q.paused_reason, 'queue ' || q.name), NULL
        FROM t JOIN weir.queues q ON q.name = t.queue WHERE q.paused
        UNION ALL
        SELECT t.task_id, 5, 'scheduled', NULL, 'run_at is to come', t.run_at
        FROM t WHERE t.state = 'scheduled'
        UNION ALL
        SELECT t.task_id, 5, 'dependency',
               string_agg('task ' || p.id, ', ' ORDER BY p.id) FILTER (WHERE p.place <= 5)
                   || CASE WHEN count(*) > 5 THEN ' and ' || count(*) - 5 || ' more' ELSE '' END,
               count(*) || ' of ' || cardinality(t.after) || ' parents have not ended'
                   || CASE WHEN bool_or(p.failed) THEN ', or have failed and wait for weir.retry()' ELSE '' END,
               -- when the last parent is likely to end, if all that have not run; a
               -- collector waits no longer than its group may take
               least(CASE WHEN count(*) = count(p.ends_at) THEN max(p.ends_at) END,
                     (SELECT g.deadline FROM weir.groups g
                      WHERE g.task_id = t.task_id AND g.on_deadline = 'partial'))
        FROM t CROSS JOIN LATERAL (
            SELECT u.id, u.failed, e.ends_at, row_number() OVER (ORDER BY u.id) AS place
            FROM (SELECT s.task_id AS id, s.state IN ('discarded', 'cancelled', 'expired', 'shed') AS failed
                  FROM weir.tasks s WHERE s.task_id = ANY (t.after) AND s.state <> 'succeeded') u
            LEFT JOIN e ON e.task_id = u.id
            WHERE NOT u.failed OR t.on_parent_failure <> 'run') p
        WHERE t.state = 'blocked' GROUP BY t.task_id, t.after
        UNION ALL
        SELECT k.task_id, 6, 'serial_key', 'task ' || k.first_id,
               CASE WHEN k.before > 1
                    THEN k.before || ' tasks of its serial key go before it'
                    ELSE 'another task of its serial key goes before it' END,
               CASE WHEN k.before = 1 THEN e.ends_at END
        FROM weir._show_serial(wanted) k
        LEFT JOIN e ON e.task_id = k.first_id
        UNION ALL
        SELECT t.task_id, 5, 'backoff', NULL,
               'attempt ' || t.attempts + 1
                   -- those that did not count come on top
                   || CASE WHEN t.attempts < t.max_attempts THEN ' of ' || t.max_attempts ELSE '' END,
               t.retry_at
        FROM t WHERE t.state = 'retrying'
        UNION ALL
        SELECT t.task_id, 6, 'inbox', a.pid::text, 'handed to a worker', NULL
        FROM t JOIN weir._show_assigned() a ON a.task_id = t.task_id
        UNION ALL
        SELECT t.task_id, 7, w.kind, w.name,
               CASE w.kind WHEN 'blackout' THEN 'blackout ' || w.name || ' closes ' || w.target
                           ELSE w.target || ' is open in its windows alone' END,
               nullif(w.opens_at, 'infinity')
        FROM t JOIN w ON w.class = t.class
        WHERE t.state = 'ready' AND NOT w.open
        AND (coalesce(w.relation, w.resource) IS NULL OR w.relation = ANY (t.tables) OR w.resource = ANY (t.resources))
        UNION ALL
        SELECT t.task_id, 7, 'window', w.name,
               format('runs of queue %s take up to %s, and %s closes before', t.queue, d.likely, w.target), NULL
        FROM t JOIN w ON w.class = t.class
        JOIN weir.queues q ON q.name = t.queue
        JOIN weir._show_durations() d ON d.queue_id = q.queue_id
        WHERE t.state = 'ready' AND w.open AND clock_timestamp() + d.likely > w.closes_at
        AND (coalesce(w.relation, w.resource) IS NULL OR w.relation = ANY (t.tables) OR w.resource = ANY (t.resources))
        UNION ALL
        SELECT t.task_id, 7, 'downstream_full', 'queue ' || d.name,
               format('queue %s feeds queue %s, which has %s of %s tasks', q.name, d.name, d.depth, d.capacity),
               -- at the pace at which its tasks end, which is no better than the
               -- time since the last one, producers in line first
               CASE WHEN d.running > 0 AND NOT d.paused THEN
                   clock_timestamp() + (1 + d.waiting_producers)
                   * greatest(g.gap * interval '1 microsecond', clock_timestamp() - g.last_end) END
        FROM t JOIN weir.queues q ON q.name = t.queue
        JOIN weir.queues d ON d.name = q.policy ->> 'feeds'
        LEFT JOIN weir._show_queues() g ON g.queue_id = d.queue_id AND g.gap IS NOT NULL
        WHERE t.state = 'ready' AND (d.depth >= d.capacity OR d.waiting_producers > 0)
        UNION ALL
        SELECT t.task_id, 7, 'queue_limit',
               (SELECT string_agg('task ' || a.task_id, ', ' ORDER BY a.task_id)
                FROM weir._show_assigned() a WHERE a.queue_id = q.queue_id),
               q.running || ' of max_running ' || q.max_running || ' in queue ' || q.name,
               (SELECT min(e.ends_at) FROM e WHERE e.queue_id = q.queue_id)
        FROM t JOIN weir.queues q ON q.name = t.queue
        WHERE t.state IN ('ready') AND q.running >= q.max_running
        UNION ALL
        SELECT t.task_id, 7, 'budget', b.kind || ' ' || b.name,
               format('%s retries and %s first attempts in %s', b.retries, b.first_attempts, b.budget_window),
               b.next_retry
        FROM t JOIN weir.retry_budgets b
            ON (b.kind = 'queue' AND b.name = t.queue)
            OR (b.kind = 'resource' AND b.name = ANY (t.resources))
        WHERE t.state = 'ready' AND b.next_retry IS NOT NULL
        AND (SELECT r.charged FROM weir.runs r WHERE r.task_id = t.task_id
             ORDER BY r.attempt DESC LIMIT 1)
        UNION ALL
        SELECT t.task_id, 7, 'role_limit', l.tasks,
               l.running || ' of max_running ' || l.max_running || ' of role ' || l.role, l.ends_at
        FROM t JOIN l ON l.oid = t.owner_oid
        WHERE t.state = 'ready'
        UNION ALL
        SELECT t.task_id, 8,
               CASE WHEN bool_or(h.task_id IS NOT NULL) THEN 'cap' ELSE 'foreign_holder' END,
               string_agg(coalesce('task ' || h.task_id, 'pid ' || h.pid), ', ' ORDER BY h.slot),
               'all slots of ' || r.resource || ' for class ' || t.class || ' are held', min(e.ends_at)
        FROM t
        JOIN r
            ON r.resource = ANY (CASE r.kind WHEN 'table' THEN t.tables
                                             WHEN 'named' THEN t.resources END)
        JOIN h ON h.kind = r.kind AND h.resource = r.resource
            AND (NOT h.reserved OR t.class = 'daily') AND h.pid IS NOT NULL
        LEFT JOIN e ON e.task_id = h.task_id
        WHERE t.state = 'ready'
        GROUP BY t.task_id, t.class, r.kind, r.resource, r.slots, r.reserved
        HAVING count(*) >= r.slots - CASE WHEN t.class = 'daily' THEN 0 ELSE r.reserved END
        UNION ALL
        -- the adaptive limit is for tasks, and is not about the reserved slots
        SELECT t.task_id, 8, 'cap',
               string_agg('task ' || h.task_id, ', ' ORDER BY h.slot),
               format('tasks hold %s of %s slots of %s, and its adaptive limit for class %s is %s',
                      count(*), r.slots, r.resource, t.class, l.bound), min(e.ends_at)
        FROM t
        JOIN r ON r.kind = 'table' AND r.resource = ANY (t.tables) AND r.adaptive = 'act'
        CROSS JOIN LATERAL (
            SELECT CASE WHEN t.class = 'backfill' THEN r.backfill_limit ELSE r.adaptive_limit END) l(bound)
        JOIN h ON h.kind = r.kind AND h.resource = r.resource AND h.task_id IS NOT NULL
        LEFT JOIN e ON e.task_id = h.task_id
        WHERE t.state = 'ready'
        AND (t.class <> 'daily' OR NOT EXISTS (
            SELECT FROM h f
            WHERE f.kind = r.kind AND f.resource = r.resource AND f.reserved AND f.pid IS NULL))
        GROUP BY t.task_id, t.class, r.resource, r.slots, r.reserved, l.bound
        HAVING count(*) FILTER (WHERE NOT h.reserved) >= l.bound - r.reserved
        UNION ALL
        SELECT t.task_id, 8, 'yield', 'task ' || min(d.task_id),
               'a daily task that is ' || max(d.tier) || ' waits for ' || min(n.name), NULL
        FROM t
        JOIN weir.deadlines d ON d.tier <> 'on_time' AND d.state = 'ready'
        CROSS JOIN LATERAL unnest(t.tables || t.resources) n(name)
        WHERE t.state = 'ready' AND t.class = 'backfill' AND n.name = ANY (d.tables || d.resources)
        GROUP BY t.task_id
        UNION ALL
        -- inherited: see sched/inherit.c
        SELECT t.task_id, 8, 'cap', 'task ' || r.left_to,
               format('resource %s is left to class %s: task %s waits for a lock of a task that holds a slot',
                      r.resource, r.left_class, r.left_to), NULL
        FROM t JOIN r ON r.kind = 'table' AND r.resource = ANY (t.tables)
        WHERE t.state = 'ready'
        AND array_position('{system,daily,adhoc,backfill}', t.class)
            > array_position('{system,daily,adhoc,backfill}', r.left_class)
        UNION ALL
        SELECT t.task_id, 8, 'cap', NULL,
               'all slots of ' || r.resource || ' are reserved for class daily', NULL
        FROM t JOIN r
            ON r.resource = ANY (CASE r.kind WHEN 'table' THEN t.tables
                                             WHEN 'named' THEN t.resources END)
        WHERE t.state = 'ready' AND t.class <> 'daily' AND r.reserved = r.slots
        UNION ALL
        SELECT t.task_id, 8, 'breaker', 'resource ' || b.resource,
               CASE b.state WHEN 'open' THEN format('%s of %s attempts failed', b.failures, b.calls)
                            WHEN 'half_open' THEN coalesce(b.probes || CASE WHEN b.probing = 1 THEN ' is the probe' ELSE ' are the probes' END,
                                                           'a probe runs')
                            ELSE 'held open by weir.set_breaker()' END,
               CASE b.state WHEN 'half_open' THEN b.ends_at ELSE b.half_open_at END
        FROM t JOIN b ON b.resource = ANY (t.resources)
        WHERE t.state = 'ready'
        UNION ALL
        SELECT t.task_id, 8, 'health', m.measure,
               CASE m.measure WHEN 'free_workers' THEN format('%s workers are free, and %s are to be left', m.value, m.bound)
                              ELSE format('%s is %s, has exceeded %s, and is to be %s again', m.measure, m.value, m.bound, m.resume_at) END,
               m.ends_at
        FROM t JOIN m ON t.class = ANY (m.classes)
        WHERE t.state = 'ready'
        UNION ALL
        SELECT t.task_id, 8, 'ramp', m.kind || coalesce(' ' || m.name, ''),
               format('after an outage: %s of %s tasks at a time so far', m.allowed, m.total), m.next_at
        FROM t JOIN weir.ramps m ON m.kind = 'database' OR (m.kind = 'queue' AND m.name = t.queue)
            OR (m.kind = 'resource' AND m.name = ANY (t.resources))
        WHERE t.state = 'ready' AND m.running >= m.allowed
        AND (m.kind <> 'database' OR NOT EXISTS (
            SELECT FROM weir.deadlines d WHERE d.task_id = t.task_id AND d.tier <> 'on_time'))
        UNION ALL
        SELECT t.task_id, 8, 'rate', coalesce('task ' || r.paused_by, 'resource ' || r.resource),
               CASE WHEN r.paused_until IS NOT NULL THEN 'resource ' || r.resource || ' is paused'
                    WHEN r.rate IS NULL THEN 'resource ' || r.resource || ' starts again after a pause'
                    ELSE format('resource %s has a rate of %s per %s', r.resource, r.rate, r.per) END,
               r.next_start
        FROM t JOIN r ON r.kind = 'named' AND r.resource = ANY (t.resources)
        WHERE t.state = 'ready' AND r.next_start IS NOT NULL
        UNION ALL
        -- what is free is reserved for others
        SELECT t.task_id, 8, 'class_share',
               (SELECT string_agg('task ' || b.task_id, ', ' ORDER BY b.task_id)
                FROM (SELECT a.task_id FROM weir._show_assigned() a
                      JOIN weir.tasks r ON r.task_id = a.task_id
                      JOIN k USING (class) WHERE k.running > k.reserved
                      ORDER BY a.task_id LIMIT 5) b),
               format('the free workers, %s of %s, are reserved for class %s',
                      w.free, w.workers, w.reserved_for),
               clock_timestamp() + k.reclaim_bound
        FROM t JOIN k USING (class) CROSS JOIN LATERAL (
            SELECT w.workers, w.workers - sum(o.running) AS free,
                   sum(greatest(o.reserved - o.running, 0)) FILTER (WHERE o.class <> k.class) AS unused,
                   string_agg(o.class, ' and ' ORDER BY o.class)
                       FILTER (WHERE o.class <> k.class AND o.reserved > o.running) AS reserved_for
            FROM k o, (SELECT current_setting('weir.max_workers')::integer AS workers) w
            GROUP BY w.workers) w
        WHERE t.state = 'ready' AND w.free > 0 AND w.free <= w.unused
        UNION ALL
        SELECT t.task_id, 8, 'class_share',
               (SELECT string_agg('task ' || b.task_id, ', ' ORDER BY b.task_id)
                FROM (SELECT a.task_id FROM weir._show_assigned() a
                      JOIN weir.tasks r ON r.task_id = a.task_id
                      WHERE r.class = t.class ORDER BY a.task_id LIMIT 5) b),
               format('class %s has its max_share of the workers, %s of %s, and others have tasks, too',
                      k.class, k.running, current_setting('weir.max_workers')),
               (SELECT min(e.ends_at) FROM e JOIN weir.tasks r ON r.task_id = e.task_id
                WHERE r.class = t.class)
        FROM t JOIN k USING (class)
        WHERE t.state = 'ready' AND k.max_share IS NOT NULL
        AND k.running >= greatest(floor(k.max_share * current_setting('weir.max_workers')::integer + 1e-9), 1)
        AND EXISTS (SELECT FROM weir.queues q WHERE q.class <> k.class AND q.ready > 0)
        UNION ALL
        SELECT t.task_id, 9, 'no_worker',
               -- who has the workers of this database, for longest
               (SELECT string_agg('task ' || b.task_id, ', ' ORDER BY b.started_at, b.task_id)
                FROM (SELECT w.task_id, w.started_at FROM weir._show_workers() w
                      WHERE w.task_id IS NOT NULL
                      ORDER BY w.started_at, w.task_id LIMIT 5) b),
               CASE WHEN s.out_of_processes THEN 'max_worker_processes is used up'
                    ELSE 'no worker is free, or others go first' END,
               (SELECT min(e.ends_at) FROM e)
        FROM t, s WHERE t.state = 'ready'
    )
    -- each task once more, with when it expires: one sort does what joins would
    -- do, whose cost may be the square of the number of tasks
    SELECT c.task_id, c.cause, c.holder,
           c.detail || coalesce('; it expires at ' || c.expires_at, ''), c.eta
    FROM (
        SELECT u.*, max(u.eta) FILTER (WHERE u.rank = 0) OVER task AS expires_at,
               min(u.rank) FILTER (WHERE u.rank > 0) OVER task AS decisive
        FROM (SELECT * FROM c
              UNION ALL
              SELECT t.task_id, 0, NULL, NULL, NULL, t.expires_at FROM t) u
        WINDOW task AS (PARTITION BY u.task_id)) c
    -- workers matter when nothing else is in the way
    WHERE c.rank BETWEEN 1 AND 8 OR (c.rank = 9 AND c.decisive = 9)
    ORDER BY c.task_id, c.rank
    $$;

CREATE FUNCTION weir.why_waiting(
    task_id bigint,
    OUT cause text, OUT holder text, OUT detail text, OUT eta timestamptz
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    ROWS 3
    AS $$
DECLARE
    may_see boolean;
BEGIN
    -- the view shows the command to those who may see the task
    SELECT t.command IS NOT NULL INTO may_see
    FROM weir.tasks t WHERE t.task_id = why_waiting.task_id;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('task %s does not exist', task_id);
    END IF;
    IF NOT may_see THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of task %s', task_id);
    END IF;
    RETURN QUERY SELECT c.cause, c.holder, c.detail, c.eta
        FROM weir._causes(ARRAY[why_waiting.task_id]) c;
END
$$;
COMMENT ON FUNCTION weir.why_waiting(bigint)
    IS 'Why a task does not run: every cause that holds now, the decisive one first; no row if it runs or has ended.';

-- The ids are said twice: a join alone does not reach into weir.tasks, and all
-- that have ever been enqueued would be looked at.
CREATE VIEW weir.waiting AS
WITH unfinished AS MATERIALIZED (
    SELECT array_agg(u) AS ids FROM weir._show_unfinished() u
)
SELECT t.task_id, t.queue, t.class, t.owner, t.state, t.priority, t.enqueued_at,
       pg_catalog.clock_timestamp() - t.enqueued_at AS waited, t.deadline,
       c.cause, c.holder, c.detail, c.eta, t.expires_at
FROM (SELECT DISTINCT ON (c.task_id) c.* FROM weir._causes((SELECT ids FROM unfinished))
          WITH ORDINALITY c
      ORDER BY c.task_id, c.ordinality) c
JOIN weir.tasks t ON t.task_id = c.task_id
WHERE t.task_id = ANY ((SELECT ids FROM unfinished)::bigint[]);
COMMENT ON VIEW weir.waiting IS 'The tasks that do not run yet, with the decisive cause.';
COMMENT ON COLUMN weir.waiting.task_id IS 'Id of the task.';
COMMENT ON COLUMN weir.waiting.queue IS 'Its queue.';
COMMENT ON COLUMN weir.waiting.class IS 'Its class.';
COMMENT ON COLUMN weir.waiting.owner IS 'Role that it will run as.';
COMMENT ON COLUMN weir.waiting.state IS 'scheduled, blocked, ready, retrying, or running while a worker has it in hand.';
COMMENT ON COLUMN weir.waiting.priority IS 'Lower goes first.';
COMMENT ON COLUMN weir.waiting.enqueued_at IS 'When it was enqueued.';
COMMENT ON COLUMN weir.waiting.waited IS 'For how long it has been waiting.';
COMMENT ON COLUMN weir.waiting.deadline IS 'To be done by.';
COMMENT ON COLUMN weir.waiting.cause IS 'What it waits for: not_adopted, scheduler_down, paused, scheduled, dependency, serial_key, backoff, inbox, window, blackout, downstream_full, queue_limit, role_limit, budget, cap, breaker, health, ramp, rate, foreign_holder, class_share or no_worker.';
COMMENT ON COLUMN weir.waiting.holder IS 'Who holds what it waits for.';
COMMENT ON COLUMN weir.waiting.detail IS 'More about it.';
COMMENT ON COLUMN weir.waiting.eta IS 'When that is expected to be over.';
COMMENT ON COLUMN weir.waiting.expires_at IS 'When it ends if it has not started by then.';
