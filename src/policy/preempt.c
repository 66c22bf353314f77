/*-------------------------------------------------------------------------
 *
 * preempt.c
 *	  Backfills that end early so that a critical daily task can start.
 *
 * A task is preempted only if it is of class backfill, can be rolled back, and
 * has not been preempted twice; and only for a daily task that is critical,
 * which includes that what it waits for is not expected to be free before its
 * latest start (risk.h).  Of those that could end the one that has run for the
 * shortest time does: the least is lost.  Nothing is preempted if that would
 * not be enough for the task to start.
 *
 * What is freed so is handed to the task: until it starts, or cannot start for
 * other reasons, its resource and a worker are open to class daily alone.  A
 * more urgent daily task may still go before it.
 *
 * How long a task that runs will run on is not known.  It is taken from the
 * tasks of its queue that ran longer than it has; if there are none it is
 * expected to run as long again.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/breaker.h"
#include "policy/budget.h"
#include "policy/choose.h"
#include "policy/history.h"
#include "policy/park.h"
#include "policy/place.h"
#include "policy/preempt.h"
#include "policy/ramp.h"
#include "policy/rank.h"
#include "policy/risk.h"
#include "policy/runs.h"
#include "policy/slots.h"
#include "policy/window.h"

/* A task is preempted so often, and then runs to its end */
#define PREEMPT_MAX		2

#define MIN_HANDOFFS	8

/* What a daily task lacks; a resource that is NULL stands for a worker */
typedef struct Lack
{
	int			n;
	PolicyResource *resources[POLICY_MAX_NEEDS + 1];
} Lack;

/*
 * Has the run a slot of the resource, or, if that is NULL, a worker?
 */
static bool
run_holds(const PolicyRun *run, const PolicyResource *resource)
{
	int			i;

	if (run->task == 0)
		return false;
	if (resource == NULL)
		return !run->ending;
	for (i = 0; i < run->ngrants; i++)
		if (run->resources[i] == resource)
			return true;
	return false;
}

/*
 * How long a task that runs is expected to run on.
 */
static int64_t
run_remaining(const Policy *policy, const PolicyRun *run)
{
	uint32_t	queue = policy_bucket_of(policy, run->task)->queue->id;

	if (run->preempted_for != 0)
		return 0;
	return forecast_remaining(policy_queue_forecast(policy, queue),
							  policy_time_span(run->begun_at, policy->now));
}

/*
 * What a bucket lacks that others hold; false if it lacks something else.
 */
static bool
bucket_lacks(const Policy *policy, const PolicyBucket *bucket, Lack *lack)
{
	int			i;

	lack->n = 0;
	if (policy->paused || bucket->solo ||
		policy_window_shuts(policy, bucket, NULL) ||
		!policy_place_room(&bucket->queue->place, POLICY_CLASS_DAILY) ||
		policy_owner_full(bucket->owner) ||
		policy_budget_lacks(bucket) != NULL)
		return false;
	for (i = 0; i < bucket->nneeds; i++)
	{
		if (bucket->needs[i]->closed || !policy_breaker_room(bucket->needs[i]) ||
			!policy_ramp_room(bucket->needs[i]))
			return false;
		if (!policy_slots_room(bucket->needs[i], POLICY_CLASS_DAILY))
			lack->resources[lack->n++] = bucket->needs[i];
	}
	if (!policy_class_has_worker(policy, POLICY_CLASS_DAILY, false))
		lack->resources[lack->n++] = NULL;
	return true;
}

/*
 * How long it is expected to take until one of those that hold something ends.
 */
static int64_t
shortest_wait(const Policy *policy, const PolicyResource *resource)
{
	int64_t		shortest = -1;
	uint32_t	i;

	for (i = 0; i < policy->nruns; i++)
	{
		int64_t		remaining;

		if (!run_holds(&policy->runs[i], resource))
			continue;
		remaining = run_remaining(policy, &policy->runs[i]);
		if (shortest < 0 || remaining < shortest)
			shortest = remaining;
	}
	return shortest < 0 ? 0 : shortest;
}

/*
 * How long a daily task that is due is expected to wait for what others hold.
 */
int64_t
policy_projected_wait(const Policy *policy, uint32_t task)
{
	TaskState	state = (TaskState) policy_task_facts(&policy->tasks, task)->state;
	int64_t		longest = 0;
	Lack		lack;
	int			i;

	if (state == TASK_STATE_RUNNING || state == TASK_STATE_BLOCKED ||
		state == TASK_STATE_DELAYED ||
		!bucket_lacks(policy, policy_bucket_of(policy, task), &lack))
		return 0;
	for (i = 0; i < lack.n; i++)
	{
		int64_t		wait = shortest_wait(policy, lack.resources[i]);

		if (wait > longest)
			longest = wait;
	}
	return longest;
}

