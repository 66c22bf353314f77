/*-------------------------------------------------------------------------
 *
 * attempt.c
 *	  Executing one attempt of a task.
 *
 * Mode transaction: slots, then the first snapshot, the command, open portals
 * closed, deferred constraints checked, the run row, commit - one
 * transaction, so that an effect without its record cannot exist.  The slots
 * go with the commit, and the scheduler hears of it after that.
 *
 * Mode autocommit: a committed claim says that the attempt begins; then each
 * statement commits by itself; then the run row.
 *
 * When the command fails its transaction is rolled back and a second one
 * writes what happened and what is to become of the task.  When even that
 * fails the scheduler is told to look into the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "ledger/run_row.h"
#include "run/attempt.h"
#include "run/batch.h"
#include "run/command.h"
#include "run/execute.h"
#include "run/prepare.h"
#include "run/record.h"
#include "run/session.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inflight.h"
#include "shmem/lazy_commit.h"
#include "shmem/overrun.h"
#include "shmem/worker_slot.h"
#include "shmem/xact_actions.h"

/* A command that has caught its cancellation is cancelled again */
#define AGAIN_MS	1000

Attempt    *CurrentAttempt = NULL;

/* for the handler, which cannot look for it */
static WeirDatabase *Mine = NULL;

static TimeoutId RunTimeout = MAX_TIMEOUTS;
static volatile sig_atomic_t TimedOut = false;

/*
 * The run's time is up: cancel the command as a user would, once more each
 * time, and have the scheduler look whether that is of no use.
 */
static void
attempt_timeout_handler(void)
{
	TimedOut = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
	database_wake(Mine);
}

void
attempt_install(void)
{
	Mine = database_mine();
	RunTimeout = RegisterTimeout(USER_TIMEOUT, attempt_timeout_handler);
}

/*
 * Arms the timer of the run, if its time is limited.  A limit that the server
 * sets to the transaction ends the run, not this process.
 */
static void
attempt_arm(const Attempt *attempt)
{
	const TaskRow *task = attempt->task;
	int64		limit = task->environment.autocommit ? 0 : weir_take_transaction_timeout();

	if (task->timeout)
	{
		int64		own = session_interval_ms(task->timeout);

		limit = limit > 0 ? Min(limit, own) : own;
	}
	if (limit > 0)
	{
		TimestampTz end = attempt->started_at + limit * 1000;

		overrun_limit(attempt->worker, end);
		enable_timeout_every(RunTimeout, end, AGAIN_MS);
	}
}

/*
 * Publishes the attempt that is to be looked at.
 */
void
attempt_begin(Attempt *attempt)
{
	const Assignment *assignment = attempt->assignment;

	worker_slot_begin(attempt->worker, assignment);
	inflight_begin(MyDatabaseId, assignment->task_id, assignment->attempt);
	/* a cancel that came too late for the previous one */
	QueryCancelPending = false;
	TimedOut = false;
	CurrentAttempt = attempt;
}

/*
 * What is executed.
 */
const char *
attempt_command(const Attempt *attempt)
{
	return attempt->fallback ? attempt->fallback : attempt->task->command;
}

/*
 * Who has configured a fallback decides what is executed as the role of the
 * task: that takes the rights of that role.  It gets the arguments of the task,
 * and need not use all of them.
 */
static void
attempt_check_fallback(const Attempt *attempt)
{
	if (!OidIsValid(attempt->fallback_owner) ||
		!has_privs_of_role(attempt->fallback_owner, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("fallback cannot be executed as role \"%s\"",
						GetUserNameFromId(GetUserId(), false)),
				 errdetail("The owner of the resource whose breaker is open does not have the privileges of that role.")));
	if (command_count_params(attempt->fallback) > args_count(attempt->task->args))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fallback has more parameters than the task has arguments"),
				 errdetail("It has %d parameters, and %d arguments are given.",
						   command_count_params(attempt->fallback),
						   args_count(attempt->task->args))));
}

/*
 * Publishes what runs, and applies the settings of queue and task, unless it
 * joins a transaction in which they are in force.
 */
void
attempt_enter(Attempt *attempt, bool joins)
{
	TaskRow    *task = attempt->task;

	if (task->environment.owner != GetUserId() &&
		strcmp(GetUserNameFromId(GetUserId(), false), task->environment.owner_name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("role \"%s\" of task " INT64_FORMAT " does not exist",
						task->environment.owner_name, task->task_id)));
	/* the slots are held by now: runs on one slot never overlap */
	attempt->started_at = GetCurrentTimestamp();
	if (attempt->fallback)
		attempt_check_fallback(attempt);
	debug_query_string = attempt_command(attempt);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	if (joins)
		session_apply_defaults(task);
	else
	{
		Assert(!FirstSnapshotSet);
		session_apply(task, attempt->queue_settings);
	}
	attempt_arm(attempt);
}

void
attempt_disarm(void)
{
	disable_timeout(RunTimeout, false);
	overrun_over(CurrentAttempt->worker);
}

/*
 * Ends the attempt that is being executed as snoozed: it goes on then, and does
 * not count.
 */
void
attempt_snooze(TimestampTz until, const char *reason)
{
	CurrentAttempt->snoozed_until = until;
	CurrentAttempt->snooze_reason = reason ?
		MemoryContextStrdup(CurrentAttempt->context, reason) : NULL;
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED),
			 errmsg("task is snoozed")));
}

/*
 * Raises the cancellation, or the snooze, that the command may have swallowed,
 * so that what was to be undone does not commit.
 */
