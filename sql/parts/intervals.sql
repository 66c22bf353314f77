-- Intervals: the arithmetic of their bounds, and their states.
--
-- Interval number k of a job begins at its k-th boundary, counted from
-- starts_at.  Boundaries of days and months are taken on the clock of the
-- job's time zone, those of hours and minutes in elapsed time; both always
-- from starts_at, so that neither the length of months nor daylight saving
-- makes them drift, and intervals neither overlap nor leave gaps.

-- What the length of an interval is counted in: months, days or time; null if
-- it is none of these alone, or not positive.
CREATE FUNCTION weir._unit(every interval) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT CASE WHEN p.months > 0 AND p.days = 0 AND p.rest = 0 THEN 'months'
                WHEN p.months = 0 AND p.days > 0 AND p.rest = 0 THEN 'days'
                WHEN p.months = 0 AND p.days = 0 AND p.rest >= 60 AND p.rest % 60 = 0 THEN 'time' END
    FROM (SELECT (extract(year FROM every) * 12 + extract(month FROM every))::bigint AS months,
                 extract(day FROM every)::bigint AS days,
                 extract(hour FROM every) * 3600 + extract(minute FROM every) * 60
                 + extract(second FROM every) AS rest) p
    $$;

-- The boundaries with the numbers from_k to to_k.
CREATE FUNCTION weir._boundaries(
    starts_at timestamptz, every interval, timezone text, from_k bigint, to_k bigint,
    OUT k bigint, OUT at timestamptz
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT n, CASE WHEN u.unit = 'time' THEN starts_at + n * every
                   ELSE ((starts_at AT TIME ZONE timezone) + n * every) AT TIME ZONE timezone END
    FROM (SELECT weir._unit(every) AS unit) u, generate_series(from_k, to_k) n
    $$;

CREATE FUNCTION weir._boundary(starts_at timestamptz, every interval, timezone text, k bigint) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT b.at FROM weir._boundaries(starts_at, every, timezone, k, k) b $$;

-- The number of the interval that a time is in.
CREATE FUNCTION weir._index(starts_at timestamptz, every interval, timezone text, at timestamptz) RETURNS bigint
    LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    there timestamp := at AT TIME ZONE timezone;
    start timestamp := starts_at AT TIME ZONE timezone;
    near numeric;
BEGIN
    near := CASE weir._unit(every)
        WHEN 'time' THEN extract(epoch FROM at - starts_at) / extract(epoch FROM every)
        WHEN 'days' THEN extract(epoch FROM there - start) / 86400 / extract(day FROM every)
        ELSE (12 * (extract(year FROM there) - extract(year FROM start))
              + extract(month FROM there) - extract(month FROM start))
             / (12 * extract(year FROM every) + extract(month FROM every)) END;
    -- the clock may have been set, and a month may be too short: look around
    RETURN (SELECT max(b.k) FROM weir._boundaries(starts_at, every, timezone, floor(near)::bigint - 2, floor(near)::bigint + 2) b
            WHERE b.at <= _index.at);
END
$$;

-- The start of the interval that a time is in, if nothing else is said: full
-- hours, days, weeks (from Monday), months and years.
CREATE FUNCTION weir._natural_start(every interval, timezone text, at timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT weir._boundary(o.origin, every, timezone, weir._index(o.origin, every, timezone, at))
    FROM (SELECT date_trunc(CASE weir._unit(every) WHEN 'months' THEN 'year'
                                 WHEN 'days' THEN CASE WHEN extract(day FROM every)::integer % 7 = 0 THEN 'week' ELSE 'day' END
                                 ELSE 'day' END, at AT TIME ZONE timezone) AT TIME ZONE timezone AS origin) o
    $$;

-- The n-th business day after the first one that is not before a date.
CREATE FUNCTION weir._business_day(calendar jsonb, from_date date, n integer) RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    days jsonb := coalesce(calendar -> 'days', '["mon", "tue", "wed", "thu", "fri"]');
    holidays date[] := ARRAY(SELECT jsonb_array_elements_text(calendar -> 'holidays')::date);
    day date := from_date;
    remaining integer := n;
BEGIN
    LOOP
        IF days ? to_char(day, 'dy') AND day <> ALL (holidays) THEN
            EXIT WHEN remaining = 0;
            remaining := remaining - 1;
        END IF;
        day := day + 1;
    END LOOP;
    RETURN day;
END
$$;

-- When an interval that ends then is due; one that was over before the job
-- started is not.  With a calendar the days are business days.
CREATE FUNCTION weir._due_at(j weir.job, interval_end timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    there timestamp := interval_end AT TIME ZONE j.timezone;
BEGIN
    RETURN CASE WHEN interval_end <= j.starts_at THEN NULL
           WHEN j.due_calendar IS NULL
           THEN ((interval_end AT TIME ZONE j.timezone) + j.due) AT TIME ZONE j.timezone
           ELSE (weir._business_day(j.due_calendar, there::date, extract(day FROM j.due)::integer)
                 + there::time + (j.due - date_trunc('day', j.due))) AT TIME ZONE j.timezone END;
END
$$;

-- The intervals of a job that start within a range, with their states: those
-- that have a version, and those that are expected and have none.
CREATE FUNCTION weir.__intervals(
    caller oid, p_job_id integer, p_from timestamptz, p_to timestamptz,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer,
    OUT exec text, OUT currency text, OUT timeliness text, OUT due_at timestamptz,
    OUT cause text, OUT backfill_id bigint, OUT task_id bigint, OUT attempts integer,
    OUT started_at timestamptz, OUT finished_at timestamptz, OUT done_version integer,
    OUT first_done_at timestamptz
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    AS $$
    WITH j AS MATERIALIZED (
        SELECT * FROM weir.job WHERE job_id = p_job_id
    ), versions AS MATERIALIZED (
        SELECT i.*, coalesce(r.attempt, e.attempt, 0) AS attempt,
               coalesce(r.outcome, e.outcome) AS outcome,
               coalesce(r.final, e.task_id IS NOT NULL) AS final,
               coalesce(r.started_at, e.started_at) AS started_at,
               coalesce(r.finished_at, e.finished_at) AS finished_at
        FROM weir.interval i
        LEFT JOIN LATERAL (
            SELECT r.attempt, r.outcome, r.final, r.started_at, r.finished_at
            FROM weir.run r WHERE r.task_id = i.task_id
            ORDER BY r.attempt DESC LIMIT 1) r ON true
        LEFT JOIN weir.interval_end e ON e.task_id = i.task_id
        WHERE i.job_id = p_job_id
        AND i.interval_start >= coalesce(p_from, '-infinity')
        AND i.interval_start < coalesce(p_to, 'infinity')
    ), newest AS (
        SELECT DISTINCT ON (v.interval_start) v.*
        FROM versions v ORDER BY v.interval_start, v.version DESC
    ), done AS (
        SELECT DISTINCT ON (v.interval_start) v.*,
               min(v.finished_at) OVER (PARTITION BY v.interval_start) AS first_done_at
        FROM versions v WHERE v.final AND v.outcome = 'succeeded'
        ORDER BY v.interval_start, v.version DESC
    ), expected AS (
        SELECT b.at AS interval_start, lead(b.at) OVER (ORDER BY b.k) AS interval_end
        FROM j, weir._boundaries(j.starts_at, j.every, j.timezone,
            greatest(0, weir._index(j.starts_at, j.every, j.timezone, p_from)),
            weir._index(j.starts_at, j.every, j.timezone, least(p_to, clock_timestamp()))) b
    ), pace AS (
        SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY f.took) AS took
        -- each interval of a chunk is taken to have had its part of the time
        FROM (SELECT (v.finished_at - v.started_at) / count(*) OVER (PARTITION BY v.task_id) AS took
              FROM versions v
              WHERE v.final AND v.outcome = 'succeeded' ORDER BY v.finished_at DESC LIMIT 50) f
    ), assigned AS MATERIALIZED (
        SELECT a.task_id FROM weir._show_assigned() a
    ), upstream AS MATERIALIZED (
        SELECT array_agg(u.job_id) AS job_ids
        FROM weir.job d JOIN weir.job u ON u.outputs && d.inputs
        WHERE d.job_id = p_job_id AND weir._produces(u, d)
    ), listed AS (
        SELECT coalesce(n.interval_start, x.interval_start) AS interval_start,
               coalesce(n.interval_end, x.interval_end) AS interval_end, n.version,
               CASE WHEN n.version IS NULL THEN CASE WHEN w.job_id IS NULL THEN 'missing' ELSE 'blocked' END
                    WHEN n.task_id IS NULL THEN 'waived'
                    WHEN n.final THEN CASE n.outcome WHEN 'succeeded' THEN 'done' ELSE 'failed' END
                    WHEN a.task_id IS NOT NULL THEN 'running'
                    ELSE 'queued' END AS exec,
               CASE WHEN n.version IS NULL THEN weir._due_at(j, x.interval_end)
                    ELSE n.due_at END AS due_at,
               n.cause, n.backfill_id, n.task_id, n.attempt AS attempts,
               n.started_at, n.finished_at, n.final,
               d.version AS done_version, d.first_done_at, d.started_at AS done_started_at,
               d.finished_at AS done_finished_at, d.code AS done_code, j.job_id, j.command
        FROM newest n
        FULL JOIN (SELECT * FROM expected e WHERE e.interval_end > e.interval_start
                   AND e.interval_start >= coalesce(p_from, '-infinity')) x
            ON x.interval_start = n.interval_start
        CROSS JOIN j
        LEFT JOIN done d ON d.interval_start = n.interval_start
        LEFT JOIN assigned a ON a.task_id = n.task_id
        LEFT JOIN weir.blocked_interval w ON w.job_id = p_job_id AND w.interval_start = x.interval_start
    )
    SELECT l.interval_start, l.interval_end, l.version, l.exec,
           CASE WHEN l.done_version IS NULL THEN NULL
                WHEN l.exec = 'waived' THEN 'current'
                WHEN EXISTS (SELECT FROM weir.stale s WHERE s.job_id = l.job_id
                             AND s.interval_start = l.interval_start
                             AND s.version >= l.done_version) THEN 'stale_input'
                WHEN o.job_ids IS NOT NULL
                     AND weir._upstream_changed(o.job_ids, l.interval_start, l.interval_end, l.done_started_at)
                    THEN 'stale_upstream'
                WHEN l.done_code <> md5(l.command) THEN 'stale_code'
                ELSE 'current' END,
           CASE WHEN l.due_at IS NULL OR l.exec = 'waived' AND l.first_done_at IS NULL THEN NULL
                WHEN l.first_done_at > l.due_at THEN 'missed'
                WHEN l.done_finished_at > l.due_at THEN 'corrected_after_close'
                WHEN l.first_done_at IS NOT NULL THEN 'on_time'
                WHEN clock_timestamp() > l.due_at THEN 'late'
                WHEN clock_timestamp() + p.took > l.due_at THEN 'at_risk'
                ELSE 'on_time' END,
           l.due_at, l.cause, l.backfill_id, l.task_id, l.attempts, l.started_at,
           CASE WHEN l.final THEN l.finished_at END, l.done_version, l.first_done_at
    FROM listed l, pace p, upstream o
    ORDER BY l.interval_start
    $$;

-- The same for whoever reads a view.
CREATE FUNCTION weir._intervals(
    p_job_id integer, p_from timestamptz, p_to timestamptz,
    OUT interval_start timestamptz, OUT interval_end timestamptz, OUT version integer,
    OUT exec text, OUT currency text, OUT timeliness text, OUT due_at timestamptz,
    OUT cause text, OUT backfill_id bigint, OUT task_id bigint, OUT attempts integer,
    OUT started_at timestamptz, OUT finished_at timestamptz, OUT done_version integer,
    OUT first_done_at timestamptz
) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';

-- Has one of some jobs, which are upstream of another, produced something else
-- since then, in an interval that overlaps?  A version whose task returned the
-- same rows as the version before has not changed anything.
CREATE FUNCTION weir._upstream_changed(
    p_upstream integer[], p_start timestamptz, p_end timestamptz, since timestamptz
) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    AS $$
    WITH ends AS (
        SELECT i.job_id, i.interval_start, i.version, coalesce(r.finished_at, e.finished_at) AS finished_at,
               CASE WHEN r.task_id IS NULL THEN e.result ELSE r.result END AS result
        FROM weir.interval i
        LEFT JOIN weir.run r ON r.task_id = i.task_id AND r.final AND r.outcome = 'succeeded'
        LEFT JOIN weir.interval_end e ON e.task_id = i.task_id AND e.outcome = 'succeeded'
        WHERE i.job_id = ANY (p_upstream)
        AND i.interval_start < p_end AND i.interval_end > p_start
        AND (r.task_id IS NOT NULL OR e.task_id IS NOT NULL)
    )
    SELECT EXISTS (
        SELECT FROM ends n
        WHERE n.finished_at > since
        AND (n.result IS NULL OR n.result IS DISTINCT FROM (
            SELECT b.result FROM ends b
            WHERE b.job_id = n.job_id AND b.interval_start = n.interval_start AND b.version < n.version
            ORDER BY b.version DESC LIMIT 1)))
    $$;

CREATE VIEW weir.jobs WITH (security_barrier) AS
SELECT j.name, j.owner_name AS owner, j.every, j.timezone, j.starts_at, j.schedule,
       j.queue, j.backfill_queue, j.tables, j.inputs, j.outputs, j.due, j.catch_up, j.misfire,
       CASE WHEN weir._may_see(j.owner, j.owner_name, j.created_at) THEN j.command END AS command,
       j.priority, j.timeout, j.max_attempts, j.mode,
       CASE WHEN weir._may_see(j.owner, j.owner_name, j.created_at) THEN j.settings END AS settings,
       CASE WHEN weir._may_see(j.owner, j.owner_name, j.created_at) THEN j.policy
            ELSE j.policy #- '{breaker,fallback}' END AS policy,
       CASE WHEN weir._may_see(j.owner, j.owner_name, j.created_at) THEN j.search_path END AS search_path,
       j.created_at,
       (SELECT max(b.backfill_id) FROM weir.backfill b
        WHERE b.job_id = j.job_id AND b.state IN ('running', 'paused')) AS backfill_id,
       j.resources, j.queue_timeout, j.due_calendar, j.chunk_target,
       CASE WHEN weir._may_see(j.owner, j.owner_name, j.created_at) THEN j.fingerprint END AS fingerprint,
       j.recheck, j.wait_for_inputs
FROM weir.job j;
COMMENT ON VIEW weir.jobs IS 'The jobs: what runs over which intervals.';
COMMENT ON COLUMN weir.jobs.name IS 'Name of the job.';
COMMENT ON COLUMN weir.jobs.owner IS 'Role that its tasks run as.';
COMMENT ON COLUMN weir.jobs.every IS 'Length of an interval.';
COMMENT ON COLUMN weir.jobs.timezone IS 'Time zone in which days and months begin.';
COMMENT ON COLUMN weir.jobs.starts_at IS 'Start of the first interval that is expected; the others are counted from it.';
COMMENT ON COLUMN weir.jobs.schedule IS 'When pg_cron calls weir.run_due(); null if it does not.';
COMMENT ON COLUMN weir.jobs.queue IS 'Queue of the daily runs.';
COMMENT ON COLUMN weir.jobs.backfill_queue IS 'Queue of backfills and corrections, which run in class backfill.';
COMMENT ON COLUMN weir.jobs.tables IS 'Tables that the command writes.';
COMMENT ON COLUMN weir.jobs.inputs IS 'Tables that it reads; jobs with these outputs come before it.';
COMMENT ON COLUMN weir.jobs.outputs IS 'Tables that it produces.';
COMMENT ON COLUMN weir.jobs.due IS 'How long after its end an interval has to be done, on the clock of the time zone.';
COMMENT ON COLUMN weir.jobs.catch_up IS 'How long ago an interval may have ended for weir.run_due() to enqueue it.';
COMMENT ON COLUMN weir.jobs.misfire IS 'What weir.run_due() does about several intervals at once: run_all, run_once or skip.';
COMMENT ON COLUMN weir.jobs.command IS 'SQL that it executes; null for those who may not see it.';
COMMENT ON COLUMN weir.jobs.priority IS 'Priority of its tasks.';
COMMENT ON COLUMN weir.jobs.timeout IS 'Longest time that a run may take.';
COMMENT ON COLUMN weir.jobs.max_attempts IS 'Attempts that a task has; null is as its queue says.';
COMMENT ON COLUMN weir.jobs.mode IS 'transaction or autocommit.';
COMMENT ON COLUMN weir.jobs.settings IS 'Settings for the session of its tasks; null for those who may not see them.';
COMMENT ON COLUMN weir.jobs.policy IS 'Retry parameters, and the breaker; its fallback only for those who may see the command.';
COMMENT ON COLUMN weir.jobs.search_path IS 'Search path of its tasks; null for those who may not see it.';
COMMENT ON COLUMN weir.jobs.created_at IS 'When it was created.';
COMMENT ON COLUMN weir.jobs.backfill_id IS 'Its newest backfill that has not ended.';
COMMENT ON COLUMN weir.jobs.resources IS 'Named resources that its tasks need.';
COMMENT ON COLUMN weir.jobs.queue_timeout IS 'Longest time that a task may wait for its start.';
COMMENT ON COLUMN weir.jobs.due_calendar IS 'Calendar of the business days that the days of due are counted in; null is every day.';
COMMENT ON COLUMN weir.jobs.chunk_target IS 'How long a chunk of a backfill should take, which covers as many intervals; null if each covers one.';
COMMENT ON COLUMN weir.jobs.fingerprint IS 'Query that tells whether the input of an interval has changed; null for those who may not see it.';
COMMENT ON COLUMN weir.jobs.recheck IS 'How long ago an interval may have ended for weir.run_due() to have its fingerprint compared; null is not at all.';
COMMENT ON COLUMN weir.jobs.wait_for_inputs IS 'Whether its intervals wait for the jobs whose outputs are among its inputs.';

CREATE VIEW weir.intervals WITH (security_barrier) AS
SELECT j.name AS job, j.owner_name AS owner, x.interval_start, x.interval_end, x.version,
       x.exec, x.currency, x.timeliness, x.due_at, x.cause, x.backfill_id, x.task_id,
       x.attempts, x.started_at, x.finished_at, x.done_version, x.first_done_at,
       CASE WHEN weir._may_see(j.owner, j.owner_name, j.created_at)
            THEN (SELECT i.reason FROM weir.interval i WHERE i.job_id = j.job_id
                  AND i.interval_start = x.interval_start AND i.version = x.version) END AS reason,
       CASE WHEN x.exec = 'blocked'
            THEN (SELECT u.name FROM weir.blocked_interval w JOIN weir.job u ON u.job_id = w.input_job_id
                  WHERE w.job_id = j.job_id AND w.interval_start = x.interval_start) END AS waits_for
FROM weir.job j
CROSS JOIN LATERAL weir._intervals(j.job_id, NULL, NULL) x;
COMMENT ON VIEW weir.intervals IS 'The intervals of the jobs with their states, the missing ones included.';
COMMENT ON COLUMN weir.intervals.job IS 'Name of the job.';
COMMENT ON COLUMN weir.intervals.owner IS 'Its owner.';
COMMENT ON COLUMN weir.intervals.interval_start IS 'Start of the interval, which belongs to it.';
COMMENT ON COLUMN weir.intervals.interval_end IS 'End of the interval, which does not belong to it.';
COMMENT ON COLUMN weir.intervals.version IS 'Number of the newest version; null if there is none.';
COMMENT ON COLUMN weir.intervals.exec IS 'State of the newest version: missing, blocked, queued, running, done, failed or waived.';
COMMENT ON COLUMN weir.intervals.currency IS 'Whether the output that is there is right: current, stale_input, stale_upstream or stale_code; null if there is none.';
COMMENT ON COLUMN weir.intervals.timeliness IS 'How it stands to its deadline: on_time, at_risk, late, missed or corrected_after_close; null if it has none.';
COMMENT ON COLUMN weir.intervals.due_at IS 'To be done by.';
COMMENT ON COLUMN weir.intervals.cause IS 'Why there is the newest version: schedule, backfill, correction or waive.';
COMMENT ON COLUMN weir.intervals.backfill_id IS 'Backfill that the newest version belongs to.';
COMMENT ON COLUMN weir.intervals.task_id IS 'Task that produces the newest version.';
COMMENT ON COLUMN weir.intervals.attempts IS 'Number of its last attempt that has ended.';
COMMENT ON COLUMN weir.intervals.started_at IS 'Start of that attempt.';
COMMENT ON COLUMN weir.intervals.finished_at IS 'End of the task; null if it has not ended.';
COMMENT ON COLUMN weir.intervals.done_version IS 'Number of the newest version that is done, whose output is there; null if there is none.';
COMMENT ON COLUMN weir.intervals.first_done_at IS 'When the first version was done.';
COMMENT ON COLUMN weir.intervals.reason IS 'Reason given for the newest version; null for those who may not see it.';
COMMENT ON COLUMN weir.intervals.waits_for IS 'Job whose output it waits for; null if it is not blocked.';

-- Refuses bounds that are not those of intervals of the job.
CREATE FUNCTION weir._check_bounds(j weir.job, p_from timestamptz, p_to timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    low timestamptz;
    high timestamptz;
BEGIN
    IF p_from IS NULL OR p_to IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('argument "%s" must not be null', CASE WHEN p_from IS NULL THEN 'from_time' ELSE 'to_time' END);
    END IF;
    PERFORM weir._check_time('from_time', p_from);
    PERFORM weir._check_time('to_time', p_to);
    IF p_from >= p_to THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be before "%s"', 'from_time', 'to_time');
    END IF;
    low := weir._boundary(j.starts_at, j.every, j.timezone, weir._index(j.starts_at, j.every, j.timezone, p_from));
    high := weir._boundary(j.starts_at, j.every, j.timezone, weir._index(j.starts_at, j.every, j.timezone, p_to));
    IF high <> p_to THEN
        high := weir._boundary(j.starts_at, j.every, j.timezone, weir._index(j.starts_at, j.every, j.timezone, p_to) + 1);
    END IF;
    IF low <> p_from OR high <> p_to THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('"%s" and "%s" are not bounds of intervals of job "%s"', 'from_time', 'to_time', j.name),
            HINT = format('The intervals that they touch are those from %s to %s.',
                          quote_literal(timezone(j.timezone, low) || ' ' || j.timezone),
                          quote_literal(timezone(j.timezone, high) || ' ' || j.timezone));
    END IF;
    IF weir._index(j.starts_at, j.every, j.timezone, p_to) - weir._index(j.starts_at, j.every, j.timezone, p_from) > 1000000 THEN
        RAISE program_limit_exceeded USING
            MESSAGE = 'too many intervals',
            DETAIL = 'At most 1000000 can be named at once.';
    END IF;
END
$$;

CREATE FUNCTION weir._waive(caller oid, p_name text, p_from timestamptz, p_to timestamptz, p_reason text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
    x record;
    n integer := 0;
    event bigint;
    first_event bigint;
BEGIN
    PERFORM weir._check_bounds(j, p_from, p_to);
    IF p_reason IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = format('argument "%s" must not be null', 'reason');
    END IF;
    FOR x IN
        SELECT p.interval_start, p.interval_end, coalesce(s.version, 0) AS version,
               coalesce(s.exec, 'missing') AS exec, s.currency
        FROM weir._range(j, p_from, p_to) p
        LEFT JOIN weir.__intervals(caller, j.job_id, p_from, p_to) s ON s.interval_start = p.interval_start
        ORDER BY 1
    LOOP
        IF x.exec IN ('queued', 'running') THEN
            RAISE object_in_use USING
                MESSAGE = format('interval %s of job "%s" is %s', timezone(j.timezone, x.interval_start), j.name, x.exec),
                HINT = 'Cancel its task first, or wait until it has ended.';
        END IF;
        CONTINUE WHEN x.exec = 'waived' OR x.exec = 'done' AND x.currency = 'current';
        INSERT INTO weir.interval (job_id, interval_start, interval_end, version, cause, due_at, reason, created_by)
        VALUES (j.job_id, x.interval_start, x.interval_end, x.version + 1, 'waive',
                weir._due_at(j, x.interval_end), p_reason, pg_get_userbyid(caller));
        event := weir._job_event(caller, 'waived', j, p_reason, NULL, x.interval_start);
        first_event := coalesce(first_event, event);
        DELETE FROM weir.blocked_interval WHERE job_id = j.job_id AND blocked_interval.interval_start = x.interval_start;
        n := n + 1;
    END LOOP;
    PERFORM weir._announce(j.job_id, first_event, event);
    PERFORM weir._wake_feeder();
    RETURN n;
END
$$;

CREATE FUNCTION weir.waive(job text, from_time timestamptz, to_time timestamptz, reason text) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.waive(text, timestamptz, timestamptz, text)
    IS 'Declares that intervals need not be done, or done again; returns how many.';

-- The bounds of the intervals of a range, whether expected or not.
CREATE FUNCTION weir._range(j weir.job, p_from timestamptz, p_to timestamptz,
    OUT interval_start timestamptz, OUT interval_end timestamptz
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT r.at, r.next
    FROM (SELECT b.at, lead(b.at) OVER (ORDER BY b.k) AS next
          FROM weir._boundaries(j.starts_at, j.every, j.timezone,
                                weir._index(j.starts_at, j.every, j.timezone, p_from),
                                weir._index(j.starts_at, j.every, j.timezone, p_to)) b) r
    WHERE r.next > r.at
    $$;
