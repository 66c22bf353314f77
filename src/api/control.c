/*-------------------------------------------------------------------------
 *
 * control.c
 *	  Acting on tasks: cancel, retry, expedite.
 *
 * A task that waits is ended, or brought back, by a run row in the caller's
 * transaction: when it commits it is so, whether the scheduler is there or
 * not.  A task that a worker has in hand is cancelled by message, at commit;
 * the event that is written with it makes sure that it does not run again
 * after a crash.  Where the two meet - a task is started while its cancel
 * commits - the key of the run row lets one of them win.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "api/control.h"
#include "api/fan_out.h"
#include "api/request.h"
#include "api/quota.h"
#include "api/room.h"
#include "ledger/event_row.h"
#include "ledger/generation.h"
#include "ledger/group_row.h"
#include "ledger/identity.h"
#include "ledger/interval.h"
#include "ledger/run_row.h"
#include "ledger/unique_key.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inbox.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_cancel);
PG_FUNCTION_INFO_V1(weir_retry);
PG_FUNCTION_INFO_V1(weir_expedite);

/*
 * Promises a message about one task, of a role.  With "quota" a place among
 * those of that role is reserved for it.
 */
static void
send_for(WeirDatabase *database, MessageKind kind, int64 task_id, Oid role,
		 bool quota)
{
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	message.kind = kind;
	message.first_id = message.last_id = task_id;
	message.owner = role;
	message.quota = quota;
	xact_submit(database, &message);
}

static void
send(WeirDatabase *database, MessageKind kind, int64 task_id)
{
	send_for(database, kind, task_id, GetUserId(), false);
}

/*
 * Cancels everything that workers have in hand; the caller may do so.
 */
void
control_cancel_running(WeirDatabase *database)
{
	const Assignment *assignment;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database != database->oid)
			continue;
		for (int from = 0; (assignment = inbox_in_hand(worker, &from)) != NULL;)
		{
			int64		task_id = assignment->task_id;

			/* it may have ended since we looked */
			if (task_id != 0)
				send(database, MESSAGE_CANCEL, task_id);
		}
	}
}

/*
 * Reads a task that the caller may act on.
 */
static TaskRow *
task_to_act_on(int64 task_id)
{
	TaskRow    *task = task_row_read(task_id);

	if (task == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("task " INT64_FORMAT " does not exist", task_id)));
	if (!may_act_on(task->environment.owner, task->environment.owner_name,
					task->enqueued_at))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of task " INT64_FORMAT, task_id)));
	return task;
}

/*
 * Writes a run row in a subtransaction; false if the attempt has been ended
 * by somebody else meanwhile.
 */
static bool
try_end(RunRow *run)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run_row_insert(run);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
			ReThrowError(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return done;
}

/*
 * Ends a task that waits as cancelled, and gives so many places in its queue
 * back.
 */
EndVerdict
control_end_waiting(WeirDatabase *database, const TaskRow *task,
					const char *reason, uint32 places)
{
	int64		task_id = task->task_id;
	RunSummary	summary;
	RunRow		run = {0};
	int32		attempt;

	for (;;)
	{
		run_row_summary(task_id, &summary);
		if (summary.final)
			return END_TOO_LATE;
		if (worker_slot_holding(database->oid, task_id, &attempt) != NULL)
			return END_HAS_BEGUN;
		run.task_id = task_id;
		run.attempt = summary.attempts + 1;
		run.outcome = OUTCOME_CANCELLED;
		run.final = true;
		run.finished_at = GetCurrentTimestamp();
		run.actor = GetUserNameFromId(GetUserId(), false);
		run.reason = reason;
		run.keyless = task->unique_key == NULL;
		if (try_end(&run))
			break;
		CHECK_FOR_INTERRUPTS();
	}
	xact_end_task(database, depth_slot(database, task->environment.queue_id), places);
	send(database, MESSAGE_ENDED, task_id);
	event_write("cancel", task_id, task->environment.queue, NULL, reason, NULL);
	return END_DONE;
}