void
attempt_check_cancelled(Attempt *attempt)
{
	Oid			actor;

	CHECK_FOR_INTERRUPTS();
	if (attempt->snoozed_until != 0)
		attempt_snooze(attempt->snoozed_until, attempt->snooze_reason);
	if (TimedOut || worker_slot_cancelled(attempt->worker, &actor) != CANCEL_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling task")));
}

/*
 * Runs what the transaction has put off, so that nothing of the user's runs
 * after the run row has been written.
 */
void
attempt_finish_command(void)
{
	PortalHashTableDeleteAll();
	AfterTriggerFireDeferred();
	/* triggers may have opened some, too */
	PortalHashTableDeleteAll();
	CommandCounterIncrement();
}

/*
 * Mode transaction, after attempt_prepare: the command and its record.
 */
static void
attempt_execute_transaction(Attempt *attempt)
{
	ExecuteResult result;
	RunRow		run;

	execute_command(attempt_command(attempt), attempt->task->args, false,
					attempt->context, &result);
	attempt_finish_command();
	attempt_check_cancelled(attempt);
	attempt_disarm();
	session_undo();
	record_success(attempt, &result, &run);
	run_row_insert(&run);
	record_promise(attempt, &run);
	if (attempt->grouped)
		lazy_commit_request();
	CommitTransactionCommand();
}

/*
 * Mode autocommit, after attempt_prepare: the claim, the command, the record.
 * The slots are released when the record is committed, and only then is the
 * scheduler told.
 */
static void
attempt_execute_autocommit(Attempt *attempt)
{
	ExecuteResult result;
	RunRow		run;

	claim_row_insert(attempt->assignment->task_id,
					 attempt->assignment->attempt);
	/* also flushes the task, whose enqueue may have committed lazily */
	ForceSyncCommit();
	CommitTransactionCommand();
	StartTransactionCommand();
	execute_command(attempt_command(attempt), attempt->task->args, true,
					attempt->context, &result);
	attempt_disarm();
	/* too late to undo anything, but not to go on */
	if (attempt->snoozed_until != 0)
		attempt_snooze(attempt->snoozed_until, attempt->snooze_reason);
	record_success(attempt, &result, &run);
	run_row_insert(&run);
	xact_end_task(database_mine(),
				  depth_slot(database_mine(), attempt->assignment->queue), 1);
	CommitTransactionCommand();
	slots_release_for_session(attempt->assignment);
	attempt->session_slots = false;
	record_report(attempt, COMPLETION_FINAL, 0);
}

/*
 * Takes the error that is being handled, and notes when it came.
 */
ErrorData *
attempt_catch(Attempt *attempt)
{
	MemoryContext caller = MemoryContextSwitchTo(attempt->context);
	ErrorData  *error = CopyErrorData();

	FlushErrorState();
	MemoryContextSwitchTo(caller);
	attempt_disarm();
	attempt->timed_out = TimedOut;
	/* the slots are still held: runs on one slot never overlap */
	attempt->failed_at = GetCurrentTimestamp();
	return error;
}

/*
 * Rolls back and records; called while the error is being handled.
 */
static void
attempt_fail(Attempt *attempt)
{
	ErrorData  *error = attempt_catch(attempt);

	AbortCurrentTransaction();
	QueryCancelPending = false;
	if (attempt->session_slots)
	{
		slots_release_for_session(attempt->assignment);
		attempt->session_slots = false;
	}
	/* somebody else has written the end of this attempt */
	if (attempt->recording && error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
		record_report(attempt, COMPLETION_LOOKUP, 0);
	else
		record_failure(attempt, error);
}

/*
 * Starts the transaction and the command in it; false if the attempt could
 * not begin here.
 */
static bool
attempt_start(Attempt *attempt)
{
	uint64		taken = 0;
	Readiness	readiness;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	readiness = attempt_prepare(attempt, &taken);
	if (readiness == READY)
	{
		attempt_enter(attempt, false);
		attempt_check_cancelled(attempt);
		if (attempt->task->environment.autocommit)
			attempt_execute_autocommit(attempt);
		else if (batch_may_begin(attempt))
			batch_execute(attempt);
		else
			attempt_execute_transaction(attempt);
		return true;
	}
	AbortCurrentTransaction();
	attempt->stale = readiness == NOT_MY_AUTHORITY;
	record_report(attempt,
				  readiness == SLOT_TAKEN ? COMPLETION_BOUNCED :
				  readiness == NOT_MY_AUTHORITY ? COMPLETION_RETURNED :
				  readiness == ENDED_ALREADY ? COMPLETION_LOOKUP :
				  COMPLETION_RESOLVE, taken);
	return false;
}

/*
 * Executes the attempt, whatever becomes of it.  Says whether this worker can
 * take another one.
 */
bool
attempt_run(WeirWorker *worker, const Assignment *assignment)
{
	Attempt		attempt = {0};

	attempt.worker = worker;
	attempt.assignment = assignment;
	attempt.context = AllocSetContextCreate(TopMemoryContext,
											"pg_weir attempt",
											ALLOCSET_DEFAULT_SIZES);
	attempt.started_at = GetCurrentTimestamp();
	attempt_begin(&attempt);
	PG_TRY();
	{
		(void) attempt_start(&attempt);
	}
	PG_CATCH();
	{
		attempt_fail(&attempt);
	}
	PG_END_TRY();
	CurrentAttempt = NULL;
	inflight_end();
	worker_slot_end(worker);
	debug_query_string = NULL;
	MemoryContextDelete(attempt.context);
	return !attempt.stale;
}
