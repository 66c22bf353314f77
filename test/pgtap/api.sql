-- The contract of the SQL interface: names, arguments, types, defaults,
-- volatility, parallel safety, columns, comments.

BEGIN;
SELECT no_plan();

CREATE TEMP VIEW functions AS
SELECT p.oid, p.proname, p.provolatile, p.proparallel, p.prosecdef, p.proconfig, p.proisstrict,
       p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') AS in_c,
       pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
       p.oid::regprocedure::text AS signature
FROM pg_proc p
WHERE p.pronamespace = 'weir'::regnamespace;
CREATE TEMP VIEW public_functions AS
SELECT * FROM functions WHERE proname !~ '^_';

-- Exactly these functions, with these arguments and results.
SELECT bag_eq('SELECT proname::text, arguments, result FROM public_functions', $$VALUES
('create_queue', 'name text, class text DEFAULT ''adhoc''::text, capacity integer DEFAULT 10000, on_full text DEFAULT ''reject''::text, max_running integer DEFAULT NULL::integer, weight double precision DEFAULT 1, batch integer DEFAULT 1, durability text DEFAULT ''each''::text, settings jsonb DEFAULT NULL::jsonb, policy jsonb DEFAULT NULL::jsonb, high_watermark double precision DEFAULT NULL::double precision, low_watermark double precision DEFAULT NULL::double precision', 'void'),
('alter_queue', 'name text, class text DEFAULT NULL::text, capacity integer DEFAULT NULL::integer, on_full text DEFAULT NULL::text, max_running integer DEFAULT NULL::integer, weight double precision DEFAULT NULL::double precision, batch integer DEFAULT NULL::integer, durability text DEFAULT NULL::text, settings jsonb DEFAULT NULL::jsonb, policy jsonb DEFAULT NULL::jsonb, high_watermark double precision DEFAULT NULL::double precision, low_watermark double precision DEFAULT NULL::double precision, reset text[] DEFAULT NULL::text[]', 'void'),
('drop_queue', 'name text', 'void'),
('add_window', 'name text, start_time time without time zone, duration interval, class text DEFAULT NULL::text, relation regclass DEFAULT NULL::regclass, resource text DEFAULT NULL::text, kind text DEFAULT ''window''::text, days text[] DEFAULT NULL::text[], dates date[] DEFAULT NULL::date[], timezone text DEFAULT current_setting(''TimeZone''::text), priority integer DEFAULT 0, at_end text DEFAULT ''drain''::text, cancel_after interval DEFAULT ''00:00:00''::interval, reason text DEFAULT NULL::text', 'void'),
('drop_window', 'name text, reason text DEFAULT NULL::text', 'boolean'),
('set_health', 'measure text, bound bigint, resume_at bigint DEFAULT NULL::bigint, classes text[] DEFAULT ''{backfill}''::text[], reason text DEFAULT NULL::text', 'void'),
('unset_health', 'measure text, reason text DEFAULT NULL::text', 'boolean'),
('set_class', 'class text, reserved integer DEFAULT NULL::integer, max_share double precision DEFAULT NULL::double precision, floor_share double precision DEFAULT NULL::double precision, weight double precision DEFAULT NULL::double precision, reset text[] DEFAULT NULL::text[]', 'void'),
('grant_queue', 'queue text, role_name text, max_class text DEFAULT NULL::text, may_set_deadline boolean DEFAULT false, min_priority integer DEFAULT 0', 'void'),
('revoke_queue', 'queue text, role_name text', 'void'),
('limit_role', 'role regrole, max_queued integer DEFAULT NULL::integer, max_running integer DEFAULT NULL::integer, weight double precision DEFAULT 1', 'void'),
('unlimit_role', 'role regrole DEFAULT NULL::regrole, name text DEFAULT NULL::text', 'boolean'),
('pause', 'queue text, reason text DEFAULT NULL::text', 'void'),
('resume', 'queue text', 'void'),
('drain', 'queue text, timeout interval DEFAULT NULL::interval', 'boolean'),
('pause_all', 'reason text DEFAULT NULL::text, running text DEFAULT ''finish''::text', 'void'),
('resume_all', '', 'void'),
('enqueue', 'command text, args jsonb DEFAULT NULL::jsonb, queue text DEFAULT ''adhoc''::text, class text DEFAULT NULL::text, priority integer DEFAULT 0, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, tables regclass[] DEFAULT NULL::regclass[], resources text[] DEFAULT NULL::text[], serial_key text DEFAULT NULL::text, after bigint[] DEFAULT NULL::bigint[], on_parent_failure text DEFAULT ''cancel''::text, unique_key text DEFAULT NULL::text, unique_for interval DEFAULT NULL::interval, on_conflict text DEFAULT ''skip''::text, timeout interval DEFAULT NULL::interval, lock_timeout interval DEFAULT NULL::interval, queue_timeout interval DEFAULT NULL::interval, max_attempts integer DEFAULT NULL::integer, mode text DEFAULT ''transaction''::text, settings jsonb DEFAULT NULL::jsonb, policy jsonb DEFAULT NULL::jsonb, reason text DEFAULT NULL::text, validate boolean DEFAULT true', 'bigint'),
('try_enqueue', 'command text, args jsonb DEFAULT NULL::jsonb, queue text DEFAULT ''adhoc''::text, class text DEFAULT NULL::text, priority integer DEFAULT 0, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, tables regclass[] DEFAULT NULL::regclass[], resources text[] DEFAULT NULL::text[], serial_key text DEFAULT NULL::text, after bigint[] DEFAULT NULL::bigint[], on_parent_failure text DEFAULT ''cancel''::text, unique_key text DEFAULT NULL::text, unique_for interval DEFAULT NULL::interval, on_conflict text DEFAULT ''skip''::text, timeout interval DEFAULT NULL::interval, lock_timeout interval DEFAULT NULL::interval, queue_timeout interval DEFAULT NULL::interval, max_attempts integer DEFAULT NULL::integer, mode text DEFAULT ''transaction''::text, settings jsonb DEFAULT NULL::jsonb, policy jsonb DEFAULT NULL::jsonb, reason text DEFAULT NULL::text, validate boolean DEFAULT true, OUT task_id bigint, OUT outcome text, OUT retry_after interval', 'record'),
('enqueue_many', 'command text, args jsonb, queue text DEFAULT ''adhoc''::text, class text DEFAULT NULL::text, priority integer DEFAULT 0, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, tables regclass[] DEFAULT NULL::regclass[], resources text[] DEFAULT NULL::text[], serial_key text DEFAULT NULL::text, after bigint[] DEFAULT NULL::bigint[], on_parent_failure text DEFAULT ''cancel''::text, unique_key text DEFAULT NULL::text, unique_for interval DEFAULT NULL::interval, on_conflict text DEFAULT ''skip''::text, timeout interval DEFAULT NULL::interval, lock_timeout interval DEFAULT NULL::interval, queue_timeout interval DEFAULT NULL::interval, max_attempts integer DEFAULT NULL::integer, mode text DEFAULT ''transaction''::text, settings jsonb DEFAULT NULL::jsonb, policy jsonb DEFAULT NULL::jsonb, reason text DEFAULT NULL::text, validate boolean DEFAULT true, OUT first_id bigint, OUT last_id bigint, OUT n integer', 'record'),
('submit', 'tasks jsonb, OUT key text, OUT task_id bigint', 'SETOF record'),
('fan_out', 'tasks jsonb, collector jsonb, within interval DEFAULT NULL::interval, on_deadline text DEFAULT ''partial''::text', 'bigint'),
('group_runs', 'collector bigint DEFAULT NULL::bigint, OUT key text, OUT task_id bigint, OUT outcome text, OUT result jsonb, OUT sqlstate text, OUT message text, OUT finished_at timestamp with time zone', 'SETOF record'),
('create_job', 'name text, command text, every interval, starts_at timestamp with time zone DEFAULT NULL::timestamp with time zone, timezone text DEFAULT current_setting(''TimeZone''::text), queue text DEFAULT ''daily''::text, backfill_queue text DEFAULT ''backfill''::text, tables regclass[] DEFAULT NULL::regclass[], resources text[] DEFAULT NULL::text[], inputs regclass[] DEFAULT NULL::regclass[], outputs regclass[] DEFAULT NULL::regclass[], due interval DEFAULT NULL::interval, due_calendar jsonb DEFAULT NULL::jsonb, catch_up interval DEFAULT ''7 days''::interval, misfire text DEFAULT ''run_all''::text, priority integer DEFAULT 0, timeout interval DEFAULT NULL::interval, queue_timeout interval DEFAULT NULL::interval, max_attempts integer DEFAULT NULL::integer, mode text DEFAULT ''transaction''::text, settings jsonb DEFAULT NULL::jsonb, policy jsonb DEFAULT NULL::jsonb, search_path text DEFAULT current_setting(''search_path''::text), chunk_target interval DEFAULT NULL::interval, fingerprint text DEFAULT NULL::text, recheck interval DEFAULT NULL::interval, wait_for_inputs boolean DEFAULT true', 'void'),
('alter_job', 'name text, command text DEFAULT NULL::text, queue text DEFAULT NULL::text, backfill_queue text DEFAULT NULL::text, tables regclass[] DEFAULT NULL::regclass[], resources text[] DEFAULT NULL::text[], inputs regclass[] DEFAULT NULL::regclass[], outputs regclass[] DEFAULT NULL::regclass[], due interval DEFAULT NULL::interval, due_calendar jsonb DEFAULT NULL::jsonb, catch_up interval DEFAULT NULL::interval, misfire text DEFAULT NULL::text, priority integer DEFAULT NULL::integer, timeout interval DEFAULT NULL::interval, queue_timeout interval DEFAULT NULL::interval, max_attempts integer DEFAULT NULL::integer, mode text DEFAULT NULL::text, settings jsonb DEFAULT NULL::jsonb, policy jsonb DEFAULT NULL::jsonb, chunk_target interval DEFAULT NULL::interval, fingerprint text DEFAULT NULL::text, recheck interval DEFAULT NULL::interval, wait_for_inputs boolean DEFAULT NULL::boolean, reset text[] DEFAULT NULL::text[]', 'void'),
('drop_job', 'name text, reason text DEFAULT NULL::text', 'integer'),
('run_due', 'job text, OUT interval_start timestamp with time zone, OUT interval_end timestamp with time zone, OUT task_id bigint', 'SETOF record'),
('schedule', 'job text, cron text', 'bigint'),
('unschedule', 'job text', 'boolean'),
('acknowledge', 'event bigint, note text DEFAULT NULL::text', 'bigint'),
('why_late', 'job text, OUT interval_start timestamp with time zone, OUT cause text, OUT holder text, OUT detail text, OUT eta timestamp with time zone', 'SETOF record'),
('missing_inputs', 'job text, from_time timestamp with time zone, to_time timestamp with time zone, OUT interval_start timestamp with time zone, OUT input_job text, OUT input_start timestamp with time zone, OUT input_end timestamp with time zone, OUT exec text', 'SETOF record'),
('preview_backfill', 'job text, from_time timestamp with time zone, to_time timestamp with time zone, direction text DEFAULT ''oldest_first''::text, reprocess text DEFAULT ''none''::text, max_running integer DEFAULT NULL::integer, OUT interval_start timestamp with time zone, OUT interval_end timestamp with time zone, OUT action text, OUT reason text, OUT estimate interval', 'SETOF record'),
('backfill', 'job text, from_time timestamp with time zone, to_time timestamp with time zone, direction text DEFAULT ''oldest_first''::text, reprocess text DEFAULT ''none''::text, max_running integer DEFAULT NULL::integer, reason text DEFAULT NULL::text, chunk_target interval DEFAULT NULL::interval', 'bigint'),
('pause_backfill', 'backfill_id bigint, reason text DEFAULT NULL::text', 'void'),
('resume_backfill', 'backfill_id bigint', 'void'),
('cancel_backfill', 'backfill_id bigint, reason text DEFAULT NULL::text', 'integer'),
('correct', 'job text, from_time timestamp with time zone, to_time timestamp with time zone, reason text DEFAULT NULL::text, reprocess boolean DEFAULT true, OUT interval_start timestamp with time zone, OUT interval_end timestamp with time zone, OUT version integer, OUT task_id bigint', 'SETOF record'),
('waive', 'job text, from_time timestamp with time zone, to_time timestamp with time zone, reason text', 'integer'),
('cancel', 'task_id bigint, reason text DEFAULT NULL::text', 'integer'),
('cancel_many', 'task_ids bigint[], reason text DEFAULT NULL::text', 'integer'),
('retry', 'task_id bigint, reason text DEFAULT NULL::text', 'integer'),
('retry_many', 'task_ids bigint[], reason text DEFAULT NULL::text', 'integer'),
('expedite', 'task_id bigint, priority integer DEFAULT NULL::integer, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone', 'integer'),
('expedite_many', 'task_ids bigint[], priority integer DEFAULT NULL::integer, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone', 'integer'),
('wait', 'task_id bigint, timeout interval DEFAULT NULL::interval', 'weir.run'),
('result', 'task_id bigint', 'jsonb'),
('why_waiting', 'task_id bigint, OUT cause text, OUT holder text, OUT detail text, OUT eta timestamp with time zone', 'SETOF record'),
('current_task', '', 'bigint'),
('checkpoint', 'checkpoint jsonb DEFAULT NULL::jsonb', 'jsonb'),
('should_yield', '', 'boolean'),
('snooze', 'delay interval, reason text DEFAULT NULL::text', 'void'),
('progress', 'done bigint, total bigint DEFAULT NULL::bigint, note text DEFAULT NULL::text', 'void'),
('cap_table', 'relation regclass, slots integer, reserved integer DEFAULT 0, enforce text DEFAULT NULL::text, if_unsafe_to_wait text DEFAULT NULL::text, exempt regrole[] DEFAULT NULL::regrole[], adaptive text DEFAULT NULL::text, row_locks boolean DEFAULT NULL::boolean', 'void'),
('uncap_table', 'relation regclass DEFAULT NULL::regclass, name text DEFAULT NULL::text', 'boolean'),
('acquire', 'relation regclass, wait interval DEFAULT NULL::interval', 'void'),
('try_acquire', 'relation regclass', 'boolean'),
('cap_resource', 'name text, slots integer DEFAULT NULL::integer, reserved integer DEFAULT 0, rate double precision DEFAULT NULL::double precision, per interval DEFAULT ''00:00:01''::interval, burst integer DEFAULT NULL::integer, breaker jsonb DEFAULT NULL::jsonb, retry_budget jsonb DEFAULT NULL::jsonb', 'void'),
('set_breaker', 'resource text, state text, reason text DEFAULT NULL::text', 'void'),
('uncap_resource', 'name text', 'boolean'),
('grant_resource', 'resource text, role_name text', 'void'),
('revoke_resource', 'resource text, role_name text', 'void'),
('acquire_resource', 'name text, wait interval DEFAULT NULL::interval', 'void'),
('try_acquire_resource', 'name text', 'boolean'),
('retry_after', 'resource text, delay interval', 'void'),
('digest', 'value record', 'text'),
('correct_changed', '', 'trigger'),
('check_inputs', 'job text, from_time timestamp with time zone, to_time timestamp with time zone, reprocess boolean DEFAULT true', 'bigint'),
('compare_inputs', 'job text, from_time timestamp with time zone, to_time timestamp with time zone, reprocess boolean DEFAULT true, OUT interval_start timestamp with time zone, OUT interval_end timestamp with time zone, OUT version integer, OUT task_id bigint', 'SETOF record'),
('note_inputs', '', 'integer'),
('adopt', 'unfinished text', 'bigint')
$$, 'the public functions, their arguments and their results');

