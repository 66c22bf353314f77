/*-------------------------------------------------------------------------
 *
 * figures.c
 *	  What the policy has counted, into shared memory, for show.
 *
 * Only what has changed since the last round.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "sched/figures.h"
#include "shmem/budget_figures.h"
#include "shmem/depth.h"
#include "shmem/resource.h"

/*
 * Shows how much of the retry budgets is used.
 */
static void
figures_budgets(Scheduler *scheduler, TimestampTz now)
{
	BudgetState state;

	while (policy_next_budget(scheduler->policy, &state))
	{
		QueueSlot  *queue = NULL;
		ResourceSlot *resource = NULL;

		if (state.queue != 0)
			queue = depth_find(scheduler->database, state.queue);
		else
			resource = resource_find(scheduler->database, state.resource);
		if (queue != NULL)
			budget_figures_write(&queue->budget, &state, now);
		if (resource != NULL)
			budget_figures_write(&resource->used_budget, &state, now);
	}
}

void
figures_publish(Scheduler *scheduler, TimestampTz now)
{
	figures_budgets(scheduler, now);
}
