/*-------------------------------------------------------------------------
 *
 * windows.c
 *	  Windows and blackouts: when what may start, and what becomes of those
 *	  that run when that is over.
 *
 * weir._window_states() says for each target (a class, and perhaps a table or
 * named resource) from when to when it is open.  The policy is told these two
 * times, and keeps them by itself; at the end of each they are read again.
 * So the only timer is the next transition, and a scheduler that starts in the
 * middle of a window knows as much as one that saw it open.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/event_row.h"
#include "ledger/sql.h"
#include "ledger/task_row.h"
#include "ledger/unfinished.h"
#include "sched/windows.h"
#include "shmem/inbox.h"
#include "shmem/named_resource.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

/* Pause after the windows could not be read */
#define WINDOWS_RETRY_US	INT64CONST(10000000)

/* What holds for a target */
typedef struct WindowGate
{
	PolicyClass klass;
	uint64		key;			/* 0: all tasks of the class */
	bool		open;
	bool		yields;			/* those that run are asked to yield */
	TimestampTz closed_at;
	TimestampTz cancel_at;		/* they are cancelled; NEVER if not */
	bool		cancelled;		/* they were */
	TimestampTz changes_at;		/* look at it again */
} WindowGate;

/* Read in a step, kept when that has committed */
typedef struct GateList
{
	WindowGate *gates;
	int			n;
} GateList;

/*
 * The key of the resource that a row of the states is about; false if there is
 * no such resource now.
 */
static bool
windows_key(Scheduler *scheduler, uint64 row, uint64 *key)
{
	const char *relation = sql_text(row, 2);
	const char *resource = sql_text(row, 3);

	*key = 0;
	if (relation)
		return unfinished_resolve(&relation, 1, key) == 1;
	if (resource)
		*key = named_resource_key(scheduler->database, resource);
	return resource == NULL || *key != 0;
}

/*
 * Takes a row of the states: tells the policy, and notes what is to come.
 */
static void
windows_row(Scheduler *scheduler, uint64 row, GateList *list)
{
	WindowGate *gate = &list->gates[list->n];
	TimestampTz opens_at = sql_int8(row, 5);
	TimestampTz closes_at = sql_int8(row, 6);
	const char *at_end = sql_text(row, 8);

	memset(gate, 0, sizeof(WindowGate));
	if (!class_parse(sql_text(row, 1), &gate->klass) ||
		!windows_key(scheduler, row, &gate->key))
		return;
	gate->open = strcmp(sql_text(row, 4), "t") == 0;
	gate->closed_at = sql_int8(row, 7);
	gate->cancel_at = POLICY_TIME_NEVER;
	gate->changes_at = sql_isnull(row, 10) ? POLICY_TIME_NEVER :
		sql_int8(row, 10);
	if (at_end)
	{
		gate->yields = strcmp(at_end, "drain") != 0;
		if (strcmp(at_end, "cancel") == 0)
			gate->cancel_at = gate->closed_at + sql_int8(row, 9);
	}
	policy_set_window(scheduler->policy, gate->klass, gate->key, opens_at,
					  closes_at);
	list->n++;
}

/*
 * Logs which windows have no effect, for want of their time zones.
 */
static void
windows_log_ignored(void)
{
	uint64		n = sql_execute("SELECT name, timezone FROM weir.time_window"
								" WHERE NOT weir._zone_exists(timezone)"
								" ORDER BY name", NULL);

	for (uint64 row = 0; row < n; row++)
		ereport(WARNING,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window \"%s\" has no effect", sql_text(row, 1)),
				 errdetail("Time zone \"%s\" does not exist any more.",
						   sql_text(row, 2)),
				 errhint("Drop it with weir.drop_window(), or add it with another time zone.")));
}

/*
 * The gate of a target in a list, or NULL.
 */
static WindowGate *
windows_find(WindowGate *gates, int n, const WindowGate *target)
{
	for (int i = 0; i < n; i++)
	{
		if (gates[i].klass == target->klass && gates[i].key == target->key)
			return &gates[i];
	}
	return NULL;
}

/*
 * Takes over what is told of before: a target that has no windows any more is
 * open, and what was done at a closing is not done again.  Notes whether one has
 * been opened or closed.
 */
static void
windows_compare(Scheduler *scheduler, GateList *list)
{
	for (int i = 0; i < scheduler->ngates; i++)
	{
		WindowGate *before = &scheduler->gates[i];
		WindowGate *now = windows_find(list->gates, list->n, before);

		if (before->open != (now == NULL || now->open))
			scheduler->gates_told = false;
		if (now == NULL)
			policy_set_window(scheduler->policy, before->klass, before->key,
							  POLICY_TIME_ALWAYS, POLICY_TIME_NEVER);
		else if (before->cancelled && now->closed_at == before->closed_at)
		{
			now->cancelled = true;
			now->cancel_at = POLICY_TIME_NEVER;
		}
	}
	for (int i = 0; i < list->n; i++)
	{
		if (!list->gates[i].open &&
			windows_find(scheduler->gates, scheduler->ngates,
						 &list->gates[i]) == NULL)
			scheduler->gates_told = false;
	}
}