-- One function per name: no call with an untyped literal is ambiguous.
SELECT is_empty('SELECT proname FROM public_functions GROUP BY proname HAVING count(*) > 1',
    'no public function is overloaded');
-- The three that submit take the same arguments.
SELECT is((SELECT array_agg(DISTINCT proargnames[1:24]::text) FROM pg_proc
           WHERE pronamespace = 'weir'::regnamespace AND proname IN ('enqueue', 'try_enqueue', 'enqueue_many')),
    ARRAY['{command,args,queue,class,priority,run_at,deadline,tables,resources,serial_key,after,on_parent_failure,unique_key,unique_for,on_conflict,timeout,lock_timeout,queue_timeout,max_attempts,mode,settings,policy,reason,validate}'],
    'enqueue, try_enqueue and enqueue_many have the same arguments');
-- No parameter is called by a word that does not parse as "name =>".
SELECT is_empty($$
    SELECT p.proname, a.name FROM pg_proc p, unnest(p.proargnames) a(name), pg_get_keywords() k
    WHERE p.pronamespace = 'weir'::regnamespace AND k.word = a.name AND k.catcode = 'R'$$,
    'no parameter is a reserved word');
SELECT is_empty($$SELECT signature FROM public_functions WHERE signature !~ '\(\)$' AND oid IN
    (SELECT oid FROM pg_proc WHERE proargnames IS NULL)$$, 'every argument has a name');

