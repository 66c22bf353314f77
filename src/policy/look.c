/*-------------------------------------------------------------------------
 *
 * look.c
 *	  Looking into the policy: what waits, for what, and until when.
 *
 * To look may park buckets and make due tasks ready, as the next decision
 * would; nothing starts.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/admit.h"
#include "policy/breaker.h"
#include "policy/budget.h"
#include "policy/choose.h"
#include "policy/depend.h"
#include "policy/expiry.h"
#include "policy/health.h"
#include "policy/park.h"
#include "policy/place.h"
#include "policy/ramp.h"
#include "policy/rate.h"
#include "policy/risk.h"
#include "policy/solo.h"
#include "policy/window.h"

/*
 * Is the task held, in whatever state?
 */
bool
policy_holds(Policy *policy, int64_t task_id)
{
	return policy_tasks_find(&policy->tasks, task_id) != 0;
}

/*
 * Is the task held, and running?
 */
bool
policy_is_running(Policy *policy, int64_t task_id)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);

	return task != 0 &&
		policy_task_facts(&policy->tasks, task)->state == TASK_STATE_RUNNING;
}

/*
 * Does a task of a better class wait for a slot of the resource?
 */
bool
policy_slot_wanted(const Policy *policy, uint64_t key, PolicyClass klass)
{
	const PolicyResource *resource = policy_resource_find(policy, key);
	int			better;

	if (resource == NULL || resource->closed)
		return false;
	for (better = 0; better < (int) klass; better++)
		if (!policy_fair_empty(&resource->place.parked[better]))
			return true;
	return false;
}

/*
 * Is the task held, and does it need the resource?
 */
bool
policy_task_needs(Policy *policy, int64_t task_id, uint64_t resource)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);
	const PolicyBucket *bucket;
	int			i;

	if (task == 0)
		return false;
	bucket = policy_bucket_of(policy, task);
	for (i = 0; i < bucket->nneeds; i++)
		if (bucket->needs[i]->key == resource)
			return true;
	return false;
}

/*
 * When policy_next may have something to say although nothing else happens:
 * a task becomes due, a resource or a window opens, a ramp goes on, or a drain
 * ends.
 */
PolicyTime
policy_next_due(Policy *policy)
{
	uint32_t	task = policy_order_first(&policy->tasks, &policy->timers);
	PolicyTime	due = POLICY_TIME_NEVER;

	if (task != 0)
		due = policy_task_node(&policy->tasks, task)->key;
	if (policy_solo_draining(policy, policy->now) &&
		policy->solo.drain_until < due)
		due = policy->solo.drain_until;
	if (policy_rate_next_due(policy) < due)
		due = policy_rate_next_due(policy);
	if (policy_ramp_next_due(policy) < due)
		due = policy_ramp_next_due(policy);
	if (policy_budget_next_due(policy) < due)
		due = policy_budget_next_due(policy);
	if (policy_window_next_due(policy) < due)
		due = policy_window_next_due(policy);
	if (policy_risk_next_look(policy) < due)
		due = policy_risk_next_look(policy);
	return due;
}

/*
 * When policy_next_expired may have something to say.
 */
PolicyTime
policy_next_expiry(Policy *policy)
{
	const TaskNode *first = policy_expiry_first(policy);

	return first != NULL ? first->key : POLICY_TIME_NEVER;
}

/*
 * Does the task wait because one runs alone, or because it is to run alone?
 */
static bool
why_solo(const Policy *policy, const PolicyBucket *bucket, uint32_t task,
		 PolicyTime now)
{
	const PolicyBucket *first;
	const TaskNode *node = policy_task_node(&policy->tasks, task);
	FairItem	item = {.rank = 0};

	if (policy->solo.running || (bucket->solo && policy->running > 0))
		return true;
	if (bucket->solo || !policy_solo_draining(policy, now))
		return false;
	first = policy_solo_first(policy);
	item.rank = node->key;
	item.task_id = node->task_id;
	return first != NULL && policy_fair_item_before(&first->item, &item);
}

/*
 * Why a task that has room everywhere does not run.
 */
