/*-------------------------------------------------------------------------
 *
 * task.c
 *	  What a task can ask and tell about itself, and waiting for a task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "api/arguments.h"
#include "api/gate.h"
#include "api/holders.h"
#include "ledger/run_row.h"
#include "ledger/task_row.h"
#include "run/attempt.h"
#include "run/session.h"
#include "shmem/database.h"
#include "shmem/named_resource.h"
#include "shmem/resource.h"
#include "shmem/waits.h"
#include "shmem/worker_slot.h"
#include "shmem/xact_actions.h"

/* A pause is not longer than an hour, and up to a tenth longer at random */
#define PAUSE_MAX_MS		INT64CONST(3600000)

/* Longest time that a task can put itself off */
#define SNOOZE_MAX_DAYS	10000
#define SNOOZE_MAX_MS	(SNOOZE_MAX_DAYS * INT64CONST(86400000))
#define PAUSE_JITTER_PART	10

PG_FUNCTION_INFO_V1(weir_current_task);
PG_FUNCTION_INFO_V1(weir_progress);
PG_FUNCTION_INFO_V1(weir_should_yield);
PG_FUNCTION_INFO_V1(weir_retry_after);
PG_FUNCTION_INFO_V1(weir_snooze);
PG_FUNCTION_INFO_V1(weir_wait);
PG_FUNCTION_INFO_V1(weir_result);

/*
 * weir.current_task(): the id of the task that is being executed; null
 * outside of one.
 */
Datum
weir_current_task(PG_FUNCTION_ARGS)
{
	if (CurrentAttempt == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(CurrentAttempt->assignment->task_id);
}

/*
 * A delay argument: not null, not negative, ms.
 */
static int64
delay_argument(FunctionCallInfo fcinfo, int arg)
{
	int64		delay;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "delay")));
	delay = session_interval_ms(PG_GETARG_INTERVAL_P(arg));
	if (delay < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be negative", "delay")));
	return delay;
}

/*
 * weir.progress(): shows how far the task is, at once, not at commit.
 */
Datum
weir_progress(PG_FUNCTION_ARGS)
{
	char	   *note = argument_text(fcinfo, 2);
	WeirWorker *worker;
	int64		done;
	int64		total;

	require_task("weir.progress()");
	done = PG_ARGISNULL(0) ? -1 : PG_GETARG_INT64(0);
	total = PG_ARGISNULL(1) ? -1 : PG_GETARG_INT64(1);
	if ((!PG_ARGISNULL(0) && done < 0) || (!PG_ARGISNULL(1) && total < 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("progress must not be negative")));
	if (note)
		note[pg_mbcliplen(note, strlen(note), WEIR_NOTE_SIZE - 1)] = '\0';
	worker = CurrentAttempt->worker;
	SpinLockAcquire(&worker->mutex);
	worker->done = done;
	worker->total = total;
	strlcpy(worker->note, note ? note : "", WEIR_NOTE_SIZE);
	SpinLockRelease(&worker->mutex);
	PG_RETURN_VOID();
}

/*
 * weir.should_yield(): is the task in the way of a daily one?  Looks at one
 * word of shared memory, and so can be asked for each row.
 */
Datum
weir_should_yield(PG_FUNCTION_ARGS)
{
	require_task("weir.should_yield()");
	PG_RETURN_BOOL(worker_slot_is_to_yield(CurrentAttempt->worker,
										   CurrentAttempt->assignment->task_id));
}

/*
 * The named resource that the task which is being executed needs.
 */
static ResourceSlot *
needed_resource(WeirDatabase *database, const char *name)
{
	const TaskRow *task = CurrentAttempt->task;

	for (int i = 0; i < task->nresources; i++)
	{
		uint64		key;

		if (strcmp(task->resources[i], name) != 0)
			continue;
		key = named_resource_key(database, name);
		if (key != 0)
			return resource_find(database, key);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("task does not need resource \"%s\"", name),
			 errdetail("A task can only pause the resources that it was enqueued with.")));
	return NULL;				/* keep compiler quiet */
}

/*
 * A part of the delay at random, so that what waits for several pauses does
 * not go on at once.
 */
static int64
pause_jitter(int64 delay_us)
{
	return (int64) (pg_prng_double(&pg_global_prng_state) *
					(double) (delay_us / PAUSE_JITTER_PART));
}

/*
 * weir.retry_after(): nothing that needs the resource starts for so long, and
 * this attempt ends, to be repeated after that.
 */
Datum
weir_retry_after(PG_FUNCTION_ARGS)
{
	WeirDatabase *database = database_mine();
	char	   *name = argument_required_text(fcinfo, 0, "resource");
	ResourceSlot *resource;
	TimestampTz until;
	int64		delay;

	require_task("weir.retry_after()");
	/* what an API asks for is no reason to fail */
	delay = Min(delay_argument(fcinfo, 1), PAUSE_MAX_MS) * 1000;
	resource = needed_resource(database, name);
	until = GetCurrentTimestamp() + delay;
	named_resource_pause(resource, until + pause_jitter(delay),
						 CurrentAttempt->assignment->task_id);
	pg_atomic_fetch_add_u64(&database->foreign_changed, 1);
	database_wake(database);
	attempt_snooze(until, psprintf("resource %s", name));
	PG_RETURN_VOID();
}

