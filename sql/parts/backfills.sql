-- Backfills: a frozen list of intervals that is run as chunks of class
-- backfill; and corrections, which are backfills of what they make stale.
--
-- The intervals wait in a table of their own.  They are fed to the queue a few
-- chunks at a time (chunks.sql): once by whoever submits the backfill, then by
-- the scheduler, when tasks have ended.  So neither the queue overflows nor does
-- anything poll.

-- What would be done about the intervals of a range, in order.
CREATE FUNCTION weir._plan(
    caller oid, j weir.job, p_from timestamptz, p_to timestamptz, p_direction text, p_reprocess text,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer,
    OUT runs boolean, OUT reason text, OUT ordinal integer
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM weir._check_bounds(j, p_from, p_to);
    IF p_direction IS NULL OR p_direction NOT IN ('oldest_first', 'newest_first') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('direction "%s" does not exist', p_direction),
            HINT = 'Directions are "oldest_first" and "newest_first".';
    END IF;
    IF p_reprocess IS NULL OR p_reprocess NOT IN ('none', 'failed', 'stale', 'all') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('value "%s" of argument "%s" does not exist', p_reprocess, 'reprocess'),
            HINT = 'Values are "none", "failed", "stale" and "all".';
    END IF;
    RETURN QUERY
    SELECT p.*, row_number() OVER (PARTITION BY p.runs ORDER BY
               CASE WHEN p_direction = 'newest_first' THEN -extract(epoch FROM p.interval_start)
                    ELSE extract(epoch FROM p.interval_start) END)::integer
    FROM (
        SELECT g.interval_start, g.interval_end, coalesce(s.version, 0),
               CASE WHEN g.interval_end > clock_timestamp() THEN false
                    WHEN s.exec IN ('queued', 'running') THEN false
                    WHEN p_reprocess = 'all' OR coalesce(s.exec, 'missing') IN ('missing', 'blocked') THEN true
                    WHEN s.exec = 'failed' AND p_reprocess = 'failed' THEN true
                    ELSE s.exec <> 'waived' AND s.currency <> 'current' AND p_reprocess = 'stale' END,
               CASE WHEN g.interval_end > clock_timestamp() THEN 'has not ended'
                    WHEN s.exec = 'done' THEN 'done, ' || s.currency
                    ELSE coalesce(s.exec, 'missing') END
        FROM weir._range(j, p_from, p_to) g
        LEFT JOIN weir.__intervals(caller, j.job_id, p_from, p_to) s ON s.interval_start = g.interval_start
    ) p (interval_start, interval_end, version, runs, reason)
    ORDER BY CASE WHEN p_direction = 'newest_first' THEN -extract(epoch FROM p.interval_start)
                  ELSE extract(epoch FROM p.interval_start) END;
END
$$;

CREATE FUNCTION weir._preview_backfill(
    caller oid, p_name text, p_from timestamptz, p_to timestamptz, p_direction text, p_reprocess text,
    p_max_running integer,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT action text, OUT reason text,
    OUT estimate interval
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._find_job(caller, p_name);
    lanes integer := coalesce(p_max_running, current_setting('weir.max_workers')::integer);
    took interval;
BEGIN
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x.took) INTO took
    FROM (SELECT (x.finished_at - x.started_at) / count(*) OVER (PARTITION BY x.task_id) AS took
          FROM weir.__intervals(caller, j.job_id, NULL, NULL) x
          WHERE x.exec = 'done' ORDER BY x.finished_at DESC LIMIT 100) x;
    RETURN QUERY
    SELECT p.interval_start, p.interval_end, CASE WHEN p.runs THEN 'run' ELSE 'skip' END, p.reason,
           CASE WHEN p.runs THEN took * ceil(p.ordinal::float8 / lanes) END
    FROM weir._plan(caller, j, p_from, p_to, p_direction, p_reprocess) p;
END
$$;

CREATE FUNCTION weir.preview_backfill(
    job text, from_time timestamptz, to_time timestamptz, direction text DEFAULT 'oldest_first',
    reprocess text DEFAULT 'none', max_running integer DEFAULT NULL,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT action text, OUT reason text,
    OUT estimate interval
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.preview_backfill(text, timestamptz, timestamptz, text, text, integer)
    IS 'What a backfill would do, in its order: which intervals it would run or skip, why, and how long after its start each would be done.';

-- Writes a backfill with its intervals, and feeds it for the first time.
CREATE FUNCTION weir._submit_backfill(caller oid, j weir.job, b weir.backfill, p_frozen weir.backfill_interval[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    b.backfill_id := nextval('weir.backfill_backfill_id_seq');
    b.job_id := j.job_id;
    b.job := j.name;
    b.owner := j.owner;
    b.owner_name := j.owner_name;
    b.intervals := coalesce(cardinality(p_frozen), 0);
    b.state := 'running';
    b.low := 1;
    b.created_at := clock_timestamp();
    b.created_by := pg_get_userbyid(caller);
    INSERT INTO weir.backfill SELECT b.*;
    INSERT INTO weir.backfill_interval
    SELECT b.backfill_id, c.ordinal, c.interval_start, c.interval_end, c.version FROM unnest(p_frozen) c;
    PERFORM weir._feed_backfill(j, b, NULL);
    PERFORM weir._wake_feeder();
    RETURN b.backfill_id;
END
$$;

CREATE FUNCTION weir._backfill(
    caller oid, p_name text, p_from timestamptz, p_to timestamptz, p_direction text, p_reprocess text,
    p_max_running integer, p_reason text, p_chunk_target interval
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
    b weir.backfill;
    frozen weir.backfill_interval[];
BEGIN
    IF p_max_running < 1 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('argument "%s" must be at least 1', 'max_running');
    END IF;
    b.cause := 'backfill';
    b.from_time := p_from;
    b.to_time := p_to;
    b.direction := p_direction;
    b.reprocess := p_reprocess;
    b.max_running := p_max_running;
    b.reason := p_reason;
    PERFORM weir._check_chunk_target(p_chunk_target, j.parameters);
    b.chunk_target := p_chunk_target;
    SELECT array_agg(ROW(NULL, p.ordinal, p.interval_start, p.interval_end, p.version)::weir.backfill_interval) INTO frozen
    FROM weir._plan(caller, j, p_from, p_to, p_direction, p_reprocess) p WHERE p.runs;
    b.backfill_id := weir._submit_backfill(caller, j, b, frozen);
    PERFORM weir._job_event(caller, 'backfill', j, p_reason, jsonb_build_object(
        'backfill_id', b.backfill_id, 'from_time', p_from, 'to_time', p_to, 'direction', p_direction,
        'reprocess', p_reprocess, 'max_running', p_max_running, 'chunk_target', b.chunk_target, 'intervals', coalesce(cardinality(frozen), 0)));
    RETURN b.backfill_id;
END
$$;

CREATE FUNCTION weir.backfill(
    job text, from_time timestamptz, to_time timestamptz, direction text DEFAULT 'oldest_first',
    reprocess text DEFAULT 'none', max_running integer DEFAULT NULL, reason text DEFAULT NULL,
    chunk_target interval DEFAULT NULL
) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.backfill(text, timestamptz, timestamptz, text, text, integer, text, interval)
    IS 'Runs the intervals of a job in a range as chunks of class backfill; returns the number of the backfill.';

-- Finds a backfill that has not ended, and locks its job.
CREATE FUNCTION weir._active_backfill(caller oid, p_backfill_id bigint, OUT j weir.job, OUT b weir.backfill)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    SELECT * INTO b FROM weir.backfill WHERE backfill_id = p_backfill_id;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('backfill %s does not exist', coalesce(p_backfill_id::text, 'null')),
            HINT = 'See the view weir.backfills.';
    END IF;
    IF b.state IN ('running', 'paused') THEN
        j := weir._job(caller, b.job);
        SELECT * INTO b FROM weir.backfill WHERE backfill_id = p_backfill_id;
    END IF;
    IF b.state NOT IN ('running', 'paused') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('backfill %s has ended', p_backfill_id),
            DETAIL = format('It is %s.', b.state);
    END IF;
END
$$;

CREATE FUNCTION weir._pause_backfill(caller oid, p_backfill_id bigint, p_reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    a record := weir._active_backfill(caller, p_backfill_id);
BEGIN
    UPDATE weir.backfill SET state = 'paused', state_reason = p_reason WHERE backfill_id = p_backfill_id;
    PERFORM weir._job_event(caller, 'pause_backfill', a.j, p_reason, jsonb_build_object('backfill_id', p_backfill_id));
END
$$;

CREATE FUNCTION weir.pause_backfill(backfill_id bigint, reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.pause_backfill(bigint, text)
    IS 'Pauses a backfill at commit: the chunks that are enqueued are run, no others follow.';

CREATE FUNCTION weir._resume_backfill(caller oid, p_backfill_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    a record := weir._active_backfill(caller, p_backfill_id);
BEGIN
    UPDATE weir.backfill SET state = 'running', state_reason = NULL WHERE backfill_id = p_backfill_id;
    PERFORM weir._job_event(caller, 'resume_backfill', a.j, NULL, jsonb_build_object('backfill_id', p_backfill_id));
    PERFORM weir._wake_feeder();
END
$$;

CREATE FUNCTION weir.resume_backfill(backfill_id bigint) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.resume_backfill(bigint)
    IS 'Resumes a paused backfill at commit.';

CREATE FUNCTION weir._cancel_backfill(caller oid, p_backfill_id bigint, p_reason text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    a record := weir._active_backfill(caller, p_backfill_id);
    waiting bigint[];
BEGIN
    PERFORM weir._require_read_committed('cancel a backfill');
    UPDATE weir.backfill SET state = 'cancelled', state_reason = p_reason, ended_at = clock_timestamp()
    WHERE backfill_id = p_backfill_id;
    -- what a worker executes may end; what only waits in its hands does not begin
    SELECT array_agg(s.task_id) INTO waiting FROM weir.backfill_step s
    WHERE s.backfill_id = p_backfill_id AND s.task_id IS NOT NULL AND NOT weir._ended(s.task_id)
    AND NOT EXISTS (SELECT FROM weir._show_workers() w WHERE w.task_id = s.task_id);
    PERFORM weir._job_event(caller, 'cancel_backfill', a.j, p_reason, jsonb_build_object('backfill_id', p_backfill_id));
    RETURN weir._cancel(caller, waiting, coalesce(p_reason, 'the backfill was cancelled'));
END
$$;

CREATE FUNCTION weir.cancel_backfill(backfill_id bigint, reason text DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.cancel_backfill(bigint, text)
    IS 'Ends a backfill at commit: no chunk starts any more, those that run finish; returns the number of waiting tasks that it has cancelled.';

CREATE FUNCTION weir._correct(
    caller oid, p_name text, p_from timestamptz, p_to timestamptz, p_reason text, p_reprocess boolean,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer, OUT task_id bigint
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
    b weir.backfill;
    frozen weir.backfill_interval[];
BEGIN
    PERFORM weir._check_bounds(j, p_from, p_to);
    -- what has not been run yet reads the corrected input anyway
    SELECT array_agg(ROW(NULL, x.ordinal, x.interval_start, x.interval_end, x.version)::weir.backfill_interval) INTO frozen
    FROM (SELECT x.*, row_number() OVER (ORDER BY x.interval_start)::integer AS ordinal
          FROM weir.__intervals(caller, j.job_id, p_from, p_to) x
          WHERE x.exec IN ('queued', 'running') OR x.done_version IS NOT NULL) x;
    INSERT INTO weir.stale (job_id, interval_start, version, reason, stale_by)
    SELECT j.job_id, c.interval_start, c.version, p_reason, pg_get_userbyid(caller) FROM unnest(frozen) c;
    PERFORM weir._announce(j.job_id, min(e.id), max(e.id))
    FROM (SELECT weir._job_event(caller, 'corrected', j, p_reason, NULL, c.interval_start) AS id
          FROM unnest(frozen) c) e;
    IF p_reprocess AND frozen IS NOT NULL THEN
        b.cause := 'correction';
        b.from_time := p_from;
        b.to_time := p_to;
        b.direction := 'oldest_first';
        b.reprocess := 'stale';
        b.reason := p_reason;
        b.backfill_id := weir._submit_backfill(caller, j, b, frozen);
    END IF;
    RETURN QUERY
    SELECT c.interval_start, c.interval_end, c.version, s.task_id
    FROM unnest(frozen) c
    LEFT JOIN weir.backfill_step s ON s.backfill_id = b.backfill_id AND s.ordinal = c.ordinal
    ORDER BY c.ordinal;
END
$$;

CREATE FUNCTION weir.correct(
    job text, from_time timestamptz, to_time timestamptz, reason text DEFAULT NULL,
    reprocess boolean DEFAULT true,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer, OUT task_id bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.correct(text, timestamptz, timestamptz, text, boolean)
    IS 'Says that the input of intervals was late or has been corrected: makes them stale and, unless told otherwise, has them run again; returns them, the version that is stale, and the tasks that are enqueued already.';

-- For a statement trigger on an input: the intervals of the rows in the
-- transition table "changed" are corrected.  Arguments: job and column.
CREATE FUNCTION weir.correct_changed() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j record;
    kind text;
    x record;
BEGIN
    IF TG_LEVEL <> 'STATEMENT' OR TG_WHEN <> 'AFTER' OR TG_NARGS <> 2 OR 'changed' NOT IN
       (coalesce((SELECT t.tgnewtable FROM pg_trigger t WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME), ''),
        coalesce((SELECT t.tgoldtable FROM pg_trigger t WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME), '')) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('trigger "%s" cannot correct intervals', TG_NAME),
            HINT = 'CREATE TRIGGER ... AFTER INSERT ON ... REFERENCING NEW TABLE AS changed FOR EACH STATEMENT '
                   'EXECUTE FUNCTION weir.correct_changed(job, column); old rows are in OLD TABLE AS changed.';
    END IF;
    SELECT v.starts_at, v.every, v.timezone INTO j FROM weir.jobs v WHERE v.name = TG_ARGV[0];
    IF NOT FOUND THEN
        RAISE undefined_object USING MESSAGE = format('job "%s" does not exist', TG_ARGV[0]), HINT = 'See the view weir.jobs.';
    END IF;
    SELECT a.atttypid::regtype::text INTO kind FROM pg_attribute a
    WHERE a.attrelid = TG_RELID AND a.attname = TG_ARGV[1] AND NOT a.attisdropped;
    IF kind IS NULL OR kind NOT IN ('date', 'timestamp without time zone', 'timestamp with time zone') THEN
        RAISE undefined_column USING
            MESSAGE = format('table %s has no column "%s" with a time', TG_RELID::regclass, TG_ARGV[1]);
    END IF;
    -- days and local times are those of the job
    FOR x IN EXECUTE format($sql$
        SELECT weir._boundary($1, $2, $3, min(i.k)) AS low, weir._boundary($1, $2, $3, max(i.k) + 1) AS high
        FROM (SELECT d.k, d.k - row_number() OVER (ORDER BY d.k) AS island
              FROM (SELECT DISTINCT weir._index($1, $2, $3, %s) AS k FROM changed c WHERE isfinite(c.%I)) d) i
        GROUP BY i.island ORDER BY 1 $sql$,
        format(CASE kind WHEN 'timestamp with time zone' THEN 'c.%I' ELSE 'c.%I::timestamp AT TIME ZONE $3' END, TG_ARGV[1]),
        TG_ARGV[1]) USING j.starts_at, j.every, j.timezone
    LOOP
        PERFORM weir.correct(TG_ARGV[0], x.low, x.high, format('%s on %s', TG_OP, TG_RELID::regclass));
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION weir.correct_changed()
    IS 'For a statement trigger on an input of a job: calls weir.correct() for the intervals of the rows that have changed.';

CREATE VIEW weir.backfills WITH (security_barrier) AS
SELECT b.backfill_id, b.job, b.owner_name AS owner, b.cause, b.from_time, b.to_time, b.direction,
       b.reprocess, b.max_running, b.state, b.state_reason, b.intervals,
       p.done, p.failed, p.skipped, p.in_queue,
       CASE WHEN b.intervals = 0 THEN 100.0
            ELSE round(100.0 * (p.done + p.failed + p.skipped) / b.intervals, 1) END AS percent,
       round((3600 * t.pace)::numeric, 1) AS rate,
       CASE WHEN b.state = 'running' AND t.pace > 0
            THEN pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs =>
                     least((b.intervals - p.done - p.failed - p.skipped) / t.pace, 1e10)) END AS eta,
       b.created_at, b.created_by, b.ended_at,
       CASE WHEN weir._may_see(b.owner, b.owner_name, b.created_at) THEN b.reason END AS reason,
       coalesce(b.chunk_target, (SELECT j.chunk_target FROM weir.job j WHERE j.job_id = b.job_id)) AS chunk_target,
       (SELECT s.chunk_size FROM weir.backfill_step s
        WHERE s.backfill_id = b.backfill_id AND s.chunk_size IS NOT NULL
        ORDER BY s.ordinal DESC, s.turn DESC LIMIT 1) AS chunk_size
FROM weir.backfill b
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE l.final AND l.outcome = 'succeeded')::integer AS done,
           count(*) FILTER (WHERE l.final AND l.outcome <> 'succeeded' AND NOT l.taken)::integer AS failed,
           count(*) FILTER (WHERE s.task_id IS NULL OR l.final AND l.taken)::integer AS skipped,
           count(*) FILTER (WHERE s.task_id IS NOT NULL AND l.final IS NOT TRUE)::integer AS in_queue,
           array_agg(l.finished_at ORDER BY l.finished_at DESC) FILTER (WHERE l.final AND NOT l.taken) AS ends
    FROM weir.backfill_step s
    LEFT JOIN LATERAL (
        SELECT x.*, x.outcome = 'cancelled' AND EXISTS (
                   SELECT FROM weir.interval i JOIN weir.interval n USING (job_id, interval_start)
                   WHERE i.task_id = s.task_id AND n.version > i.version AND n.cause = 'schedule') AS taken
        FROM (SELECT r.final, r.outcome, r.finished_at, r.attempt
              FROM weir.run r WHERE r.task_id = s.task_id
              UNION ALL
              SELECT true, e.outcome, e.finished_at, e.attempt
              FROM weir.interval_end e WHERE e.task_id = s.task_id
              ORDER BY 4 DESC LIMIT 1) x) l ON true
    WHERE s.backfill_id = b.backfill_id
    AND NOT EXISTS (SELECT FROM weir.backfill_step n WHERE n.backfill_id = s.backfill_id
                    AND n.ordinal = s.ordinal AND n.turn > s.turn)) p
-- intervals per second: those that have ended since the twentieth end before
-- the last one, as a chunk ends with all its intervals; or since the beginning
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE e.nth <= 20)
           / nullif(extract(epoch FROM p.ends[1] - coalesce(min(e.at) FILTER (WHERE e.nth = 21), b.created_at)), 0)::float8 AS pace
    FROM (SELECT u.at, dense_rank() OVER (ORDER BY u.at DESC) AS nth FROM unnest(p.ends) u (at)) e) t;
COMMENT ON VIEW weir.backfills IS 'The backfills and corrections, and how far they are.';
COMMENT ON COLUMN weir.backfills.backfill_id IS 'Number of the backfill.';
COMMENT ON COLUMN weir.backfills.job IS 'Name of the job.';
COMMENT ON COLUMN weir.backfills.owner IS 'Owner of the job.';
COMMENT ON COLUMN weir.backfills.cause IS 'backfill or correction.';
COMMENT ON COLUMN weir.backfills.from_time IS 'Start of its range.';
COMMENT ON COLUMN weir.backfills.to_time IS 'End of its range.';
COMMENT ON COLUMN weir.backfills.direction IS 'oldest_first or newest_first.';
COMMENT ON COLUMN weir.backfills.reprocess IS 'What it runs again: none, failed, stale or all.';
COMMENT ON COLUMN weir.backfills.max_running IS 'Most of its chunks that are enqueued at once; null is twice the number of workers.';
COMMENT ON COLUMN weir.backfills.state IS 'running, paused, cancelled or finished.';
COMMENT ON COLUMN weir.backfills.state_reason IS 'Why it is in this state.';
COMMENT ON COLUMN weir.backfills.intervals IS 'Number of its intervals, frozen when it was submitted.';
COMMENT ON COLUMN weir.backfills.done IS 'Intervals that it has done.';
COMMENT ON COLUMN weir.backfills.failed IS 'Intervals that have ended without success.';
COMMENT ON COLUMN weir.backfills.skipped IS 'Intervals that were done, waived or had failed otherwise when it was their turn, or that a daily run has replaced.';
COMMENT ON COLUMN weir.backfills.in_queue IS 'Intervals that are enqueued or running.';
COMMENT ON COLUMN weir.backfills.percent IS 'The part of the intervals that have ended.';
COMMENT ON COLUMN weir.backfills.rate IS 'Intervals that end in an hour, as those of the last twenty chunks did.';
COMMENT ON COLUMN weir.backfills.eta IS 'When it would be finished at that rate.';
COMMENT ON COLUMN weir.backfills.created_at IS 'When it was submitted.';
COMMENT ON COLUMN weir.backfills.created_by IS 'Who did.';
COMMENT ON COLUMN weir.backfills.ended_at IS 'When it was finished or cancelled.';
COMMENT ON COLUMN weir.backfills.reason IS 'Reason given; null for those who may not see it.';
COMMENT ON COLUMN weir.backfills.chunk_target IS 'How long a chunk of it should take, which covers as many intervals; null if each covers one.';
COMMENT ON COLUMN weir.backfills.chunk_size IS 'Intervals of the chunk that was enqueued last.';
