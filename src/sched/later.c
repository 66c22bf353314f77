/*-------------------------------------------------------------------------
 *
 * later.c
 *	  What is to be done about single tasks a little later.
 *
 * A task that could not be looked up, or whose attempt could not be ended in
 * the ledger, is not simply run again: what failed is tried again, and the
 * policy does not hold the task until then.  A task that was brought back
 * while the policy still takes it for running is looked up when that run has
 * been taken in.
 *
 * Whatever put the task into the policy meanwhile knew more than we do.
 *
 * Only so many are looked at in a round: there can be thousands, if a session
 * cancels them and does not commit, and the others must not wait for that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/unfinished.h"
#include "sched/dependency.h"
#include "sched/fate.h"
#include "sched/intake.h"
#include "sched/later.h"
#include "sched/rebuild.h"

/* Pause before something is tried again */
#define LATER_DELAY_US	INT64CONST(1000000)

/* How many are looked at in a round; the rest waits for the next one */
#define LATER_PER_ROUND	64

typedef struct LaterTask
{
	int64		task_id;
	int32		attempt;
	TimestampTz due;
	bool		lost;			/* as for intake_lookup() */
	bool		ends;			/* the run is to be written */
	RunRow		run;			/* its texts are constants, but for the actor */
} LaterTask;

static LaterTask *
later_add(Scheduler *scheduler, int64 task_id, int32 attempt,
		  TimestampTz due)
{
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	LaterTask  *task = palloc0(sizeof(LaterTask));

	task->task_id = task_id;
	task->attempt = attempt;
	task->due = due;
	scheduler->later = lappend(scheduler->later, task);
	MemoryContextSwitchTo(caller);
	return task;
}

/*
 * Looks a task up again, which the policy does not hold.
 */
void
later_lookup(Scheduler *scheduler, int64 task_id, int32 attempt, bool lost)
{
	LaterTask  *task = later_add(scheduler, task_id, attempt,
								 GetCurrentTimestamp() + LATER_DELAY_US);

	task->lost = lost;
}

/*
 * Looks a task up that runs, when it does not any more.
 */
void
later_lookup_at_end(Scheduler *scheduler, int64 task_id)
{
	(void) later_add(scheduler, task_id, 0, 0);
}

/*
 * Writes the end of an attempt that could not be written.
 */
void
later_end_attempt(Scheduler *scheduler, const RunRow *run)
{
	LaterTask  *task = later_add(scheduler, run->task_id, run->attempt,
								 GetCurrentTimestamp() + LATER_DELAY_US);

	task->ends = true;
	task->run = *run;
	if (run->actor)
		task->run.actor = MemoryContextStrdup(scheduler->context, run->actor);
}

/*
 * Forgets everything: the ledger is read anew.
 */
void
later_forget(Scheduler *scheduler)
{
	list_free_deep(scheduler->later);
	scheduler->later = NIL;
}

/*
 * Ends the attempt, unless somebody has.
 */
static void
later_end(Scheduler *scheduler, RunRow *run)
{
	Fate		fate;

	if (!fate_look_up(scheduler, run->task_id, run->attempt, &fate))
		later_end_attempt(scheduler, run);
	else if (fate.unfinished && fate.ended)
		rebuild_add(scheduler, &fate.task);
	else if (fate.unfinished)
		rebuild_end_attempt(scheduler, &fate.task, run);
	else
		dependency_look(scheduler, run->task_id);
}

/*
 * Does what is due, as far as it fits into a round.
 */
void
later(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();
	int			left = LATER_PER_ROUND;
	List	   *tasks = scheduler->later;
	MemoryContext caller;
	ListCell   *lc;

	if (tasks == NIL)
		return;
	scheduler->later = NIL;
	foreach(lc, tasks)
	{
		LaterTask  *task = lfirst(lc);

		if (left == 0 || task->due > now ||
			policy_is_running(scheduler->policy, task->task_id))
		{
			caller = MemoryContextSwitchTo(scheduler->context);
			scheduler->later = lappend(scheduler->later, task);
			MemoryContextSwitchTo(caller);
			continue;
		}
		left--;
		if (!policy_holds(scheduler->policy, task->task_id))
		{
			if (task->ends)
				later_end(scheduler, &task->run);
			else
				intake_lookup(scheduler, task->task_id, task->attempt,
							  task->lost);
		}
		pfree(task);
	}
	list_free(tasks);
}

/*
 * When something is due.  What waits for the end of a run is woken by that.
 */
TimestampTz
later_next_timer(Scheduler *scheduler)
{
	TimestampTz next = POLICY_TIME_NEVER;
	ListCell   *lc;

	foreach(lc, scheduler->later)
	{
		LaterTask  *task = lfirst(lc);

		if (!policy_is_running(scheduler->policy, task->task_id))
			next = Min(next, task->due);
	}
	return next;
}
