-- Acting on tasks, waiting for them, and what a task says of itself.

CREATE FUNCTION weir.cancel(task_id bigint, reason text DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_cancel';
COMMENT ON FUNCTION weir.cancel(bigint, text)
    IS 'Cancels a task at commit, waiting or running; returns 0 if it had ended, otherwise 1.';

CREATE FUNCTION weir.cancel_many(task_ids bigint[], reason text DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_cancel';
COMMENT ON FUNCTION weir.cancel_many(bigint[], text)
    IS 'Cancels tasks at commit; returns the number of those that had not ended.';

CREATE FUNCTION weir.retry(task_id bigint, reason text DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_retry';
COMMENT ON FUNCTION weir.retry(bigint, text)
    IS 'Brings a task back that ended without success, with all its attempts; returns 0 if there is nothing to retry, otherwise 1.';

CREATE FUNCTION weir.retry_many(task_ids bigint[], reason text DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_retry';
COMMENT ON FUNCTION weir.retry_many(bigint[], text)
    IS 'Brings tasks back that ended without success; returns their number.';

CREATE FUNCTION weir.expedite(task_id bigint, priority integer DEFAULT NULL, deadline timestamptz DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_expedite';
COMMENT ON FUNCTION weir.expedite(bigint, integer, timestamptz)
    IS 'Gives a waiting task another priority or deadline at commit; returns 0 if it has ended, otherwise 1.';

CREATE FUNCTION weir.expedite_many(task_ids bigint[], priority integer DEFAULT NULL, deadline timestamptz DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_expedite';
COMMENT ON FUNCTION weir.expedite_many(bigint[], integer, timestamptz)
    IS 'Gives waiting tasks another priority or deadline at commit; returns the number of those that have not ended.';

CREATE FUNCTION weir.wait(task_id bigint, timeout interval DEFAULT NULL) RETURNS weir.run
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_wait';
COMMENT ON FUNCTION weir.wait(bigint, interval)
    IS 'Waits until a task has ended and returns its last run.';

CREATE FUNCTION weir.result(task_id bigint) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_result';
COMMENT ON FUNCTION weir.result(bigint)
    IS 'The rows of the last statement of a task that has succeeded, as a JSON array; null if there are none.';

CREATE FUNCTION weir.current_task() RETURNS bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'weir_current_task';
COMMENT ON FUNCTION weir.current_task()
    IS 'The id of the task that is being executed; null outside of a task.';

CREATE FUNCTION weir.should_yield() RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'weir_should_yield';
COMMENT ON FUNCTION weir.should_yield()
    IS 'Inside a task: had it better stop, because it is of class backfill and in the way of a daily task, or because its window is over?';

CREATE FUNCTION weir.progress(done bigint, total bigint DEFAULT NULL, note text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_progress';
COMMENT ON FUNCTION weir.progress(bigint, bigint, text)
    IS 'Inside a task: shows in weir.running how far it is, at once.';

CREATE FUNCTION weir.snooze(delay interval, reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'weir_snooze';
COMMENT ON FUNCTION weir.snooze(interval, text)
    IS 'Inside a task: ends this attempt, to be repeated after the delay.';
