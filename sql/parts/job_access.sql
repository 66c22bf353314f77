-- What all functions on jobs share: finding and locking a job, acting as its
-- owner, its events and its unfinished tasks.
--
-- Whoever does anything with a job locks its row first: so the versions of an
-- interval, and the chunks of a backfill, are made by one at a time.

-- Executes one of our own statements as a role, with its search path and time
-- zone; the first column of the first row.
CREATE FUNCTION weir._as(
    role oid, search_path text, timezone text, command text, args text[], sheds boolean DEFAULT true
) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_as';

-- Has the tasks of a queue come in a ramp from the commit on, if it is to have
-- ramps.
CREATE FUNCTION weir._begin_ramp(queue_id integer) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_ramp';

-- Has the scheduler look after the backfills at commit.
CREATE FUNCTION weir._wake_feeder() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_wake';

-- Has the scheduler notify of events of a job at commit; not if there are none.
CREATE FUNCTION weir._announce(job_id integer, first bigint, last bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_announce';

-- The number of parameters of a command that can be parsed.
CREATE FUNCTION weir._parameters(command text) RETURNS integer
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_parameters';

-- A time as text that means the same whatever DateStyle and TimeZone are.
CREATE FUNCTION weir._text(at timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN RETURN to_jsonb(at) #>> '{}'; END $$;

-- The names of tables, as weir.enqueue() keeps them.
CREATE FUNCTION weir._table_names(relations regclass[]) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT array_agg(format('%I.%I', n.nspname, c.relname) ORDER BY u.i)
    FROM unnest(relations) WITH ORDINALITY u(relation, i)
    JOIN pg_class c ON c.oid = u.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    $$;

-- Writes an event about a job.
CREATE FUNCTION weir._job_event(
    caller oid, kind text, j weir.job, reason text, detail jsonb DEFAULT NULL,
    interval_start timestamptz DEFAULT NULL
) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO weir.event (kind, job_id, job, interval_start, session_user_name, current_user_name,
                            client_addr, reason, detail)
    VALUES (kind, j.job_id, j.name, interval_start, session_user, pg_get_userbyid(caller),
            host(inet_client_addr()), reason, detail)
    RETURNING event_id
    $$;

CREATE FUNCTION weir._owner(j weir.job) RETURNS oid
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    role oid := weir._role(j.owner, j.owner_name, j.created_at);
BEGIN
    IF role IS NULL THEN
        RAISE undefined_object USING
            MESSAGE = format('role "%s" of job "%s" does not exist', j.owner_name, j.name);
    END IF;
    RETURN role;
END
$$;

-- May the caller act for the owner of a job?
CREATE FUNCTION weir._may_act(caller oid, j weir.job) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT EXISTS (SELECT FROM pg_roles r WHERE r.oid = caller AND r.rolsuper)
        OR coalesce(pg_has_role(caller, weir._role(j.owner, j.owner_name, j.created_at), 'USAGE'), false)
    $$;

-- Finds a job that the caller may act on.
CREATE FUNCTION weir._find_job(caller oid, p_name text) RETURNS weir.job
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job;
BEGIN
    IF p_name IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'name of the job must not be null';
    END IF;
    SELECT * INTO j FROM weir.job WHERE name = p_name;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('job "%s" does not exist', p_name),
            HINT = 'See the view weir.jobs.';
    END IF;
    IF NOT weir._may_act(caller, j) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of job "%s"', p_name);
    END IF;
    RETURN j;
END
$$;

-- The same, and locks it to the end of the transaction.
CREATE FUNCTION weir._job(caller oid, p_name text) RETURNS weir.job
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    -- the right first: who has none must not even hold the lock
    mine weir.job := weir._find_job(caller, p_name);
    j weir.job;
BEGIN
    SELECT * INTO j FROM weir.job WHERE job_id = mine.job_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('job "%s" does not exist', p_name),
            DETAIL = 'Another session has dropped it.';
    END IF;
    RETURN j;
END
$$;

-- Refuses to go on with a snapshot that does not show what was done before the
-- lock was there: the tasks that have to be cancelled, and other jobs.
CREATE FUNCTION weir._require_read_committed(what text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE feature_not_supported USING
            MESSAGE = format('cannot %s in a transaction with isolation level "%s"', what,
                             current_setting('transaction_isolation')),
            DETAIL = 'It would not see what others have done since its snapshot.';
    END IF;
END
$$;

-- The tasks of a job that have not ended, oldest interval first.
CREATE FUNCTION weir._unfinished(p_job_id integer) RETURNS bigint[]
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT array_agg(DISTINCT i.task_id) FROM weir.interval i
    WHERE i.job_id = p_job_id AND i.task_id IS NOT NULL AND NOT weir._ended(i.task_id)
    $$;

-- Has a task of an interval ended?  (Small functions that are called often are
-- in plpgsql, which keeps their plans.)
CREATE FUNCTION weir._ended(p_task_id bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RETURN coalesce((SELECT r.final FROM weir.run r WHERE r.task_id = p_task_id ORDER BY r.attempt DESC LIMIT 1),
                    EXISTS (SELECT FROM weir.interval_end e WHERE e.task_id = p_task_id));
END
$$;

-- Cancels tasks as the caller; how many there were.
CREATE FUNCTION weir._cancel(caller oid, p_task_ids bigint[], p_reason text) RETURNS integer
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT CASE WHEN p_task_ids IS NULL THEN 0
           ELSE weir._as(caller, 'pg_catalog, pg_temp', 'UTC', 'SELECT weir.cancel_many($1::bigint[], $2)',
                         ARRAY[p_task_ids::text, p_reason])::integer END
    $$;
