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
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "ledger/queue_config.h"
#include "ledger/run_row.h"
#include "ledger/unfinished.h"
#include "policy/retry.h"
#include "run/attempt.h"
#include "run/authority.h"
#include "run/execute.h"
#include "run/session.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inflight.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"
#include "shmem/xact_actions.h"

Attempt    *CurrentAttempt = NULL;

static TimeoutId RunTimeout = MAX_TIMEOUTS;
static volatile sig_atomic_t TimedOut = false;

/* What attempt_prepare found */
typedef enum Readiness
{
	READY,
	NOT_MY_AUTHORITY,			/* this worker is stale */
	SLOT_TAKEN,
	NEEDS_CHANGED,				/* the ledger has to be read again */
	ENDED_ALREADY				/* the ledger knows how */
} Readiness;

/*
 * The run's time is up: cancel the command as a user would.
 */
static void
attempt_timeout_handler(void)
{
	TimedOut = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

void
attempt_install(void)
{
	RunTimeout = RegisterTimeout(USER_TIMEOUT, attempt_timeout_handler);
}

static void
attempt_report(Attempt *attempt, CompletionKind kind, TimestampTz run_at,
			   uint64 resource)
{
	Completion	completion = {0};

	completion.kind = kind;
	completion.task_id = attempt->assignment->task_id;
	completion.attempt = attempt->assignment->attempt;
	completion.run_at = run_at;
	completion.resource = resource;
	worker_slot_complete(attempt->worker, &completion);
}

/*
 * Do the slots granted still fit the tables that the task names?  A table may
 * have been capped, recreated or renamed since it was enqueued.
 */
static bool
attempt_needs_hold(Attempt *attempt)
{
	const Assignment *assignment = attempt->assignment;
	uint64		needs[POLICY_MAX_NEEDS];
	int			fitting = 0;
	int			n;

	n = unfinished_resolve((const char *const *) attempt->task->tables,
						   attempt->task->ntables, needs);
	for (int i = 0; i < n; i++)
	{
		ResourceSlot *resource = resource_find(database_mine(), needs[i]);
		bool		granted = false;

		for (int j = 0; j < assignment->ngrants && !granted; j++)
			granted = assignment->grants[j].resource == needs[i];
		if (!granted && resource != NULL && resource->slots > 0)
			return false;
		fitting += granted;
	}
	/* a slot of a table that is not named any more: the name has moved */
	return fitting == assignment->ngrants;
}

/*
 * Reads the task and the settings of its queue, and looks whether the attempt
 * may begin.
 */
static Readiness
attempt_read(Attempt *attempt)
{
	const Assignment *assignment = attempt->assignment;
	const QueueConfig *queue;
	bool		final;
	TimestampTz retry_at;

	AcceptInvalidationMessages();
	if (!authority_holds())
		return NOT_MY_AUTHORITY;
	queue = queue_config_by_id(assignment->queue);
	attempt->queue_settings = NULL;
	if (queue && queue->settings)
	{
		attempt->queue_settings = palloc(VARSIZE(queue->settings));
		memcpy(attempt->queue_settings, queue->settings,
			   VARSIZE(queue->settings));
	}
	attempt->task = task_row_read(assignment->task_id);
	if (attempt->task == NULL)
		elog(ERROR, "task " INT64_FORMAT " is not in the ledger",
			 assignment->task_id);
	/* its cancel may have overtaken its submit; the run row comes too late */
	if (attempt->task->autocommit &&
		run_row_exists(assignment->task_id, assignment->attempt, &final,
					   &retry_at))
		return ENDED_ALREADY;
	if (attempt->task->ntables > 0 && !attempt_needs_hold(attempt))
		return NEEDS_CHANGED;
	return READY;
}

/*
 * In the attempt's transaction: reads the task and takes the slots, all
 * before the first snapshot, since the task must see what the previous
 * holders committed, and its settings may choose another isolation level.
 * What is read by SQL, and kept, takes a snapshot: then the transaction starts
 * anew and finds it.
 */
static Readiness
attempt_prepare(Attempt *attempt, uint64 *taken)
{
	MemoryContext caller;
	Readiness	readiness;

	for (;;)
	{
		caller = MemoryContextSwitchTo(attempt->context);
		readiness = attempt_read(attempt);
		MemoryContextSwitchTo(caller);
		if (readiness != READY)
			return readiness;
		if (!FirstSnapshotSet)
			break;
		CommitTransactionCommand();
		StartTransactionCommand();
	}
	MemoryContextSwitchTo(attempt->context);
	if (attempt->task->autocommit)
	{
		if (slots_take_for_session(attempt->assignment, taken))
			attempt->session_slots = attempt->assignment->ngrants > 0;
		else
			readiness = SLOT_TAKEN;
	}
	else if (!slots_take_for_transaction(attempt->assignment, taken))
		readiness = SLOT_TAKEN;
	MemoryContextSwitchTo(caller);
	return readiness;
}

/*
 * Arms the timer of the run, if its time is limited.  A limit that the server
 * sets to the transaction ends the run, not this process.
 */
static void
attempt_arm(const Attempt *attempt)
{
	const TaskRow *task = attempt->task;
	int64		limit = task->autocommit ? 0 : weir_take_transaction_timeout();

	if (task->timeout)
	{
		int64		own = session_interval_ms(task->timeout);

		limit = limit > 0 ? Min(limit, own) : own;
	}
	TimedOut = false;
	if (limit > 0)
		enable_timeout_at(RunTimeout, attempt->started_at + limit * 1000);
}

/*
 * Publishes what runs, and applies the settings of queue and task.
 */
static void
attempt_enter(Attempt *attempt)
{
	TaskRow    *task = attempt->task;

	if (strcmp(GetUserNameFromId(GetUserId(), false), task->environment.owner_name) != 0 &&
		task->owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("role \"%s\" of task " INT64_FORMAT " does not exist",
						task->environment.owner_name, task->task_id)));
	/* the slots are held by now: runs on one slot never overlap */
	attempt->started_at = GetCurrentTimestamp();
	debug_query_string = task->command;
	pgstat_report_activity(STATE_RUNNING, task->command);
	Assert(!FirstSnapshotSet);
	session_apply(task, attempt->queue_settings);
	attempt_arm(attempt);
}

