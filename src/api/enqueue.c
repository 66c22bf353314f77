/*-------------------------------------------------------------------------
 *
 * enqueue.c
 *	  Submitting tasks: weir.enqueue(), try_enqueue() and enqueue_many().
 *
 * Everything that can be refused is refused before anything changes; then
 * room is reserved, ids are taken, the rows are written and the message to
 * the scheduler is promised.  All of it follows the caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "api/arguments.h"
#include "api/enqueue.h"
#include "api/gate.h"
#include "api/request.h"
#include "ledger/event_row.h"
#include "ledger/generation.h"
#include "ledger/queue_config.h"
#include "run/attempt.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_enqueue);
PG_FUNCTION_INFO_V1(weir_try_enqueue);
PG_FUNCTION_INFO_V1(weir_enqueue_many);

/* What a producer in line for room tries */
typedef struct RoomRequest
{
	WeirDatabase *database;
	QueueSlot  *slot;
	uint32		n;
	uint32		capacity;
	int32		queue_id;
	const char *queue;
	int64		first_id;		/* of the n tasks, when there was room */
} RoomRequest;

/*
 * Refuses: the queue is full.  The detail is JSON for programs.
 */
static void
refuse_full(const char *queue, uint32 capacity, QueueSlot *slot,
			const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("queue \"%s\" is full", queue),
			 errdetail("{\"queue\": %s, \"capacity\": %u, \"depth\": %u, \"retry_after_ms\": " INT64_FORMAT "}",
					   request_json_string(queue), capacity,
					   pg_atomic_read_u32(&slot->depth),
					   depth_retry_after(slot)),
			 errhint("%s", hint)));
}

/*
 * Takes n consecutive ids for which there are tables; the scheduler makes
 * those on demand.
 */
static int64
try_take_ids(WeirDatabase *database, int64 n)
{
	int64		first = (int64) pg_atomic_fetch_add_u64(&database->next_id, n);
	TimestampTz start = GetCurrentTimestamp();

	while (first + n > (int64) pg_atomic_read_u64(&database->id_limit))
	{
		if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
									   weir_max_wait))
		{
			ConditionVariableCancelSleep();
			ereport(ERROR,
					(errcode(ERRCODE_CANNOT_CONNECT_NOW),
					 errmsg("the scheduler has not made room in the ledger"),
					 errhint("Look at the view weir.status and at the server log.")));
		}
		pg_atomic_write_u32(&database->generation_wanted, 1);
		database_wake(database);
		ConditionVariableTimedSleep(&database->progress, 100,
									PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return first;
}

/*
 * Takes n consecutive ids whose tables stay open until the rows are committed.
 */
static int64
take_ids(WeirDatabase *database, int64 n)
{
	int64		first;

	do
	{
		CHECK_FOR_INTERRUPTS();
		first = try_take_ids(database, n);
	} while (!generation_keep_open(first, first + n));
	return first;
}

/*
 * Reserves the room if it is there, under the capacity as it is by now, and
 * takes the ids: who is in line takes them at its head, so that ids follow the
 * order of arrival.
 */
static bool
try_room(void *arg)
{
	RoomRequest *room = arg;
	const QueueConfig *queue;

	AcceptInvalidationMessages();
	queue = queue_config_by_id(room->queue_id);
	if (queue != NULL)
		room->capacity = queue->capacity;
	if (!xact_reserve_depth(room->slot, room->n, room->capacity))
		return false;
	depth_require_bound(room->slot, room->queue_id);
	room->first_id = take_ids(room->database, room->n);
	return true;
}

/*
 * The time is over.
 */
static void
refuse_room(void *arg)
{
	RoomRequest *room = arg;

	pg_atomic_fetch_add_u64(&room->slot->refused, 1);
	refuse_full(room->queue, room->capacity, room->slot,
				"There was no room in time: see \"weir.max_wait\" and \"lock_timeout\".");
}

/*
 * Waits for room, where that is safe: a transaction that has written, or has
 * tasks of its own in the queue, may hold what the queue waits for; and a
 * task holds a worker.
 */
static void
wait_for_room(RoomRequest *room)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
		xact_has_submitted() || slots_holds_any() ||
		CurrentAttempt != NULL)
	{
		pg_atomic_fetch_add_u64(&room->slot->refused, 1);
		refuse_full(room->queue, room->capacity, room->slot,
					"This transaction has written already, or is a task's, and cannot wait for room: it could wait for itself. Enqueue first, in a transaction of its own.");
	}
	if (room->n > room->capacity)
		refuse_full(room->queue, room->capacity, room->slot,
					"More tasks than the queue has room for; enqueue fewer at once.");
	pg_atomic_fetch_add_u64(&room->slot->waited, 1);
	gate_wait(RESOURCE_KEY(RESOURCE_KIND_QUEUE, room->queue_id),
			  &room->slot->waiters, &room->slot->room, weir_max_wait,
			  try_room, refuse_room, room);
}

