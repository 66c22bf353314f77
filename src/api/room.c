/*-------------------------------------------------------------------------
 *
 * room.c
 *	  Room in a queue, and ids, for tasks that are to be submitted.
 *
 * Where the queue waits, producers stand in line for room.  Who is in line
 * takes the ids at its head, so that ids follow the order of arrival.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "api/gate.h"
#include "api/room.h"
#include "api/shed.h"
#include "ledger/generation.h"
#include "run/attempt.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/waits.h"
#include "shmem/xact_actions.h"

/* What a producer in line for room tries */
typedef struct RoomRequest
{
	WeirDatabase *database;
	QueueSlot  *slot;
	uint32		places;
	uint32		capacity;
	int32		queue_id;
	const char *queue;
	int64		nids;
	int64		first_id;		/* when there was room */
} RoomRequest;

/*
 * Refuses: the queue is full.  The detail is JSON for programs; the scheduler
 * may not know yet of the tasks that fill it, and then their age is not known.
 */
void
room_refuse(const char *queue, uint32 capacity, QueueSlot *slot,
			const char *hint)
{
	int64		age = depth_oldest_age(slot);

	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("queue \"%s\" is full", queue),
			 errdetail("{\"queue\": %s, \"capacity\": %u, \"depth\": %u, \"oldest_age_ms\": %s, \"retry_after_ms\": " INT64_FORMAT "}",
					   request_json_string(queue), capacity,
					   pg_atomic_read_u32(&slot->depth),
					   age < 0 ? "null" : psprintf(INT64_FORMAT, age),
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
									wait_event(WEIR_WAIT_SCHEDULER_ANSWER));
	}
	ConditionVariableCancelSleep();
	return first;
}

/*
 * Takes n consecutive ids whose tables stay open until the rows are committed.
 */
int64
room_take_ids(WeirDatabase *database, int64 n)
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
 * takes the ids.
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
	if (!xact_reserve_depth(room->slot, room->places, room->capacity))
		return false;
	depth_require_bound(room->slot, room->queue_id);
	if (room->nids > 0)
		room->first_id = room_take_ids(room->database, room->nids);
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
	room_refuse(room->queue, room->capacity, room->slot,
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
	GateCalls	calls = {NULL, try_room, NULL, refuse_room, room};
	TimestampTz start;

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
		xact_has_submitted() || slots_holds_any() ||
		CurrentAttempt != NULL)
	{
		pg_atomic_fetch_add_u64(&room->slot->refused, 1);
		room_refuse(room->queue, room->capacity, room->slot,
					"This transaction has written already, or is a task's, and cannot wait for room: it could wait for itself. Enqueue first, in a transaction of its own.");
	}
	if (room->places > room->capacity)
		room_refuse(room->queue, room->capacity, room->slot,
					"More tasks than the queue has room for; enqueue fewer at once.");
	pg_atomic_fetch_add_u64(&room->slot->waited, 1);
	start = GetCurrentTimestamp();
	(void) gate_wait(RESOURCE_KEY(RESOURCE_KIND_QUEUE, room->queue_id),
					 &room->slot->waiters, &room->slot->room, weir_max_wait,
					 &calls);
	pg_atomic_fetch_add_u64(&room->slot->wait_time,
							GetCurrentTimestamp() - start);
}

/*
 * Has others shed for the tasks, whose queue is full.
 */
static bool
shed_for_room(const EnqueueRequest *request, RoomRequest *room)
{
	if (room->nids > 0)
		room->first_id = room_take_ids(room->database, room->nids);
	if (!shed_reserve(request, room->slot, room->places, room->capacity,
					  room->nids > 0 ? room->first_id : 0))
		return false;
	depth_require_bound(room->slot, room->queue_id);
	require_queue_open(room->queue_id, room->queue, room->slot);
	return true;
}

/*
 * Reserves places in the queue of a request, and takes ids, as room_reserve().
 */
static int64
find_room(const EnqueueRequest *request, uint32 places, int64 nids,
		  bool tell)
{
	const TaskRow *task = &request->task;
	const QueueConfig *queue = queue_config_by_id(task->environment.queue_id);
	RoomRequest room;
	bool		wait;
	bool		sheds;

	if (queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", task->environment.queue)));
	/* from here on the configuration may be read anew, and move */
	wait = queue->wait;
	sheds = queue->sheds;
	room.capacity = queue->capacity;
	room.database = request->database;
	room.slot = depth_slot(request->database, task->environment.queue_id);
	room.queue_id = task->environment.queue_id;
	room.queue = task->environment.queue;
	room.places = places;
	room.nids = nids;
	room.first_id = 1;
	/* newcomers do not pass those in line */
	if ((!wait || pg_atomic_read_u32(&room.slot->waiters) == 0) &&
		try_room(&room))
	{
		require_queue_open(room.queue_id, room.queue, room.slot);
		return room.first_id;
	}
	if (wait && !tell)
	{
		wait_for_room(&room);
		require_queue_open(room.queue_id, room.queue, room.slot);
		return room.first_id;
	}
	if (sheds && shed_for_room(request, &room))
		return room.first_id;
	pg_atomic_fetch_add_u64(&room.slot->refused, 1);
	if (tell)
		return 0;
	room_refuse(room.queue, room.capacity, room.slot,
				sheds ? "Too little waits there that may be shed for it: the rest runs, or is of a higher class." :
				"Try again later, or raise the capacity with weir.alter_queue().");
	return 0;					/* keep compiler quiet */
}

/*
 * Is a place in the queue reserved for this very task, since it started?
 */
static bool
place_is_reserved(int32 queue_id)
{
	const Attempt *attempt = CurrentAttempt;

	return attempt != NULL && attempt->assignment->feeds == queue_id &&
		!xact_has_used_reserved(attempt->worker, attempt->assignment->place);
}

/*
 * Reserves places in the queue of a request, and takes as many ids as it says;
 * the first id, or anything but zero if it wants none.  Zero only for a caller
 * that wants to be told rather than refused.
 */
int64
room_reserve(const EnqueueRequest *request, uint32 places, int64 nids,
			 bool tell)
{
	const TaskRow *task = &request->task;
	int64		first_id;

	if (!place_is_reserved(task->environment.queue_id))
		return find_room(request, places, nids, tell);
	if (places > 1)
		first_id = find_room(request, places - 1, nids, tell);
	else
	{
		require_queue_open(task->environment.queue_id, task->environment.queue,
						   depth_slot(request->database,
									  task->environment.queue_id));
		first_id = nids > 0 ? room_take_ids(request->database, nids) : 1;
	}
	if (first_id != 0)
		xact_use_reserved(CurrentAttempt->worker,
						  CurrentAttempt->assignment->place);
	return first_id;
}