static PolicyCause
why_not_chosen(Policy *policy, const PolicyBucket *bucket, uint32_t task,
			   PolicyTime now, PolicyWhy *why)
{
	PolicyChoice choice;

	if (policy->busy < policy->workers &&
		!policy_class_eligible(policy, (PolicyClass) bucket->klass))
		return POLICY_CAUSE_CLASS_SHARE;
	if (policy->busy >= policy->workers || bucket->owner->held)
		return POLICY_CAUSE_NO_WORKER;
	if (policy_ramp_holds(policy, (PolicyClass) bucket->klass,
						  policy_task_node(&policy->tasks, task)->task_id))
	{
		why->until = policy->ramp->step_at;
		return POLICY_CAUSE_RAMP;
	}
	if (policy_health_holds(policy, (PolicyClass) bucket->klass, false,
							&why->measure))
		return POLICY_CAUSE_HEALTH;
	if (policy_choose(policy, now, &choice) && choice.bucket == bucket &&
		policy_order_first(&policy->tasks, &bucket->order) == task)
		return POLICY_CAUSE_NONE;
	return POLICY_CAUSE_BEHIND;
}

/*
 * Does a task lack room in a retry budget?  Then it is told in whose.
 */
static bool
why_budget(const PolicyBucket *bucket, PolicyWhy *why)
{
	const PolicyPlace *place = policy_budget_lacks(bucket);
	const PolicyBudget *budget;

	if (place == NULL)
		return false;
	budget = POLICY_CONTAINER(PolicyBudget, place, place);
	why->resource = budget->resource;
	why->until = policy_budget_opens_at(budget);
	return true;
}

/*
 * Why a task that is due does not run.
 */
static PolicyCause
why_due(Policy *policy, const PolicyBucket *bucket, uint32_t task,
		PolicyTime now, PolicyWhy *why)
{
	const PolicyResource *resource;

	if (policy->paused)
		return POLICY_CAUSE_PAUSED_ALL;
	if (bucket->queue->paused)
		return POLICY_CAUSE_PAUSED_QUEUE;
	if (bucket->queue->held_up)
		return POLICY_CAUSE_DOWNSTREAM;
	if (why_solo(policy, bucket, task, now))
		return POLICY_CAUSE_SOLO;
	if (policy_window_shuts(policy, bucket, &why->until))
		return POLICY_CAUSE_WINDOW;
	if (!policy_ramp_queue_room(bucket->queue))
	{
		why->until = bucket->queue->ramp->step_at;
		return POLICY_CAUSE_RAMP;
	}
	if (!policy_place_room(&bucket->queue->place,
						   (PolicyClass) bucket->klass))
		return POLICY_CAUSE_QUEUE_LIMIT;
	if (policy_owner_full(bucket->owner))
		return POLICY_CAUSE_ROLE_LIMIT;
	if (why_budget(bucket, why))
		return POLICY_CAUSE_BUDGET;
	resource = policy_lacks_slot(bucket);
	if (resource != NULL)
	{
		why->resource = resource->key;
		if (!policy_breaker_room(resource))
		{
			why->until = policy_breaker_opens_at(resource);
			return POLICY_CAUSE_BREAKER;
		}
		if (resource->closed)
		{
			why->until = resource->opens_at;
			return POLICY_CAUSE_RATE;
		}
		if (policy_ramp_room(resource))
			return POLICY_CAUSE_RESOURCE;
		why->until = resource->ramp->step_at;
		return POLICY_CAUSE_RAMP;
	}
	return why_not_chosen(policy, bucket, task, now, why);
}

/*
 * Why a task does not run, the first cause in the order of PolicyCause.
 */