/*
 * Reserves room and ids for n tasks; the first id.  Zero only for a caller
 * that wants to be told rather than refused.
 */
static int64
reserve_room(const EnqueueRequest *request, uint32 n, bool tell,
			 QueueSlot **slot)
{
	const QueueConfig *queue = request->queue;
	int32		queue_id = queue->queue_id;
	bool		wait = queue->wait;
	RoomRequest room;

	room.database = request->database;
	room.slot = *slot = depth_slot(request->database, queue_id);
	room.queue_id = queue_id;
	room.n = n;
	room.capacity = queue->capacity;
	/* from here on the configuration may be read anew, and move */
	room.queue = pstrdup(queue->name);
	/* newcomers do not pass those in line */
	if ((!wait || pg_atomic_read_u32(&room.slot->waiters) == 0) &&
		try_room(&room))
	{
		require_queue_open(queue_id, room.queue, room.slot);
		return room.first_id;
	}
	if (wait && !tell)
	{
		wait_for_room(&room);
		require_queue_open(queue_id, room.queue, room.slot);
		return room.first_id;
	}
	pg_atomic_fetch_add_u64(&room.slot->refused, 1);
	if (tell)
		return 0;
	refuse_full(room.queue, room.capacity, room.slot,
				"Try again later, or raise the capacity with weir.alter_queue().");
	return 0;					/* keep compiler quiet */
}

/*
 * Promises the message about n tasks.
 */
static void
promise(const EnqueueRequest *request, int64 first, int64 n)
{
	const TaskRow *task = &request->task;
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_SUBMIT;
	message.queue = task->queue_id;
	message.owner = task->owner;
	message.klass = task->klass;
	message.priority = task->priority;
	message.first_id = first;
	message.last_id = first + n - 1;
	message.enqueued_at = task->enqueued_at;
	message.run_at = task->has_run_at ? task->run_at : POLICY_TIME_ALWAYS;
	message.deadline = task->has_deadline ? task->deadline : POLICY_TIME_NEVER;
	message.nneeds = request->nneeds;
	memcpy(message.needs, request->needs,
		   request->nneeds * sizeof(uint64));
	xact_submit(request->database, &message);
}

/*
 * Submits one task; its id, or zero if there is no room and the caller wants
 * to be told.
 */
static int64
submit_one(EnqueueRequest *request, bool tell, QueueSlot **slot)
{
	request->task.task_id = reserve_room(request, 1, tell, slot);
	if (request->task.task_id == 0)
		return 0;
	task_row_insert(&request->task);
	promise(request, request->task.task_id, 1);
	return request->task.task_id;
}

/*
 * weir.enqueue(): submits a task.
 */
Datum
weir_enqueue(PG_FUNCTION_ARGS)
{
	EnqueueRequest request;
	QueueSlot  *slot;

	request_read(fcinfo, &request, false);
	PG_RETURN_INT64(submit_one(&request, false, &slot));
}

/*
 * weir.try_enqueue(): submits a task, or tells that there is no room.
 */
Datum
weir_try_enqueue(PG_FUNCTION_ARGS)
{
	EnqueueRequest request;
	QueueSlot  *slot;
	TupleDesc	descriptor;
	Datum		values[3];
	bool		nulls[3] = {0};
	int64		task_id;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	request_read(fcinfo, &request, false);
	task_id = submit_one(&request, true, &slot);
	values[0] = Int64GetDatum(task_id);
	nulls[0] = task_id == 0;
	values[1] = CStringGetTextDatum(task_id == 0 ? "rejected" : "accepted");
	nulls[2] = task_id != 0;
	if (task_id == 0)
	{
		Interval   *after = palloc0(sizeof(Interval));

		after->time = depth_retry_after(slot) * 1000;
		values[2] = IntervalPGetDatum(after);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor),
													  values, nulls)));
}

/*
 * weir.enqueue_many(): submits one task per element of an array of argument
 * arrays, all or none.
 */
Datum
weir_enqueue_many(PG_FUNCTION_ARGS)
{
	EnqueueRequest request;
	QueueSlot  *slot;
	TupleDesc	descriptor;
	Datum		values[3];
	bool		nulls[3] = {0};
	Jsonb	  **args;
	int			n;
	int64		first = 0;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	request_read(fcinfo, &request, true);
	args = request_split_args(&request, &n);
	if (n > 0)
	{
		first = reserve_room(&request, n, false, &slot);
		request.task.task_id = first;
		task_rows_insert(&request.task, args, n);
		promise(&request, first, n);
	}
	values[0] = Int64GetDatum(first);
	values[1] = Int64GetDatum(first + n - 1);
	nulls[0] = nulls[1] = n == 0;
	values[2] = Int32GetDatum(n);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor),
													  values, nulls)));
}