/*
 * Can the run end early?
 */
static bool
run_may_end(const Policy *policy, const PolicyRun *run)
{
	const PolicyBucket *bucket = policy_bucket_of(policy, run->task);
	const TaskFacts *facts = policy_task_facts(&policy->tasks, run->task);

	return bucket->klass == POLICY_CLASS_BACKFILL && !bucket->solo &&
		!run->ending && run->preempted_for == 0 && !facts->firm &&
		facts->preempted < PREEMPT_MAX;
}

/*
 * The run that is to end for what it holds, NULL if none can.
 */
static PolicyRun *
find_victim(const Policy *policy, const PolicyResource *resource)
{
	PolicyRun  *victim = NULL;
	uint32_t	i;

	for (i = 0; i < policy->nruns; i++)
	{
		PolicyRun  *run = &policy->runs[i];

		if (run_holds(run, resource) && run_may_end(policy, run) &&
			(victim == NULL || run->begun_at > victim->begun_at))
			victim = run;
	}
	return victim;
}

/*
 * Is it on its way to the task: held by a run that ends early for it?
 */
static bool
is_coming(const Policy *policy, int64_t task_id,
		  const PolicyResource *resource)
{
	uint32_t	i;

	for (i = 0; i < policy->nruns; i++)
		if (run_holds(&policy->runs[i], resource) &&
			policy->runs[i].preempted_for == task_id)
			return true;
	return false;
}

/*
 * Is it handed to the task?
 */
static bool
is_handed(const Policy *policy, int64_t task_id,
		  const PolicyResource *resource)
{
	uint32_t	i;

	for (i = 0; i < policy->nhandoffs; i++)
		if (policy->handoffs[i].task_id == task_id &&
			policy->handoffs[i].resource == resource)
			return true;
	return false;
}

/*
 * What is freed of this is for the task.
 */
static void
handoff_add(Policy *policy, int64_t task_id, PolicyResource *resource)
{
	if (policy->nhandoffs == policy->maxhandoffs)
	{
		uint32_t	old = policy->maxhandoffs;
		uint32_t	new = old == 0 ? MIN_HANDOFFS : 2 * old;

		policy->handoffs =
			policy_memory_resize(&policy->memory, policy->handoffs,
								 old * sizeof(PolicyHandoff),
								 new * sizeof(PolicyHandoff));
		policy->maxhandoffs = new;
	}
	policy->handoffs[policy->nhandoffs].task_id = task_id;
	policy->handoffs[policy->nhandoffs].resource = resource;
	policy->nhandoffs++;
	if (resource != NULL)
		resource->handed++;
	else
		policy->handed_workers++;
}

/*
 * The task does not want what was handed to it any more: it has started, is
 * gone, or cannot start for other reasons.
 */
void
policy_handoff_drop(Policy *policy, int64_t task_id)
{
	uint32_t	i = 0;

	while (i < policy->nhandoffs)
	{
		PolicyResource *resource = policy->handoffs[i].resource;

		if (policy->handoffs[i].task_id != task_id)
		{
			i++;
			continue;
		}
		policy->handoffs[i] = policy->handoffs[--policy->nhandoffs];
		if (resource == NULL)
			policy->handed_workers--;
		else if (--resource->handed == 0)
			policy_wake(policy, &resource->place);
	}
}

/*
 * Does the task still wait for what was handed to it, and for nothing that is
 * not on its way?
 */
static bool
handoff_is_wanted(const Policy *policy, int64_t task_id)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);
	const PolicyRisk *risk = policy_risk_find(policy, task_id);
	Lack		lack;
	int			i;

	if (risk == NULL || risk->tier != POLICY_TIER_CRITICAL ||
		policy_task_facts(&policy->tasks, task)->state != TASK_STATE_READY ||
		!bucket_lacks(policy, policy_bucket_of(policy, task), &lack))
		return false;
	for (i = 0; i < lack.n; i++)
		if (!is_coming(policy, task_id, lack.resources[i]))
			return false;
	return true;
}

/*
 * Opens to others what is not wanted any more.
 */
void
policy_handoff_review(Policy *policy)
{
	uint32_t	i = 0;

	while (i < policy->nhandoffs)
	{
		int64_t		task_id = policy->handoffs[i].task_id;

		if (handoff_is_wanted(policy, task_id))
			i++;
		else
		{
			policy_handoff_drop(policy, task_id);
			i = 0;
		}
	}
}

/*
 * Is each thing that is lacking on its way to the task, or held by a run that
 * can end?  Says which run is to end first, NULL if all is on its way.
 */
