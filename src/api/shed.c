/*-------------------------------------------------------------------------
 *
 * shed.c
 *	  Room in a full queue, in the place of tasks that are shed.
 *
 * The transaction that submits a task ends the one that has to go for it, and
 * takes over its place: the depth does not move, so it stays exact whatever
 * becomes of the transaction.  If it rolls back, the task that was to go waits
 * on.  Until then the scheduler leaves that one alone; if it had started
 * already the key of its run decides, as for one that is cancelled.
 *
 * Only tasks that wait are shed, and none of a higher class than the new one.
 * All places are had or none: what is shed for a submission that does not fit
 * is shed in a subtransaction, and comes back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "api/shed.h"
#include "ledger/run_row.h"
#include "shmem/database.h"
#include "shmem/offers.h"
#include "shmem/settings.h"
#include "shmem/submit_ring.h"
#include "shmem/waits.h"
#include "shmem/worker_slot.h"
#include "shmem/xact_actions.h"

typedef struct ShedRequest
{
	const EnqueueRequest *request;
	QueueSlot  *slot;
	uint32		places;
	uint32		capacity;
	int64		first_id;		/* of the tasks that the others go for; 0 if
								 * they have none yet */
} ShedRequest;

/* How an attempt to make room has ended */
typedef enum ShedEnd
{
	SHED_DONE,
	SHED_NOTHING,				/* there is nothing that may go */
	SHED_AGAIN					/* somebody else was ending the same task */
} ShedEnd;

/* Chunks of backfills wait until there is room; see shed_allow() */
static bool Allowed = true;

/*
 * Says whether what is submitted from now on may have others shed; returns
 * what was said before.
 */
bool
shed_allow(bool allow)
{
	bool		before = Allowed;

	Allowed = allow;
	return before;
}

/*
 * Takes as many places as are free; returns how many that is.
 */
static uint32
take_free(const ShedRequest *shed)
{
	for (;;)
	{
		uint32		depth = pg_atomic_read_u32(&shed->slot->depth);
		uint32		n = depth < shed->capacity ?
		Min(shed->places, shed->capacity - depth) : 0;

		if (n == 0 || xact_reserve_depth(shed->slot, n, shed->capacity))
			return n;
	}
}

/*
 * Waits for the scheduler's answer; OFFERS_NOT_YET if there is none in time.
 * One that does not know yet of what was committed before we asked, because
 * the scheduler was in the middle of a round, is none.
 */
static OffersAnswer
ask_scheduler(const ShedRequest *shed)
{
	WeirDatabase *database = shed->request->database;
	uint64		posted = submit_ring_posted(&database->ring);
	uint64		changed = pg_atomic_read_u64(&database->config_changed);
	uint64		ticket = offers_ask(shed->slot, shed->capacity);
	TimestampTz start = GetCurrentTimestamp();
	OffersAnswer answer = OFFERS_NOT_YET;

	database_wake(database);
	while (!TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
									   weir_max_wait))
	{
		answer = offers_answer(shed->slot, ticket,
							   shed->request->task.environment.klass);
		if (answer != OFFERS_NOT_YET &&
			pg_atomic_read_u64(&shed->slot->offers_read) >= posted &&
			pg_atomic_read_u64(&database->config_applied) >= changed)
			break;
		if (answer != OFFERS_NOT_YET)
		{
			ticket = offers_ask(shed->slot, shed->capacity);
			database_wake(database);
			answer = OFFERS_NOT_YET;
		}
		ConditionVariableTimedSleep(&database->progress, 100,
									wait_event(WEIR_WAIT_SCHEDULER_ANSWER));
	}
	ConditionVariableCancelSleep();
	return answer;
}

/*
 * Does the new task wait for the end of that one?
 */
static bool
is_parent(const TaskRow *task, int64 task_id)
{
	Datum	   *ids;
	int			n;

	if (task->after == NULL)
		return false;
	deconstruct_array(task->after, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &ids, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		if (DatumGetInt64(ids[i]) == task_id)
			return true;
	}
	return false;
}

/*
 * Ends the task that was taken, for the n-th of the new ones; false if it has
 * begun, has ended, or is being ended by somebody else.
 */
static bool
end_taken(const ShedRequest *shed, int64 task_id, uint32 n)
{
	WeirDatabase *database = shed->request->database;
	RunSummary	summary;
	RunRow		run = {0};
	int32		attempt;

	run_row_summary(task_id, &summary);
	if (summary.final || is_parent(&shed->request->task, task_id) ||
		worker_slot_holding(database->oid, task_id, &attempt) != NULL ||
		run_row_written(task_id, summary.attempts + 1))
		return false;
	run.task_id = task_id;
	run.attempt = summary.attempts + 1;
	run.outcome = OUTCOME_SHED;
	run.final = true;
	run.finished_at = GetCurrentTimestamp();
	run.message = "task had to go because its queue was full";
	run.actor = GetUserNameFromId(GetUserId(), false);
	run.reason = shed->first_id == 0 ? "shed for a graph of tasks" :
		psprintf("shed for task " INT64_FORMAT, shed->first_id + n);
	run_row_insert(&run);
	xact_shed_end(database, shed->slot);
	return true;
}

/*
 * Takes what is free, and sheds tasks for the other places.
 */
static ShedEnd
make_room(const ShedRequest *shed)
{
	WeirDatabase *database = shed->request->database;
	uint32		made = take_free(shed);
	bool		stale = submit_ring_posted(&database->ring) !=
	pg_atomic_read_u64(&shed->slot->offers_read);

	while (made < shed->places)
	{
		int64		task_id = 0;

		CHECK_FOR_INTERRUPTS();
		if (!stale)
			task_id = xact_shed_take(database, shed->slot,
									 shed->request->task.environment.klass);
		stale = false;
		if (task_id != 0)
			made += end_taken(shed, task_id, made);
		else if (ask_scheduler(shed) != OFFERS_MADE)
			return SHED_NOTHING;
	}
	/* who looks for the tasks that are there finds those that went no more */
	CommandCounterIncrement();
	return SHED_DONE;
}

/*
 * Does so in a subtransaction.
 */
static ShedEnd
try_room(const ShedRequest *shed)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile ShedEnd end = SHED_AGAIN;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		end = make_room(shed);
		if (end == SHED_DONE)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
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
	return end;
}

/*
 * Gets so many places in a queue that sheds, which is full, for tasks with ids
 * from first_id on, unless that is 0; false if too little waits there that may go for them.
 */
bool
shed_reserve(const EnqueueRequest *request, QueueSlot *slot, uint32 places,
			 uint32 capacity, int64 first_id)
{
	ShedRequest shed = {request, slot, places, capacity, first_id};
	ShedEnd		end = SHED_AGAIN;

	while (Allowed && places <= capacity && end == SHED_AGAIN)
		end = try_room(&shed);
	return end == SHED_DONE;
}
