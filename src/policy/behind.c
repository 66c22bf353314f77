/*-------------------------------------------------------------------------
 *
 * behind.c
 *	  Tasks that are chosen to run after another one, in its worker.
 *
 * What comes next is chosen as if the other one had ended: its worker and its
 * slots count as free, so that who stands first in line for one of these is
 * the choice.  It runs after the other one with the same slots, or with others
 * that are free.  Until then both have the slot in common, and nobody else
 * gets it.
 *
 * A slot that goes from task to task in one worker is never seen free, and who
 * needs it together with another one that is passed on so would wait for ever.
 * So it is not passed on any more when the worker has had it for long enough.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/admit.h"
#include "policy/park.h"
#include "policy/rank.h"
#include "policy/runs.h"
#include "policy/slots.h"

/*
 * The worker of a task that runs is, or is not, as good as free.
 */
bool
policy_set_ending(Policy *policy, int64_t task_id, bool ending)
{
	uint32_t	task = policy_run_find(policy, task_id);
	PolicyBucket *bucket;
	PolicyRun  *run;

	if (task == 0)
		return false;
	bucket = policy_bucket_of(policy, task);
	run = &policy->runs[policy_task_node(&policy->tasks, task)->left];
	if (bucket->solo)
		return false;
	if (run->ending != ending)
		policy_run_count_worker(policy, bucket, ending ? -1 : 1);
	run->ending = ending;
	return true;
}

/*
 * Counts the slots of a run as free.
 */
static void
run_lend(Policy *policy, uint32_t index)
{
	int			i;

	for (i = 0; i < policy->runs[index].ngrants; i++)
	{
		PolicyResource *resource = policy->runs[index].resources[i];

		policy_slots_lend(resource, policy->runs[index].slots[i]);
		policy_wake(policy, &resource->place);
	}
}

/*
 * No more.  Says whether one of them has been taken.
 */
static bool
run_reclaim(Policy *policy, uint32_t index)
{
	const PolicyRun *run = &policy->runs[index];
	bool		taken = false;
	int			i;

	for (i = 0; i < run->ngrants; i++)
		taken |= policy_slots_reclaim(&policy->memory, run->resources[i],
									  run->slots[i]);
	return taken;
}

/*
 * The next start behind a task that runs, or false if there is none.
 */
bool
policy_next_behind(Policy *policy, PolicyTime now, int64_t task_id,
				   int64_t keep, PolicyStart *start)
{
	uint32_t	task = policy_run_find(policy, task_id);
	uint32_t	index;
	bool		lends;
	bool		found;

	/* what becomes due is looked at as things are */
	(void) policy_promote(policy, now);
	if (task == 0)
		return false;
	index = policy_task_node(&policy->tasks, task)->left;
	/* what it has is for the one that it ends early for */
	if (policy->runs[index].preempted_for != 0 ||
		!policy_set_ending(policy, task_id, true))
		return false;
	lends = policy_time_span(policy->runs[index].kept_since,
							 policy->now) < keep;
	if (lends)
		run_lend(policy, index);
	found = policy_next(policy, now, start);
	if (lends && run_reclaim(policy, index))
		policy->runs[policy_task_node(&policy->tasks, policy->last_start)->left].kept_since =
			policy->runs[index].kept_since;
	if (!found)
		(void) policy_set_ending(policy, task_id, false);
	return found;
}