/*
 * Reads the windows, and tells the policy.
 */
static void
step_windows(Scheduler *scheduler, void *arg)
{
	SqlSession	session;
	GateList	list = {NULL, 0};
	MemoryContext caller = CurrentMemoryContext;
	uint64		n;

	sql_begin(&session);
	n = sql_execute("SELECT class, relation, resource, open, opens_at,"
					" closes_at, closed_at, at_end,"
					" (extract(epoch FROM cancel_after) * 1000000)::bigint,"
					" changes_at"
					" FROM weir._window_states(clock_timestamp())"
					" WHERE EXISTS (SELECT FROM weir.time_window)", NULL);
	list.gates = MemoryContextAlloc(scheduler->context,
									Max(n, 1) * sizeof(WindowGate));
	for (uint64 row = 0; row < n; row++)
		windows_row(scheduler, row, &list);
	windows_log_ignored();
	sql_end(&session);
	MemoryContextSwitchTo(caller);
	windows_compare(scheduler, &list);
	if (scheduler->gates)
		pfree(scheduler->gates);
	scheduler->gates = list.gates;
	scheduler->ngates = list.n;
	scheduler->windows_at = POLICY_TIME_NEVER;
	for (int i = 0; i < list.n; i++)
		scheduler->windows_at = Min(scheduler->windows_at,
									Min(list.gates[i].changes_at,
										list.gates[i].cancel_at));
}

/*
 * Writes events about what has been opened or closed, as the ledger knows it:
 * also if that was before this scheduler began, or the last try failed.
 */
static void
step_tell(Scheduler *scheduler, void *arg)
{
	SqlSession	session;

	sql_begin(&session);
	sql_execute("SELECT weir._note_windows()", NULL);
	sql_end(&session);
	scheduler->gates_told = true;
}

/*
 * Follows the windows as they are configured and as the time goes; to be called
 * after the resources were read.  If they cannot be read those that are known
 * stay in force.
 */
void
windows_follow(Scheduler *scheduler)
{
	TimestampTz retry_at = GetCurrentTimestamp() + WINDOWS_RETRY_US;

	if (!scheduler_step(scheduler, "following windows", step_windows, NULL))
		scheduler->windows_at = retry_at;
	if (!scheduler->gates_told &&
		!scheduler_step(scheduler, "telling of windows", step_tell, NULL))
		scheduler->windows_at = Min(scheduler->windows_at, retry_at);
}

/*
 * Is a task that a worker has in hand behind this gate?
 */
static bool
windows_concerns(Scheduler *scheduler, const WindowGate *gate,
				 const Assignment *assignment)
{
	return assignment->klass == (int16) gate->klass &&
		(gate->key == 0 ||
		 policy_task_needs(scheduler->policy, assignment->task_id, gate->key));
}

/*
 * Is the task, which runs, to yield because nothing of its kind may start now?
 */
bool
windows_asks_to_yield(Scheduler *scheduler, const Assignment *assignment)
{
	for (int i = 0; i < scheduler->ngates; i++)
	{
		WindowGate *gate = &scheduler->gates[i];

		if (!gate->open && gate->yields &&
			windows_concerns(scheduler, gate, assignment))
			return true;
	}
	return false;
}

/*
 * Cancels a task that runs, if it is in mode transaction: what has committed
 * in part had better be left to end.
 */
static void
windows_cancel(Scheduler *scheduler, int64 task_id)
{
	SqlSession	session;
	SqlParams	params = {0};
	bool		cancels;

	sql_add_int8(&params, task_id);
	sql_begin(&session);
	sql_execute("SELECT mode = 'transaction' FROM weir.tasks"
				" WHERE task_id = $1", &params);
	cancels = SPI_processed == 1 && strcmp(sql_text(0, 1), "t") == 0;
	sql_end(&session);
	if (cancels)
		(void) worker_slot_cancel(scheduler->database->oid, task_id,
								  CANCEL_CLOSED, InvalidOid);
}

/*
 * Cancels those behind a gate that has been closed for so long.
 */
static void
step_cancel(Scheduler *scheduler, void *arg)
{
	const WindowGate *gate = arg;
	const Assignment *in_hand;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database != scheduler->database->oid)
			continue;
		for (int from = 0; (in_hand = inbox_in_hand(worker, &from)) != NULL;)
		{
			if (windows_concerns(scheduler, gate, in_hand))
				windows_cancel(scheduler, in_hand->task_id);
		}
	}
}

/*
 * Does what is due at this time: follows transitions, and cancels.
 */
void
windows(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now < scheduler->windows_at)
		return;
	windows_follow(scheduler);
	for (int i = 0; i < scheduler->ngates; i++)
	{
		WindowGate *gate = &scheduler->gates[i];

		if (gate->open || gate->cancel_at > now)
			continue;
		if (scheduler_step(scheduler, "cancelling for a window", step_cancel,
						   gate))
		{
			gate->cancelled = true;
			gate->cancel_at = POLICY_TIME_NEVER;
		}
		else
			scheduler->windows_at = now + WINDOWS_RETRY_US;
	}
}

TimestampTz
windows_next_timer(Scheduler *scheduler)
{
	return scheduler->windows_at;
}
