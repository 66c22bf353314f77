/*-------------------------------------------------------------------------
 *
 * downstream.c
 *	  Queues that feed others: a task starts when there is room downstream.
 *
 * When a task of such a queue is given to a worker a place is reserved for it
 * in the queue that it feeds, as an enqueue does.  It stands in the assignment
 * until the task submits something there, in the transaction of which it
 * becomes the new task's ("fed"), or until the assignment is forgotten: then
 * what was not used is given back.  So it goes with the attempt, whatever
 * becomes of that; with shared memory both are gone.
 *
 * While no place can be had the queue is held up in the policy, and whoever
 * gives places back downstream wakes the scheduler ("awaited").
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "sched/downstream.h"
#include "shmem/depth.h"
#include "shmem/inbox.h"
#include "shmem/settings.h"

/* A queue that is being drained or dropped is looked at so often */
#define CLOSED_RETRY_US	INT64CONST(1000000)

/* A queue that feeds another */
typedef struct Stage
{
	int32		queue;
	int32		feeds;
	uint32		capacity;		/* of that */
	bool		held_up;
} Stage;

static Stage *
stage_find(Scheduler *scheduler, int32 queue)
{
	ListCell   *lc;

	foreach(lc, scheduler->stages)
	{
		Stage	   *stage = lfirst(lc);

		if (stage->queue == queue)
			return stage;
	}
	return NULL;
}

/*
 * Holds the queue up, or lets it go on.  Who gives back a place downstream is
 * to tell us as long as any queue waits for it.
 */
static void
stage_hold_up(Scheduler *scheduler, Stage *stage, bool hold)
{
	QueueSlot  *slot = depth_find(scheduler->database, stage->feeds);
	bool		awaited = false;
	ListCell   *lc;

	stage->held_up = hold;
	foreach(lc, scheduler->stages)
	{
		Stage	   *other = lfirst(lc);

		awaited |= other->held_up && other->feeds == stage->feeds;
	}
	if (slot != NULL)
		pg_atomic_write_u32(&slot->awaited, awaited);
	policy_hold_up_queue(scheduler->policy, stage->queue, hold);
}

/*
 * Follows the configuration; the policy may be a new one.
 */
void
downstream_configure(Scheduler *scheduler, const QueueConfig *queues, int n)
{
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	List	   *before = scheduler->stages;
	ListCell   *lc;

	foreach(lc, before)
		policy_hold_up_queue(scheduler->policy, ((Stage *) lfirst(lc))->queue,
							 false);
	scheduler->stages = NIL;
	for (int i = 0; i < n; i++)
	{
		const QueueConfig *downstream = NULL;
		Stage	   *stage;

		for (int j = 0; j < n && queues[i].feeds != 0; j++)
		{
			if (queues[j].queue_id == queues[i].feeds)
				downstream = &queues[j];
		}
		if (downstream == NULL)
			continue;
		stage = palloc0(sizeof(Stage));
		stage->queue = queues[i].queue_id;
		stage->feeds = downstream->queue_id;
		stage->capacity = downstream->capacity;
		scheduler->stages = lappend(scheduler->stages, stage);
	}
	list_free_deep(before);
	MemoryContextSwitchTo(caller);
}

/*
 * Reserves again what tasks in workers' hands have, when depths are counted
 * from nothing.
 */
void
downstream_restore(Scheduler *scheduler)
{
	const Assignment *assignment;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];
		uint64		fed = pg_atomic_read_u64(&worker->fed);

		if (worker->database != scheduler->database->oid)
			continue;
		for (int from = 0; (assignment = inbox_in_hand(worker, &from)) != NULL;)
		{
			QueueSlot  *slot = NULL;

			if (assignment->feeds != 0 && (fed >> assignment->place & 1) == 0)
				slot = depth_find(scheduler->database, assignment->feeds);
			if (slot != NULL)
				pg_atomic_fetch_add_u32(&slot->depth, 1);
		}
	}
}

/*
 * Is the queue downstream open, and nobody in line for room there?  Those in
 * line are not passed.
 */
static bool
stage_is_open(QueueSlot *slot)
{
	return slot != NULL && pg_atomic_read_u32(&slot->draining) == 0 &&
		pg_atomic_read_u32(&slot->waiters) == 0;
}

/*
 * Tries to reserve a place.
 */
static bool
stage_try(Scheduler *scheduler, const Stage *stage)
{
	QueueSlot  *slot = depth_try_slot(scheduler->database, stage->feeds);

	if (!stage_is_open(slot) || !depth_reserve(slot, 1, stage->capacity))
		return false;
	pg_memory_barrier();
	if (slot->queue == stage->feeds)
		return true;
	/* it has become another queue's in this moment */
	depth_give_back(slot, 1);
	return false;
}

/*
 * Reserves a place for a task of the queue, which is about to start; "feeds"
 * says where, 0 if it needs none.  If there is none the queue is held up.
 */
bool
downstream_reserve(Scheduler *scheduler, int32 queue, int32 *feeds)
{
	Stage	   *stage = stage_find(scheduler, queue);

	*feeds = 0;
	if (stage == NULL)
		return true;
	if (!stage_try(scheduler, stage))
	{
		stage_hold_up(scheduler, stage, true);
		pg_memory_barrier();
		/* who gave one back before that has not told us */
		if (!stage_try(scheduler, stage))
			return false;
		stage_hold_up(scheduler, stage, false);
	}
	*feeds = stage->feeds;
	return true;
}

/*
 * The task does not start after all.
 */
void
downstream_give_back(Scheduler *scheduler, int32 feeds)
{
	QueueSlot  *slot = feeds == 0 ? NULL :
	depth_find(scheduler->database, feeds);

	if (slot != NULL)
		depth_give_back(slot, 1);
}

/*
 * Forgets an assignment, and gives back what it has reserved and not used.
 */
void
downstream_forget(Scheduler *scheduler, WeirWorker *worker, int place,
				  Assignment *assignment)
{
	int32		feeds = worker->assigned[place].feeds;
	uint64		bit = UINT64CONST(1) << place;
	bool		fed = (pg_atomic_fetch_and_u64(&worker->fed, ~bit) & bit) != 0;

	inbox_forget(worker, place, assignment);
	if (!fed)
		downstream_give_back(scheduler, feeds);
}

/*
 * Lets those go on for which there may be room by now.
 */
void
downstream_review(Scheduler *scheduler)
{
	ListCell   *lc;

	foreach(lc, scheduler->stages)
	{
		Stage	   *stage = lfirst(lc);
		QueueSlot  *slot;

		if (!stage->held_up)
			continue;
		slot = depth_try_slot(scheduler->database, stage->feeds);
		if (stage_is_open(slot) &&
			pg_atomic_read_u32(&slot->depth) < stage->capacity)
			stage_hold_up(scheduler, stage, false);
	}
}

/*
 * When to look again although nobody tells us: a queue that was closed opens
 * quietly, and a line can end without anybody's having got room.
 */
TimestampTz
downstream_next_timer(Scheduler *scheduler)
{
	ListCell   *lc;

	foreach(lc, scheduler->stages)
	{
		Stage	   *stage = lfirst(lc);
		QueueSlot  *slot;

		if (!stage->held_up)
			continue;
		slot = depth_find(scheduler->database, stage->feeds);
		if (slot == NULL || pg_atomic_read_u32(&slot->depth) < stage->capacity)
			return scheduler->round_at + CLOSED_RETRY_US;
	}
	return POLICY_TIME_NEVER;
}
