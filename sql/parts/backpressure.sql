-- What retries make of the load, and where work was held back: over time, from
-- the ledger.

-- What an attempt is follows from how the one before it ended.
CREATE VIEW weir.attempts AS
SELECT v.queue, pg_catalog.date_trunc('minute', r.started_at) AS minute,
       count(*) FILTER (WHERE p.outcome IS NULL) AS first_attempts,
       count(*) FILTER (WHERE p.charged AND p.outcome NOT IN ('interrupted', 'retried')) AS retries,
       count(*) FILTER (WHERE NOT p.charged AND p.outcome IN ('failed', 'timed_out')) AS contention,
       count(*) FILTER (WHERE p.outcome = 'retried') AS brought_back,
       count(*) FILTER (WHERE p.outcome = 'preempted') AS preempted,
       count(*) FILTER (WHERE p.outcome = 'snoozed') AS snoozed,
       count(*) FILTER (WHERE p.outcome = 'interrupted') AS interrupted,
       count(*) FILTER (WHERE r.outcome = 'succeeded') AS succeeded,
       count(*)::numeric / nullif(count(*) FILTER (WHERE p.outcome IS NULL), 0) AS load_factor
FROM weir.run r
JOIN weir.task t ON t.task_id = r.task_id
JOIN weir.environment v ON v.environment_id = t.environment_id
LEFT JOIN weir.run p ON p.task_id = r.task_id AND p.attempt = r.attempt - 1
WHERE r.started_at IS NOT NULL
GROUP BY v.queue, pg_catalog.date_trunc('minute', r.started_at);
COMMENT ON VIEW weir.attempts IS 'The attempts that have ended, by queue and minute of their start: first ones, retries, and repeats for other reasons.';
COMMENT ON COLUMN weir.attempts.queue IS 'Queue of the tasks.';
COMMENT ON COLUMN weir.attempts.minute IS 'Minute in which they began.';
COMMENT ON COLUMN weir.attempts.first_attempts IS 'First attempts of their tasks.';
COMMENT ON COLUMN weir.attempts.retries IS 'Attempts after one that failed and is charged.';
COMMENT ON COLUMN weir.attempts.contention IS 'Attempts after contention that is not charged.';
COMMENT ON COLUMN weir.attempts.brought_back IS 'Attempts after weir.retry().';
COMMENT ON COLUMN weir.attempts.preempted IS 'Attempts after one that was preempted.';
COMMENT ON COLUMN weir.attempts.snoozed IS 'Attempts after one that was snoozed.';
COMMENT ON COLUMN weir.attempts.interrupted IS 'Attempts after one that was interrupted.';
COMMENT ON COLUMN weir.attempts.succeeded IS 'Those of all that succeeded.';
COMMENT ON COLUMN weir.attempts.load_factor IS 'All attempts for each first one; null if there was no first one.';

CREATE VIEW weir.backpressure AS
SELECT x.minute, x.kind, x.name, x.what, sum(x.times)::bigint AS times
FROM (SELECT pg_catalog.date_trunc('minute', r.finished_at) AS minute, 'queue'::text AS kind,
             v.queue AS name, r.outcome AS what, 1::bigint AS times
      FROM weir.run r
      JOIN weir.task t ON t.task_id = r.task_id
      JOIN weir.environment v ON v.environment_id = t.environment_id
      WHERE r.outcome IN ('expired', 'shed', 'preempted')
      UNION ALL
      SELECT pg_catalog.date_trunc('minute', e.at),
             CASE WHEN e.queue IS NOT NULL THEN 'queue' WHEN e.kind = 'health' THEN 'health'
                  WHEN e.relation IS NOT NULL THEN 'table' WHEN e.detail ? 'resource' THEN 'named'
                  ELSE 'database' END,
             coalesce(e.queue, e.relation, e.detail ->> 'resource', e.detail ->> 'measure'),
             e.kind || coalesce(' ' || (e.detail ->> 'state'), ''), 1
      FROM weir.event e
      WHERE e.kind IN ('queue_high', 'queue_low', 'breaker', 'ramp', 'health',
                       'adaptive_limit', 'let_through', 'would_wait', 'starvation')
      UNION ALL
      SELECT NULL, c.kind, c.name, c.what, c.times
      FROM (SELECT 'queue' AS kind, q.name, w.what, w.times
            FROM weir.queues q, LATERAL (VALUES ('refused', q.refused), ('waited', q.waited)) w (what, times)
            UNION ALL
            SELECT r.kind, r.resource, w.what, w.times
            FROM weir.resources r, LATERAL (VALUES ('refused', r.refused), ('waited', r.waited)) w (what, times)
            UNION ALL
            SELECT 'role', l.role, 'refused', l.refused FROM weir.role_limits l) c
      WHERE c.times > 0) x
GROUP BY x.minute, x.kind, x.name, x.what;
COMMENT ON VIEW weir.backpressure IS 'Where work was held back, and when: what was refused, waited, was shed or expired, and the changes of breakers, limits, ramps, health and watermarks.';
COMMENT ON COLUMN weir.backpressure.minute IS 'Minute in which it happened; null for what is counted since the server started.';
COMMENT ON COLUMN weir.backpressure.kind IS 'Where: queue, table, named (a resource), role, health or database.';
COMMENT ON COLUMN weir.backpressure.name IS 'Its name, or the measure of health; null for the database.';
COMMENT ON COLUMN weir.backpressure.what IS 'refused, waited, shed, expired, preempted, or the kind of an event, with the state that it tells.';
COMMENT ON COLUMN weir.backpressure.times IS 'How many times.';