static bool cancel_one(WeirDatabase *database, int64 task_id,
					   const char *reason);

/*
 * Cancels what was brought back of the group of a collector that has ended,
 * one by one: the scheduler has done with the group.  False if it is nothing.
 */
static bool
cancel_members(WeirDatabase *database, int64 collector, const char *reason)
{
	GroupRow	group;
	RunEnd		end;
	bool		any = false;

	if (!group_row_read(collector, &group))
		return false;
	for (int i = 0; i < group.n; i++)
	{
		/* it may be in a generation that is not there any more */
		if (!run_row_ended(group.members[i], &end) &&
			task_row_read(group.members[i]) != NULL)
			any |= cancel_one(database, group.members[i], reason);
	}
	return any;
}

/*
 * Cancels one task; false if it has ended already.
 */
static bool
cancel_one(WeirDatabase *database, int64 task_id, const char *reason)
{
	TaskRow    *task = task_to_act_on(task_id);
	EndVerdict	verdict;

	if (group_cancel(database, task, reason))
		return true;
	verdict = control_end_waiting(database, task, reason, 1);
	if (verdict == END_HAS_BEGUN)
	{
		send(database, MESSAGE_CANCEL, task_id);
		event_write("cancel", task_id, task->environment.queue, NULL, reason, NULL);
	}
	return verdict != END_TOO_LATE ||
		cancel_members(database, task_id, reason);
}

/*
 * weir.cancel(): cancels tasks; the number of those that had not ended.
 */
Datum
weir_cancel(PG_FUNCTION_ARGS)
{
	WeirDatabase *database = database_require_ready();
	int			n;
	int64	   *ids = argument_task_ids(fcinfo, 0, &n);
	char	   *reason = argument_text(fcinfo, 1);
	int32		affected = 0;

	PreventCommandIfReadOnly("weir.cancel()");
	for (int i = 0; i < n; i++)
		affected += cancel_one(database, ids[i], reason);
	PG_RETURN_INT32(affected);
}

/*
 * Two versions of an interval must not be at work at once.
 */
static void
refuse_superseded(int64 task_id)
{
	int64		newer = interval_newer_task(task_id);

	if (newer != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("interval of task " INT64_FORMAT " has a newer version",
						task_id),
				 newer < 0 ? errdetail("It was waived.") :
				 errdetail("It is that of task " INT64_FORMAT ".", newer),
				 errhint("Run it again with weir.backfill().")));
}

/*
 * Brings a dead letter (or cancelled task) back; false if it has not ended,
 * or has succeeded.
 */
static bool
retry_one(WeirDatabase *database, int64 task_id, const char *reason)
{
	TaskRow    *task = task_to_act_on(task_id);
	const QueueConfig *queue;
	QueueSlot  *slot;
	RunSummary	summary;
	RunRow		run = {0};
	QuotaHold	quota = {0};
	int32		capacity;
	bool		ended;
	Oid			owner;

	if (!generation_keep_open(task_id, task_id + 1))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task " INT64_FORMAT " is in a closed generation of the ledger",
						task_id),
				 errhint("Enqueue its command again.")));
	queue = queue_config_by_id(task->environment.queue_id);
	if (queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", task->environment.queue)));
	request_check_privilege(queue, task);
	capacity = queue->capacity;
	run_row_summary(task_id, &summary);
	if (!summary.final || summary.outcome == OUTCOME_SUCCEEDED)
		return false;
	refuse_superseded(task_id);
	slot = depth_slot(database, task->environment.queue_id);
	if (!xact_reserve_depth(slot, 1, capacity))
		room_refuse(task->environment.queue, capacity, slot,
					"Try again later, or raise the capacity with weir.alter_queue().");
	require_queue_open(task->environment.queue_id, task->environment.queue, slot);
	depth_require_bound(slot, task->environment.queue_id);
	owner = identity_role(task->environment.owner,
						  task->environment.owner_name, task->enqueued_at);
	(void) quota_hold(&quota, database, owner, 1, false);
	run.task_id = task_id;
	run.attempt = summary.attempts + 1;
	run.outcome = OUTCOME_RETRIED;
	run.finished_at = GetCurrentTimestamp();
	run.retry_at = run.finished_at;
	run.actor = GetUserNameFromId(GetUserId(), false);
	run.reason = reason;
	if (!try_end(&run))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not retry task " INT64_FORMAT " due to a concurrent retry",
						task_id)));
	if (task->unique_key &&
		!unique_keys_take(&task->unique_key, 1, task_id,
						  task_row_unique_until(task)))
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("another task has unique key \"%s\"",
						task->unique_key),
				 errdetail("Task " INT64_FORMAT " cannot come back while task " INT64_FORMAT " has its key.",
						   task_id, unique_key_holder(task->unique_key, &ended)),
				 errhint("Retry it when that one has ended.")));
	event_write("retry", task_id, task->environment.queue, NULL, reason, NULL);
	send_for(database, MESSAGE_LOOKUP, task_id, owner, quota.n > 0);
	return true;
}