static bool
can_be_helped(const Policy *policy, int64_t task_id, const Lack *lack,
			  PolicyRun **victim)
{
	int			i;

	*victim = NULL;
	for (i = 0; i < lack->n; i++)
	{
		PolicyRun  *run;

		if (is_coming(policy, task_id, lack->resources[i]) ||
			(*victim != NULL && run_holds(*victim, lack->resources[i])))
			continue;
		run = find_victim(policy, lack->resources[i]);
		if (run == NULL)
			return false;
		if (*victim == NULL)
			*victim = run;
	}
	return true;
}

/*
 * Is there a run that can end?  Not to be asked of each task that is critical:
 * there can be many.
 */
static bool
any_may_end(const Policy *policy)
{
	uint32_t	i;

	for (i = 0; i < policy->nruns; i++)
		if (policy->runs[i].task != 0 && run_may_end(policy, &policy->runs[i]))
			return true;
	return false;
}

/*
 * The next task that is to end early, and for whom; false if there is none.
 */
bool
policy_next_preemption(Policy *policy, PolicyTime now,
					   PolicyPreemption *preemption)
{
	const PolicyRisk *risk = policy->urgent;

	policy_set_now(policy, now);
	if (risk == NULL || !any_may_end(policy))
		return false;
	for (; risk != NULL; risk = risk->next)
	{
		uint32_t	task = policy_tasks_find(&policy->tasks, risk->task_id);
		PolicyRun  *victim;
		Lack		lack;
		int			i;

		if (risk->tier != POLICY_TIER_CRITICAL ||
			policy_task_facts(&policy->tasks, task)->state != TASK_STATE_READY ||
			!bucket_lacks(policy, policy_bucket_of(policy, task), &lack) ||
			!can_be_helped(policy, risk->task_id, &lack, &victim) ||
			victim == NULL)
			continue;
		victim->preempted_for = risk->task_id;
		for (i = 0; i < lack.n; i++)
			if (run_holds(victim, lack.resources[i]) &&
				!is_handed(policy, risk->task_id, lack.resources[i]))
				handoff_add(policy, risk->task_id, lack.resources[i]);
		preemption->task_id = policy_task_node(&policy->tasks, victim->task)->task_id;
		preemption->for_task = risk->task_id;
		preemption->resource = lack.n > 0 && lack.resources[0] != NULL ?
			lack.resources[0]->key : 0;
		return true;
	}
	return false;
}

/*
 * The run of a backfill that blocks a daily task, which runs, too; NULL if it
 * is none.
 */
static PolicyRun *
find_blocker(const Policy *policy, int64_t task_id, int64_t blocker_id)
{
	uint32_t	task = policy_run_find(policy, task_id);
	uint32_t	blocker = policy_run_find(policy, blocker_id);

	if (task == 0 || blocker == 0 ||
		policy_bucket_of(policy, task)->klass != POLICY_CLASS_DAILY ||
		policy_bucket_of(policy, blocker)->klass != POLICY_CLASS_BACKFILL)
		return NULL;
	return &policy->runs[policy_task_node(&policy->tasks, blocker)->left];
}

/*
 * Is a backfill in the way of a daily task that it blocks with a lock?
 */
bool
policy_blocks_daily(Policy *policy, int64_t task_id, int64_t blocker_id)
{
	return find_blocker(policy, task_id, blocker_id) != NULL;
}

/*
 * Is the backfill to end early that blocks a daily task?  If that is critical,
 * or will be too late when the backfill ends by itself.
 */
bool
policy_preempt_blocker(Policy *policy, PolicyTime now, int64_t task_id,
					   int64_t blocker_id)
{
	PolicyRun  *run = find_blocker(policy, task_id, blocker_id);
	const PolicyRisk *risk = policy_risk_find(policy, task_id);

	policy_set_now(policy, now);
	if (run == NULL || risk == NULL || !run_may_end(policy, run))
		return false;
	if (risk->tier != POLICY_TIER_CRITICAL &&
		policy_risk_running(policy, risk, run_remaining(policy, run)) >= 0.5)
		return false;
	run->preempted_for = task_id;
	return true;
}

/*
 * How many slots of a resource, or workers if that is 0, are handed over.
 */
int
policy_handed(Policy *policy, uint64_t resource)
{
	const PolicyResource *entry;

	if (resource == 0)
		return (int) policy->handed_workers;
	entry = policy_resource_find(policy, resource);
	return entry == NULL ? 0 : (int) entry->handed;
}

/*
 * Frees the table.
 */
void
policy_handoffs_release(Policy *policy)
{
	policy_memory_release(&policy->memory, policy->handoffs,
						  policy->maxhandoffs * sizeof(PolicyHandoff));
}