-- Volatile and unsafe in parallel, but for what only looks.
SELECT is_empty($$SELECT proname FROM public_functions
    WHERE (provolatile, proparallel) <> ('v', 'u') AND proname NOT IN ('current_task', 'should_yield', 'why_waiting', 'digest')$$,
    'public functions are VOLATILE and PARALLEL UNSAFE');
SELECT bag_eq($$SELECT proname::text, provolatile::text, proparallel::text FROM public_functions
    WHERE proname IN ('current_task', 'should_yield', 'why_waiting')$$,
    $$VALUES ('current_task', 's', 'r'), ('should_yield', 'v', 'r'), ('why_waiting', 'v', 'r')$$, 'but for current_task, should_yield and why_waiting');
SELECT is_empty('SELECT proname FROM functions WHERE proparallel = ''s'' AND proname NOT IN (''_may_see'', ''_role'', ''digest'', ''_digest_add'', ''_digest_combine'', ''_digest_final'')',
    'nothing but _may_see, _role and the digest is PARALLEL SAFE');
SELECT is_empty('SELECT proname FROM functions WHERE prosecdef', 'no function is SECURITY DEFINER');
SELECT is_empty($$SELECT signature FROM functions WHERE NOT in_c AND proname <> 'digest'
    AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$,
    'every function that is not C has a pinned search_path');