/*
 * weir.retry(): brings tasks back that ended without success.
 */
Datum
weir_retry(PG_FUNCTION_ARGS)
{
	WeirDatabase *database = database_require_ready();
	int			n;
	int64	   *ids = argument_task_ids(fcinfo, 0, &n);
	char	   *reason = argument_text(fcinfo, 1);
	int32		affected = 0;

	PreventCommandIfReadOnly("weir.retry()");
	for (int i = 0; i < n; i++)
		affected += retry_one(database, ids[i], reason);
	PG_RETURN_INT32(affected);
}

/*
 * Gives one task another priority or deadline; false if it has ended.
 */
static bool
expedite_one(FunctionCallInfo fcinfo, WeirDatabase *database, int64 task_id)
{
	TaskRow    *task = task_to_act_on(task_id);
	const QueueConfig *queue = queue_config_by_id(task->environment.queue_id);
	SubmitMessage message;
	RunSummary	summary;
	StringInfoData detail;

	/* it is a right of the queue's owner: others would jump the line */
	if (queue != NULL)
		require_queue_owner(queue);
	run_row_summary(task_id, &summary);
	if (summary.final)
		return false;
	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_CHANGE;
	message.first_id = message.last_id = task_id;
	initStringInfo(&detail);
	appendStringInfoChar(&detail, '{');
	if (!PG_ARGISNULL(1))
	{
		message.klass |= CHANGE_PRIORITY;
		message.priority = PG_GETARG_INT32(1);
		appendStringInfo(&detail, "\"priority\": %d", message.priority);
	}
	if (!PG_ARGISNULL(2))
	{
		message.klass |= CHANGE_DEADLINE;
		message.deadline = PG_GETARG_TIMESTAMPTZ(2);
		appendStringInfo(&detail, "%s\"deadline\": \"%s\"",
						 PG_ARGISNULL(1) ? "" : ", ",
						 timestamptz_to_str(message.deadline));
	}
	appendStringInfoChar(&detail, '}');
	xact_submit(database, &message);
	event_write("expedite", task_id, task->environment.queue, NULL, NULL, detail.data);
	return true;
}

/*
 * weir.expedite(): gives tasks another priority or deadline.
 */
Datum
weir_expedite(PG_FUNCTION_ARGS)
{
	WeirDatabase *database = database_require_ready();
	int			n;
	int64	   *ids = argument_task_ids(fcinfo, 0, &n);
	int32		affected = 0;

	PreventCommandIfReadOnly("weir.expedite()");
	if (PG_ARGISNULL(1) && PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("neither a priority nor a deadline is given")));
	if (!PG_ARGISNULL(1) &&
		(PG_GETARG_INT32(1) < -1000000 || PG_GETARG_INT32(1) > 1000000))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between %d and %d",
						"priority", -1000000, 1000000)));
	if (!PG_ARGISNULL(2) && TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(2)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be finite", "deadline")));
	for (int i = 0; i < n; i++)
		affected += expedite_one(fcinfo, database, ids[i]);
	PG_RETURN_INT32(affected);
}
