-- Daily runs: what is due is enqueued, by whoever calls weir.run_due(); pg_cron
-- does if it is told to.  What is to be said of intervals that are due is said
-- then, too.

-- Makes the next version of an interval, or of several that are run as one:
-- its task; null if the queue is full.  The job is locked.
CREATE FUNCTION weir._start(
    j weir.job, p_by text, p_start timestamptz, p_end timestamptz, p_cause text,
    p_backfill_id bigint, p_reason text
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    task bigint;
BEGIN
    task := weir._enqueue(j, p_start, p_end, weir._due_at(j, p_end), p_cause <> 'schedule',
                          coalesce(p_reason, p_cause || ' of job ' || j.name), false);
    IF task IS NOT NULL THEN
        INSERT INTO weir.interval (job_id, interval_start, interval_end, version, task_id, cause,
                                   backfill_id, due_at, code, reason, created_by)
        SELECT j.job_id, b.interval_start, b.interval_end, coalesce(
                   (SELECT max(i.version) FROM weir.interval i
                    WHERE i.job_id = j.job_id AND i.interval_start = b.interval_start), 0) + 1,
               task, p_cause, p_backfill_id, weir._due_at(j, b.interval_end), md5(j.command), p_reason, p_by
        FROM weir._range(j, p_start, p_end) b
        -- a snapshot that is older than the lock on the job is told so: 40001
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN task;
END
$$;

-- Jobs whose output is an input of a job and was late for an interval of it: not
-- done by its own due, or, if it has none, by that of the interval.
CREATE FUNCTION weir.__late_inputs(caller oid, p_job_id integer, p_start timestamptz, p_end timestamptz, p_due timestamptz)
    RETURNS text[]
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT array_agg(u.name ORDER BY u.name)
    FROM weir.job j
    JOIN weir.job u ON u.outputs && j.inputs
    WHERE j.job_id = p_job_id AND weir._produces(u, j) AND EXISTS (
        SELECT FROM weir.__intervals(caller, u.job_id, p_start - u.every, p_end) x
        WHERE x.interval_end > p_start AND x.interval_end <= p_end AND x.exec <> 'waived'
        AND coalesce(x.first_done_at, clock_timestamp()) > coalesce(x.due_at, p_due))
    $$;

-- The same for whoever reads a view.
CREATE FUNCTION weir._late_inputs(p_job_id integer, p_start timestamptz, p_end timestamptz, p_due timestamptz) RETURNS text[]
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';

-- Records what is to be said of the intervals that a tick looks at, once, and
-- has listeners notified of it.
CREATE FUNCTION weir._note_events(caller oid, j weir.job, p_from timestamptz) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    WITH noted AS (
        INSERT INTO weir.event (kind, job_id, job, interval_start, session_user_name, current_user_name, task_id, detail)
        SELECT e.kind, j.job_id, j.name, e.interval_start, session_user, pg_get_userbyid(caller), e.task_id,
               jsonb_build_object('interval_end', e.interval_end, 'due_at', e.due_at, 'first_done_at', e.first_done_at)
               || CASE WHEN e.kind IN ('late', 'missed')
                       THEN jsonb_strip_nulls(jsonb_build_object('excused_by',
                           weir.__late_inputs(caller, j.job_id, e.interval_start, e.interval_end, e.due_at)))
                       ELSE '{}' END
        FROM (SELECT x.*, k.kind
              FROM weir.__intervals(caller, j.job_id, p_from, NULL) x
              CROSS JOIN LATERAL (VALUES
                  ('expected', true),
                  ('missing', x.exec = 'missing' AND x.interval_end < clock_timestamp() - j.catch_up),
                  ('at_risk', x.timeliness = 'at_risk'),
                  ('late', x.timeliness IN ('late', 'missed')),
                  ('arrived', x.first_done_at IS NOT NULL),
                  ('missed', x.timeliness = 'missed'),
                  ('met', x.first_done_at <= x.due_at)) k (kind, holds)
              WHERE k.holds) e
        WHERE NOT EXISTS (SELECT FROM weir.event o WHERE o.job_id = j.job_id AND o.kind = e.kind
                          AND o.interval_start = e.interval_start)
        ORDER BY e.interval_start
        RETURNING event_id
    )
    SELECT weir._announce(j.job_id, min(n.event_id), max(n.event_id)) FROM noted n
    $$;

-- Makes the version of a daily run.  Chunks of backfills that wait for the same
-- interval are cancelled for it: today is on time whatever is backfilled.
-- Null if the queue is full, 0 if a worker has such a chunk in hand: that will
-- do.  Then nothing has happened.
CREATE FUNCTION weir._start_due(caller oid, j weir.job, p_start timestamptz, p_end timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    waiting bigint[];
    task bigint;
BEGIN
    SELECT array_agg(i.task_id) INTO waiting FROM weir.interval i
    WHERE i.job_id = j.job_id AND i.interval_start >= p_start AND i.interval_start < p_end
    AND i.task_id IS NOT NULL AND NOT weir._ended(i.task_id);
    IF waiting IS NULL THEN
        RETURN weir._start(j, pg_get_userbyid(caller), p_start, p_end, 'schedule', NULL, NULL);
    END IF;
    PERFORM weir._cancel(caller, waiting, 'the daily run takes its place');
    PERFORM FROM unnest(waiting) t WHERE NOT weir._ended(t);
    IF FOUND THEN
        RAISE SQLSTATE 'WEIR0';
    END IF;
    task := weir._start(j, pg_get_userbyid(caller), p_start, p_end, 'schedule', NULL, NULL);
    IF task IS NULL THEN
        RAISE SQLSTATE 'WEIR1';
    END IF;
    RETURN task;
EXCEPTION
    -- the cancel is undone
    WHEN SQLSTATE 'WEIR0' THEN RETURN 0;
    WHEN SQLSTATE 'WEIR1' THEN RETURN NULL;
END
$$;

CREATE FUNCTION weir._run_due(
    caller oid, p_name text,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT task_id bigint
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
    oldest timestamptz := clock_timestamp() - j.catch_up;
    k bigint := weir._index(j.starts_at, j.every, j.timezone, oldest);
    -- the first interval that ends within catch_up
    start timestamptz := weir._boundary(j.starts_at, j.every, j.timezone, k);
    before timestamptz := weir._boundary(j.starts_at, j.every, j.timezone, k - 1);
    noted timestamptz := (SELECT max(e.interval_start) FROM weir.event e
                          WHERE e.job_id = j.job_id AND e.kind = 'expected');
    -- what ends from now on is not looked at
    until timestamptz := clock_timestamp();
    due record;
    n integer := 0;
BEGIN
    PERFORM weir._note_events(caller, j, least(before, noted));
    RETURN QUERY SELECT b.interval_start, b.interval_end, NULL::bigint FROM weir._block_due(caller, j, start, oldest, until) b;
    FOR due IN
        WITH listed AS (
            SELECT x.*, lead(x.interval_start) OVER (ORDER BY x.interval_start) IS NULL AS newest,
                   x.exec = 'missing'
                   OR x.exec = 'queued' AND x.cause <> 'schedule' AND x.done_version IS NULL
                      AND x.interval_start >= j.starts_at
                      AND NOT weir._waits(j, x.interval_start, x.interval_end) AS wanted
            FROM weir.__intervals(caller, j.job_id, start, until) x
        ), grouped AS (
            SELECT l.*, count(*) FILTER (WHERE NOT l.wanted)
                            OVER (ORDER BY l.interval_start) AS island
            FROM listed l
        )
        SELECT min(w.interval_start) AS first, max(w.interval_end) AS last
        FROM grouped w
        WHERE w.wanted AND w.interval_end > oldest
        AND (w.newest OR j.misfire <> 'skip')
        GROUP BY w.island, CASE WHEN j.misfire <> 'run_once' THEN w.interval_start END
        ORDER BY 1
    LOOP
        -- more than one are being caught up with
        n := n + 1;
        IF n = 2 THEN
            PERFORM weir._begin_ramp(q.queue_id) FROM weir.queue q WHERE q.name = j.queue;
        END IF;
        task_id := weir._start_due(caller, j, due.first, due.last);
        CONTINUE WHEN task_id = 0;
        IF task_id IS NULL THEN
            RAISE WARNING USING
                MESSAGE = format('queue "%s" is full, intervals of job "%s" remain due', j.queue, j.name),
                HINT = 'The next call of weir.run_due() enqueues them.';
            EXIT;
        END IF;
        interval_start := due.first;
        interval_end := due.last;
        RETURN NEXT;
    END LOOP;
    PERFORM weir._recheck_inputs(j);
    PERFORM weir._wake_feeder();
END
$$;

CREATE FUNCTION weir.run_due(
    job text,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT task_id bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.run_due(text)
    IS 'Enqueues every interval of a job that has ended within its catch_up and has not been run; returns them with their tasks, null for those that wait for their inputs.';

-- The role, the search path and so on under which pg_cron is called.
CREATE FUNCTION weir._cron(j weir.job, p_command text, p_args text[]) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN weir._as(weir._owner(j), 'pg_catalog, pg_temp', j.timezone, p_command, p_args);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE insufficient_privilege USING
        MESSAGE = sqlerrm,
        HINT = format('Let the owner of the job use pg_cron: GRANT USAGE ON SCHEMA cron TO %I.', j.owner_name);
END
$$;

CREATE FUNCTION weir._schedule(caller oid, p_name text, p_cron text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
    home text := current_setting('cron.database_name', true);
    command text := format('SELECT count(*) FROM weir.run_due(%L)', p_name);
    cron_job bigint;
BEGIN
    IF p_cron IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'argument "cron" must not be null';
    END IF;
    PERFORM FROM pg_extension WHERE extname = 'pg_cron';
    IF NOT FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'extension "pg_cron" does not exist in this database',
            HINT = CASE WHEN home IS NULL THEN
                       'Add pg_cron to "shared_preload_libraries" and create the extension, or let another scheduler call weir.run_due().'
                   WHEN home = current_database() THEN 'Create it: CREATE EXTENSION pg_cron.'
                   ELSE format('It lives in database "%s". There, call SELECT cron.schedule_in_database(%L, %L, %L, %L).',
                               home, 'weir: ' || p_name, p_cron, command, current_database()) END;
    END IF;
    cron_job := weir._cron(j, 'SELECT cron.schedule($1, $2, $3)', ARRAY['weir: ' || p_name, p_cron, command]);
    UPDATE weir.job SET schedule = p_cron WHERE job_id = j.job_id;
    PERFORM weir._job_event(caller, 'schedule', j, NULL, jsonb_build_object('cron', p_cron, 'cron_job', cron_job));
    RETURN cron_job;
END
$$;

CREATE FUNCTION weir.schedule(job text, cron text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.schedule(text, text)
    IS 'Has pg_cron call weir.run_due() for a job, as its owner; returns the number of the pg_cron job.';

CREATE FUNCTION weir._unschedule(caller oid, p_name text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
BEGIN
    IF j.schedule IS NULL THEN
        RETURN false;
    END IF;
    -- what somebody has taken out of pg_cron already need not be there
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        PERFORM weir._cron(j, 'SELECT cron.unschedule(j.jobid) FROM cron.job j WHERE j.jobname = $1 AND j.username = current_user',
                           ARRAY['weir: ' || p_name]);
    END IF;
    UPDATE weir.job SET schedule = NULL WHERE job_id = j.job_id;
    PERFORM weir._job_event(caller, 'unschedule', j, NULL);
    RETURN true;
END
$$;

CREATE FUNCTION weir.unschedule(job text) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.unschedule(text)
    IS 'Ends weir.schedule(); false if the job was not scheduled.';

CREATE FUNCTION weir._acknowledge(caller oid, p_event bigint, p_note text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    e weir.event;
    acknowledged bigint;
BEGIN
    SELECT * INTO e FROM weir.event WHERE event_id = p_event;
    IF NOT FOUND OR e.interval_start IS NULL THEN
        RAISE undefined_object USING
            MESSAGE = format('event %s about an interval does not exist', coalesce(p_event::text, 'null')),
            HINT = 'See the columns job and interval_start of the view weir.events.';
    END IF;
    acknowledged := weir._job_event(caller, 'acknowledge', weir._find_job(caller, e.job), p_note,
                                    jsonb_build_object('event_id', e.event_id, 'kind', e.kind), e.interval_start);
    PERFORM weir._announce(e.job_id, acknowledged, acknowledged);
    RETURN acknowledged;
END
$$;

CREATE FUNCTION weir.acknowledge(event bigint, note text DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.acknowledge(bigint, text)
    IS 'Records that the caller knows of an event about an interval, for example that it is late; returns the number of the new event.';

CREATE VIEW weir.late WITH (security_barrier) AS
SELECT j.name AS job, j.owner_name AS owner, x.interval_start, x.interval_end, x.due_at,
       pg_catalog.clock_timestamp() - coalesce(x.due_at, x.interval_end) AS late_by,
       x.exec, x.task_id, e.event_id, a.current_user_name AS acknowledged_by, a.at AS acknowledged_at,
       CASE WHEN weir._may_see(j.owner, j.owner_name, j.created_at) THEN a.reason END AS note,
       CASE WHEN j.inputs IS NOT NULL
            THEN weir._late_inputs(j.job_id, x.interval_start, x.interval_end, x.due_at) END AS excused_by
FROM weir.job j
CROSS JOIN LATERAL weir._intervals(j.job_id, NULL, NULL) x
LEFT JOIN LATERAL (
    SELECT e.event_id FROM weir.event e
    WHERE e.job_id = j.job_id AND e.interval_start = x.interval_start AND e.kind IN ('late', 'missing')
    ORDER BY e.event_id LIMIT 1) e ON true
LEFT JOIN LATERAL (
    SELECT a.current_user_name, a.at, a.reason FROM weir.event a
    WHERE a.job_id = j.job_id AND a.interval_start = x.interval_start AND a.kind = 'acknowledge'
    ORDER BY a.event_id DESC LIMIT 1) a ON true
WHERE x.exec NOT IN ('done', 'waived') AND x.done_version IS NULL
AND (x.timeliness = 'late'
     OR x.exec IN ('missing', 'blocked', 'failed') AND x.interval_end < pg_catalog.clock_timestamp() - j.catch_up);
COMMENT ON VIEW weir.late IS 'The intervals that are not done although they are due, or ended longer ago than catch_up.';
COMMENT ON COLUMN weir.late.job IS 'Name of the job.';
COMMENT ON COLUMN weir.late.owner IS 'Its owner.';
COMMENT ON COLUMN weir.late.interval_start IS 'Start of the interval.';
COMMENT ON COLUMN weir.late.interval_end IS 'End of the interval.';
COMMENT ON COLUMN weir.late.due_at IS 'When it should have been done; null if the job has no due.';
COMMENT ON COLUMN weir.late.late_by IS 'Time since then; since the end of the interval if the job has no due.';
COMMENT ON COLUMN weir.late.exec IS 'State of its newest version: missing, blocked, queued, running or failed.';
COMMENT ON COLUMN weir.late.task_id IS 'Task of that version.';
COMMENT ON COLUMN weir.late.event_id IS 'Event late or missing, once weir.run_due() has written it.';
COMMENT ON COLUMN weir.late.acknowledged_by IS 'Who acknowledged it last.';
COMMENT ON COLUMN weir.late.acknowledged_at IS 'When.';
COMMENT ON COLUMN weir.late.note IS 'The note that came with it; null for those who may not see it.';
COMMENT ON COLUMN weir.late.excused_by IS 'Jobs whose output is an input of this one and came late itself, or has not come.';

CREATE FUNCTION weir._why_late(
    caller oid, p_name text,
    OUT interval_start timestamptz, OUT cause text, OUT holder text, OUT detail text, OUT eta timestamptz
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job;
    upstream weir.job[];
BEGIN
    IF pg_has_role(caller, 'pg_monitor', 'USAGE') THEN
        SELECT * INTO j FROM weir.job WHERE name = p_name;
    END IF;
    IF j.job_id IS NULL THEN
        j := weir._find_job(caller, p_name);
    END IF;
    upstream := weir._upstream(j);
    RETURN QUERY
    WITH late AS MATERIALIZED (
        SELECT l.interval_start, l.interval_end, l.exec, l.task_id FROM weir.late l WHERE l.job = j.name
    )
    SELECT l.interval_start, 'not_enqueued', NULL::text,
           CASE WHEN l.interval_end < clock_timestamp() - j.catch_up
                THEN 'it ended longer ago than catch_up: weir.backfill() runs it'
                WHEN j.schedule IS NULL THEN 'weir.run_due() has not been called, and the job has no schedule'
                ELSE 'the next tick of pg_cron enqueues it' END, NULL::timestamptz
    FROM late l WHERE l.exec = 'missing'
    UNION ALL
    SELECT l.interval_start, 'inputs', 'job ' || a.job,
           format('%s of its intervals are not done, the first is that of %s', count(*),
                  min(timezone(j.timezone, a.interval_start))), NULL
    FROM late l, weir._awaited(upstream, l.interval_start, l.interval_end, false) a
    WHERE l.exec = 'blocked' GROUP BY l.interval_start, a.job
    UNION ALL
    SELECT l.interval_start, 'not_enqueued', NULL, b.problem, NULL
    FROM late l JOIN weir.blocked_interval b ON b.job_id = j.job_id AND b.interval_start = l.interval_start
    WHERE l.exec = 'blocked' AND b.problem IS NOT NULL
    UNION ALL
    SELECT l.interval_start, 'failed', 'task ' || l.task_id,
           (SELECT r.outcome || coalesce(': ' || r.message, '') FROM weir.run r WHERE r.task_id = l.task_id AND r.final
            ORDER BY r.attempt DESC LIMIT 1), NULL
    FROM late l WHERE l.exec = 'failed'
    UNION ALL
    SELECT l.interval_start, c.cause, c.holder, c.detail, c.eta
    FROM late l, weir._causes(ARRAY[l.task_id]) c WHERE l.exec IN ('queued', 'running')
    UNION ALL
    SELECT l.interval_start, 'running', 'task ' || l.task_id, 'a worker executes it', NULL
    FROM late l WHERE l.exec = 'running'
    AND EXISTS (SELECT FROM weir._show_workers() w WHERE w.task_id = l.task_id)
    ORDER BY 1;
END
$$;

CREATE FUNCTION weir.why_late(
    job text,
    OUT interval_start timestamptz, OUT cause text, OUT holder text, OUT detail text, OUT eta timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.why_late(text)
    IS 'Why the late intervals of a job are not done: one row for each and cause, also if nothing was enqueued.';