-- The views and their columns.
PREPARE view_columns AS
SELECT c.relname::text, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'weir'::regnamespace AND c.relkind = 'v'
GROUP BY c.relname;
SELECT bag_eq('view_columns', $$VALUES
('windows', 'name text, kind text, class text, relation text, resource text, start_time time without time zone, duration interval, days text[], dates date[], timezone text, priority integer, at_end text, cancel_after interval, active boolean, next_change timestamp with time zone, reason text'),
('classes', 'class text, reserved integer, reserved_in_force integer, max_share double precision, floor_share double precision, weight double precision, running integer, share double precision, lent boolean, reclaim_bound interval'),
('role_limits', 'role text, max_queued integer, unfinished integer, max_running integer, running integer, weight double precision, refused bigint'),
('status', 'preloaded boolean, scheduler text, scheduler_pid integer, started_at timestamp with time zone, heartbeat timestamp with time zone, adopted boolean, paused boolean, paused_reason text, enabled boolean, counted boolean, out_of_processes boolean, library_version text, extension_version text'),
('queues', 'queue_id integer, name text, class text, capacity integer, depth integer, ready integer, delayed integer, blocked integer, running integer, paused boolean, paused_reason text, on_full text, max_running integer, weight double precision, batch integer, durability text, waiting_producers integer, refused bigint, waited bigint, wait_time interval, shed bigint, settings jsonb, policy jsonb, owner text, high_watermark double precision, low_watermark double precision, high boolean'),
('tasks', 'task_id bigint, queue text, class text, state text, owner text, job text, interval_start timestamp with time zone, command text, args jsonb, priority integer, run_at timestamp with time zone, deadline timestamp with time zone, enqueued_at timestamp with time zone, tables text[], resources text[], mode text, timeout interval, max_attempts integer, attempts integer, retry_at timestamp with time zone, finished_at timestamp with time zone, settings jsonb, policy jsonb, enqueued_by text, application_name text, client_addr text, reason text, unique_key text, queue_timeout interval, expires_at timestamp with time zone, after bigint[], on_parent_failure text, lock_timeout interval, unique_for interval, serial_key text, owner_oid oid'),
('runs', 'task_id bigint, attempt integer, queue text, class text, owner text, outcome text, final boolean, charged boolean, retry_at timestamp with time zone, worker_pid integer, ready_at timestamp with time zone, started_at timestamp with time zone, finished_at timestamp with time zone, tables text[], sqlstate text, message text, detail text, hint text, context text, rows bigint, result jsonb, actor text, reason text, xid xid8, exceeded text, fallback text'),
('checkpoints', 'task_id bigint, attempt integer, number integer, written_at timestamp with time zone, checkpoint jsonb'),
('groups', 'task_id bigint, owner text, deadline timestamp with time zone, on_deadline text, members integer, ended integer'),
('dead_letters', 'task_id bigint, queue text, class text, owner text, command text, args jsonb, enqueued_at timestamp with time zone, attempts integer, outcome text, sqlstate text, message text, detail text, finished_at timestamp with time zone, quarantined boolean'),
('workers', 'pid integer, role name, state text, task_id bigint, attempt integer, since timestamp with time zone'),
('running', 'task_id bigint, attempt integer, queue text, class text, owner text, pid integer, command text, args jsonb, started_at timestamp with time zone, runtime interval, done bigint, total bigint, percent numeric, note text, deadline timestamp with time zone, tables text[], lock_wait interval'),
('resources', 'kind text, resource text, relation_oid oid, slots integer, reserved integer, used integer, waiting_sessions integer, enforce text, if_unsafe_to_wait text, exempt text[], beside integer, waited bigint, let_through bigint, refused bigint, would_wait bigint, rate double precision, per interval, burst integer, template text, next_start timestamp with time zone, paused_until timestamp with time zone, paused_by bigint, owner text, retry_budget jsonb, adaptive text, adaptive_limit integer, backfill_limit integer, lock_share double precision, left_to bigint, row_locks boolean'),
('breakers', 'resource text, state text, since timestamp with time zone, half_open_at timestamp with time zone, calls integer, failures integer, slow_calls integer, probing integer, template text, breaker jsonb, job text'),
('health', 'measure text, value bigint, unit text, bound bigint, resume_at bigint, classes text[], bad boolean, since timestamp with time zone, measured_at timestamp with time zone'),
('ramps', 'kind text, name text, began_at timestamp with time zone, ends_at timestamp with time zone, running integer, allowed integer, total integer, next_at timestamp with time zone'),
('attempts', 'queue text, minute timestamp with time zone, first_attempts bigint, retries bigint, contention bigint, brought_back bigint, preempted bigint, snoozed bigint, interrupted bigint, succeeded bigint, load_factor numeric'),
('backpressure', 'minute timestamp with time zone, kind text, name text, what text, times bigint'),
('retry_budgets', 'kind text, name text, ratio double precision, budget_window interval, floor integer, first_attempts bigint, retries bigint, retries_left bigint, waiting bigint, next_retry timestamp with time zone, counted_at timestamp with time zone'),
('slots', 'resource text, slot integer, pid integer, task_id bigint, since timestamp with time zone, reserved boolean, kind text'),
('jobs', 'name text, owner text, every interval, timezone text, starts_at timestamp with time zone, schedule text, queue text, backfill_queue text, tables text[], inputs text[], outputs text[], due interval, catch_up interval, misfire text, command text, priority integer, timeout interval, max_attempts integer, mode text, settings jsonb, policy jsonb, search_path text, created_at timestamp with time zone, backfill_id bigint, resources text[], queue_timeout interval, due_calendar jsonb, chunk_target interval, fingerprint text, recheck interval, wait_for_inputs boolean'),
('intervals', 'job text, owner text, interval_start timestamp with time zone, interval_end timestamp with time zone, version integer, exec text, currency text, timeliness text, due_at timestamp with time zone, cause text, backfill_id bigint, task_id bigint, attempts integer, started_at timestamp with time zone, finished_at timestamp with time zone, done_version integer, first_done_at timestamp with time zone, reason text, waits_for text'),
('backfills', 'backfill_id bigint, job text, owner text, cause text, from_time timestamp with time zone, to_time timestamp with time zone, direction text, reprocess text, max_running integer, state text, state_reason text, intervals integer, done integer, failed integer, skipped integer, in_queue integer, percent numeric, rate numeric, eta timestamp with time zone, created_at timestamp with time zone, created_by text, ended_at timestamp with time zone, reason text, chunk_target interval, chunk_size integer'),
('deadlines', 'task_id bigint, queue text, job text, interval_start timestamp with time zone, state text, deadline timestamp with time zone, latest_start timestamp with time zone, p_on_time double precision, tier text, missed boolean, tables text[], resources text[]'),
('preemptions', 'task_id bigint, attempt integer, queue text, job text, interval_start timestamp with time zone, for_task bigint, started_at timestamp with time zone, finished_at timestamp with time zone, lost interval'),
('preempted_work', 'preemptions bigint, lost interval, worked interval, share double precision'),
('late', 'job text, owner text, interval_start timestamp with time zone, interval_end timestamp with time zone, due_at timestamp with time zone, late_by interval, exec text, task_id bigint, event_id bigint, acknowledged_by text, acknowledged_at timestamp with time zone, note text, excused_by text[]'),
('events', 'event_id bigint, at timestamp with time zone, kind text, task_id bigint, queue text, relation text, session_user_name text, current_user_name text, client_addr text, reason text, detail jsonb, job text, interval_start timestamp with time zone'),
('lock_waits', 'pid integer, task_id bigint, class text, queue text, locktype text, mode text, relation regclass, since timestamp with time zone, waited interval, blockers integer[], root_blocker integer, root_task_id bigint, root_state text, root_xact_start timestamp with time zone, root_query text, depth integer, waiting_behind integer, deadline timestamp with time zone, attempt integer'),
('lock_wait_history', 'task_id bigint, attempt integer, class text, queue text, owner text, since timestamp with time zone, until timestamp with time zone, waited interval, locktype text, mode text, relation text, blockers integer[], blocker_tasks bigint[], root_blocker integer, root_task_id bigint, root_role text, depth integer, outcome text'),
('waiting', 'task_id bigint, queue text, class text, owner text, state text, priority integer, enqueued_at timestamp with time zone, waited interval, deadline timestamp with time zone, cause text, holder text, detail text, eta timestamp with time zone, expires_at timestamp with time zone')
$$, 'the views, their columns and types');

