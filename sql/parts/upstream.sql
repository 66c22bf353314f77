-- Jobs that wait for others: an interval begins when the outputs that it reads
-- are there.
--
-- Upstream of a job are the jobs that have one of its inputs among their outputs.
-- An interval waits for those of theirs that overlap it, until each is done or
-- waived: what is expected, and so also what has not ended yet; and what was
-- before starts_at only if it is in hand.  A daily run asks for an output that is
-- there, so that it does not wait for a backfill that makes yesterday's anew; a
-- backfill waits for that, too, or it would have to be run again.
--
-- While it waits an interval has no task, and takes no place in a queue.  One that
-- is due is a row here, with one of the intervals that it waits for: the feeder
-- looks whether that is still so when a task has ended, which costs little however
-- many there are.  Those of backfills are where they were, in their list.

-- Can a job produce an input of another?  Its owner may say anything of his
-- outputs: he must own both jobs, or be able to write the table.
CREATE FUNCTION weir._produces(u weir.job, j weir.job) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- where role or table is gone this cannot be told
    RETURN u.job_id <> j.job_id AND u.outputs && j.inputs AND (u.owner_name = j.owner_name OR EXISTS (
        SELECT FROM unnest(u.outputs) o
        WHERE o = ANY (j.inputs)
        AND coalesce(has_table_privilege(weir._role(u.owner, u.owner_name, u.created_at), to_regclass(o),
                                         'INSERT, UPDATE, DELETE, TRUNCATE'), true)));
END
$$;

-- The jobs that a job waits for.
CREATE FUNCTION weir._upstream(j weir.job) RETURNS weir.job[]
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF NOT j.wait_for_inputs OR j.inputs IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN coalesce((SELECT array_agg(u ORDER BY u.job_id) FROM weir.job u
                     WHERE u.outputs && j.inputs AND weir._produces(u, j)), '{}');
END
$$;

-- Refuses a job that would wait for one that waits for it.  One session at a
-- time: two jobs could be made at once that wait for each other.
CREATE FUNCTION weir._check_cycle(j weir.job) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    visited integer[] := ARRAY[j.job_id];
    front weir.job[];
    name text;
BEGIN
    IF NOT j.wait_for_inputs OR j.inputs IS NULL OR j.outputs IS NULL THEN
        RETURN;
    END IF;
    -- behind the lock it has to see what the others have made
    PERFORM weir._require_read_committed('let a job wait for its inputs');
    -- conflicts with itself, and with nothing else that is done to jobs
    LOCK TABLE weir.job IN SHARE UPDATE EXCLUSIVE MODE;
    front := weir._upstream(j);
    WHILE cardinality(front) > 0 LOOP
        SELECT u.name INTO name FROM unnest(front) u
        WHERE u.wait_for_inputs AND weir._produces(j, u) ORDER BY u.name LIMIT 1;
        IF FOUND THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('job "%s" would wait for itself', j.name),
                DETAIL = format('Job "%s" waits for its output, and it would wait for that job, directly or through others.', name),
                HINT = 'Let one of them not wait: wait_for_inputs => false.';
        END IF;
        visited := visited || ARRAY(SELECT u.job_id FROM unnest(front) u);
        SELECT coalesce(array_agg(n.next), '{}') INTO front
        FROM (SELECT DISTINCT ON (x.job_id) x AS next
              FROM unnest(front) u CROSS JOIN LATERAL unnest(weir._upstream(u)) x
              WHERE x.job_id <> ALL (visited)) n;
    END LOOP;
END
$$;

-- Is the output of an interval there, or need it not be?
CREATE FUNCTION weir._available(p_job_id integer, p_start timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM weir.interval i
        WHERE i.job_id = p_job_id AND i.interval_start = p_start
        AND (i.task_id IS NULL
             OR EXISTS (SELECT FROM weir.run r WHERE r.task_id = i.task_id AND r.final AND r.outcome = 'succeeded')
             OR EXISTS (SELECT FROM weir.interval_end e WHERE e.task_id = i.task_id AND e.outcome = 'succeeded')));
END
$$;

