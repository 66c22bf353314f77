-- Chunks: how the intervals of a backfill become tasks.
--
-- A chunk is a task, and so a transaction.  It covers one interval, unless the
-- job has a chunk_target, by which it declares that its command can be run for
-- several consecutive ones at once; then its chunks grow and shrink so that each
-- takes about that long.  Every interval of a chunk has its own version, and all
-- of them name the same task: they are done together or not at all, and each can
-- be corrected alone.  A chunk of several that fails is run again one by one, so
-- that one interval does not keep its neighbours from being done; not if it has
-- crashed the server, which one of them would do again.

-- Refuses what cannot be a chunk_target, for a command with so many parameters.
CREATE FUNCTION weir._check_chunk_target(p_target interval, p_parameters integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF p_target < interval '0' OR p_target > interval '1 day' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be between 0 and 1 day', 'chunk_target');
    END IF;
    IF p_target > interval '0' AND p_parameters < 2 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'command cannot be run for several intervals at once',
            DETAIL = 'It does not use $2, the end of the last one.',
            HINT = format('Leave "%s" out: then each chunk covers one interval.', 'chunk_target');
    END IF;
END
$$;

-- How many intervals the next chunk of a backfill should cover, by those that
-- ended last: at most twice as many as any of them had, and a share of what is
-- left, so that all workers have work to the end.
CREATE FUNCTION weir._chunk_size(j weir.job, b weir.backfill) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    target float8 := extract(epoch FROM coalesce(b.chunk_target, j.chunk_target));
    workers integer := current_setting('weir.max_workers');
    remaining integer;
    largest integer;
    pace float8;
BEGIN
    -- the command may be another one by now
    IF target IS NULL OR target <= 0 OR j.parameters < 2 THEN
        RETURN 1;
    END IF;
    SELECT max(c.chunk_size), sum(c.chunk_size) / greatest(sum(extract(epoch FROM r.finished_at - r.started_at)), 1e-6)
    INTO largest, pace
    FROM (SELECT s.task_id, s.chunk_size FROM weir.backfill_step s
          WHERE s.backfill_id = b.backfill_id AND s.chunk_size IS NOT NULL
          ORDER BY s.ordinal DESC LIMIT 2 * workers + 4) c
    CROSS JOIN LATERAL (
        SELECT r.started_at, r.finished_at FROM weir.run r
        WHERE r.task_id = c.task_id AND r.final AND r.outcome = 'succeeded') r;
    remaining := b.intervals - (SELECT max(s.ordinal) FROM weir.backfill_step s WHERE s.backfill_id = b.backfill_id);
    RETURN greatest(1, CASE WHEN largest IS NULL THEN 1
        ELSE least(1000, 2 * largest, pace * target, ceil(remaining::float8 / coalesce(b.max_running, workers))) END);
END
$$;

-- The chunks that a backfill has enqueued: their first intervals, whether they
-- have ended, and whether their intervals are to be run again one by one.  Those
-- that somebody has cancelled are not, unless a daily run has taken one of their
-- intervals.
CREATE FUNCTION weir._open_chunks(
    b weir.backfill,
    OUT task_id bigint, OUT ordinal integer, OUT ended boolean, OUT again boolean
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT c.task_id, c.ordinal, r.final IS TRUE,
           r.final IS TRUE AND (SELECT count(*) > 1 FROM weir.interval i WHERE i.task_id = c.task_id) AND (
               r.outcome IN ('failed', 'timed_out')
               OR r.outcome = 'cancelled' AND EXISTS (
                   SELECT FROM weir.interval i JOIN weir.interval n USING (job_id, interval_start)
                   WHERE i.task_id = c.task_id AND n.version > i.version AND n.cause = 'schedule'))
    FROM (SELECT s.task_id, min(s.ordinal) AS ordinal FROM weir.backfill_step s
          WHERE s.backfill_id = b.backfill_id AND s.ordinal >= b.low AND s.task_id IS NOT NULL
          GROUP BY s.task_id) c
    LEFT JOIN LATERAL (
        SELECT r.final, r.outcome, r.attempt FROM weir.run r WHERE r.task_id = c.task_id
        UNION ALL
        SELECT true, e.outcome, e.attempt FROM weir.interval_end e WHERE e.task_id = c.task_id
        ORDER BY 3 DESC LIMIT 1) r ON true
    $$;

-- Enqueues a chunk of consecutive intervals, if there is room for one and there
-- are any; the room that is left, none if the queue is full.
CREATE FUNCTION weir._start_chunk(j weir.job, b weir.backfill, p_chunk weir.backfill_interval[], p_room integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    task bigint;
BEGIN
    IF p_room <= 0 OR cardinality(p_chunk) = 0 THEN
        RETURN p_room;
    END IF;
    task := weir._start(j, b.created_by, (SELECT min(c.interval_start) FROM unnest(p_chunk) c),
                        (SELECT max(c.interval_end) FROM unnest(p_chunk) c), b.cause, b.backfill_id, b.reason);
    IF task IS NULL THEN
        RETURN 0;
    END IF;
    INSERT INTO weir.backfill_step (backfill_id, ordinal, outcome, task_id, turn, chunk_size)
    SELECT b.backfill_id, c.ordinal, 'enqueued', task,
           1 + (SELECT count(*) FROM weir.backfill_step s WHERE s.backfill_id = b.backfill_id AND s.ordinal = c.ordinal),
           CASE WHEN c.ordinal = p_chunk[1].ordinal THEN cardinality(p_chunk) END
    FROM unnest(p_chunk) c;
    RETURN p_room - 1;
END
$$;

-- Feeds a backfill, whose job is locked: intervals that have not had their turn
-- are enqueued in chunks as long as there is room.  One that somebody else is
-- working on, or that waits for its inputs, is passed over for now.  All intervals
-- below open_from have ended.  Answers as weir._feed() does.
CREATE FUNCTION weir._feed_backfill(j weir.job, b weir.backfill, p_until timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    room integer := coalesce(b.max_running, 2 * current_setting('weir.max_workers')::integer);
    size integer;
    chunk weir.backfill_interval[] := '{}';
    failed bigint[];
    c record;
    open_from integer;
    look record := weir._backfill_look(j, b);
    looked boolean := false;
    moved boolean := false;
    answer integer := 1;
BEGIN
    SELECT room - count(*) FILTER (WHERE NOT o.ended), min(o.ordinal) FILTER (WHERE NOT o.ended),
           coalesce(array_agg(o.task_id) FILTER (WHERE o.again), '{}')
    INTO room, open_from, failed FROM weir._open_chunks(b) o;
    -- after that: whose end has made room is counted
    size := weir._chunk_size(j, b);
    FOR c IN
        SELECT k.interval_start, k.interval_end, k.ordinal, k AS frozen, t.alone, t.turn,
               n.task_id IS NOT NULL AND n.final IS NOT TRUE AS busy,
               -- what somebody has done since the list was frozen is not done again
               CASE WHEN coalesce(n.version, 0) = k.version OR t.alone AND n.task_id = ANY (failed) THEN NULL
                    WHEN n.task_id IS NULL THEN 'found_waived'
                    WHEN n.outcome = 'succeeded' THEN 'found_done'
                    WHEN b.reprocess = 'none' THEN 'found_failed' END AS found_as
        FROM weir.backfill_interval k
        CROSS JOIN LATERAL (
            SELECT count(*) + 1 AS turn, count(*) > 0 AS alone,
                   count(*) FILTER (WHERE s.task_id = ANY (failed)) AS again
            FROM weir.backfill_step s WHERE s.backfill_id = k.backfill_id AND s.ordinal = k.ordinal) t
        LEFT JOIN LATERAL (
            SELECT i.version, i.task_id, r.final, r.outcome
            FROM weir.interval i
            LEFT JOIN LATERAL (
                SELECT r.final, r.outcome, r.attempt FROM weir.run r WHERE r.task_id = i.task_id
                UNION ALL
                SELECT true, e.outcome, e.attempt FROM weir.interval_end e WHERE e.task_id = i.task_id
                ORDER BY 3 DESC LIMIT 1) r ON true
            WHERE i.job_id = j.job_id AND i.interval_start = k.interval_start
            ORDER BY i.version DESC LIMIT 1) n ON true
        WHERE k.backfill_id = b.backfill_id AND k.ordinal >= b.low AND t.turn = t.again + 1
        AND (look.ordinals IS NULL OR k.ordinal <@ look.ordinals)
        ORDER BY k.ordinal
    LOOP
        IF looked AND clock_timestamp() > p_until THEN
            open_from := least(open_from, c.ordinal);
            answer := 3;
            EXIT;
        END IF;
        looked := true;
        IF c.busy THEN
            open_from := least(open_from, c.ordinal);
            CONTINUE;
        ELSIF c.found_as IS NOT NULL THEN
            INSERT INTO weir.backfill_step (backfill_id, ordinal, outcome, turn)
            VALUES (b.backfill_id, c.ordinal, c.found_as, c.turn);
            moved := true;
            CONTINUE;
        END IF;
        open_from := least(open_from, c.ordinal);
        EXIT WHEN room <= 0;
        CONTINUE WHEN look.awaited && tstzrange(c.interval_start, c.interval_end);
        moved := true;
        IF cardinality(chunk) >= size OR c.alone
           OR (chunk[cardinality(chunk)]).interval_end <> c.interval_start
              AND (chunk[cardinality(chunk)]).interval_start <> c.interval_end THEN
            room := weir._start_chunk(j, b, chunk, room);
            chunk := '{}';
        END IF;
        EXIT WHEN room <= 0;
        chunk := chunk || c.frozen;
        IF c.alone THEN
            room := weir._start_chunk(j, b, chunk, room);
            chunk := '{}';
        END IF;
    END LOOP;
    room := weir._start_chunk(j, b, chunk, room);
    IF NOT look.ordinals @> int4range(b.low, b.intervals + 1) THEN
        open_from := least(open_from, (SELECT min(upper(r)) FROM unnest(look.ordinals) r));
        IF room > 0 THEN
            answer := CASE WHEN moved THEN 3 ELSE 2 END;
        END IF;
    END IF;
    IF open_from IS NULL THEN
        UPDATE weir.backfill SET state = 'finished', ended_at = clock_timestamp() WHERE backfill_id = b.backfill_id;
        PERFORM weir._job_event((SELECT oid FROM pg_roles WHERE rolname = b.created_by), 'finish_' || b.cause, j, NULL,
                                jsonb_build_object('backfill_id', b.backfill_id));
    ELSIF open_from > b.low + 32 THEN
        -- not for each chunk: the row is updated
        UPDATE weir.backfill SET low = open_from WHERE backfill_id = b.backfill_id;
    END IF;
    RETURN answer;
END
$$;

-- Feeds what is blocked and the backfills, those behind p_after first, for so
-- long; for the scheduler, which waits for nobody and has others to care for: there
-- can be any number of chunks that somebody else has done.  0: there are none; 1: the
-- end of a task may make room; 2: look again soon; 3: the time was over, go on
-- behind the last one.
CREATE FUNCTION weir._feed(p_after bigint, p_time interval, OUT answer integer, OUT last bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    AS $$
DECLARE
    b weir.backfill;
    j weir.job;
    until timestamptz := clock_timestamp() + p_time;
BEGIN
    -- what is due comes before
    answer := weir._feed_blocked(until);
    until := greatest(until, clock_timestamp() + p_time / 2);
    FOR b IN SELECT * FROM weir.backfill WHERE state = 'running'
             ORDER BY backfill_id <= p_after, backfill_id LOOP
        IF last IS NOT NULL AND clock_timestamp() > until THEN
            answer := 3;
            EXIT;
        END IF;
        last := b.backfill_id;
        answer := greatest(answer, 1);
        SELECT * INTO j FROM weir.job WHERE job_id = b.job_id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            answer := 2;
            CONTINUE;
        END IF;
        -- as it is now that nobody can change it
        SELECT * INTO b FROM weir.backfill WHERE backfill_id = b.backfill_id AND state = 'running';
        CONTINUE WHEN NOT FOUND;
        BEGIN
            answer := greatest(answer, weir._feed_backfill(j, b, until));
        EXCEPTION
            -- that passes, as does a drain of the queue
            WHEN lock_not_available OR cannot_connect_now OR insufficient_resources
                 OR configuration_limit_exceeded OR transaction_rollback
                 OR object_not_in_prerequisite_state THEN
                answer := 2;
            WHEN others THEN
                UPDATE weir.backfill SET state = 'paused', state_reason = 'its chunks cannot be enqueued: ' || sqlerrm
                WHERE backfill_id = b.backfill_id;
                PERFORM weir._job_event((SELECT oid FROM pg_roles WHERE rolname = current_user), 'pause_backfill', j,
                                        sqlerrm, jsonb_build_object('backfill_id', b.backfill_id));
        END;
        EXIT WHEN answer = 3;
    END LOOP;
END
$$;
