/*-------------------------------------------------------------------------
 *
 * record.c
 *	  The record of an attempt: its run row, and the report to the scheduler.
 *
 * The run row of a success is written into the transaction of its effects,
 * that of a failure into a transaction of its own.  The report follows the
 * commit; the depth of the queue goes down with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "ledger/checkpoint_row.h"
#include "ledger/event_row.h"
#include "ledger/queue_config.h"
#include "ledger/run_row.h"
#include "policy/retry.h"
#include "run/record.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/outbox.h"
#include "shmem/worker_slot.h"
#include "shmem/xact_actions.h"

/*
 * Reports what has not become a run.
 */
void
record_report(Attempt *attempt, CompletionKind kind, uint64 resource)
{
	Completion	completion = {0};

	completion.kind = kind;
	completion.place = attempt->assignment->place;
	completion.task_id = attempt->assignment->task_id;
	completion.attempt = attempt->assignment->attempt;
	completion.resource = resource;
	outbox_put(attempt->worker, &completion);
	outbox_announce(attempt->worker);
}

/*
 * Did the attempt end by a deadlock, or for want of a lock?
 */
static bool
record_lock_failed(const RunRow *run)
{
	return run->sqlstate != NULL &&
		(strcmp(run->sqlstate, "40P01") == 0 ||
		 strcmp(run->sqlstate, "55P03") == 0);
}

/*
 * Promises the report of a run that is written into this transaction.
 */
void
record_promise(Attempt *attempt, const RunRow *run)
{
	const Assignment *assignment = attempt->assignment;
	Completion	completion = {0};

	completion.kind = run->final ? COMPLETION_FINAL : COMPLETION_AGAIN;
	completion.succeeded = run->outcome == OUTCOME_SUCCEEDED;
	completion.lock_failed = record_lock_failed(run);
	completion.place = assignment->place;
	completion.task_id = assignment->task_id;
	completion.attempt = assignment->attempt;
	completion.duration = attempt->duration;
	completion.run_at = run->retry_at;
	completion.retry = run->charged;
	if (run->outcome == OUTCOME_FAILED || run->outcome == OUTCOME_TIMED_OUT)
		strlcpy(completion.sqlstate, run->sqlstate, sizeof(completion.sqlstate));
	if (run->final)
		completion.ended = depth_slot(database_mine(), assignment->queue);
	xact_complete(attempt->worker, &completion);
}

/*
 * Makes the run of a success.
 */
void
record_success(Attempt *attempt, const ExecuteResult *result, RunRow *run)
{
	const Assignment *assignment = attempt->assignment;

	memset(run, 0, sizeof(RunRow));
	attempt->recording = true;
	run->task_id = assignment->task_id;
	run->attempt = assignment->attempt;
	run->outcome = OUTCOME_SUCCEEDED;
	run->final = true;
	run->charged = true;
	run->worker_pid = MyProcPid;
	run->ready_at = assignment->ready_at;
	run->started_at = attempt->started_at;
	run->finished_at = GetCurrentTimestamp();
	run->has_rows = result->has_rows;
	run->rows = result->rows;
	run->result = result->json;
	run->detail = result->not_stored;
	run->keyless = attempt->task->unique_key == NULL;
	run->fallback = attempt->fallback;
}

/*
 * Has the server's limit for a lock ended the attempt?  Its SQLSTATE is that of
 * other locks that were not to be had, too, NOWAIT for one.
 */
static bool
is_lock_timeout(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE &&
		error->message_id != NULL &&
		strcmp(error->message_id,
			   "canceling statement due to lock timeout") == 0;
}

/*
 * The error was only the way to end the attempt.
 */
static void
record_clear_error(RunRow *run)
{
	run->sqlstate = NULL;
	run->message = NULL;
	run->detail = NULL;
	run->hint = NULL;
	run->context = NULL;
}

/*
 * Records a preemption: for whom, and the work that was lost.
 */
static void
record_preemption(const Attempt *attempt, const RunRow *run)
{
	event_write("preempt", run->task_id, NULL, NULL, run->reason,
				psprintf("{\"attempt\": %d, \"for_task\": " INT64_FORMAT
						 ", \"lost_ms\": " INT64_FORMAT "}", run->attempt,
						 attempt->worker->cancel_for,
						 (run->finished_at - run->started_at) / 1000));
}

/*
 * Decides the outcome of a failure.
 */
