-- Jobs: creating, altering and dropping them.
--
-- The public functions are one C function (weir_job_call), which calls the
-- private function of the same name as the extension's owner, with the caller as
-- first argument.

-- Refuses a time of an interval with which one could not calculate.
CREATE FUNCTION weir._check_time(argument text, at timestamptz) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET datestyle = 'ISO'
    AS $$
BEGIN
    IF NOT isfinite(at) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('argument "%s" must be finite', argument);
    END IF;
    IF at < '0001-01-01 UTC' OR at >= '10000-01-01 UTC' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be between the years 1 and 9999', argument);
    END IF;
END
$$;

-- Refuses what cannot be a calendar of business days.
CREATE FUNCTION weir._check_calendar(j weir.job) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    wrong text;
BEGIN
    IF j.due_calendar IS NULL THEN
        RETURN;
    END IF;
    IF j.due IS NULL OR extract(epoch FROM date_trunc('month', j.due)) <> 0 OR extract(day FROM j.due) > 1000 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" takes a "%s" of days and less', 'due_calendar', 'due'),
            DETAIL = 'Its days are counted as business days, at most 1000.';
    END IF;
    IF jsonb_typeof(j.due_calendar) <> 'object' THEN
        wrong := j.due_calendar::text;
    ELSE
        SELECT k.key INTO wrong FROM jsonb_each(j.due_calendar) k
        WHERE k.key NOT IN ('days', 'holidays') OR jsonb_typeof(k.value) <> 'array' LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" is no calendar: %s', 'due_calendar', wrong),
            HINT = 'It is an object with an array of "days", such as "mon", and one of "holidays", which are dates.';
    END IF;
    PERFORM weir._days(ARRAY(SELECT jsonb_array_elements_text(j.due_calendar -> 'days')))
    WHERE j.due_calendar ? 'days';
    BEGIN
        PERFORM jsonb_array_elements_text(j.due_calendar -> 'holidays')::date;
    EXCEPTION WHEN data_exception THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" has a holiday that is no date', 'due_calendar'), DETAIL = sqlerrm;
    END;
END
$$;

-- Refuses what cannot be a job; the rest is found by enqueueing it.
CREATE FUNCTION weir._check_job(j weir.job) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    argument text;
BEGIN
    argument := CASE WHEN j.name IS NULL THEN 'name' WHEN j.command IS NULL THEN 'command'
                     WHEN j.every IS NULL THEN 'every' WHEN j.timezone IS NULL THEN 'timezone'
                     WHEN j.search_path IS NULL THEN 'search_path' WHEN j.queue IS NULL THEN 'queue'
                     WHEN j.backfill_queue IS NULL THEN 'backfill_queue'
                     WHEN j.catch_up IS NULL THEN 'catch_up' WHEN j.misfire IS NULL THEN 'misfire'
                     WHEN j.priority IS NULL THEN 'priority' WHEN j.mode IS NULL THEN 'mode'
                     WHEN j.wait_for_inputs IS NULL THEN 'wait_for_inputs' END;
    IF argument IS NOT NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = format('argument "%s" must not be null', argument);
    END IF;
    IF j.name = '' OR octet_length(j.name) > 63 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'name of a job must have 1 to 63 bytes';
    END IF;
    IF weir._unit(j.every) IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be a positive number of months, of days, or of minutes', 'every'),
            HINT = 'For example ''1 hour'', ''1 day'', ''1 week'' or ''1 month''; not two of them at once.';
    END IF;
    PERFORM weir._check_time('starts_at', j.starts_at);
    IF j.due < interval '0' OR j.catch_up < interval '0' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must not be negative',
                             CASE WHEN j.due < interval '0' THEN 'due' ELSE 'catch_up' END);
    END IF;
    argument := CASE WHEN j.every > interval '100 years' THEN 'every'
                     WHEN j.due > interval '100 years' THEN 'due'
                     WHEN j.catch_up > interval '100 years' THEN 'catch_up' END;
    IF argument IS NOT NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = format('argument "%s" must be at most 100 years', argument);
    END IF;
    PERFORM weir._check_calendar(j);
    IF j.misfire NOT IN ('skip', 'run_once', 'run_all') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('misfire policy "%s" does not exist', j.misfire),
            HINT = 'Policies are "skip", "run_once" and "run_all".';
    END IF;
    IF j.parameters > 2 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'command of a job has too many parameters',
            DETAIL = format('It uses $%s.', j.parameters),
            HINT = '$1 is the start of the interval, $2 its end.';
    END IF;
    PERFORM weir._check_chunk_target(j.chunk_target, j.parameters);
    PERFORM weir._check_recheck(j);
