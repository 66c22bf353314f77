/*-------------------------------------------------------------------------
 *
 * runs.c
 *	  What a task that runs has: slots, and tokens that it took.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/breaker.h"
#include "policy/budget.h"
#include "policy/rate.h"
#include "policy/runs.h"
#include "policy/slots.h"

#define MIN_RUNS		32

/*
 * A run that is not in use, by its index.
 */
uint32_t
policy_run_get(Policy *policy)
{
	uint32_t	run;

	if (policy->free_run == 0)
	{
		uint32_t	old = policy->nruns;
		uint32_t	new = old + old / 2 + MIN_RUNS;

		policy->runs = policy_memory_resize(&policy->memory, policy->runs,
											old * sizeof(PolicyRun),
											new * sizeof(PolicyRun));
		policy->nruns = new;
		while (new > old)
		{
			new--;
			policy->runs[new].next_free = policy->free_run;
			policy->free_run = new + 1;
		}
	}
	run = policy->free_run - 1;
	policy->free_run = policy->runs[run].next_free;
	policy->runs[run].begun_at = policy->now;
	policy->runs[run].preempted_for = 0;
	policy->runs[run].ending = false;
	policy->runs[run].kept_since = policy->now;
	policy->runs[run].charged = false;
	return run;
}

/*
 * The task of this id if it runs, else 0.
 */
uint32_t
policy_run_find(const Policy *policy, int64_t task_id)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);

	if (task != 0 &&
		policy_task_facts(&policy->tasks, task)->state != TASK_STATE_RUNNING)
		task = 0;
	return task;
}

/*
 * Counts one worker more, or less, as in use for the bucket.
 */
void
policy_run_count_worker(Policy *policy, PolicyBucket *bucket, int change)
{
	policy->busy += change;
	policy->classes[bucket->klass].running += change;
}

/*
 * Counts one task of the bucket more, or less, as running.
 */
void
policy_run_count(Policy *policy, PolicyBucket *bucket, int change)
{
	int			i;

	policy->running += change;
	bucket->queue->running += change;
	bucket->owner->running += change;
	bucket->nrunning += change;
	for (i = 0; i < bucket->nneeds; i++)
		bucket->needs[i]->running += change;
	if (bucket->solo)
		policy->solo.running = change > 0;
}

/*
 * The need whose breaker has another command executed; 0 if none has.
 */
static uint64_t
run_fallback(Policy *policy, const PolicyBucket *bucket)
{
	int			i;

	for (i = 0; i < bucket->nneeds; i++)
	{
		policy_breaker_pass(policy, bucket->needs[i]);
		if (policy_breaker_falls_back(bucket->needs[i]))
			return bucket->needs[i]->key;
	}
	return 0;
}

/*
 * Takes the slots and tokens that a task of the bucket needs.
 */
void
policy_run_take(Policy *policy, uint32_t index, const PolicyBucket *bucket,
				PolicyStart *start)
{
	PolicyRun  *run = &policy->runs[index];
	int			i;

	start->fallback = run_fallback(policy, bucket);
	run->fallback = start->fallback != 0;
	run->ngrants = 0;
	run->tokens = 0;
	for (i = 0; i < bucket->nneeds; i++)
	{
		PolicyResource *resource = bucket->needs[i];
		int			slot;

		if (!run->fallback)
			policy_breaker_probe(policy, resource);
		if (policy_rate_take(policy, resource))
			run->tokens |= (uint8_t) (1u << i);
		if (resource->slots == 0)
			continue;
		slot = policy_slots_take(resource, (PolicyClass) bucket->klass);
		start->grants[run->ngrants].resource = resource->key;
		start->grants[run->ngrants].slot = slot;
		run->resources[run->ngrants] = resource;
		run->slots[run->ngrants] = (int8_t) slot;
		run->ngrants++;
	}
	start->ngrants = run->ngrants;
	start->rated = run->tokens != 0;
}

/*
 * Notes the slots that a task of the bucket holds already, or is to hold after
 * another one in its worker: those of its needs.
 */
void
policy_run_adopt(Policy *policy, uint32_t index, const PolicyBucket *bucket,
				 const PolicyGrant *grants, int ngrants)
{
	PolicyRun  *run = &policy->runs[index];
	int			i;
	int			j;

	run->ngrants = 0;
	run->tokens = 0;
	run->fallback = false;
	run->started_at = POLICY_TIME_ALWAYS;
	for (i = 0; i < bucket->nneeds; i++)
	{
		PolicyResource *resource = bucket->needs[i];

		for (j = 0; j < ngrants; j++)
		{
			if (grants[j].resource != resource->key ||
				!policy_slots_adopt(&policy->memory, resource, grants[j].slot))
				continue;
			run->resources[run->ngrants] = resource;
			run->slots[run->ngrants] = (int8_t) grants[j].slot;
			run->ngrants++;
			break;
		}
	}
}

/*
 * A run that took tokens, and counted for budgets, did not start.
 */
void
policy_run_give_back(Policy *policy, uint32_t task)
{
	const PolicyBucket *bucket = policy_bucket_of(policy, task);
	const PolicyRun *run;
	int			i;

	run = &policy->runs[policy_task_node(&policy->tasks, task)->left];
	for (i = 0; i < bucket->nneeds; i++)
		if ((run->tokens >> i) & 1)
			policy_rate_give_back(policy, bucket->needs[i]);
	policy_budget_give_back(policy, bucket,
							policy_task_facts(&policy->tasks, task)->attempt,
							run->started_at);
}

/*
 * A run ends that may have been a probe of breakers.
 */
void
policy_run_end_probes(Policy *policy, uint32_t task)
{
	const PolicyBucket *bucket = policy_bucket_of(policy, task);
	const PolicyRun *run;
	int			i;

	run = &policy->runs[policy_task_node(&policy->tasks, task)->left];
	for (i = 0; i < bucket->nneeds && !run->fallback; i++)
		policy_breaker_end(policy, bucket->needs[i], run->started_at);
}

/*
 * Ends a run: its slots are free.
 */
void
policy_run_put(Policy *policy, uint32_t index)
{
	PolicyRun  *run = &policy->runs[index];
	int			i;

	for (i = 0; i < run->ngrants; i++)
		policy_slots_free(run->resources[i], run->slots[i]);
	run->task = 0;
	run->next_free = policy->free_run;
	policy->free_run = index + 1;
}
