/*-------------------------------------------------------------------------
 *
 * yield.c
 *	  Asking tasks of class backfill to yield to daily ones.
 *
 * The policy knows who holds what a daily task waits for.  After each round of
 * starts that is written into the worker's slot, where the task itself looks:
 * weir.should_yield().  It is taken back when nobody waits any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "sched/lock_watch.h"
#include "sched/windows.h"
#include "sched/yield.h"
#include "shmem/inbox.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

/*
 * Does a daily task wait for a lock of this one?
 */
static bool
yield_blocks(Scheduler *scheduler, int64 task_id)
{
	int			position = 0;
	LockPair	pair;

	while (lock_watch_next_pair(scheduler, &position, &pair))
	{
		if (pair.blocker_id == task_id &&
			policy_blocks_daily(scheduler->policy, pair.task_id, task_id))
			return true;
	}
	return false;
}

/*
 * The task in the worker's hands that is in the way of a daily one, or whose
 * time is over; 0 if none is.
 */
static int64
yield_find(Scheduler *scheduler, WeirWorker *worker)
{
	const Assignment *assignment;
	PolicyWant	want;

	for (int from = 0; (assignment = inbox_in_hand(worker, &from)) != NULL;)
	{
		if ((assignment->klass == POLICY_CLASS_BACKFILL &&
			 (policy_to_yield(scheduler->policy, assignment->task_id, &want) ||
			  yield_blocks(scheduler, assignment->task_id))) ||
			windows_asks_to_yield(scheduler, assignment))
			return assignment->task_id;
	}
	return 0;
}

/*
 * Asks those to yield that are in the way, and no others.
 */
void
yield_review(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database == scheduler->database->oid)
			worker_slot_ask_to_yield(worker, yield_find(scheduler, worker));
	}
}