END
$$;

-- The named resource that the breaker of a job belongs to, which its tasks need
-- beside its others; none if it has no breaker.
CREATE FUNCTION weir._breaker_of(j weir.job) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT CASE WHEN j.policy ? 'breaker' THEN ARRAY['job:' || j.name] END
    $$;

-- Gives a job the breaker that its policy says, or takes it away.  The resource
-- belongs to the job's owner, who need not have the right to cap others.
CREATE FUNCTION weir._set_job_breaker(j weir.job, old jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    resource text := 'job:' || j.name;
    owner_name text := (SELECT r.owner_name FROM weir.resource r WHERE r.name = resource);
BEGIN
    IF NOT coalesce(j.policy ? 'breaker', false) THEN
        -- somebody may have removed it by hand, and another taken the name
        IF old ? 'breaker' AND owner_name = j.owner_name THEN
            PERFORM weir.uncap_resource(resource);
        END IF;
        RETURN;
    END IF;
    IF owner_name <> j.owner_name THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('resource "%s" belongs to another role', resource),
            DETAIL = 'The breaker of a job is that of the resource of this name.';
    END IF;
    IF owner_name IS NOT NULL AND j.policy -> 'breaker' = old -> 'breaker' THEN
        RETURN;
    END IF;
    IF octet_length(resource) > 63 OR strpos(j.name, '*') > 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('job "%s" cannot have a breaker', j.name),
            DETAIL = 'Its name has more than 59 bytes, or a star in it.';
    END IF;
    PERFORM weir.cap_resource(resource, breaker => j.policy -> 'breaker');
    UPDATE weir.resource r SET owner = j.owner, owner_name = j.owner_name WHERE r.name = resource;
END
$$;

-- Submits the task of an interval, or of several as one, as the job's owner;
-- null if the queue is full.  A backfill's goes to the queue for backfills.
CREATE FUNCTION weir._enqueue(
    j weir.job, p_start timestamptz, p_end timestamptz, p_due_at timestamptz,
    p_backfill boolean, p_reason text, p_validate boolean
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- under the owner's search path, so without an operator
    RETURN weir._as(weir._owner(j), j.search_path, j.timezone, format($sql$
        SELECT e.task_id::pg_catalog.text FROM weir.try_enqueue(
            command => $1, args => %s, queue => $4, class => $5, priority => $6::pg_catalog.int4,
            deadline => $7::pg_catalog.timestamptz,
            tables => $8::pg_catalog.text[]::pg_catalog.regclass[],
            timeout => $9::pg_catalog.interval, max_attempts => $10::pg_catalog.int4, mode => $11,
            settings => $12::pg_catalog.jsonb, policy => $13::pg_catalog.jsonb, reason => $14,
            validate => $15::pg_catalog.bool, resources => $16::pg_catalog.text[],
            queue_timeout => $17::pg_catalog.interval) e
        $sql$,
        (ARRAY['NULL', 'pg_catalog.jsonb_build_array($2::pg_catalog.timestamptz)',
               'pg_catalog.jsonb_build_array($2::pg_catalog.timestamptz, $3::pg_catalog.timestamptz)']
        )[j.parameters + 1]),
        ARRAY[weir._noting(j), weir._text(p_start), weir._text(p_end),
              CASE WHEN p_backfill THEN j.backfill_queue ELSE j.queue END,
              CASE WHEN p_backfill THEN 'backfill' END, j.priority::text,
              weir._text(CASE WHEN NOT p_backfill THEN p_due_at END),
              j.tables::text, j.timeout::text, j.max_attempts::text, j.mode,
              j.settings::text, (CASE WHEN j.policy ? 'breaker' THEN j.policy - 'breaker' ELSE j.policy END)::text, p_reason, p_validate::text,
              (j.resources || weir._breaker_of(j))::text, j.queue_timeout::text],
        -- a backfill waits for room; it would shed its own chunks
        sheds => NOT p_backfill)::bigint;
END
$$;

-- Finds whatever is wrong with a job by enqueueing its first interval in both
-- ways, and taking that back.
CREATE FUNCTION weir._try_job(j weir.job) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    next timestamptz := weir._boundary(j.starts_at, j.every, j.timezone, 1);
BEGIN
    PERFORM weir._check_fingerprint(weir._owner(j), j.search_path, j.timezone, j.fingerprint);
    -- the command alone is looked at more closely
    j.fingerprint := NULL;
    PERFORM weir._enqueue(j, j.starts_at, next, weir._due_at(j, next), false, NULL, true);
    PERFORM weir._enqueue(j, j.starts_at, next, NULL, true, NULL, false);
    RAISE SQLSTATE 'WEIR0';
EXCEPTION WHEN SQLSTATE 'WEIR0' THEN
    NULL;
END
$$;

CREATE FUNCTION weir._create_job(
    caller oid, p_name text, p_command text, p_every interval, p_starts_at timestamptz,
    p_timezone text, p_queue text, p_backfill_queue text, p_tables regclass[], p_resources text[],
    p_inputs regclass[], p_outputs regclass[], p_due interval, p_due_calendar jsonb, p_catch_up interval,
    p_misfire text, p_priority integer, p_timeout interval, p_queue_timeout interval, p_max_attempts integer,
    p_mode text, p_settings jsonb, p_policy jsonb, p_search_path text, p_chunk_target interval,
    p_fingerprint text, p_recheck interval, p_wait_for_inputs boolean
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job;
BEGIN
    j.job_id := nextval('weir.job_job_id_seq');
    j.name := p_name;
    j.command := p_command;
    j.parameters := weir._parameters(p_command);
    j.every := p_every;
    j.timezone := p_timezone;
    j.search_path := p_search_path;
    j.queue := p_queue;
    j.backfill_queue := p_backfill_queue;
    j.tables := weir._table_names(p_tables);
    j.inputs := weir._table_names(p_inputs);
    j.outputs := weir._table_names(coalesce(p_outputs, p_tables));
    j.due := p_due;
    j.due_calendar := p_due_calendar;
    j.chunk_target := p_chunk_target;
    j.fingerprint := p_fingerprint;
    j.recheck := p_recheck;
    j.wait_for_inputs := p_wait_for_inputs;
    j.resources := p_resources;
    j.queue_timeout := p_queue_timeout;
    j.catch_up := p_catch_up;
    j.misfire := p_misfire;
    j.priority := p_priority;
    j.timeout := p_timeout;
    j.max_attempts := p_max_attempts;
    j.mode := p_mode;
    j.settings := p_settings;
    j.policy := p_policy;
    j.owner := caller;
    j.owner_name := pg_get_userbyid(caller);
    j.created_at := clock_timestamp();
    j.starts_at := p_starts_at;
    PERFORM weir._check_job(j);
    -- all of them are looked at by whoever reads a view
    IF weir._index(p_starts_at, p_every, p_timezone, j.created_at) > 1000000 THEN
        RAISE program_limit_exceeded USING
            MESSAGE = 'too many intervals',
            DETAIL = format('More than 1000000 have begun since "%s".', 'starts_at'),
            HINT = 'Let the job start later: weir.backfill() also runs what was before.';
    END IF;
    IF p_starts_at IS NULL THEN
        j.starts_at := weir._natural_start(p_every, p_timezone, j.created_at);
    END IF;
    IF EXISTS (SELECT FROM weir.job o WHERE o.name = p_name) THEN
        RAISE duplicate_object USING MESSAGE = format('job "%s" already exists', p_name);
    END IF;
    PERFORM weir._check_cycle(j);
    PERFORM weir._set_job_breaker(j, NULL);
    PERFORM weir._try_job(j);
    BEGIN
        INSERT INTO weir.job SELECT j.*;
    EXCEPTION WHEN unique_violation THEN
        RAISE duplicate_object USING MESSAGE = format('job "%s" already exists', p_name);
    END;
    PERFORM weir._job_event(caller, 'create_job', j, NULL, to_jsonb(j) - 'job_id' - 'name' - 'owner' - 'check_task_id');
END
$$;

CREATE FUNCTION weir.create_job(
    name text,
    command text,
    every interval,
    starts_at timestamptz DEFAULT NULL,
    timezone text DEFAULT current_setting('TimeZone'),
    queue text DEFAULT 'daily',
    backfill_queue text DEFAULT 'backfill',
    tables regclass[] DEFAULT NULL,
    resources text[] DEFAULT NULL,
    inputs regclass[] DEFAULT NULL,
    outputs regclass[] DEFAULT NULL,
    due interval DEFAULT NULL,
    due_calendar jsonb DEFAULT NULL,
    catch_up interval DEFAULT '7 days',
    misfire text DEFAULT 'run_all',
    priority integer DEFAULT 0,
    timeout interval DEFAULT NULL,
    queue_timeout interval DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    mode text DEFAULT 'transaction',
    settings jsonb DEFAULT NULL,
    policy jsonb DEFAULT NULL,
    search_path text DEFAULT current_setting('search_path'),
    chunk_target interval DEFAULT NULL,
    fingerprint text DEFAULT NULL,
    recheck interval DEFAULT NULL,
    wait_for_inputs boolean DEFAULT true
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.create_job(text, text, interval, timestamptz, text, text, text, regclass[], text[], regclass[], regclass[], interval, jsonb, interval, text, integer, interval, interval, integer, text, jsonb, jsonb, text, interval, text, interval, boolean)
    IS 'Creates a job that belongs to the caller: a command that produces one interval of time after the other.';

CREATE FUNCTION weir._alter_job(
    caller oid, p_name text, p_command text, p_queue text, p_backfill_queue text,
    p_tables regclass[], p_resources text[], p_inputs regclass[], p_outputs regclass[], p_due interval,
    p_due_calendar jsonb, p_catch_up interval, p_misfire text, p_priority integer, p_timeout interval,
    p_queue_timeout interval, p_max_attempts integer, p_mode text, p_settings jsonb, p_policy jsonb, p_chunk_target interval,
    p_fingerprint text, p_recheck interval, p_wait_for_inputs boolean, p_reset text[]
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
    old weir.job := j;
    -- another job may wait, or for another one
    rewired boolean;
    clearable text[] := '{tables, resources, inputs, outputs, due, due_calendar, timeout, queue_timeout, max_attempts, settings, policy, chunk_target, fingerprint, recheck}';
    wrong text;
BEGIN
    SELECT r INTO wrong FROM unnest(p_reset) r WHERE r <> ALL (clearable) OR r IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('property "%s" of a job cannot be reset', wrong),
            HINT = 'Properties that can be reset are ' || array_to_string(clearable, ', ') || '.';
    END IF;
    j := jsonb_populate_record(j, (SELECT jsonb_object_agg(r, NULL) FROM unnest(p_reset) r));
    j.command := coalesce(p_command, j.command);
    j.parameters := weir._parameters(j.command);
    j.queue := coalesce(p_queue, j.queue);
    j.backfill_queue := coalesce(p_backfill_queue, j.backfill_queue);
    j.tables := coalesce(weir._table_names(p_tables), j.tables);
    j.inputs := coalesce(weir._table_names(p_inputs), j.inputs);
    j.outputs := coalesce(weir._table_names(p_outputs), j.outputs);
    j.due := coalesce(p_due, j.due);
    j.due_calendar := coalesce(p_due_calendar, j.due_calendar);
    j.resources := coalesce(p_resources, j.resources);
    j.queue_timeout := coalesce(p_queue_timeout, j.queue_timeout);
    j.catch_up := coalesce(p_catch_up, j.catch_up);
    j.misfire := coalesce(p_misfire, j.misfire);
    j.priority := coalesce(p_priority, j.priority);
    j.timeout := coalesce(p_timeout, j.timeout);
    j.max_attempts := coalesce(p_max_attempts, j.max_attempts);
    j.mode := coalesce(p_mode, j.mode);
    j.settings := coalesce(p_settings, j.settings);
    j.policy := coalesce(p_policy, j.policy);
    j.chunk_target := coalesce(p_chunk_target, j.chunk_target);
    j.fingerprint := coalesce(p_fingerprint, j.fingerprint);
    j.recheck := coalesce(p_recheck, j.recheck);
    j.wait_for_inputs := coalesce(p_wait_for_inputs, j.wait_for_inputs);
    PERFORM weir._check_job(j);
    rewired := (j.inputs, j.outputs, j.wait_for_inputs) IS DISTINCT FROM (old.inputs, old.outputs, old.wait_for_inputs);
    IF rewired THEN
        PERFORM weir._check_cycle(j);
    END IF;
    PERFORM weir._set_job_breaker(j, old.policy);
    PERFORM weir._try_job(j);
    UPDATE weir.job SET (command, parameters, queue, backfill_queue, tables, inputs, outputs, due,
                         catch_up, misfire, priority, timeout, max_attempts, mode, settings, policy,
                         resources, queue_timeout, due_calendar, chunk_target, fingerprint, recheck,
                         wait_for_inputs)
        = (j.command, j.parameters, j.queue, j.backfill_queue, j.tables, j.inputs, j.outputs, j.due,
           j.catch_up, j.misfire, j.priority, j.timeout, j.max_attempts, j.mode, j.settings, j.policy,
           j.resources, j.queue_timeout, j.due_calendar, j.chunk_target, j.fingerprint, j.recheck,
           j.wait_for_inputs)
    WHERE job_id = j.job_id;
    PERFORM weir._job_event(caller, 'alter_job', j, NULL,
        (SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(to_jsonb(j)) n
         WHERE n.value IS DISTINCT FROM to_jsonb(old) -> n.key));
    IF rewired THEN
        PERFORM weir._wake_waiting();
    END IF;
END
$$;

CREATE FUNCTION weir.alter_job(
    name text,
    command text DEFAULT NULL,
    queue text DEFAULT NULL,
    backfill_queue text DEFAULT NULL,
    tables regclass[] DEFAULT NULL,
    resources text[] DEFAULT NULL,
    inputs regclass[] DEFAULT NULL,
    outputs regclass[] DEFAULT NULL,
    due interval DEFAULT NULL,
    due_calendar jsonb DEFAULT NULL,
    catch_up interval DEFAULT NULL,
    misfire text DEFAULT NULL,
    priority integer DEFAULT NULL,
    timeout interval DEFAULT NULL,
    queue_timeout interval DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    mode text DEFAULT NULL,
    settings jsonb DEFAULT NULL,
    policy jsonb DEFAULT NULL,
    chunk_target interval DEFAULT NULL,
    fingerprint text DEFAULT NULL,
    recheck interval DEFAULT NULL,
    wait_for_inputs boolean DEFAULT NULL,
    reset text[] DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.alter_job(text, text, text, text, regclass[], text[], regclass[], regclass[], interval, jsonb, interval, text, integer, interval, interval, integer, text, jsonb, jsonb, interval, text, interval, boolean, text[])
    IS 'Changes a job: null keeps a property, reset clears those it names. Tasks that are enqueued already stay as they are.';

CREATE FUNCTION weir._drop_job(caller oid, p_name text, p_reason text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    j weir.job := weir._job(caller, p_name);
    cancelled integer;
BEGIN
    PERFORM weir._require_read_committed('drop a job');
    -- pg_cron's job goes with its role
    IF j.schedule IS NOT NULL AND weir._role(j.owner, j.owner_name, j.created_at) IS NOT NULL THEN
        PERFORM weir._unschedule(caller, p_name);
    END IF;
    UPDATE weir.backfill SET state = 'cancelled', state_reason = 'the job was dropped', ended_at = clock_timestamp()
    WHERE job_id = j.job_id AND state IN ('running', 'paused');
    cancelled := weir._cancel(caller, weir._unfinished(j.job_id), coalesce(p_reason, 'the job was dropped'));
    IF weir._checks_inputs(j) THEN
        cancelled := cancelled + weir._cancel(caller, ARRAY[j.check_task_id], coalesce(p_reason, 'the job was dropped'));
    END IF;
    PERFORM weir._set_job_breaker(jsonb_populate_record(j, '{"policy": null}'), j.policy);
    DELETE FROM weir.blocked_interval WHERE job_id = j.job_id;
    DELETE FROM weir.job WHERE job_id = j.job_id;
    PERFORM weir._job_event(caller, 'drop_job', j, p_reason);
    PERFORM weir._wake_waiting();
    RETURN cancelled;
END
$$;

CREATE FUNCTION weir.drop_job(name text, reason text DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_job_call';
COMMENT ON FUNCTION weir.drop_job(text, text)
    IS 'Drops a job, its schedule and its backfills, and cancels its unfinished tasks; returns their number. What it has done stays in the ledger.';
