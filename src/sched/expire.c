/*-------------------------------------------------------------------------
 *
 * expire.c
 *	  Ends tasks that have not started in time.
 *
 * The policy gives them all out at once, so that none of them starts; their
 * ends are written a few hundred to a transaction, and not all in one round:
 * thousands that expire together stop neither the others nor the messages.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/run_row.h"
#include "sched/expire.h"
#include "sched/rebuild.h"
#include "shmem/depth.h"
#include "shmem/xact_actions.h"

#define BATCH				256 /* ends in one transaction */
#define BATCHES_PER_ROUND	8

typedef struct ExpireStep
{
	const PolicyExpired *tasks;
	int			n;
	TimestampTz now;
} ExpireStep;

static RunRow
expire_run(const PolicyExpired *task, TimestampTz now)
{
	RunRow		run = {0};

	run.task_id = task->task_id;
	run.attempt = task->attempt;
	run.outcome = OUTCOME_EXPIRED;
	run.final = true;
	run.finished_at = now;
	run.message = "task did not start within its queue_timeout";
	return run;
}

static void
step_expire(Scheduler *scheduler, void *arg)
{
	ExpireStep *step = arg;

	for (int i = 0; i < step->n; i++)
	{
		const PolicyExpired *task = &step->tasks[i];
		RunRow		run = expire_run(task, step->now);

		run_row_insert(&run);
		xact_end_task(scheduler->database,
					  depth_slot(scheduler->database, task->queue), 1);
	}
}

/*
 * Ends some tasks.  If that fails, perhaps because somebody is cancelling one
 * of them, each for itself, and what still fails a little later.
 */
static void
expire_batch(Scheduler *scheduler, const PolicyExpired *tasks, int n,
			 TimestampTz now)
{
	ExpireStep	step = {tasks, n, now};

	if (scheduler_step(scheduler, "ending tasks that have expired",
					   step_expire, &step))
		return;
	for (int i = 0; i < n; i++)
	{
		UnfinishedTask task = {0};
		RunRow		run = expire_run(&tasks[i], now);

		task.task.task_id = tasks[i].task_id;
		task.task.attempt = tasks[i].attempt;
		task.task.queue = tasks[i].queue;
		rebuild_end_attempt(scheduler, &task, &run);
	}
}

/*
 * Takes over from the policy what has expired.
 */
static void
expire_collect(Scheduler *scheduler, TimestampTz now)
{
	PolicyExpired expired;

	while (policy_next_expired(scheduler->policy, now, &expired))
	{
		if (scheduler->nexpired == scheduler->maxexpired)
		{
			scheduler->maxexpired = 2 * scheduler->maxexpired + BATCH;
			if (scheduler->expired == NULL)
				scheduler->expired =
					MemoryContextAllocHuge(scheduler->context,
										   scheduler->maxexpired * sizeof(PolicyExpired));
			else
				scheduler->expired =
					repalloc_huge(scheduler->expired,
								  scheduler->maxexpired * sizeof(PolicyExpired));
		}
		scheduler->expired[scheduler->nexpired++] = expired;
	}
}

/*
 * Ends what has expired, as much as fits into a round; the last ones first,
 * which makes no difference to anybody.
 */
void
expire(Scheduler *scheduler, TimestampTz now)
{
	expire_collect(scheduler, now);
	for (int i = 0; i < BATCHES_PER_ROUND && scheduler->nexpired > 0; i++)
	{
		int			n = Min(BATCH, scheduler->nexpired);

		scheduler->nexpired -= n;
		expire_batch(scheduler, &scheduler->expired[scheduler->nexpired], n,
					 now);
	}
	if (scheduler->nexpired == 0)
		expire_forget(scheduler);
}

/*
 * Forgets what is still to be ended, and gives its memory back.
 */
void
expire_forget(Scheduler *scheduler)
{
	if (scheduler->expired)
		pfree(scheduler->expired);
	scheduler->expired = NULL;
	scheduler->nexpired = scheduler->maxexpired = 0;
}

/*
 * When there is something to be ended.
 */
TimestampTz
expire_next_timer(Scheduler *scheduler)
{
	return scheduler->nexpired > 0 ? POLICY_TIME_ALWAYS :
		policy_next_expiry(scheduler->policy);
}