static void
record_judge(Attempt *attempt, const ErrorData *error, RunRow *run)
{
	const TaskRow *task = attempt->task;
	const QueueConfig *queue;
	CancelCause cause;
	Oid			actor = InvalidOid;
	RunSummary	summary;
	RetryPolicy policy = {3, 1000000, INT64CONST(300000000), 10, false};
	RetryKind	kind = retry_classify(run->sqlstate);
	RetryVerdict verdict;

	cause = worker_slot_cancelled(attempt->worker, &actor);
	/* whatever the error is: it may be the command's answer to the cancel */
	if (cause == CANCEL_REQUESTED || cause == CANCEL_GROUP)
	{
		run->outcome = OUTCOME_CANCELLED;
		run->final = true;
		run->charged = true;
		run->actor = OidIsValid(actor) ? GetUserNameFromId(actor, true) : NULL;
		if (cause == CANCEL_GROUP)
			run->reason = "its group has ended";
		return;
	}
	if (cause == CANCEL_CLOSED)
	{
		/* not its own fault: it goes on when its window opens */
		run->outcome = OUTCOME_INTERRUPTED;
		run->reason = "nothing of its kind may run at this time";
		run->retry_at = run->finished_at;
		return;
	}
	if (cause == CANCEL_PREEMPTED)
	{
		run->outcome = OUTCOME_PREEMPTED;
		record_clear_error(run);
		run->reason = psprintf("for task " INT64_FORMAT,
							   attempt->worker->cancel_for);
		return;
	}
	if (attempt->snoozed_until != 0)
	{
		run->outcome = OUTCOME_SNOOZED;
		record_clear_error(run);
		run->retry_at = attempt->snoozed_until;
		run->reason = attempt->snooze_reason;
		return;
	}
	run->outcome = OUTCOME_FAILED;

	/*
	 * A shutdown of this server is no error that is caught: this one comes
	 * from a remote server, or from the command itself.
	 */
	if (kind == RETRY_KIND_GIVE_BACK)
		kind = RETRY_KIND_TRANSIENT;
	if (attempt->timed_out && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		run->outcome = OUTCOME_TIMED_OUT;
		run->message = "task ran longer than its timeout";
	}
	else if (is_lock_timeout(error))
		run->outcome = OUTCOME_TIMED_OUT;
	queue = task ? queue_config_by_id(task->environment.queue_id) : NULL;
	if (queue)
		policy = queue->retry;
	if (task)
	{
		retry_policy_parse(task->policy, &policy);
		policy.max_attempts = task->environment.max_attempts;
	}
	run_row_summary(run->task_id, &summary);
	verdict = retry_decide(&policy, kind, summary.charged, summary.contention,
						   pg_prng_double(&pg_global_prng_state));
	run->charged = verdict.charged;
	run->final = !verdict.again;
	if (verdict.again)
		run->retry_at = run->finished_at + verdict.delay_us;
}

/*
 * Writes the run of a failure, in a transaction of its own, with what the
 * attempt has noted for the next one, and promises the report.
 */
static void
record_write_failure(Attempt *attempt, const ErrorData *error)
{
	const Assignment *assignment = attempt->assignment;
	RunRow		run = {0};

	StartTransactionCommand();
	run.task_id = assignment->task_id;
	run.attempt = assignment->attempt;
	run.worker_pid = MyProcPid;
	run.ready_at = assignment->ready_at;
	run.started_at = attempt->started_at;
	run.finished_at = attempt->failed_at;
	run.sqlstate = pstrdup(unpack_sql_state(error->sqlerrcode));
	run.message = error->message;
	run.detail = error->detail;
	run.hint = error->hint;
	run.context = error->context;
	run.fallback = attempt->fallback;
	record_judge(attempt, error, &run);
	run_row_insert(&run);
	if (run.outcome == OUTCOME_PREEMPTED)
		record_preemption(attempt, &run);
	if (attempt->checkpoint)
		checkpoint_row_insert(run.task_id, run.attempt, attempt->checkpoints,
							  attempt->checkpoint);
	record_promise(attempt, &run);
	CommitTransactionCommand();
}

/*
 * Records a failure.  If even that fails the scheduler is told to look.
 */
void
record_failure(Attempt *attempt, const ErrorData *error)
{
	PG_TRY();
	{
		record_write_failure(attempt, error);
	}
	PG_CATCH();
	{
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		record_report(attempt, COMPLETION_LOOKUP, 0);
	}
	PG_END_TRY();
}
