-- Fingerprints: queries that tell whether the input of an interval has changed.
--
-- A job may have a query over $1 and $2, the bounds of an interval.  Its tasks
-- note the digest of what it returns, in the transaction of their command.  When
-- it is compared and another one comes out, the interval is corrected.  The query
-- is the owner's, and so executed in its tasks alone, or by itself
-- (fingerprint.c).

-- Refuses what cannot be the query of a job of a role.
CREATE FUNCTION weir._check_fingerprint(role oid, search_path text, timezone text, query text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_fingerprint_check';

-- Refuses what cannot be how far back a job is compared.
CREATE FUNCTION weir._check_recheck(j weir.job) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF j.recheck < interval '0' OR j.recheck > interval '100 years' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be between 0 and 100 years', 'recheck');
    END IF;
    IF j.recheck IS NOT NULL AND j.fingerprint IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" takes a "%s"', 'recheck', 'fingerprint');
    END IF;
END
$$;

-- The command of a task of a job: it notes the fingerprints first.
CREATE FUNCTION weir._noting(j weir.job) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT CASE WHEN j.fingerprint IS NOT NULL THEN 'SELECT weir.note_inputs(); ' ELSE '' END || j.command
    $$;

-- The intervals whose fingerprints a task notes.
CREATE FUNCTION weir._inputs_of_task(
    p_task_id bigint,
    OUT job_id integer, OUT query text, OUT search_path text, OUT timezone text,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT j.job_id, j.fingerprint, j.search_path, j.timezone, i.interval_start, i.interval_end, i.version
    FROM weir.interval i JOIN weir.job j ON j.job_id = i.job_id
    WHERE i.task_id = p_task_id AND j.fingerprint IS NOT NULL
    ORDER BY i.interval_start
    $$;

-- Writes fingerprints; what the attempt has noted already stays.
CREATE FUNCTION weir._keep_fingerprints(
    p_job_id integer, p_query text, p_starts timestamptz[], p_versions integer[], p_fingerprints text[], p_attempt integer
) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO weir.input_fingerprint (job_id, interval_start, version, query, attempt, fingerprint)
    SELECT p_job_id, c.interval_start, c.version, md5(p_query), p_attempt, c.fingerprint
    FROM unnest(p_starts, p_versions, p_fingerprints) c (interval_start, version, fingerprint)
    ON CONFLICT DO NOTHING
    $$;

CREATE FUNCTION weir.note_inputs() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_note_inputs';
COMMENT ON FUNCTION weir.note_inputs()
    IS 'Inside a task of a job: notes the fingerprints of the input of its intervals; returns how many. It is in front of the command of a job with a fingerprint.';

-- The intervals of a range whose output is there, and not known to be stale by
-- its input; those that are queued or running read what is there now anyway.
CREATE FUNCTION weir._inputs_to_compare(
    caller oid, p_name text, p_from timestamptz, p_to timestamptz,
    OUT job_id integer, OUT query text, OUT search_path text, OUT timezone text,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._find_job(caller, p_name);
BEGIN
    IF weir._owner(j) <> caller THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('only the owner itself can compare the inputs of job "%s"', p_name),
            DETAIL = 'The fingerprint is a query of the owner, which nobody else executes.',
            HINT = 'weir.check_inputs() has a task of the owner do it.';
    END IF;
    PERFORM weir._require_fingerprint(j);
    PERFORM weir._check_bounds(j, p_from, p_to);
    RETURN QUERY
    SELECT j.job_id, j.fingerprint, j.search_path, j.timezone, x.interval_start, x.interval_end, x.done_version
    FROM weir.__intervals(caller, j.job_id, p_from, p_to) x
    WHERE x.exec IN ('done', 'failed') AND x.done_version IS NOT NULL AND x.currency <> 'stale_input';
END
$$;

CREATE FUNCTION weir._require_fingerprint(j weir.job) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF j.fingerprint IS NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('job "%s" has no fingerprint', j.name),
            HINT = 'Give it one with weir.alter_job().';
    END IF;
END
$$;

-- Corrects those intervals that have another fingerprint now.  What has none of
-- this query yet gets it: its changes are seen from now on.  Nothing is done
-- about what has been run again, or corrected, since the query was executed.
CREATE FUNCTION weir._correct_inputs(
    p_job_id integer, p_query text, p_starts timestamptz[], p_versions integer[], p_fingerprints text[],
    caller oid, p_reprocess boolean,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer, OUT task_id bigint
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    name text := (SELECT o.name FROM weir.job o WHERE o.job_id = p_job_id);
    j weir.job;
    changed record;
BEGIN
    IF name IS NOT NULL THEN
        j := weir._job(caller, name);
    END IF;
    IF j.fingerprint IS DISTINCT FROM p_query THEN
        RETURN;
    END IF;
    PERFORM weir._keep_fingerprints(j.job_id, p_query, array_agg(c.interval_start), array_agg(c.version),
                                    array_agg(c.fingerprint), 0)
    FROM unnest(p_starts, p_versions, p_fingerprints) c (interval_start, version, fingerprint)
    WHERE NOT EXISTS (SELECT FROM weir.input_fingerprint f
                      WHERE f.job_id = j.job_id AND f.interval_start = c.interval_start
                      AND f.version = c.version AND f.query = md5(p_query));
    FOR changed IN
        -- one correction for each run of neighbours
        SELECT lower(r) AS low, upper(r) AS high
        FROM unnest((
            SELECT range_agg(tstzrange(x.interval_start, x.interval_end))
            FROM unnest(p_starts, p_versions, p_fingerprints) c (interval_start, version, fingerprint)
            JOIN weir.__intervals(caller, j.job_id, p_starts[1],
                                  p_starts[cardinality(p_starts)] + interval '1 microsecond') x
                ON x.interval_start = c.interval_start AND x.done_version = c.version
            WHERE x.exec IN ('done', 'failed') AND x.currency <> 'stale_input'
            AND c.fingerprint <> (SELECT f.fingerprint FROM weir.input_fingerprint f
                                  WHERE f.job_id = j.job_id AND f.interval_start = c.interval_start
                                  AND f.version = c.version AND f.query = md5(p_query)
                                  ORDER BY f.attempt DESC LIMIT 1))) r
        ORDER BY r
    LOOP
        RETURN QUERY
        SELECT * FROM weir._correct(caller, j.name, changed.low, changed.high,
                                    'the fingerprint of its input has changed', p_reprocess);
    END LOOP;
END
$$;

CREATE FUNCTION weir.compare_inputs(
    job text, from_time timestamptz, to_time timestamptz, reprocess boolean DEFAULT true,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer, OUT task_id bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_compare_inputs';
COMMENT ON FUNCTION weir.compare_inputs(text, timestamptz, timestamptz, boolean)
    IS 'Executes the fingerprint of a job for its intervals in a range that are done, and calls weir.correct() for those whose input has changed; for the owner of the job alone.';

-- Has a task compare the intervals of a range; null if the queue is full.
CREATE FUNCTION weir._enqueue_check(j weir.job, p_from timestamptz, p_to timestamptz, p_reprocess boolean) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    task bigint;
BEGIN
    task := weir._as(weir._owner(j), j.search_path, j.timezone, $sql$
        SELECT e.task_id::pg_catalog.text FROM weir.try_enqueue(
            command => 'SELECT pg_catalog.count(*) AS changed FROM weir.compare_inputs($1, $2, $3, $4)',
            args => pg_catalog.jsonb_build_array($1, $2, $3, $4::pg_catalog.bool),
            queue => $5, class => 'backfill', settings => $6::pg_catalog.jsonb, reason => $7,
            validate => false) e
        $sql$,
        ARRAY[j.name, weir._text(p_from), weir._text(p_to), p_reprocess::text, j.backfill_queue,
              j.settings::text, 'inputs of job ' || j.name],
        sheds => false)::bigint;
    IF task IS NOT NULL THEN
        UPDATE weir.job SET check_task_id = task WHERE job_id = j.job_id;
    END IF;
    RETURN task;
END
$$;

-- Is the last task that compares a job's inputs unfinished?
CREATE FUNCTION weir._checks_inputs(j weir.job) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT EXISTS (SELECT FROM weir.task t WHERE t.task_id = j.check_task_id) AND NOT weir._ended(j.check_task_id)
    $$;

-- Has the intervals of a job compared that ended within its recheck, unless
-- that is still to be done since the last time.
CREATE FUNCTION weir._recheck_inputs(j weir.job) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    low timestamptz := weir._boundary(j.starts_at, j.every, j.timezone,
        weir._index(j.starts_at, j.every, j.timezone, clock_timestamp() - j.recheck));
    high timestamptz := weir._boundary(j.starts_at, j.every, j.timezone,
        weir._index(j.starts_at, j.every, j.timezone, clock_timestamp()));
BEGIN
    IF j.recheck IS NULL OR low >= high OR weir._checks_inputs(j) THEN
        RETURN;
    END IF;
    IF weir._enqueue_check(j, low, high, true) IS NULL THEN
        RAISE WARNING USING
            MESSAGE = format('queue "%s" is full, inputs of job "%s" are not compared', j.backfill_queue, j.name),
            HINT = 'The next call of weir.run_due() tries again.';
    END IF;
END
$$;

CREATE FUNCTION weir._check_inputs(
    caller oid, p_name text, p_from timestamptz, p_to timestamptz, p_reprocess boolean
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
    task bigint;
BEGIN
    PERFORM weir._require_fingerprint(j);
    PERFORM weir._check_bounds(j, p_from, p_to);
    task := weir._enqueue_check(j, p_from, p_to, coalesce(p_reprocess, true));
    IF task IS NULL THEN
        RAISE configuration_limit_exceeded USING
            MESSAGE = format('queue "%s" is full', j.backfill_queue),
            HINT = 'Try again later, or give the queue a larger capacity.';
    END IF;
    RETURN task;
END
$$;

CREATE FUNCTION weir.check_inputs(
    job text, from_time timestamptz, to_time timestamptz, reprocess boolean DEFAULT true
) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.check_inputs(text, timestamptz, timestamptz, boolean)
    IS 'Has a task of the owner of a job call weir.compare_inputs() for a range; returns its id.';