static void
attempt_disarm(void)
{
	disable_timeout(RunTimeout, false);
}

/*
 * Raises the cancellation that the command may have swallowed, so that what
 * was to be cancelled does not commit.
 */
static void
attempt_check_cancelled(Attempt *attempt)
{
	Oid			actor;

	CHECK_FOR_INTERRUPTS();
	if (TimedOut || worker_slot_cancelled(attempt->worker, &actor) != CANCEL_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling task")));
}

/*
 * Runs what the transaction has put off, so that nothing of the user's runs
 * after the run row has been written.
 */
static void
attempt_finish_command(void)
{
	ConstraintsSetStmt *immediate = makeNode(ConstraintsSetStmt);

	PortalHashTableDeleteAll();
	immediate->constraints = NIL;
	immediate->deferred = false;
	AfterTriggerSetState(immediate);
	/* triggers may have opened some, too */
	PortalHashTableDeleteAll();
	CommandCounterIncrement();
}

/*
 * Writes the run of a success and promises the report.
 */
static void
attempt_record_success(Attempt *attempt, const ExecuteResult *result)
{
	const Assignment *assignment = attempt->assignment;
	WeirDatabase *database = database_mine();
	RunRow		run = {0};

	attempt->recording = true;
	run.task_id = assignment->task_id;
	run.attempt = assignment->attempt;
	run.outcome = OUTCOME_SUCCEEDED;
	run.final = true;
	run.charged = true;
	run.worker_pid = MyProcPid;
	run.ready_at = assignment->ready_at;
	run.started_at = attempt->started_at;
	run.finished_at = GetCurrentTimestamp();
	run.has_rows = result->has_rows;
	run.rows = result->rows;
	run.result = result->json;
	run.detail = result->not_stored;
	run.keyless = attempt->task->unique_key == NULL;
	run_row_insert(&run);
	xact_end_task(database, depth_slot(database, assignment->queue), 1);
}

/*
 * Mode transaction, after attempt_prepare: the command and its record.
 */
static void
attempt_execute_transaction(Attempt *attempt)
{
	Completion	completion = {0};
	ExecuteResult result;

	execute_command(attempt->task->command, attempt->task->args, false,
					attempt->context, &result);
	attempt_finish_command();
	attempt_check_cancelled(attempt);
	attempt_disarm();
	attempt_record_success(attempt, &result);
	completion.kind = COMPLETION_FINAL;
	completion.task_id = attempt->assignment->task_id;
	completion.attempt = attempt->assignment->attempt;
	xact_complete(attempt->worker, &completion);
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

	claim_row_insert(attempt->assignment->task_id,
					 attempt->assignment->attempt);
	/* also flushes the task, whose enqueue may have committed lazily */
	ForceSyncCommit();
	CommitTransactionCommand();
	StartTransactionCommand();
	execute_command(attempt->task->command, attempt->task->args, true,
					attempt->context, &result);
	attempt_disarm();
	attempt_record_success(attempt, &result);
	CommitTransactionCommand();
	slots_release_for_session(attempt->assignment);
	attempt->session_slots = false;
	attempt_report(attempt, COMPLETION_FINAL, 0, 0);
}

/*
 * Decides the outcome of a failure.
 */
static void
attempt_judge(Attempt *attempt, const ErrorData *error, RunRow *run)
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
	if (cause == CANCEL_REQUESTED)
	{
		run->outcome = OUTCOME_CANCELLED;
		run->final = true;
		run->charged = true;
		run->actor = OidIsValid(actor) ? GetUserNameFromId(actor, true) : NULL;
		return;
	}
	run->outcome = OUTCOME_FAILED;

	/*
	 * A shutdown of this server is no error that is caught: this one comes
	 * from a remote server, or from the command itself.
	 */
	if (kind == RETRY_KIND_GIVE_BACK)
		kind = RETRY_KIND_TRANSIENT;
	if (TimedOut && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		run->outcome = OUTCOME_TIMED_OUT;
		run->message = "task ran longer than its timeout";
	}
	queue = task ? queue_config_by_id(task->queue_id) : NULL;
	if (queue)
		policy = queue->retry;
	if (task)
	{
		retry_policy_parse(task->policy, &policy);
		policy.max_attempts = task->max_attempts;
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
 * Writes the run of a failure, in a transaction of its own, and promises the
 * report.
 */
static void
attempt_record_failure(Attempt *attempt, const ErrorData *error)
{
	const Assignment *assignment = attempt->assignment;
	WeirDatabase *database = database_mine();
	RunRow		run = {0};
	Completion	completion = {0};

	StartTransactionCommand();
	run.task_id = completion.task_id = assignment->task_id;
	run.attempt = completion.attempt = assignment->attempt;
	run.worker_pid = MyProcPid;
	run.ready_at = assignment->ready_at;
	run.started_at = attempt->started_at;
	run.finished_at = attempt->failed_at;
	run.sqlstate = pstrdup(unpack_sql_state(error->sqlerrcode));
	run.message = error->message;
	run.detail = error->detail;
	run.hint = error->hint;
	run.context = error->context;
	attempt_judge(attempt, error, &run);
	run_row_insert(&run);
	if (run.final)
		xact_end_task(database, depth_slot(database, assignment->queue), 1);
	completion.kind = run.final ? COMPLETION_FINAL : COMPLETION_AGAIN;
	completion.run_at = run.retry_at;
	xact_complete(attempt->worker, &completion);
	CommitTransactionCommand();
}

/*
 * Rolls back and records; called while the error is being handled.
 */
static void
attempt_fail(Attempt *attempt)
{
	MemoryContext caller = MemoryContextSwitchTo(attempt->context);
	ErrorData  *error = CopyErrorData();

	FlushErrorState();
	MemoryContextSwitchTo(caller);
	attempt_disarm();
	/* the slots are still held: runs on one slot never overlap */
	attempt->failed_at = GetCurrentTimestamp();
	AbortCurrentTransaction();
	QueryCancelPending = false;
	if (attempt->session_slots)
	{
		slots_release_for_session(attempt->assignment);
		attempt->session_slots = false;
	}
	/* somebody else has written the end of this attempt */
	if (attempt->recording && error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
	{
		attempt_report(attempt, COMPLETION_LOOKUP, 0, 0);
		return;
	}
	PG_TRY();
	{
		attempt_record_failure(attempt, error);
	}
	PG_CATCH();
	{
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		attempt_report(attempt, COMPLETION_LOOKUP, 0, 0);
	}
	PG_END_TRY();
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
		attempt_enter(attempt);
		attempt_check_cancelled(attempt);
		if (attempt->task->autocommit)
			attempt_execute_autocommit(attempt);
		else
			attempt_execute_transaction(attempt);
		return true;
	}
	AbortCurrentTransaction();
	attempt->stale = readiness == NOT_MY_AUTHORITY;
	attempt_report(attempt,
				   readiness == SLOT_TAKEN ? COMPLETION_BOUNCED :
				   readiness == NOT_MY_AUTHORITY ? COMPLETION_RETURNED :
				   readiness == ENDED_ALREADY ? COMPLETION_LOOKUP :
				   COMPLETION_RESOLVE, 0, taken);
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
	worker_slot_begin(worker, assignment);
	inflight_begin(MyDatabaseId, assignment->task_id, assignment->attempt);
	QueryCancelPending = false;
	TimedOut = false;
	CurrentAttempt = &attempt;
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
