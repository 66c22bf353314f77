/*-------------------------------------------------------------------------
 *
 * shed.c
 *	  Offers tasks that may be shed to who finds a queue full.
 *
 * A task that a session has taken is no more the policy's: it must not start
 * while that session's transaction ends it.  When the transaction has
 * committed it says that the task has ended, and otherwise that it is to be
 * looked up: then it waits again, as it is in the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "sched/shed.h"
#include "shmem/depth.h"
#include "shmem/offers.h"
#include "shmem/settings.h"

/*
 * Lets go of the tasks that have been taken; says whether there were any.
 */
static bool
shed_collect_slot(Scheduler *scheduler, QueueSlot *slot)
{
	bool		any = false;
	int64		task_id;

	while ((task_id = offers_collect(slot)) != 0)
	{
		(void) policy_remove(scheduler->policy, task_id);
		any = true;
	}
	return any;
}

/*
 * The same for one queue: before a message about a task that was taken from
 * it, for that message is to be the last word.
 */
void
shed_collect(Scheduler *scheduler, int32 queue)
{
	QueueSlot  *slot = depth_find(scheduler->database, queue);

	if (slot != NULL)
		(void) shed_collect_slot(scheduler, slot);
}

/*
 * Before a rebuild, when the ring has been emptied: what our predecessor has
 * offered counts no more.  Who has taken some of it may have told the ring.
 */
void
shed_forget(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &scheduler->database->queues[i];

		offers_withdraw(slot);
		while (offers_collect(slot) != 0)
			;
	}
}

/*
 * Looks after one queue: keeps offers fresh while it is full, and withdraws
 * them when it is so no more.
 */
static void
shed_review_slot(Scheduler *scheduler, QueueSlot *slot)
{
	PolicyShed	shed[POLICY_MAX_SHED];
	uint64		asked = pg_atomic_read_u64(&slot->offers_asked);
	bool		taken = shed_collect_slot(scheduler, slot);

	if (asked == pg_atomic_read_u64(&slot->offers_answered) && !taken &&
		pg_atomic_read_u32(&slot->depth) <
		pg_atomic_read_u32(&slot->offers_capacity))
		offers_withdraw(slot);
	else
		offers_make(slot, asked, scheduler->database->ring.tail, shed,
					policy_next_shed(scheduler->policy, slot->queue, shed,
									 POLICY_MAX_SHED));
}

/*
 * Looks after all queues in which somebody has taken offers, or asks for some.
 */
void
shed_review(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	bool		answered = false;

	for (int i = 0; i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &database->queues[i];
		bool		asked = pg_atomic_read_u64(&slot->offers_asked) !=
		pg_atomic_read_u64(&slot->offers_answered);

		if (!asked && !slot->offering)
			continue;
		shed_review_slot(scheduler, slot);
		answered |= asked;
	}
	if (answered)
		ConditionVariableBroadcast(&database->progress);
}
