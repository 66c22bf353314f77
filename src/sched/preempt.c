/*-------------------------------------------------------------------------
 *
 * preempt.c
 *	  Ending backfills early for critical daily tasks.
 *
 * The policy says who ends for whom.  The worker is told as for a cancel, and
 * rolls back; its run row says "preempted", and the task waits on with its age.
 * A command can swallow the cancel and go on: it is told again every second,
 * and does not commit in the end.
 *
 * A daily task that runs can be blocked by a lock of a backfill: who blocks
 * whom is known from the lock watch, and the same rules decide.
 *
 * What is under way is lost with the scheduler.  The next one finds the task
 * that waits, still critical, and asks again; how often a task has been
 * preempted is in the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "sched/lock_watch.h"
#include "sched/preempt.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

/* Pause before an attempt that goes on is told again */
#define PREEMPT_AGAIN_US	INT64CONST(1000000)

/* ... and before it is looked whether it has begun */
#define PREEMPT_BEGUN_US	INT64CONST(20000)

/* An attempt that is to end */
typedef struct Preempted
{
	int64		task_id;
	int32		attempt;		/* 0: it is not known to have begun */
	int64		for_task;
	TimestampTz again_at;
} Preempted;

/*
 * Forgets what is under way.
 */
void
preempt_forget(Scheduler *scheduler)
{
	list_free_deep(scheduler->preempted);
	scheduler->preempted = NIL;
}

/*
 * Tells the worker, and says when to do so again.
 */
static void
preempt_tell(Scheduler *scheduler, Preempted *preempted)
{
	int32		attempt = 0;

	(void) worker_slot_holding(scheduler->database->oid, preempted->task_id,
							   &attempt);
	if (worker_slot_preempt(scheduler->database->oid, preempted->task_id,
							preempted->for_task))
		preempted->attempt = attempt;
	preempted->again_at = GetCurrentTimestamp() +
		(preempted->attempt != 0 ? PREEMPT_AGAIN_US : PREEMPT_BEGUN_US);
}

static void
preempt_add(Scheduler *scheduler, int64 task_id, int64 for_task)
{
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	Preempted  *preempted = palloc0(sizeof(Preempted));

	preempted->task_id = task_id;
	preempted->for_task = for_task;
	scheduler->preempted = lappend(scheduler->preempted, preempted);
	MemoryContextSwitchTo(caller);
	preempt_tell(scheduler, preempted);
}

/*
 * An attempt has ended: if it was preempted, what it did is lost.
 */
void
preempt_note_end(Scheduler *scheduler, const Completion *completion)
{
	ListCell   *lc;

	foreach(lc, scheduler->preempted)
	{
		Preempted  *preempted = lfirst(lc);

		if (preempted->task_id != completion->task_id)
			continue;
		if (completion->kind == COMPLETION_AGAIN &&
			preempted->attempt == completion->attempt)
		{
			pg_atomic_fetch_add_u64(&scheduler->database->preemptions, 1);
			pg_atomic_fetch_add_u64(&scheduler->database->preempted,
									Max(completion->duration, 0));
		}
		pfree(preempted);
		scheduler->preempted = foreach_delete_current(scheduler->preempted, lc);
	}
}

/*
 * Shows sessions how many slots are not for them, and wakes those that wait
 * when there are fewer.
 */
static void
preempt_publish(Scheduler *scheduler)
{
	bool		any = scheduler->preempted != NIL;

	if (!any && !scheduler->handed)
		return;
	scheduler->handed = any;
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &scheduler->database->resources[i];
		uint32		handed;

		if (!resource_in_use(resource))
			continue;
		handed = policy_handed(scheduler->policy, resource->key);
		scheduler->handed |= handed > 0;
		if (pg_atomic_exchange_u32(&resource->handed, handed) > handed)
			ConditionVariableBroadcast(&resource->freed);
	}
}

/*
 * Is this the attempt that a worker has in hand?  What was seen of locks can be
 * a little older.
 */
static bool
preempt_still(Scheduler *scheduler, int64 task_id, int32 attempt)
{
	int32		in_hand;

	return worker_slot_holding(scheduler->database->oid, task_id,
							   &in_hand) != NULL && in_hand == attempt;
}

/*
 * Looks at the daily tasks that are blocked by locks.
 */
static void
preempt_blockers(Scheduler *scheduler, TimestampTz now)
{
	int			position = 0;
	LockPair	pair;

	while (lock_watch_next_pair(scheduler, &position, &pair))
	{
		if (preempt_still(scheduler, pair.task_id, pair.attempt) &&
			preempt_still(scheduler, pair.blocker_id, pair.blocker_attempt) &&
			policy_preempt_blocker(scheduler->policy, now, pair.task_id,
								   pair.blocker_id))
			preempt_add(scheduler, pair.blocker_id, pair.task_id);
	}
}

/*
 * Ends what is to end, and what has not listened.
 */
void
preempt_review(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();
	PolicyPreemption preemption;
	ListCell   *lc;

	foreach(lc, scheduler->preempted)
	{
		Preempted  *preempted = lfirst(lc);

		if (!policy_is_running(scheduler->policy, preempted->task_id))
		{
			pfree(preempted);
			scheduler->preempted = foreach_delete_current(scheduler->preempted,
														  lc);
		}
		else if (preempted->again_at <= now)
			preempt_tell(scheduler, preempted);
	}
	while (policy_next_preemption(scheduler->policy, now, &preemption))
		preempt_add(scheduler, preemption.task_id, preemption.for_task);
	preempt_blockers(scheduler, now);
	preempt_publish(scheduler);
}

/*
 * When one is to be told again.
 */
TimestampTz
preempt_next_timer(Scheduler *scheduler)
{
	TimestampTz next = POLICY_TIME_NEVER;
	ListCell   *lc;

	foreach(lc, scheduler->preempted)
		next = Min(next, ((Preempted *) lfirst(lc))->again_at);
	return next;
}