PolicyWhy
policy_why(Policy *policy, int64_t task_id, PolicyTime now)
{
	PolicyWhy	why = {.cause = POLICY_CAUSE_UNKNOWN,.until = POLICY_TIME_ALWAYS};
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);
	const PolicyBucket *bucket;
	const TaskFacts *facts;

	if (task == 0)
		return why;
	policy_promote(policy, now);
	facts = policy_task_facts(&policy->tasks, task);
	bucket = policy_bucket_of(policy, task);
	if (facts->state == TASK_STATE_RUNNING)
	{
		why.cause = POLICY_CAUSE_RUNNING;
		return why;
	}
	if (facts->state == TASK_STATE_BLOCKED)
	{
		why.cause = policy_depend_waits(policy, task) ?
			POLICY_CAUSE_DEPENDENCY : POLICY_CAUSE_SERIAL_KEY;
		return why;
	}
	if (facts->state == TASK_STATE_DELAYED &&
		policy_task_node(&policy->tasks, task)->key > policy->now)
	{
		why.cause = POLICY_CAUSE_SCHEDULED;
		why.until = policy_task_node(&policy->tasks, task)->key;
		return why;
	}
	why.cause = why_due(policy, bucket, task, policy->now, &why);
	if (policy_order_first(&policy->tasks, &bucket->order) != task)
		why.ahead = bucket->nready -
			(facts->state == TASK_STATE_READY ? 1 : 0);
	return why;
}

/*
 * Due tasks of a queue that run alone and lack a slot, or are shut out.
 */
static uint32_t
count_solo_blocked(const Policy *policy, const PolicyQueue *queue)
{
	const PolicyBucket *bucket = policy->solo.first;
	uint32_t	n = 0;

	for (; bucket != NULL; bucket = bucket->next_solo)
		if (bucket->queue == queue &&
			(policy_window_shuts(policy, bucket, NULL) ||
			 policy_lacks_slot(bucket) != NULL))
			n += bucket->nready;
	return n;
}

/*
 * Counts the tasks of a queue by state, without looking at them, nor at their
 * buckets: for slots, what counts is what was seen when a bucket was looked at
 * last, which it is not while no worker is free for it.
 */
void
policy_queue_counts(Policy *policy, uint32_t queue, PolicyQueueCounts *counts)
{
	static const PolicyQueueCounts none = {.oldest = POLICY_TIME_NEVER};
	const PolicyQueue *entry = policy_queue_find(policy, queue);

	*counts = none;
	if (entry == NULL)
		return;
	counts->running = entry->running;
	counts->delayed = entry->delayed;
	counts->oldest = policy_age_oldest(&entry->ages);
	counts->shut = policy->paused ||
		!policy_place_room(&entry->place, POLICY_CLASS_SYSTEM);
	if (counts->shut)
		counts->blocked = entry->ready;
	else
		counts->blocked = entry->parked + count_solo_blocked(policy, entry);
	counts->ready = entry->ready - counts->blocked;
	counts->blocked += entry->dependent;
}

/*
 * Says what a class has of the workers, and of the last starts.
 */
void
policy_class_use(Policy *policy, PolicyClass klass, PolicyClassUse *use)
{
	const ClassState *state = &policy->classes[klass];
	int			other;

	use->running = state->running;
	use->starts = state->recent;
	use->of_starts = policy->nstarts < FLOOR_SPAN - 1 ?
		(int) policy->nstarts : FLOOR_SPAN - 1;
	use->lent = false;
	if (policy_class_has_worker(policy, klass, false))
		return;
	for (other = 0; other < POLICY_NUM_CLASSES; other++)
		if (other != (int) klass &&
			policy->classes[other].running > policy->classes[other].reserved)
			use->lent = true;
}

/*
 * Finds the next bucket whose first task was enqueued that long ago.
 */
bool
policy_next_starved(Policy *policy, PolicyTime enqueued_at, uint32_t *next,
					PolicyStarved *starved)
{
	while (*next < policy->nbuckets)
	{
		const PolicyBucket *bucket = policy->buckets[(*next)++];
		const TaskFacts *facts;
		uint32_t	task;

		if (bucket == NULL || bucket->nready == 0)
			continue;
		task = policy_order_first(&policy->tasks, &bucket->order);
		facts = policy_task_facts(&policy->tasks, task);
		if (policy_stored_time(facts->enqueued_at) > enqueued_at)
			continue;
		starved->task_id = policy_task_node(&policy->tasks, task)->task_id;
		starved->queue = bucket->queue->id;
		starved->klass = (PolicyClass) bucket->klass;
		starved->behind = bucket->nready - 1;
		return true;
	}
	return false;
}
