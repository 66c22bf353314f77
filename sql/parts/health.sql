-- Health of the server: what it must be for backfills to start.

CREATE TABLE weir.health_limit (
    measure text CONSTRAINT health_limit_pkey PRIMARY KEY
        CHECK (measure IN ('xmin_age', 'replication_lag', 'wal_rate', 'active_sessions', 'free_workers')),
    bound bigint NOT NULL CHECK (bound >= 0),
    resume_at bigint NOT NULL CHECK (resume_at >= 0 AND resume_at <= bound),
    classes text[] NOT NULL CHECK (classes <@ '{adhoc,backfill}' AND classes <> '{}')
);
COMMENT ON TABLE weir.health_limit IS 'Configuration: limits of the measures of the server''s health.';
SELECT pg_catalog.pg_extension_config_dump('weir.health_limit', '');

CREATE FUNCTION weir._show_health(
    OUT measure text, OUT value bigint, OUT bad boolean, OUT since timestamptz, OUT measured_at timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 5
    AS 'MODULE_PATHNAME', 'weir_show_health';

CREATE VIEW weir.health AS
SELECT m.measure, s.value, m.unit, l.bound, CASE WHEN m.measure <> 'free_workers' THEN l.resume_at END AS resume_at,
       l.classes, s.bad, s.since, s.measured_at
FROM (VALUES ('xmin_age', 'transactions'), ('replication_lag', 'bytes'), ('wal_rate', 'bytes per second'),
             ('active_sessions', 'sessions'), ('free_workers', 'workers')) m (measure, unit)
LEFT JOIN weir.health_limit l ON l.measure = m.measure
LEFT JOIN weir._show_health() s ON s.measure = m.measure AND l.measure IS NOT NULL;
COMMENT ON VIEW weir.health IS 'The measures of the server''s health that backfills wait for, with their limits.';
COMMENT ON COLUMN weir.health.measure IS 'xmin_age, replication_lag, wal_rate, active_sessions or free_workers.';
COMMENT ON COLUMN weir.health.value IS 'What was measured last; null without a limit, and as long as there was no task.';
COMMENT ON COLUMN weir.health.unit IS 'Unit of the numbers.';
COMMENT ON COLUMN weir.health.bound IS 'The limit: more is bad; of free workers: fewer.';
COMMENT ON COLUMN weir.health.resume_at IS 'What has been bad is good again at this value, or less.';
COMMENT ON COLUMN weir.health.classes IS 'Classes whose tasks do not start while it is bad.';
COMMENT ON COLUMN weir.health.bad IS 'Whether tasks wait for it.';
COMMENT ON COLUMN weir.health.since IS 'Since when that is so.';
COMMENT ON COLUMN weir.health.measured_at IS 'When it was measured last.';

CREATE FUNCTION weir._health_measure(p_measure text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF p_measure IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'argument "measure" must not be null';
    END IF;
    IF p_measure NOT IN ('xmin_age', 'replication_lag', 'wal_rate', 'active_sessions', 'free_workers') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('measure "%s" does not exist', p_measure),
            HINT = 'Measures are "xmin_age", "replication_lag", "wal_rate", "active_sessions" and "free_workers".';
    END IF;
END
$$;

CREATE FUNCTION weir.set_health(
    measure text,
    bound bigint,
    resume_at bigint DEFAULT NULL,
    classes text[] DEFAULT '{backfill}',
    reason text DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.set_health(text, bigint, bigint, text[], text)
    IS 'Has tasks of class backfill, or others, start only while a measure of the server''s health is within a limit.';

CREATE FUNCTION weir._set_health(caller oid, p_measure text, p_bound bigint, p_resume_at bigint, p_classes text[], p_reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    workers constant integer := current_setting('weir.max_workers')::integer;
    resumes bigint := coalesce(p_resume_at, p_bound - p_bound / 10);
BEGIN
    PERFORM weir._health_measure(p_measure);
    IF p_bound IS NULL OR p_classes IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('argument "%s" must not be null', CASE WHEN p_bound IS NULL THEN 'bound' ELSE 'classes' END);
    END IF;
    IF array_position(p_classes, NULL) IS NOT NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'argument "classes" must not contain nulls';
    END IF;
    IF p_measure = 'free_workers' AND (p_bound < 1 OR p_bound >= workers) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "bound" must be between 1 and %s', workers - 1),
            DETAIL = format('There are %s workers.', workers);
    END IF;
    IF p_bound < 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'argument "bound" must not be negative';
    END IF;
    IF p_measure = 'free_workers' AND p_resume_at IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "resume_at" must be null for measure "free_workers"',
            HINT = 'Free workers are counted at each start.';
    END IF;
    IF resumes NOT BETWEEN 0 AND p_bound THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "resume_at" must be between 0 and %s', p_bound),
            HINT = 'What exceeded the limit is to be within it for tasks to start again.';
    END IF;
    IF p_classes = '{}' OR NOT p_classes <@ '{adhoc,backfill}' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "classes" must name class "backfill", "adhoc" or both';
    END IF;
    INSERT INTO weir.health_limit AS l (measure, bound, resume_at, classes)
    VALUES (p_measure, p_bound, resumes, p_classes)
    ON CONFLICT ON CONSTRAINT health_limit_pkey DO UPDATE
        SET bound = excluded.bound, resume_at = excluded.resume_at, classes = excluded.classes;
    PERFORM weir._note_config(caller, 'set_health', p_reason,
        jsonb_strip_nulls(jsonb_build_object('measure', p_measure, 'bound', p_bound, 'classes', p_classes,
            'resume_at', CASE WHEN p_measure <> 'free_workers' THEN resumes END)));
END
$$;

CREATE FUNCTION weir.unset_health(measure text, reason text DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.unset_health(text, text)
    IS 'Removes the limit of a measure of the server''s health; false if there was none.';

CREATE FUNCTION weir._unset_health(caller oid, p_measure text, p_reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM weir._health_measure(p_measure);
    DELETE FROM weir.health_limit l WHERE l.measure = p_measure;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM weir._note_config(caller, 'unset_health', p_reason, jsonb_build_object('measure', p_measure));
    RETURN true;
END
$$;
