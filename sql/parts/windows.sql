-- Windows and blackouts: when tasks of a class, or that need a resource, may
-- start.
--
-- A rule is a time of day on some days or dates, on the clock of a time zone.
-- What it is about (a class and perhaps a resource) is a target.  At any time
-- the rule that holds for a target is, of those whose time it is, the one with
-- the lowest priority, a blackout before a window.  If there is none a target
-- is open, unless it has windows.  A task starts if all targets that it belongs
-- to are open.

CREATE TABLE weir.time_window (
    name text CONSTRAINT time_window_pkey PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('window', 'blackout')),
    class text CHECK (class IN ('daily', 'adhoc', 'backfill')),
    schema_name text,
    table_name text,
    resource text,
    start_time time NOT NULL,
    duration interval NOT NULL,
    days text[],
    dates date[],
    timezone text NOT NULL,
    priority integer NOT NULL,
    at_end text NOT NULL CHECK (at_end IN ('drain', 'yield', 'cancel')),
    cancel_after interval NOT NULL,
    reason text,
    CHECK ((schema_name IS NULL) = (table_name IS NULL)),
    CHECK (table_name IS NULL OR resource IS NULL),
    CHECK (days IS NULL OR dates IS NULL)
);
COMMENT ON TABLE weir.time_window IS 'Configuration: windows and blackouts.';
SELECT pg_catalog.pg_extension_config_dump('weir.time_window', '');

CREATE FUNCTION weir._config_changed() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_config_changed';

-- Writes an event about a change of the configuration by a caller, and has the
-- scheduler read it.
CREATE FUNCTION weir._note_config(caller oid, kind text, reason text, detail jsonb, relation text DEFAULT NULL) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO weir.event (kind, relation, session_user_name, current_user_name, client_addr, reason, detail)
    VALUES (kind, relation, session_user, pg_get_userbyid(caller), host(inet_client_addr()), reason, detail);
    SELECT weir._config_changed()
    $$;

-- How long nine of ten of the last runs of a queue took at most.
CREATE FUNCTION weir._show_durations(OUT queue_id integer, OUT likely interval) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 16
    AS 'MODULE_PATHNAME', 'weir_show_durations';

