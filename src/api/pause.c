/*-------------------------------------------------------------------------
 *
 * pause.c
 *	  Holding work up: pause, resume, drain, pause_all.
 *
 * A pause is configuration: it acts at commit and survives restarts.  A drain
 * lasts as long as the session that waits for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "api/control.h"
#include "ledger/event_row.h"
#include "ledger/sql.h"
#include "run/attempt.h"
#include "run/session.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/waits.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_pause);
PG_FUNCTION_INFO_V1(weir_resume);
PG_FUNCTION_INFO_V1(weir_drain);
PG_FUNCTION_INFO_V1(weir_pause_all);
PG_FUNCTION_INFO_V1(weir_resume_all);

/*
 * Sets the pause flag of a queue.
 */
static void
set_paused(const QueueConfig *queue, bool paused, const char *reason)
{
	WeirDatabase *database = database_require_ready();
	char	   *name = pstrdup(queue->name);
	SqlSession	session;
	SqlParams	params = {0};

	require_queue_owner(queue);
	sql_add_int4(&params, queue->queue_id);
	sql_add_bool(&params, paused);
	sql_add_text(&params, reason);
	sql_begin(&session);
	sql_execute("UPDATE weir.queue SET paused = $2, paused_reason = $3"
				" WHERE queue_id = $1", &params);
	sql_end(&session);
	event_write(paused ? "pause" : "resume", 0, name, NULL, reason, NULL);
	queue_config_changed();
	xact_config_changed(database);
}

/*
 * weir.pause(): no task of the queue starts any more; running ones finish.
 */
Datum
weir_pause(PG_FUNCTION_ARGS)
{
	set_paused(argument_queue(fcinfo, 0, "queue"), true, argument_text(fcinfo, 1));
	PG_RETURN_VOID();
}

/*
 * weir.resume(): the queue starts tasks again.
 */
Datum
weir_resume(PG_FUNCTION_ARGS)
{
	set_paused(argument_queue(fcinfo, 0, "queue"), false, NULL);
	PG_RETURN_VOID();
}

/*
 * Nobody drains the queue any more: the session has ended waiting, or has
 * ended altogether.
 */
static void
drain_ends(int code, Datum arg)
{
	QueueSlot  *slot = (QueueSlot *) DatumGetPointer(arg);

	pg_atomic_fetch_sub_u32(&slot->draining, 1);
}

/*
 * weir.drain(): waits until the queue is empty; says whether it is.  As long
 * as it waits the queue takes no new tasks.
 */
Datum
weir_drain(PG_FUNCTION_ARGS)
{
	const QueueConfig *queue = argument_queue(fcinfo, 0, "queue");
	WeirDatabase *database = database_require_ready();
	QueueSlot  *slot = depth_slot(database, queue->queue_id);
	TimestampTz start = GetCurrentTimestamp();
	int64		timeout = PG_ARGISNULL(1) ? INT64CONST(0) :
	session_interval_ms(PG_GETARG_INTERVAL_P(1));
	volatile bool empty = false;

	require_queue_owner(queue);
	if (CurrentAttempt != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot drain a queue inside a task")));
	if (xact_has_submitted())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot drain a queue in a transaction that has enqueued tasks"),
				 errhint("Commit first.")));
	pg_atomic_fetch_add_u32(&slot->draining, 1);
	PG_ENSURE_ERROR_CLEANUP(drain_ends, PointerGetDatum(slot));
	{
		ConditionVariablePrepareToSleep(&slot->room);
		while (!(empty = pg_atomic_read_u32(&slot->depth) == 0))
		{
			if (!PG_ARGISNULL(1) &&
				TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
										   (int) Min(timeout, INT_MAX)))
				break;
			(void) ConditionVariableTimedSleep(&slot->room,
											   PG_ARGISNULL(1) ? 1000 : Max(1, Min(timeout, 1000)),
											   wait_event(WEIR_WAIT_DRAIN));
		}
		ConditionVariableCancelSleep();
	}
	PG_END_ENSURE_ERROR_CLEANUP(drain_ends, PointerGetDatum(slot));
	drain_ends(0, PointerGetDatum(slot));
	PG_RETURN_BOOL(empty);
}

/*
 * Sets the flag for everything.
 */
static void
set_control(bool paused, const char *reason)
{
	WeirDatabase *database = database_require_ready();
	SqlSession	session;
	SqlParams	params = {0};

	sql_add_bool(&params, paused);
	sql_add_text(&params, reason);
	sql_begin(&session);
	sql_execute("INSERT INTO weir.control (paused, reason) VALUES ($1, $2)"
				" ON CONFLICT (only_row) DO UPDATE SET paused = $1, reason = $2",
				&params);
	sql_end(&session);
	event_write(paused ? "pause_all" : "resume_all", 0, NULL, NULL, reason,
				NULL);
	xact_config_changed(database);
}

/*
 * weir.pause_all(): nothing starts any more, restarts included, until
 * resume_all.  What runs finishes or is cancelled.
 */
Datum
weir_pause_all(PG_FUNCTION_ARGS)
{
	char	   *running = argument_text(fcinfo, 1);

	if (running != NULL && strcmp(running, "finish") != 0 &&
		strcmp(running, "cancel") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be \"finish\" or \"cancel\"",
						"running")));
	set_control(true, argument_text(fcinfo, 0));
	if (running != NULL && strcmp(running, "cancel") == 0)
		control_cancel_running(database_mine());
	PG_RETURN_VOID();
}

Datum
weir_resume_all(PG_FUNCTION_ARGS)
{
	set_control(false, NULL);
	PG_RETURN_VOID();
}
