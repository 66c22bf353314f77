/*-------------------------------------------------------------------------
 *
 * yield.c
 *	  Running tasks of class backfill that are in the way of daily ones.
 *
 * A daily task that waits for a slot stands at that resource; one that has
 * room everywhere and waits for a worker stands in the line of its class
 * (park.c).  So whether somebody wants what a task holds is seen at the places
 * that it holds, without looking at who waits.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/breaker.h"
#include "policy/choose.h"
#include "policy/ramp.h"
#include "policy/runs.h"
#include "policy/slots.h"

/*
 * The daily task that waits for a slot of a resource, and would be the first
 * to get one; NULL if there is none.
 */
static const FairItem *
yield_first_waiting(const PolicyResource *resource)
{
	if (resource->closed || !policy_breaker_room(resource) ||
		!policy_ramp_room(resource) ||
		policy_slots_room(resource, POLICY_CLASS_DAILY))
		return NULL;
	return policy_fair_best(&resource->place.parked[POLICY_CLASS_DAILY]);
}

/*
 * Does a daily task wait for something that this task holds, which runs and is
 * of class backfill?  Says which task, and for what.
 */
bool
policy_to_yield(Policy *policy, int64_t task_id, PolicyWant *want)
{
	uint32_t	task = policy_run_find(policy, task_id);
	const PolicyBucket *waiting;
	const PolicyRun *run;
	int			i;

	if (task == 0 || policy->paused ||
		policy_bucket_of(policy, task)->klass != POLICY_CLASS_BACKFILL)
		return false;
	run = &policy->runs[policy_task_node(&policy->tasks, task)->left];
	for (i = 0; i < run->ngrants; i++)
	{
		const FairItem *first = yield_first_waiting(run->resources[i]);

		if (first == NULL)
			continue;
		want->task_id = first->task_id;
		want->resource = run->resources[i]->key;
		return true;
	}
	if (run->ending)
		return false;
	waiting = policy_class_without_worker(policy, POLICY_CLASS_DAILY);
	if (waiting == NULL)
		return false;
	want->task_id = waiting->item.task_id;
	want->resource = 0;
	return true;
}