-- Is an interval in hand: has it a task that has not ended, or will a backfill
-- have its turn at it?
CREATE FUNCTION weir._in_hand(p_job_id integer, p_start timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM weir.interval i
        WHERE i.job_id = p_job_id AND i.interval_start = p_start
        AND i.task_id IS NOT NULL AND NOT weir._ended(i.task_id)
    ) OR EXISTS (
        SELECT FROM weir.backfill b
        JOIN weir.backfill_interval k ON k.backfill_id = b.backfill_id AND k.interval_start = p_start
        WHERE b.job_id = p_job_id AND b.state IN ('running', 'paused')
        AND NOT EXISTS (SELECT FROM weir.backfill_step s WHERE s.backfill_id = k.backfill_id AND s.ordinal = k.ordinal)
        AND k.version = coalesce((SELECT max(i.version) FROM weir.interval i
                                  WHERE i.job_id = p_job_id AND i.interval_start = p_start), 0));
END
$$;

-- The intervals of some jobs that whatever reads their output of a range waits
-- for, the last one first: that will probably be done last.
CREATE FUNCTION weir._awaited(
    p_upstream weir.job[], p_from timestamptz, p_to timestamptz, p_backfill boolean,
    OUT job_id integer, OUT job text, OUT interval_start timestamptz, OUT interval_end timestamptz
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN QUERY
    SELECT u.job_id, u.name, g.at, g.next
    FROM unnest(p_upstream) u
    CROSS JOIN LATERAL (
        SELECT b.k, b.at, lead(b.at) OVER (ORDER BY b.k) AS next
        FROM weir._boundaries(u.starts_at, u.every, u.timezone,
                              weir._index(u.starts_at, u.every, u.timezone, p_from),
                              weir._index(u.starts_at, u.every, u.timezone, p_to) + 1) b) g
    WHERE g.at < g.next AND g.at < p_to AND g.next > p_from
    AND CASE WHEN weir._available(u.job_id, g.at) THEN p_backfill AND weir._in_hand(u.job_id, g.at)
             ELSE g.k >= 0 OR weir._in_hand(u.job_id, g.at) END
    ORDER BY g.next DESC, u.job_id;
END
$$;

-- The last one, which is looked for in pieces from the end, each longer than the one
-- before: there can be very many.
CREATE FUNCTION weir._last_awaited(
    p_upstream weir.job[], p_from timestamptz, p_to timestamptz, OUT job_id integer, OUT interval_start timestamptz
) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    reach interval := 16 * (SELECT min(u.every) FROM unnest(p_upstream) u);
    low timestamptz;
    high timestamptz := p_to;
BEGIN
    LOOP
        low := CASE WHEN reach < high - p_from THEN greatest(p_from, high - reach) ELSE p_from END;
        SELECT a.job_id, a.interval_start INTO job_id, interval_start
        FROM weir._awaited(p_upstream, low, high, false) a LIMIT 1;
        EXIT WHEN FOUND OR (low > p_from) IS NOT TRUE;
        high := low;
        reach := reach * 2;
    END LOOP;
END
$$;

-- All as times, which any number of intervals is compared with.
CREATE FUNCTION weir._awaited_times(
    p_upstream weir.job[], p_from timestamptz, p_to timestamptz, p_backfill boolean
) RETURNS tstzmultirange
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF cardinality(p_upstream) = 0 OR p_from IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN coalesce((SELECT range_agg(tstzrange(a.interval_start, a.interval_end))
                     FROM weir._awaited(p_upstream, p_from, p_to, p_backfill) a), '{}');
END
$$;

-- Need an interval of another job, which was waited for, not be any more?  The job
-- may have been dropped since.
CREATE FUNCTION weir._arrived(p_job_id integer, p_start timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN weir._available(p_job_id, p_start) OR NOT EXISTS (
        SELECT FROM weir.job u WHERE u.job_id = p_job_id
        AND (p_start >= u.starts_at OR weir._in_hand(u.job_id, p_start)));
END
$$;

-- Does a job still wait for that?  It may have been changed.
CREATE FUNCTION weir._awaits(j weir.job, p_input_job_id integer, p_input_start timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN p_input_job_id IS NOT NULL AND j.wait_for_inputs
        AND EXISTS (SELECT FROM weir.job u WHERE u.job_id = p_input_job_id AND u.outputs && j.inputs)
        AND NOT weir._arrived(p_input_job_id, p_input_start);
END
$$;

-- Does an interval that is due wait?
CREATE FUNCTION weir._waits(j weir.job, p_start timestamptz, p_end timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN (weir._last_awaited(weir._upstream(j), p_start, p_end)).job_id IS NOT NULL;
END
$$;

-- Notes what an interval that is due waits for, if it does.
CREATE FUNCTION weir._block(p_by text, j weir.job, p_upstream weir.job[], p_start timestamptz, p_end timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO weir.blocked_interval AS b (job_id, interval_start, interval_end, input_job_id, input_start, blocked_by)
    SELECT j.job_id, p_start, p_end, a.job_id, a.interval_start, p_by
    FROM weir._last_awaited(p_upstream, p_start, p_end) a WHERE a.job_id IS NOT NULL
    ON CONFLICT ON CONSTRAINT blocked_interval_pkey DO UPDATE
        SET input_job_id = excluded.input_job_id, input_start = excluded.input_start;
    RETURN FOUND;
END
$$;

-- Blocks those of the intervals that are due which wait, and leaves to the tick
-- what does not any more; those that are new here.
CREATE FUNCTION weir._block_due(
    caller oid, j weir.job, p_from timestamptz, p_oldest timestamptz, p_until timestamptz,
    OUT interval_start timestamptz, OUT interval_end timestamptz
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    upstream weir.job[] := weir._upstream(j);
    awaited tstzmultirange;
    x record;
BEGIN
    IF cardinality(upstream) = 0 AND NOT EXISTS (SELECT FROM weir.blocked_interval b WHERE b.job_id = j.job_id) THEN
        RETURN;
    END IF;
    -- what the feeder could not enqueue is tried again
    UPDATE weir.blocked_interval b SET problem = NULL WHERE b.job_id = j.job_id AND b.problem IS NOT NULL;
    FOR x IN
        SELECT s.interval_start, s.interval_end, b.input_job_id, b.input_start
        FROM (SELECT r.*, lead(r.interval_start) OVER (ORDER BY r.interval_start) IS NULL AS newest
              FROM weir._range(j, greatest(p_from, j.starts_at), p_until) r) s
        LEFT JOIN weir.blocked_interval b ON b.job_id = j.job_id AND b.interval_start = s.interval_start
        WHERE s.interval_end > p_oldest
        AND (s.newest OR j.misfire <> 'skip')
        AND NOT EXISTS (SELECT FROM weir.interval i WHERE i.job_id = j.job_id AND i.interval_start = s.interval_start)
        ORDER BY s.interval_start
    LOOP
        CONTINUE WHEN weir._awaits(j, x.input_job_id, x.input_start);
        awaited := coalesce(awaited, weir._awaited_times(upstream, x.interval_start, p_until, false));
        IF NOT awaited && tstzrange(x.interval_start, x.interval_end) THEN
            DELETE FROM weir.blocked_interval b WHERE b.job_id = j.job_id AND b.interval_start = x.interval_start;
        ELSIF weir._block(pg_get_userbyid(caller), j, upstream, x.interval_start, x.interval_end)
              AND x.input_job_id IS NULL THEN
            interval_start := x.interval_start;
            interval_end := x.interval_end;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Enqueues what was blocked of a job, which is locked, and does not wait any more,
-- until then, but some at any rate.  Is there more to do?  Null: the queue is full.
CREATE FUNCTION weir._unblock(j weir.job, p_until timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    upstream weir.job[] := weir._upstream(j);
    -- what may become one task is not divided
    most integer := CASE WHEN j.misfire <> 'run_once' THEN 64 END;
    came timestamptz[];
    due record;
    n integer := 0;
BEGIN
    -- somebody else may have made a version
    DELETE FROM weir.blocked_interval b
    WHERE b.job_id = j.job_id
    AND EXISTS (SELECT FROM weir.interval i WHERE i.job_id = b.job_id AND i.interval_start = b.interval_start);
    came := ARRAY(SELECT b.interval_start FROM weir.blocked_interval b
                  WHERE b.job_id = j.job_id AND NOT weir._awaits(j, b.input_job_id, b.input_start)
                  ORDER BY b.interval_start LIMIT most);
    FOR due IN
        WITH looked AS MATERIALIZED (
            SELECT b.* FROM weir.blocked_interval b
            WHERE b.job_id = j.job_id AND b.interval_start = ANY (came)
        ), free AS MATERIALIZED (
            -- the others have another one to wait for
            SELECT l.* FROM looked l
            WHERE NOT weir._block(l.blocked_by, j, upstream, l.interval_start, l.interval_end)
        ), marked AS (
            SELECT f.*, f.interval_start IS DISTINCT FROM lag(f.interval_end) OVER (ORDER BY f.interval_start)
                        OR j.misfire <> 'run_once' AS begins
            FROM free f
        ), grouped AS (
            SELECT m.*, count(*) FILTER (WHERE m.begins) OVER (ORDER BY m.interval_start) AS island FROM marked m
        )
        SELECT min(g.interval_start) AS first, max(g.interval_end) AS last, min(g.blocked_by) AS blocked_by
        FROM grouped g GROUP BY g.island ORDER BY 1
    LOOP
        n := n + 1;
        IF n = 2 THEN
            PERFORM weir._begin_ramp(q.queue_id) FROM weir.queue q WHERE q.name = j.queue;
        END IF;
        IF weir._start(j, due.blocked_by, due.first, due.last, 'schedule', NULL, NULL) IS NULL THEN
            RETURN NULL;
        END IF;
        DELETE FROM weir.blocked_interval b
        WHERE b.job_id = j.job_id AND b.interval_start >= due.first AND b.interval_start < due.last;
        IF clock_timestamp() > p_until THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN coalesce(cardinality(came) >= most, false);
END
$$;

-- Looks after what is blocked, until then, as weir._feed() does after backfills,
-- with the same answers.  It looks at the inputs of each job that are expected
-- last: more of them than this are a matter for the next tick.  The jobs have their
-- turn in any order, so that none takes the time of another again and again.
CREATE FUNCTION weir._feed_blocked(p_until timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    answer integer := (SELECT EXISTS (SELECT FROM weir.blocked_interval b WHERE b.problem IS NULL))::integer;
    came integer;
    j weir.job;
    more boolean;
    moved boolean := false;
BEGIN
    FOR came IN
        WITH inputs AS MATERIALIZED (
            -- once for all that wait for the same
            SELECT i.*, weir._arrived(i.input_job_id, i.input_start) AS arrived
            FROM (SELECT b.input_job_id, b.input_start, array_agg(DISTINCT b.job_id) AS job_ids
                  FROM (SELECT o.job_id, o.input_job_id, o.input_start,
                               row_number() OVER (PARTITION BY o.job_id ORDER BY o.input_start DESC) AS nth
                        FROM weir.blocked_interval o WHERE o.problem IS NULL
                        ORDER BY nth, random() LIMIT 1000) b
                  GROUP BY b.input_job_id, b.input_start) i
        )
        SELECT d.job_id
        FROM inputs i
        CROSS JOIN LATERAL unnest(i.job_ids) w
        JOIN weir.job d ON d.job_id = w
        LEFT JOIN weir.job u ON u.job_id = i.input_job_id
        WHERE i.arrived OR NOT d.wait_for_inputs OR (u.outputs && d.inputs) IS NOT TRUE
        GROUP BY d.job_id ORDER BY random()
    LOOP
        SELECT * INTO j FROM weir.job WHERE job_id = came FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            answer := greatest(answer, 2);
            CONTINUE;
        END IF;
        BEGIN
            more := weir._unblock(j, p_until);
            moved := moved OR more IS NOT NULL;
            IF more THEN
                answer := 3;
            END IF;
        EXCEPTION
            WHEN lock_not_available OR cannot_connect_now OR insufficient_resources
                 OR configuration_limit_exceeded OR transaction_rollback
                 OR object_not_in_prerequisite_state THEN
                answer := greatest(answer, 2);
            WHEN others THEN
                UPDATE weir.blocked_interval SET problem = sqlerrm WHERE job_id = j.job_id;
        END;
        IF clock_timestamp() > p_until THEN
            -- where nothing could be done the others have their turn later
            RETURN CASE WHEN moved THEN 3 ELSE greatest(answer, 2) END;
        END IF;
    END LOOP;
    RETURN answer;
END
$$;

-- Has the feeder look again at commit: jobs are not what they were.  Not only if
-- something waits: another session may just be about to block it.  A scheduler
-- that is not there looks when it comes.
CREATE FUNCTION weir._wake_waiting() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM weir._wake_feeder();
EXCEPTION WHEN object_not_in_prerequisite_state OR cannot_connect_now THEN
    NULL;
END
$$;

-- Some consecutive intervals of a backfill, and the times that they wait for.
CREATE FUNCTION weir._backfill_window(
    b weir.backfill, p_upstream weir.job[], p_low integer,
    OUT ordinals int4multirange, OUT awaited tstzmultirange
) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    -- of that many intervals of theirs it is asked whether they are done
    reach interval := 512 * (SELECT min(u.every) FROM unnest(p_upstream) u);
    first weir.backfill_interval;
    last weir.backfill_interval;
BEGIN
    SELECT * INTO first FROM weir.backfill_interval k WHERE k.backfill_id = b.backfill_id AND k.ordinal = p_low;
    SELECT * INTO last FROM weir.backfill_interval k
    WHERE k.backfill_id = b.backfill_id AND k.ordinal BETWEEN p_low AND p_low + 255
    AND k.interval_start BETWEEN first.interval_start - reach AND first.interval_start + reach
    ORDER BY k.ordinal DESC LIMIT 1;
    ordinals := int4multirange(int4range(p_low, coalesce(last.ordinal, p_low), '[]'));
    awaited := weir._awaited_times(p_upstream, least(first.interval_start, last.interval_start),
                                   greatest(first.interval_end, last.interval_end), true);
END
$$;

-- Which intervals of a backfill to look at, and the times between them that they
-- wait for; null is all of them, and none.  If they wait these are some of the
-- first, some behind the last that had its turn, and some anywhere: so it takes no
-- longer the more there are, what is likely is looked at first, and nothing is
-- forgotten.
CREATE FUNCTION weir._backfill_look(j weir.job, b weir.backfill, OUT ordinals int4multirange, OUT awaited tstzmultirange)
    RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    upstream weir.job[] := weir._upstream(j);
    stepped integer := coalesce((SELECT max(s.ordinal) FROM weir.backfill_step s WHERE s.backfill_id = b.backfill_id), 0);
    w record;
    low integer;
BEGIN
    IF cardinality(upstream) = 0 OR b.intervals = 0 THEN
        RETURN;
    END IF;
    ordinals := '{}';
    awaited := '{}';
    FOREACH low IN ARRAY ARRAY[b.low, stepped + 1, b.low + floor(random() * (b.intervals - b.low + 1))::integer] LOOP
        CONTINUE WHEN low <@ ordinals OR low NOT BETWEEN b.low AND b.intervals;
        w := weir._backfill_window(b, upstream, low);
        ordinals := ordinals + w.ordinals;
        awaited := awaited + w.awaited;
    END LOOP;
END
$$;

CREATE FUNCTION weir._missing_inputs(
    caller oid, p_name text, p_from timestamptz, p_to timestamptz,
    OUT interval_start timestamptz, OUT input_job text, OUT input_start timestamptz, OUT input_end timestamptz,
    OUT exec text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._find_job(caller, p_name);
    upstream weir.job[] := weir._upstream(j);
BEGIN
    PERFORM weir._check_bounds(j, p_from, p_to);
    RETURN QUERY
    WITH states AS MATERIALIZED (
        SELECT u.job_id, s.interval_start, s.exec
        FROM unnest(upstream) u
        CROSS JOIN LATERAL weir.__intervals(caller, u.job_id, p_from - u.every, p_to) s
    ), awaited AS MATERIALIZED (
        SELECT a.*, coalesce(s.exec, 'missing') AS exec
        FROM weir._awaited(upstream, p_from, p_to, true) a
        LEFT JOIN states s ON s.job_id = a.job_id AND s.interval_start = a.interval_start
    )
    SELECT r.interval_start, a.job, a.interval_start, a.interval_end, a.exec
    FROM weir._range(j, p_from, p_to) r
    JOIN awaited a ON a.interval_start < r.interval_end AND a.interval_end > r.interval_start
    ORDER BY r.interval_start, a.job, a.interval_start;
END
$$;

CREATE FUNCTION weir.missing_inputs(
    job text, from_time timestamptz, to_time timestamptz,
    OUT interval_start timestamptz, OUT input_job text, OUT input_start timestamptz, OUT input_end timestamptz,
    OUT exec text
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.missing_inputs(text, timestamptz, timestamptz)
    IS 'What the intervals of a job in a range wait for: the intervals of other jobs whose output they read, and their states.';