-- Is there such a time zone?  It may be gone since the window was added; then the
-- window is as if it were not there.
CREATE FUNCTION weir._zone_exists(timezone text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM timestamptz 'epoch' AT TIME ZONE timezone;
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;

-- The times of a rule that end after from_time and begin before to_time; of
-- dates all that end after from_time.  Both ends are on the clock: where it is
-- set forward the time is shorter, or there is none.
CREATE FUNCTION weir._occurrences(
    start_time time, duration interval, days text[], dates date[], timezone text,
    from_time timestamptz, to_time timestamptz,
    OUT starts timestamptz, OUT ends timestamptz
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT o.starts, o.ends
    FROM (SELECT d.date FROM unnest(dates) d(date)
          UNION
          SELECT g::date FROM generate_series((from_time AT TIME ZONE timezone) - duration - interval '1 day',
                                              (to_time AT TIME ZONE timezone) + interval '1 day', interval '1 day') g
          WHERE dates IS NULL AND (days IS NULL OR to_char(g, 'dy') = ANY (days))) d
    CROSS JOIN LATERAL (
        SELECT (d.date + start_time) AT TIME ZONE timezone AS starts,
               (d.date + start_time + duration) AT TIME ZONE timezone AS ends) o
    WHERE o.starts < o.ends AND o.ends > from_time AND (o.starts < to_time OR dates IS NOT NULL)
    $$;

CREATE VIEW weir.windows AS
SELECT w.name, w.kind, w.class,
       CASE WHEN w.table_name IS NOT NULL
            THEN pg_catalog.format('%I.%I', w.schema_name, w.table_name) END AS relation,
       w.resource, w.start_time, w.duration, w.days, w.dates, w.timezone, w.priority, w.at_end, w.cancel_after,
       CASE WHEN weir._zone_exists(w.timezone) THEN
           EXISTS (SELECT FROM weir._occurrences(w.start_time, w.duration, w.days, w.dates, w.timezone,
                       pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp()) o
                   WHERE o.starts <= pg_catalog.clock_timestamp()) END AS active,
       CASE WHEN weir._zone_exists(w.timezone) THEN
           (SELECT min(CASE WHEN o.starts <= pg_catalog.clock_timestamp() THEN o.ends ELSE o.starts END)
            FROM weir._occurrences(w.start_time, w.duration, w.days, w.dates, w.timezone, pg_catalog.clock_timestamp(),
                     pg_catalog.clock_timestamp() + interval '15 days') o) END AS next_change,
       w.reason
FROM weir.time_window w;
COMMENT ON VIEW weir.windows IS 'The windows and blackouts, and when each begins or ends next.';
COMMENT ON COLUMN weir.windows.name IS 'Name of the window.';
COMMENT ON COLUMN weir.windows.kind IS 'window: tasks may start in it, and not outside; blackout: none may start in it.';
COMMENT ON COLUMN weir.windows.class IS 'Class that it is about; null is all.';
COMMENT ON COLUMN weir.windows.relation IS 'Table that it is about: tasks that name it in tables.';
COMMENT ON COLUMN weir.windows.resource IS 'Named resource that it is about.';
COMMENT ON COLUMN weir.windows.start_time IS 'Time of day when it begins.';
COMMENT ON COLUMN weir.windows.duration IS 'How long it lasts, on the clock.';
COMMENT ON COLUMN weir.windows.days IS 'Days of the week on which it begins; null is every day, if there are no dates.';
COMMENT ON COLUMN weir.windows.dates IS 'Dates on which it begins.';
COMMENT ON COLUMN weir.windows.timezone IS 'Time zone of its clock.';
COMMENT ON COLUMN weir.windows.priority IS 'Of those that overlap the lowest holds.';
COMMENT ON COLUMN weir.windows.at_end IS 'What becomes of tasks that run when nothing may start any more: drain, yield or cancel.';
COMMENT ON COLUMN weir.windows.cancel_after IS 'How long after that they are cancelled.';
COMMENT ON COLUMN weir.windows.active IS 'Whether its time is now; null if its time zone does not exist any more, in which case it has no effect.';
COMMENT ON COLUMN weir.windows.next_change IS 'When it ends, if its time is now, else when it begins next; null if it does not within 15 days.';
COMMENT ON COLUMN weir.windows.reason IS 'Reason given for it.';

-- For each target: is it open at a time, until when, or when it opens next and
-- until when; the rule that makes it so, and, if it is closed, since when and
-- what becomes of those that run; when something is to be looked at again.  Only
-- rules within two weeks count, but for dates.
CREATE FUNCTION weir._window_states(
    at timestamptz,
    OUT class text, OUT relation text, OUT resource text,
    OUT open boolean, OUT opens_at timestamptz, OUT closes_at timestamptz,
    OUT name text, OUT kind text, OUT closed_at timestamptz, OUT at_end text, OUT cancel_after interval,
    OUT changes_at timestamptz
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    ROWS 8
    AS $$
    WITH rule AS MATERIALIZED (
        SELECT dense_rank() OVER (ORDER BY c.class, w.relation, w.resource) AS target, c.class AS of_class,
               w.name, w.kind, w.relation, w.resource, w.start_time, w.duration, w.days, w.dates, w.timezone,
               w.priority, w.at_end, w.cancel_after
        FROM weir.windows w
        JOIN (VALUES ('daily'), ('adhoc'), ('backfill')) c (class) ON c.class = w.class OR w.class IS NULL
        WHERE weir._zone_exists(w.timezone)
    ), occurrence AS MATERIALIZED (
        SELECT r.target, r.name, r.kind, r.priority, r.at_end, r.cancel_after, o.starts, o.ends,
               array_position(ARRAY['cancel', 'yield', 'drain'], r.at_end) AS strictness
        FROM rule r, LATERAL weir._occurrences(r.start_time, r.duration, r.days, r.dates, r.timezone,
                                               at - interval '15 days', at + interval '15 days') o
    ), edge AS (
        SELECT o.target, e.at FROM occurrence o, LATERAL (VALUES (o.starts), (o.ends)) e (at)
        UNION
        SELECT r.target, at FROM rule r
    ), state AS (
        SELECT e.target, e.at, t.name, t.kind, t.starts, t.at_end, t.cancel_after,
               coalesce(t.kind = 'window', NOT bool_or(r.kind = 'window')) AS open
        FROM edge e
        JOIN rule r ON r.target = e.target
        LEFT JOIN LATERAL (
            SELECT o.name, o.kind, o.starts, o.at_end, o.cancel_after FROM occurrence o
            WHERE o.target = e.target AND o.starts <= e.at AND o.ends > e.at
            ORDER BY o.priority, o.kind, o.strictness, o.name LIMIT 1) t ON true
        GROUP BY e.target, e.at, t.name, t.kind, t.starts, t.at_end, t.cancel_after
    ), change AS (
        SELECT s.*, lag(s.open) OVER (PARTITION BY s.target ORDER BY s.at) AS was_open FROM state s
    ), now AS (
        SELECT s.*, (SELECT min(c.at) FROM change c WHERE c.target = s.target AND c.at > s.at
                     AND c.open AND NOT c.was_open) AS next_open
        FROM state s WHERE s.at = _window_states.at
    ), closing AS (
        -- of the blackout that holds, or of the window that was the last to end
        SELECT n.target, coalesce(CASE WHEN n.kind = 'blackout' THEN n.starts END, e.closed_at) AS closed_at,
               CASE WHEN n.kind = 'blackout' THEN n.at_end ELSE e.at_end END AS at_end,
               CASE WHEN n.kind = 'blackout' THEN n.cancel_after ELSE e.cancel_after END AS cancel_after
        FROM now n
        LEFT JOIN LATERAL (
            SELECT o.ends AS closed_at, o.at_end, o.cancel_after FROM occurrence o
            WHERE o.target = n.target AND o.kind = 'window' AND o.ends <= n.at
            ORDER BY o.ends DESC, o.priority, o.strictness, o.name LIMIT 1) e ON true
        WHERE NOT n.open
    )
    SELECT DISTINCT ON (n.target) r.of_class, r.relation, r.resource, n.open,
           CASE WHEN n.open THEN '-infinity' ELSE coalesce(n.next_open, 'infinity') END,
           coalesce((SELECT min(c.at) FROM change c WHERE c.target = n.target AND NOT c.open AND c.was_open
                     AND c.at > CASE WHEN n.open THEN n.at ELSE coalesce(n.next_open, 'infinity') END), 'infinity'),
           coalesce(n.name, (SELECT c.name FROM change c WHERE c.target = n.target AND c.at = n.next_open)),
           coalesce(n.kind, CASE WHEN NOT n.open THEN 'window' END),
           k.closed_at, k.at_end, k.cancel_after,
           (SELECT min(e.at) FROM edge e WHERE e.target = n.target AND e.at > n.at)
    FROM now n
    JOIN rule r ON r.target = n.target
    LEFT JOIN closing k ON k.target = n.target
    ORDER BY n.target, r.name
    $$;

-- Writes events about the targets that have been opened or closed since the last
-- one about them; a target without any is taken to have been open, as one without
-- windows is.  So each is told of once, whoever was there to see it.
CREATE FUNCTION weir._note_windows() RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    AS $$
    WITH state AS (
        SELECT s.* FROM weir._window_states(clock_timestamp()) s
        WHERE EXISTS (SELECT FROM weir.time_window)
    ), told AS (
        SELECT DISTINCT ON (e.detail ->> 'class', e.relation, e.detail ->> 'resource')
               e.detail ->> 'class' AS class, e.relation, e.detail ->> 'resource' AS resource,
               e.kind = 'window_opened' AS open, e.detail ->> 'window' AS name, e.detail ->> 'kind' AS kind
        FROM weir.event e WHERE e.kind IN ('window_opened', 'window_closed')
        ORDER BY e.detail ->> 'class', e.relation, e.detail ->> 'resource', e.event_id DESC
    )
    INSERT INTO weir.event (kind, relation, session_user_name, current_user_name, reason, detail)
    SELECT CASE WHEN coalesce(s.open, true) THEN 'window_opened' ELSE 'window_closed' END,
           coalesce(s.relation, t.relation), session_user, current_user,
           (SELECT w.reason FROM weir.time_window w WHERE w.name = coalesce(s.name, t.name)),
           jsonb_strip_nulls(jsonb_build_object(
               'class', coalesce(s.class, t.class), 'resource', coalesce(s.resource, t.resource),
               'window', coalesce(s.name, t.name), 'kind', coalesce(s.kind, t.kind),
               'until', nullif(CASE WHEN s.open THEN s.closes_at ELSE s.opens_at END, 'infinity'), 'at_end', s.at_end))
    FROM state s
    FULL JOIN told t ON t.class = s.class AND coalesce(t.relation, '') = coalesce(s.relation, '')
        AND coalesce(t.resource, '') = coalesce(s.resource, '')
    WHERE coalesce(s.open, true) <> coalesce(t.open, true)
    ORDER BY coalesce(s.class, t.class), 2
    $$;

-- Days of the week, in their order, each once.
CREATE FUNCTION weir._days(days text[]) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    week text[] := '{mon,tue,wed,thu,fri,sat,sun}';
    wrong text;
BEGIN
    SELECT coalesce(d, 'null') INTO wrong FROM unnest(days) d WHERE d IS NULL OR d <> ALL (week) LIMIT 1;
    IF cardinality(days) = 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('argument "%s" must not be empty', 'days');
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('day "%s" does not exist', wrong),
            HINT = 'Days are ' || array_to_string(week, ', ') || '.';
    END IF;
    RETURN (SELECT array_agg(w.day ORDER BY w.i) FROM unnest(week) WITH ORDINALITY w (day, i) WHERE w.day = ANY (days));
END
$$;

-- Refuses what cannot be a window.
CREATE FUNCTION weir._check_window(w weir.time_window) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    argument text;
BEGIN
    argument := CASE WHEN w.name IS NULL THEN 'name' WHEN w.kind IS NULL THEN 'kind'
                     WHEN w.start_time IS NULL THEN 'start_time' WHEN w.duration IS NULL THEN 'duration'
                     WHEN w.timezone IS NULL THEN 'timezone' WHEN w.priority IS NULL THEN 'priority'
                     WHEN w.at_end IS NULL THEN 'at_end' WHEN w.cancel_after IS NULL THEN 'cancel_after' END;
    IF argument IS NOT NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = format('argument "%s" must not be null', argument);
    END IF;
    IF w.name = '' OR octet_length(w.name) > 63 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'name of a window must have 1 to 63 bytes';
    END IF;
    IF w.kind NOT IN ('window', 'blackout') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be "window" or "blackout"', 'kind');
    END IF;
    IF w.class NOT IN ('daily', 'adhoc', 'backfill') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('class "%s" does not exist', w.class),
            HINT = 'Classes are "daily", "adhoc" and "backfill".';
    END IF;
    IF w.at_end NOT IN ('drain', 'yield', 'cancel') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be "drain", "yield" or "cancel"', 'at_end');
    END IF;
    IF NOT w.duration BETWEEN interval '1 minute' AND interval '7 days' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be between 1 minute and 7 days', 'duration');
    END IF;
    IF NOT w.cancel_after BETWEEN interval '0' AND interval '7 days' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be between 0 and 7 days', 'cancel_after');
    END IF;
    IF w.cancel_after > interval '0' AND w.at_end <> 'cancel' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" goes with "%s" => ''cancel'' alone', 'cancel_after', 'at_end');
    END IF;
    IF w.days IS NOT NULL AND w.dates IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('arguments "%s" and "%s" exclude each other', 'days', 'dates');
    END IF;
    IF cardinality(w.dates) NOT BETWEEN 1 AND 1000 OR array_position(w.dates, NULL) IS NOT NULL
       OR EXISTS (SELECT FROM unnest(w.dates) d WHERE NOT isfinite(d)) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be 1 to 1000 dates', 'dates');
    END IF;
    PERFORM FROM pg_timezone_names z WHERE z.name = w.timezone;
    IF NOT FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('time zone "%s" does not exist', w.timezone),
            HINT = 'See the view pg_timezone_names.';
    END IF;
    IF w.resource IS NOT NULL AND NOT EXISTS (SELECT FROM weir.resource r WHERE r.name = w.resource) THEN
        RAISE undefined_object USING
            MESSAGE = format('resource "%s" does not exist', w.resource),
            HINT = 'Define it with weir.cap_resource().';
    END IF;
    IF w.resource LIKE '%*' THEN
        RAISE wrong_object_type USING
            MESSAGE = format('resource "%s" is a template', w.resource),
            HINT = 'Name a resource.';
    END IF;
    IF w.table_name IS NOT NULL AND w.resource IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('arguments "%s" and "%s" exclude each other', 'relation', 'resource');
    END IF;
END
$$;

CREATE FUNCTION weir._add_window(
    caller oid, p_name text, p_start_time time, p_duration interval, p_class text, p_relation regclass,
    p_resource text, p_kind text, p_days text[], p_dates date[], p_timezone text, p_priority integer,
    p_at_end text, p_cancel_after interval, p_reason text
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    w weir.time_window;
BEGIN
    w := row(p_name, p_kind, p_class, NULL, NULL, p_resource, p_start_time, p_duration, weir._days(p_days),
             p_dates, p_timezone, p_priority, p_at_end, p_cancel_after, p_reason);
    IF p_relation IS NOT NULL THEN
        SELECT n.nspname, c.relname INTO w.schema_name, w.table_name
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = coalesce((SELECT a.relid FROM pg_partition_ancestors(p_relation) WITH ORDINALITY a (relid, i)
                                ORDER BY a.i DESC LIMIT 1), p_relation)
        AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't';
        IF NOT FOUND THEN
            RAISE wrong_object_type USING MESSAGE = format('"%s" is not a table', p_relation);
        END IF;
    END IF;
    PERFORM weir._check_window(w);
    BEGIN
        INSERT INTO weir.time_window SELECT w.*;
    EXCEPTION WHEN unique_violation THEN
        RAISE duplicate_object USING
            MESSAGE = format('window "%s" already exists', p_name),
            HINT = 'To change it drop it first, in the same transaction.';
    END;
    PERFORM weir._note_config(caller, 'add_window', p_reason,
                              jsonb_strip_nulls(to_jsonb(w) - 'reason' - 'schema_name' - 'table_name'),
                              quote_ident(w.schema_name) || '.' || quote_ident(w.table_name));
END
$$;

CREATE FUNCTION weir.add_window(
    name text,
    start_time time,
    duration interval,
    class text DEFAULT NULL,
    relation regclass DEFAULT NULL,
    resource text DEFAULT NULL,
    kind text DEFAULT 'window',
    days text[] DEFAULT NULL,
    dates date[] DEFAULT NULL,
    timezone text DEFAULT current_setting('TimeZone'),
    priority integer DEFAULT 0,
    at_end text DEFAULT 'drain',
    cancel_after interval DEFAULT '0',
    reason text DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.add_window(text, time, interval, text, regclass, text, text, text[], date[], text, integer, text, interval, text)
    IS 'Says when tasks of a class, or that need a resource, may start (a window), or may not (a blackout), and what becomes of those that run when that is over.';

CREATE FUNCTION weir._drop_window(caller oid, p_name text, p_reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    DELETE FROM weir.time_window w WHERE w.name = p_name;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM weir._note_config(caller, 'drop_window', p_reason, jsonb_build_object('name', p_name));
    RETURN true;
END
$$;

CREATE FUNCTION weir.drop_window(name text, reason text DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.drop_window(text, text)
    IS 'Removes a window or blackout; false if there was none.';
