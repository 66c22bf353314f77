/*-------------------------------------------------------------------------
 *
 * fate.c
 *	  What became of an attempt, according to the ledger.
 *
 * Asked whenever the scheduler cannot know it: a worker has vanished, an
 * outcome is uncertain, a message has come late.  Each look is a step; when it
 * fails the caller has to try again later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "ledger/run_row.h"
#include "sched/fate.h"

typedef struct FateStep
{
	int64		task_id;
	int32		attempt;
	Fate	   *fate;
} FateStep;

static void
step_look_up(Scheduler *scheduler, void *arg)
{
	FateStep   *step = arg;
	bool		final;
	TimestampTz retry_at;

	step->fate->ended = run_row_exists(step->task_id, step->attempt, &final,
									   &retry_at);
	step->fate->unfinished = unfinished_read_one(step->task_id,
												 &step->fate->task,
												 scheduler->round);
}

/*
 * Reads what became of the attempt, and of its task; false if it cannot be
 * read now.
 */
bool
fate_look_up(Scheduler *scheduler, int64 task_id, int32 attempt, Fate *fate)
{
	FateStep	step = {task_id, attempt, fate};

	memset(fate, 0, sizeof(Fate));
	return scheduler_step(scheduler, "looking up a task", step_look_up, &step);
}

typedef struct AnyRunStep
{
	int64		task_id;
	bool		any;
} AnyRunStep;

static void
step_any_run(Scheduler *scheduler, void *arg)
{
	AnyRunStep *step = arg;
	RunSummary	summary;

	run_row_summary(step->task_id, &summary);
	step->any = summary.attempts > 0;
}

/*
 * Reads whether the task has had any run; false if it cannot be read now.
 */
bool
fate_any_run(Scheduler *scheduler, int64 task_id, bool *any)
{
	AnyRunStep	step = {task_id, false};
	bool		read = scheduler_step(scheduler, "checking a late message",
									  step_any_run, &step);

	*any = step.any;
	return read;
}
