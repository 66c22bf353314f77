/*-------------------------------------------------------------------------
 *
 * ends.c
 *	  Ends tasks that have not started: expired, or cancelled for a parent or
 *	  with their group.
 *
 * The policy gives them all out at once, so that none of them starts; their
 * ends are written a few hundred to a transaction, and not all in one round:
 * thousands that end together stop neither the others nor the messages.  Only
 * when its end is committed is a task that others wait for said to have ended.
 *
 * A session may have ended some of them, or be about to in a transaction that
 * lasts: those are not waited for, but looked at again a little later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/run_row.h"
#include "sched/dependency.h"
#include "sched/ends.h"
#include "sched/feed.h"
#include "sched/later.h"
#include "sched/rebuild.h"
#include "shmem/depth.h"
#include "shmem/resource.h"
#include "shmem/xact_actions.h"

#define BATCH				256 /* ends in one transaction */
#define BATCHES_PER_ROUND	8

typedef struct EndsStep
{
	const PendingEnd *ends;
	int			n;
	TimestampTz now;
	bool	   *written;		/* by somebody else, who has ended it or is
								 * about to */
} EndsStep;

/*
 * The end of a task that a breaker has refused: which one it is of, if that is
 * still known.
 */
static void
refused_run(Scheduler *scheduler, uint64 key, RunRow *run)
{
	ResourceSlot *resource = resource_find(scheduler->database, key);

	run->outcome = OUTCOME_FAILED;
	run->sqlstate = "55000";
	run->message = "breaker open";
	run->detail = resource == NULL ?
		"The circuit breaker of a resource that the task needs is open." :
		psprintf("The circuit breaker of resource \"%s\" is open.",
				 NameStr(resource->name));
	run->hint = "See the view weir.breakers for when it lets the next task start, and weir.retry() for this one.";
}

static RunRow
end_run(Scheduler *scheduler, const PendingEnd *pending, TimestampTz now)
{
	RunRow		run = {0};

	switch (pending->cause)
	{
		case END_EXPIRED:
			run.outcome = OUTCOME_EXPIRED;
			run.message = "task did not start within its queue_timeout";
			break;
		case END_PARENT:
			dependency_run(pending->other, &run);
			break;
		case END_REFUSED:
			refused_run(scheduler, (uint64) pending->other, &run);
			break;
		case END_GROUP:
			run.outcome = OUTCOME_CANCELLED;
			run.actor = psprintf("task " INT64_FORMAT, pending->other);
			run.reason = "its group has ended";
			break;
	}
	run.task_id = pending->end.task_id;
	run.attempt = pending->end.attempt;
	run.final = true;
	run.finished_at = now;
	return run;
}

static void
step_end(Scheduler *scheduler, void *arg)
{
	EndsStep   *step = arg;

	for (int i = 0; i < step->n; i++)
	{
		const PendingEnd *pending = &step->ends[i];
		RunRow		run = end_run(scheduler, pending, step->now);

		step->written[i] = run_row_written(run.task_id, run.attempt);
		if (step->written[i])
			continue;
		run_row_insert(&run);
		xact_end_task(scheduler->database,
					  depth_slot(scheduler->database, pending->end.queue), 1);
	}
}

/*
 * Ends some tasks.  If that fails, perhaps because somebody cancels one of
 * them just now, each for itself, and what still fails a little later.
 */
static void
ends_batch(Scheduler *scheduler, const PendingEnd *ends, int n,
		   TimestampTz now)
{
	EndsStep	step = {ends, n, now, palloc0(n * sizeof(bool))};
	bool		done = scheduler_step(scheduler, "ending tasks that have not started",
									  step_end, &step);

	for (int i = 0; i < n; i++)
	{
		const PolicyEnd *end = &ends[i].end;
		UnfinishedTask task = {0};
		RunRow		run;

		if (done && !step.written[i])
		{
			dependency_ended(scheduler, end->task_id, false);
			feed_note_end(scheduler);
			continue;
		}
		run = end_run(scheduler, &ends[i], now);
		if (step.written[i])
		{
			later_end_attempt(scheduler, &run);
			continue;
		}
		task.task.task_id = end->task_id;
		task.task.attempt = end->attempt;
		task.task.queue = end->queue;
		rebuild_end_attempt(scheduler, &task, &run);
	}
	pfree(step.written);
}

/*
 * Notes a task that is to be ended, and for which other one, if any; of a
 * refused one, the key of the resource.
 */
void
ends_add(Scheduler *scheduler, const PolicyEnd *end, EndCause cause,
		 int64 other)
{
	PendingEnd *pending;

	if (scheduler->nends == scheduler->maxends)
	{
		Size		size = (2 * scheduler->maxends + BATCH) * sizeof(PendingEnd);

		if (scheduler->ends == NULL)
			scheduler->ends = MemoryContextAllocHuge(scheduler->context, size);
		else
			scheduler->ends = repalloc_huge(scheduler->ends, size);
		scheduler->maxends = 2 * scheduler->maxends + BATCH;
	}
	pending = &scheduler->ends[scheduler->nends++];
	pending->end = *end;
	pending->cause = cause;
	pending->other = other;
}

/*
 * Takes over from the policy what has expired, and writes ends, as many as fit
 * into a round; the last ones first, which makes no difference to anybody.
 */
void
ends_write(Scheduler *scheduler, TimestampTz now)
{
	PendingEnd *batch;
	PolicyEnd	expired;

	while (policy_next_expired(scheduler->policy, now, &expired))
		ends_add(scheduler, &expired, END_EXPIRED, 0);
	if (scheduler->nends == 0)
		return;
	batch = palloc(BATCH * sizeof(PendingEnd));
	for (int i = 0; i < BATCHES_PER_ROUND && scheduler->nends > 0; i++)
	{
		int			n = Min(BATCH, scheduler->nends);

		/* others may be added meanwhile */
		scheduler->nends -= n;
		memcpy(batch, &scheduler->ends[scheduler->nends],
			   n * sizeof(PendingEnd));
		ends_batch(scheduler, batch, n, now);
	}
	pfree(batch);
	if (scheduler->nends == 0)
		ends_forget(scheduler);
}

/*
 * Forgets what is still to be ended, and gives its memory back.
 */
void
ends_forget(Scheduler *scheduler)
{
	if (scheduler->ends)
		pfree(scheduler->ends);
	scheduler->ends = NULL;
	scheduler->nends = scheduler->maxends = 0;
}

/*
 * When there is something to be ended.
 */
TimestampTz
ends_next_timer(Scheduler *scheduler)
{
	return scheduler->nends > 0 ? POLICY_TIME_ALWAYS :
		policy_next_expiry(scheduler->policy);
}