/*
 * weir.snooze(): ends this attempt, to be repeated after the delay.
 */
Datum
weir_snooze(PG_FUNCTION_ARGS)
{
	char	   *reason = argument_text(fcinfo, 1);
	int64		delay;

	require_task("weir.snooze()");
	delay = delay_argument(fcinfo, 0);
	if (delay > SNOOZE_MAX_MS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be at most %d days",
						"delay", SNOOZE_MAX_DAYS)));
	attempt_snooze(GetCurrentTimestamp() + delay * 1000, reason);
	PG_RETURN_VOID();
}

/*
 * Gives up when the task waits for this session: for a lock that it holds, or,
 * as CREATE INDEX CONCURRENTLY does, for its snapshot.
 */
static void
refuse_deadlock(WeirDatabase *database, int64 task_id)
{
	int32		attempt;
	WeirWorker *worker = worker_slot_holding(database->oid, task_id, &attempt);
	char	   *path;

	if (worker != NULL && worker->pid != 0 &&
		process_waits_for_us(worker->pid, &path))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("task " INT64_FORMAT " waits for this session", task_id),
				 errdetail("%sProcess %d waits for the task.", path,
						   MyProcPid),
				 errhint("Commit before waiting for the task, or look at weir.tasks.")));
}

/*
 * Sleeps until the task has ended; its last run.  Errors end the wait.
 */
static HeapTuple
wait_for_end(WeirDatabase *database, int64 task_id, bool forever,
			 int64 timeout)
{
	TimestampTz start = GetCurrentTimestamp();
	TimestampTz ask_at = start + DeadlockTimeout * INT64CONST(1000);
	HeapTuple	tuple;

	ConditionVariablePrepareToSleep(&database->finished);
	while ((tuple = run_row_last(task_id, true)) == NULL)
	{
		TimestampTz now = GetCurrentTimestamp();
		long		left = DeadlockTimeout;

		if (now >= ask_at)
		{
			refuse_deadlock(database, task_id);
			ask_at = now + DeadlockTimeout * INT64CONST(1000);
		}
		if (!forever)
		{
			left = (long) (timeout - TimestampDifferenceMilliseconds(start, now));
			if (left <= 0)
				break;
		}
		/* the ledger is the truth; a wake-up that was lost is made good */
		(void) ConditionVariableTimedSleep(&database->finished,
										   Min(left, DeadlockTimeout),
										   wait_event(WEIR_WAIT_TASK_END));
	}
	ConditionVariableCancelSleep();
	return tuple;
}

/*
 * weir.wait(): waits until the task has ended, and returns its last run.
 */
Datum
weir_wait(PG_FUNCTION_ARGS)
{
	WeirDatabase *database = database_require_ready();
	int64		task_id;
	HeapTuple	tuple = NULL;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	task_id = PG_GETARG_INT64(0);
	if (CurrentAttempt != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot wait for a task inside a task"),
				 errdetail("It would hold a worker that the other one may need.")));
	if (xact_submitted(task_id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait for a task of the current transaction"),
				 errhint("Commit first: it starts after that.")));
	require_may_see(task_id);
	pg_atomic_fetch_add_u32(&database->finish_waiters, 1);
	PG_ENSURE_ERROR_CLEANUP(gate_uncount,
							PointerGetDatum(&database->finish_waiters));
	{
		tuple = wait_for_end(database, task_id, PG_ARGISNULL(1),
							 PG_ARGISNULL(1) ? 0 :
							 session_interval_ms(PG_GETARG_INTERVAL_P(1)));
	}
	PG_END_ENSURE_ERROR_CLEANUP(gate_uncount,
								PointerGetDatum(&database->finish_waiters));
	gate_uncount(0, PointerGetDatum(&database->finish_waiters));
	if (tuple == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("task " INT64_FORMAT " has not ended in time", task_id),
				 errhint("SELECT * FROM weir.why_waiting(" INT64_FORMAT ") says what it waits for.",
						 task_id)));
	run_row_flush(tuple);
	PG_RETURN_DATUM(run_row_datum(tuple));
}

/*
 * weir.result(): the rows of the last statement of a task that succeeded;
 * null if it has not, or returned none.
 */
Datum
weir_result(PG_FUNCTION_ARGS)
{
	int64		task_id;
	HeapTuple	tuple;
	Datum		result;
	bool		isnull;

	(void) database_require_ready();
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	task_id = PG_GETARG_INT64(0);
	require_may_see(task_id);
	tuple = run_row_last(task_id, true);
	if (tuple == NULL)
		PG_RETURN_NULL();
	run_row_flush(tuple);
	result = run_row_result(tuple, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