-- Comments on everything public.
SELECT is_empty($$SELECT signature FROM public_functions WHERE obj_description(oid, 'pg_proc') IS NULL$$,
    'every public function has a comment');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'weir'::regnamespace AND relkind IN ('v', 'r')
    AND relname !~ '_\d+$' AND obj_description(oid, 'pg_class') IS NULL$$,
    'every view and table has a comment');
SELECT is_empty($$SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'weir'::regnamespace AND c.relkind = 'v' AND col_description(c.oid, a.attnum) IS NULL$$,
    'every column of every view has a comment');
SELECT isnt_empty($$SELECT FROM pg_description d JOIN pg_extension e ON d.objoid = e.oid WHERE e.extname = 'pg_weir'$$,
    'the extension has a comment');

-- The settings.
SELECT bag_eq($$SELECT name, context, vartype, boot_val, coalesce(unit, '') FROM pg_settings WHERE name LIKE 'weir.%'$$, $$VALUES
('weir.enabled', 'sighup', 'bool', 'on', ''),
('weir.enforce', 'superuser', 'bool', 'on', ''),
('weir.generation_size', 'sighup', 'integer', '1000000', ''),
('weir.installation', 'sighup', 'string', '', ''),
('weir.lock_sample_interval', 'sighup', 'integer', '100', 'ms'),
('weir.max_crashes', 'sighup', 'integer', '2', ''),
('weir.max_databases', 'postmaster', 'integer', '8', ''),
('weir.max_queues', 'postmaster', 'integer', '128', ''),
('weir.max_resources', 'postmaster', 'integer', '4096', ''),
('weir.max_result', 'superuser', 'integer', '1024', 'kB'),
('weir.max_starvation', 'sighup', 'integer', '86400000', 'ms'),
('weir.max_tasks', 'postmaster', 'integer', '1000000', ''),
('weir.max_wait', 'user', 'integer', '30000', 'ms'),
('weir.max_workers', 'postmaster', 'integer', '4', ''),
('weir.ramp_up', 'sighup', 'integer', '10000', 'ms'),
('weir.retention', 'sighup', 'integer', '0', 'min'),
('weir.worker_idle_timeout', 'sighup', 'integer', '30000', 'ms'),
('weir.worker_start_timeout', 'sighup', 'integer', '10000', 'ms')
$$, 'the settings, their contexts and defaults');
SELECT is_empty($$SELECT name FROM pg_settings WHERE name LIKE 'weir.%' AND short_desc !~ '^Sets .*\.$'$$,
    'every setting says what it sets');

-- The extension.
SELECT bag_eq($$SELECT extnamespace::regnamespace::text, extrelocatable FROM pg_extension WHERE extname = 'pg_weir'$$,
    $$VALUES ('weir', false)$$, 'it lives in schema weir and stays there');
SELECT throws_ok('ALTER EXTENSION pg_weir SET SCHEMA public', '0A000', NULL, 'and cannot be moved');
SELECT is((SELECT library_version FROM weir.status), (SELECT extversion FROM pg_extension WHERE extname = 'pg_weir'),
    'library and SQL objects are of one version');

SELECT * FROM finish();
ROLLBACK;
