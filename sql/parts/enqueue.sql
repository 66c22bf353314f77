-- Submitting tasks.  The three functions take the same arguments.

CREATE FUNCTION weir.enqueue(
    command text,
    args jsonb DEFAULT NULL,
    queue text DEFAULT 'adhoc',
    class text DEFAULT NULL,
    priority integer DEFAULT 0,
    run_at timestamptz DEFAULT NULL,
    deadline timestamptz DEFAULT NULL,
    tables regclass[] DEFAULT NULL,
    resources text[] DEFAULT NULL,
    serial_key text DEFAULT NULL,
    after bigint[] DEFAULT NULL,
    on_parent_failure text DEFAULT 'cancel',
    unique_key text DEFAULT NULL,
    unique_for interval DEFAULT NULL,
    on_conflict text DEFAULT 'skip',
    timeout interval DEFAULT NULL,
    lock_timeout interval DEFAULT NULL,
    queue_timeout interval DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    mode text DEFAULT 'transaction',
    settings jsonb DEFAULT NULL,
    policy jsonb DEFAULT NULL,
    reason text DEFAULT NULL,
    validate boolean DEFAULT true
) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_enqueue';
COMMENT ON FUNCTION weir.enqueue(text, jsonb, text, text, integer, timestamptz, timestamptz, regclass[], text[], text, bigint[], text, text, interval, text, interval, interval, interval, integer, text, jsonb, jsonb, text, boolean)
    IS 'Submits a task, which starts after this transaction has committed, and returns its id.';

CREATE FUNCTION weir.try_enqueue(
    command text,
    args jsonb DEFAULT NULL,
    queue text DEFAULT 'adhoc',
    class text DEFAULT NULL,
    priority integer DEFAULT 0,
    run_at timestamptz DEFAULT NULL,
    deadline timestamptz DEFAULT NULL,
    tables regclass[] DEFAULT NULL,
    resources text[] DEFAULT NULL,
    serial_key text DEFAULT NULL,
    after bigint[] DEFAULT NULL,
    on_parent_failure text DEFAULT 'cancel',
    unique_key text DEFAULT NULL,
    unique_for interval DEFAULT NULL,
    on_conflict text DEFAULT 'skip',
    timeout interval DEFAULT NULL,
    lock_timeout interval DEFAULT NULL,
    queue_timeout interval DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    mode text DEFAULT 'transaction',
    settings jsonb DEFAULT NULL,
    policy jsonb DEFAULT NULL,
    reason text DEFAULT NULL,
    validate boolean DEFAULT true,
    OUT task_id bigint,
    OUT outcome text,
    OUT retry_after interval
) LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_try_enqueue';
COMMENT ON FUNCTION weir.try_enqueue(text, jsonb, text, text, integer, timestamptz, timestamptz, regclass[], text[], text, bigint[], text, text, interval, text, interval, interval, interval, integer, text, jsonb, jsonb, text, boolean)
    IS 'Submits a task as weir.enqueue() does, but returns what became of it: if its queue is full it does not wait, but says when to try again.';

CREATE FUNCTION weir.enqueue_many(
    command text,
    args jsonb,
    queue text DEFAULT 'adhoc',
    class text DEFAULT NULL,
    priority integer DEFAULT 0,
    run_at timestamptz DEFAULT NULL,
    deadline timestamptz DEFAULT NULL,
    tables regclass[] DEFAULT NULL,
    resources text[] DEFAULT NULL,
    serial_key text DEFAULT NULL,
    after bigint[] DEFAULT NULL,
    on_parent_failure text DEFAULT 'cancel',
    unique_key text DEFAULT NULL,
    unique_for interval DEFAULT NULL,
    on_conflict text DEFAULT 'skip',
    timeout interval DEFAULT NULL,
    lock_timeout interval DEFAULT NULL,
    queue_timeout interval DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    mode text DEFAULT 'transaction',
    settings jsonb DEFAULT NULL,
    policy jsonb DEFAULT NULL,
    reason text DEFAULT NULL,
    validate boolean DEFAULT true,
    OUT first_id bigint,
    OUT last_id bigint,
    OUT n integer
) LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_enqueue_many';
COMMENT ON FUNCTION weir.enqueue_many(text, jsonb, text, text, integer, timestamptz, timestamptz, regclass[], text[], text, bigint[], text, text, interval, text, interval, interval, interval, integer, text, jsonb, jsonb, text, boolean)
    IS 'Submits one task for each element of an array of argument arrays, all or none, and returns their consecutive ids.';

CREATE FUNCTION weir.submit(
    tasks jsonb,
    OUT key text,
    OUT task_id bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_submit';
COMMENT ON FUNCTION weir.submit(jsonb)
    IS 'Submits tasks that may wait for one another, all or none: an array of objects with the parameters of weir.enqueue(), and keys that "after" can name.';
