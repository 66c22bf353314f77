/*-------------------------------------------------------------------------
 *
 * dependency.c
 *	  The end of a task, for those that wait for it.
 *
 * Whoever learns that a task may have ended says so here.  Nothing is lost
 * between a task that is submitted and the end of its parent: parents are
 * looked up in the ledger when the task is read, and an end that is committed
 * after that is reported after that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "sched/dependency.h"
#include "sched/ends.h"
#include "sched/later.h"

/*
 * The run of a task that is cancelled for its parent.
 */
void
dependency_run(int64 parent_id, RunRow *run)
{
	run->outcome = OUTCOME_CANCELLED;
	run->actor = psprintf("task " INT64_FORMAT, parent_id);
	run->reason = "its parent has ended without success";
}

/*
 * A task has ended: its last run is committed.
 */
void
dependency_ended(Scheduler *scheduler, int64 task_id, bool succeeded)
{
	Policy	   *policy = scheduler->policy;
	PolicyEnd	orphan;

	if (!policy_is_parent(policy, task_id))
		return;
	while (!succeeded && policy_next_orphan(policy, task_id, &orphan))
		ends_add(scheduler, &orphan, END_PARENT, task_id);
	policy_parent_ended(policy, task_id, succeeded, GetCurrentTimestamp());
}

typedef struct LookStep
{
	int64		task_id;
	bool		ended;
	RunEnd		end;
} LookStep;

static void
step_look(Scheduler *scheduler, void *arg)
{
	LookStep   *step = arg;

	step->ended = run_row_ended(step->task_id, &step->end);
}

/*
 * A task has perhaps ended; the ledger knows whether, and how.
 */
void
dependency_look(Scheduler *scheduler, int64 task_id)
{
	LookStep	step = {task_id};

	if (!policy_is_parent(scheduler->policy, task_id))
		return;
	if (!scheduler_step(scheduler, "looking up a parent", step_look, &step))
		later_lookup(scheduler, task_id, 0, false);
	else if (step.ended)
		dependency_ended(scheduler, task_id,
						 step.end.outcome == OUTCOME_SUCCEEDED);
}
