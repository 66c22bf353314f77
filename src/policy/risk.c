/*-------------------------------------------------------------------------
 *
 * risk.c
 *	  Daily tasks with a deadline: will they be done in time?
 *
 * Such a task has a latest start, its deadline minus the time within which nine
 * of ten runs of its kind end, and a probability of being done in time
 * (forecast.h).  It is at risk when that falls below 0.9, and critical when it
 * falls below 0.5, or when the latest start has passed, or will have passed
 * when what the task waits for is free.  It leaves a tier only when it is
 * better by a margin.
 *
 * The tier comes first in the task's rank, and while the task waits its
 * resources are closed to new tasks of class backfill.  One that has missed its
 * deadline ranks without its tier: those come first that can still be in time.
 *
 * A task is looked at when the next start is asked for after it has been added,
 * has started or come back, and then after an eighth of the time that is left to
 * the moment at which its tier changes of itself.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/admit.h"
#include "policy/history.h"
#include "policy/park.h"
#include "policy/preempt.h"
#include "policy/rank.h"
#include "policy/risk.h"

/* A tier is entered below the one, and left at the other */
#define RISK_AT_RISK		0.9
#define RISK_NOT_AT_RISK	0.95
#define RISK_CRITICAL		0.5
#define RISK_NOT_CRITICAL	0.6

/* What a tier is ahead in rank: more than any times differ */
#define RISK_TIER_AHEAD		(INT64_C(1) << 60)

/* Looks are not closer together than this */
#define RISK_MIN_PAUSE		INT64_C(100000)
#define RISK_LOOK_PART		8

static bool
look_before(const PolicyHeapNode *a, const PolicyHeapNode *b)
{
	const PolicyRisk *x = POLICY_CONTAINER(PolicyRisk, by_look, a);
	const PolicyRisk *y = POLICY_CONTAINER(PolicyRisk, by_look, b);

	return x->look_at < y->look_at ||
		(x->look_at == y->look_at && x->task_id < y->task_id);
}

/*
 * What is known of a task with a deadline, NULL if it has none.
 */
PolicyRisk *
policy_risk_find(const Policy *policy, int64_t task_id)
{
	PolicyMapEntry *entry;

	if (policy->risks.nentries == 0)
		return NULL;
	entry = policy_map_find(&policy->risks,
							policy_hash(0, (uint64_t) task_id));
	return entry == NULL ? NULL : POLICY_CONTAINER(PolicyRisk, entry, entry);
}

/*
 * Takes note of a task with a deadline that has succeeded; false if it has none.
 */
bool
policy_note_end(Policy *policy, int64_t task_id, int64_t run)
{
	const PolicyRisk *risk = policy_risk_find(policy, task_id);

	if (risk == NULL)
		return false;
	forecast_add(&risk->history->forecast,
				 policy_time_span(risk->since, risk->started_at), run);
	return true;
}

/*
 * Notes that there is something to be told of a task.
 */
static void
risk_changed(Policy *policy, PolicyRisk *risk)
{
	if (risk->changed)
		return;
	risk->changed = true;
	risk->next_changed = NULL;
	*policy->last_changed_risk = risk;
	policy->last_changed_risk = &risk->next_changed;
}

/*
 * While the task waits in a tier, what it needs is closed to backfills.
 */
static void
risk_claim(Policy *policy, PolicyRisk *risk, const PolicyBucket *bucket,
		   bool claims)
{
	int			i;

	if (risk->claims == claims)
		return;
	risk->claims = claims;
	for (i = 0; i < bucket->nneeds; i++)
	{
		bucket->needs[i]->claims += claims ? 1 : -1;
		if (!claims)
			policy_wake(policy, &bucket->needs[i]->place);
	}
}

/*
 * Keeps the list of those in a tier.
 */
static void
risk_list(Policy *policy, PolicyRisk *risk, bool urgent)
{
	if (risk->listed == urgent)
		return;
	risk->listed = urgent;
	if (urgent)
	{
		risk->previous = NULL;
		risk->next = policy->urgent;
		if (risk->next != NULL)
			risk->next->previous = risk;
		policy->urgent = risk;
		return;
	}
	if (risk->previous != NULL)
		risk->previous->next = risk->next;
	else
		policy->urgent = risk->next;
	if (risk->next != NULL)
		risk->next->previous = risk->previous;
}

/*
 * The tier, given that in which the task is.
 */
static PolicyTier
risk_tier(const PolicyRisk *risk, bool too_late)
{
	if (risk->on_time < RISK_CRITICAL || too_late ||
		(risk->tier == POLICY_TIER_CRITICAL &&
		 risk->on_time < RISK_NOT_CRITICAL))
		return POLICY_TIER_CRITICAL;
	if (risk->on_time < RISK_AT_RISK ||
		(risk->tier != POLICY_TIER_ON_TIME &&
		 risk->on_time < RISK_NOT_AT_RISK))
		return POLICY_TIER_AT_RISK;
	return POLICY_TIER_ON_TIME;
}

/*
 * When to look again.
 */
static PolicyTime
risk_next_look(const Policy *policy, const PolicyRisk *risk)
{
	PolicyTime	change = risk->deadline;
	int64_t		pause;

	if (risk->missed || risk->gone)
		return POLICY_TIME_NEVER;
	if (risk->started_at == POLICY_TIME_ALWAYS &&
		risk->latest_start > policy->now)
		change = risk->latest_start;
	change = policy_time_add(change, 1);
	pause = policy_time_span(policy->now, change) / RISK_LOOK_PART;
	if (pause < RISK_MIN_PAUSE)
		pause = RISK_MIN_PAUSE;
	pause = policy_time_add(policy->now, pause);
	return pause < change ? pause : change;
}

/*
 * How long the task is expected to run, if nothing is known of its kind: as
 * declared, or half of the time that it has.
 */
static int64_t
risk_estimate(const PolicyRisk *risk)
{
	int64_t		window = policy_time_span(risk->since, risk->deadline);

	if (risk->estimate > 0)
		return risk->estimate;
	return window > 0 ? window / 2 : 0;
}

/*
 * Sets the latest start after what is known now.
 */
static void
risk_set_latest_start(PolicyRisk *risk)
{
	risk->latest_start =
		policy_time_add(risk->deadline,
						-forecast_run_p90(&risk->history->forecast,
										  risk_estimate(risk)));
}

/*
 * The probability that a task that runs is done in time, if it has to wait for
 * so long.
 */
double
policy_risk_running(const Policy *policy, const PolicyRisk *risk,
					int64_t to_wait)
{
	return forecast_running(&risk->history->forecast, risk_estimate(risk),
							policy_time_span(risk->started_at, policy->now),
							policy_time_span(policy->now, risk->deadline) -
							to_wait);
}

/*
 * Sets the probability of being done in time; says whether the task would start
 * too late if it waited for what is expected.
 */
static bool
risk_judge(Policy *policy, PolicyRisk *risk, uint32_t task)
{
	const Forecast *forecast = &risk->history->forecast;
	int64_t		left = policy_time_span(policy->now, risk->deadline);
	ForecastWait wait;

	risk_set_latest_start(risk);
	if (risk->started_at != POLICY_TIME_ALWAYS)
	{
		risk->on_time = policy_risk_running(policy, risk, 0);
		return false;
	}
	wait.estimate = risk_estimate(risk);
	wait.waited = policy_time_span(risk->since, policy->now);
	wait.to_wait = policy_projected_wait(policy, task);
	wait.left = left;
	risk->on_time = left < 0 ? 0 : forecast_waiting(forecast, &wait);
	return policy_time_add(policy->now, wait.to_wait) > risk->latest_start;
}

/*
 * Sets when to look at a task.
 */
static void
risk_look_at(Policy *policy, PolicyRisk *risk, PolicyTime look_at)
{
	policy_heap_delete(&policy->looks, &risk->by_look, look_before);
	risk->look_at = look_at;
	policy_heap_insert(&policy->looks, &risk->by_look, look_before);
}

/*
 * Looks at a task: how it is, and what follows for it.
 */
static void
risk_look(Policy *policy, PolicyRisk *risk, uint32_t task)
{
	PolicyTier	before = risk->tier;
	bool		missed = risk->missed;

	risk->tier = risk_tier(risk, risk_judge(policy, risk, task));
	risk->missed = policy->now > risk->deadline;
	risk_list(policy, risk, risk->tier != POLICY_TIER_ON_TIME);
	risk_look_at(policy, risk, risk_next_look(policy, risk));
	risk->was_at_risk |= risk->tier != POLICY_TIER_ON_TIME;
	risk->news |= risk->tier != before || risk->missed != missed;
	risk_changed(policy, risk);
}

/*
 * The task, of class daily, has a deadline from now on.  It has no place yet.
 */
void
policy_risk_set(Policy *policy, const PolicyTask *task)
{
	PolicyRisk *risk;

	if (task->klass != POLICY_CLASS_DAILY ||
		task->deadline == POLICY_TIME_NEVER)
		return;
	risk = policy_memory_alloc(&policy->memory, sizeof(PolicyRisk));
	risk->task_id = task->task_id;
	risk->deadline = task->deadline;
	risk->since = task->run_at > task->enqueued_at ? task->run_at :
		task->enqueued_at;
	risk->started_at = POLICY_TIME_ALWAYS;
	risk->estimate = task->estimate;
	risk->history = policy_history_get(policy, task->history != 0 ? task->history :
									   task->queue);
	risk->look_at = POLICY_TIME_ALWAYS;
	risk_set_latest_start(risk);
	policy_heap_insert(&policy->looks, &risk->by_look, look_before);
	policy_map_insert(&policy->risks, &policy->memory, &risk->entry,
					  policy_hash(0, (uint64_t) task->task_id));
}

/*
 * Forgets a task with a deadline; whoever asked to be told hears of it.
 */
void
policy_risk_drop(Policy *policy, int64_t task_id)
{
	PolicyRisk *risk = policy_risk_find(policy, task_id);

	if (risk == NULL)
		return;
	WEIR_ASSERT(!risk->claims);
	risk_list(policy, risk, false);
	policy_heap_delete(&policy->looks, &risk->by_look, look_before);
	policy_map_delete(&policy->risks, &policy->memory, &risk->entry);
	risk->gone = true;
	risk_changed(policy, risk);
}

/*
 * The deadline of the task has changed: to this, or there is none.
 */
void
policy_risk_move(Policy *policy, uint32_t task)
{
	int64_t		task_id = policy_task_node(&policy->tasks, task)->task_id;
	const PolicyBucket *bucket = policy_bucket_of(policy, task);
	TaskFacts  *facts = policy_task_facts(&policy->tasks, task);
	PolicyRisk *risk = policy_risk_find(policy, task_id);
	PolicyTask	plain = {0};

	if (risk != NULL &&
		policy_stored_time(facts->deadline) != POLICY_TIME_NEVER)
	{
		risk->deadline = policy_stored_time(facts->deadline);
		risk_set_latest_start(risk);
		risk_look_at(policy, risk, POLICY_TIME_ALWAYS);
		return;
	}
	policy_risk_drop(policy, task_id);
	plain.task_id = task_id;
	plain.klass = (PolicyClass) bucket->klass;
	plain.queue = bucket->queue->id;
	plain.enqueued_at = policy_stored_time(facts->enqueued_at);
	plain.run_at = POLICY_TIME_ALWAYS;
	plain.deadline = policy_stored_time(facts->deadline);
	policy_risk_set(policy, &plain);
}

/*
 * The task is given to a worker.
 */
void
policy_risk_start(Policy *policy, int64_t task_id)
{
	PolicyRisk *risk = policy_risk_find(policy, task_id);

	if (risk == NULL)
		return;
	risk->started_at = policy->now;
	risk_look_at(policy, risk, POLICY_TIME_ALWAYS);
}

/*
 * The task comes back from a worker, and is to be given a place.
 */
void
policy_risk_stop(Policy *policy, int64_t task_id)
{
	PolicyRisk *risk = policy_risk_find(policy, task_id);

	if (risk == NULL)
		return;
	risk->started_at = POLICY_TIME_ALWAYS;
	risk_look_at(policy, risk, POLICY_TIME_ALWAYS);
}

/*
 * The task stands in the order of its bucket, or does no more.
 */
void
policy_risk_enter(Policy *policy, uint32_t task)
{
	const PolicyBucket *bucket = policy_bucket_of(policy, task);
	PolicyRisk *risk;

	if (bucket->klass != POLICY_CLASS_DAILY || bucket->solo)
		return;
	risk = policy_risk_find(policy,
							policy_task_node(&policy->tasks, task)->task_id);
	if (risk != NULL && risk->tier != POLICY_TIER_ON_TIME)
		risk_claim(policy, risk, bucket, true);
}

void
policy_risk_leave(Policy *policy, uint32_t task)
{
	const PolicyBucket *bucket = policy_bucket_of(policy, task);
	PolicyRisk *risk;

	if (bucket->klass != POLICY_CLASS_DAILY)
		return;
	risk = policy_risk_find(policy,
							policy_task_node(&policy->tasks, task)->task_id);
	if (risk != NULL)
		risk_claim(policy, risk, bucket, false);
}

/*
 * The virtual deadline of a task.
 */
PolicyTime
policy_risk_rank(Policy *policy, uint32_t task)
{
	const TaskFacts *facts = policy_task_facts(&policy->tasks, task);
	PolicyTime	deadline = policy_stored_time(facts->deadline);
	PolicyClass klass = (PolicyClass) policy_bucket_of(policy, task)->klass;
	const PolicyRisk *risk = NULL;
	PolicyTime	rank;

	if (klass == POLICY_CLASS_DAILY)
		risk = policy_risk_find(policy,
								policy_task_node(&policy->tasks, task)->task_id);
	if (risk != NULL)
		deadline = risk->latest_start;
	rank = policy_rank(klass, policy_stored_time(facts->enqueued_at), deadline,
					   facts->priority);
	/* whatever the times are, nothing goes before what is in a tier */
	if (rank < -RISK_TIER_AHEAD / 2)
		rank = -RISK_TIER_AHEAD / 2;
	if (risk != NULL && !risk->missed)
		rank = policy_time_add(rank, -RISK_TIER_AHEAD * (int) risk->tier);
	return rank;
}

/*
 * Does the task go before all that is not in a tier?
 */
bool
policy_risk_is_urgent(const Policy *policy, int64_t task_id)
{
	const PolicyRisk *risk;

	if (policy->urgent == NULL)
		return false;
	risk = policy_risk_find(policy, task_id);
	return risk != NULL && risk->tier != POLICY_TIER_ON_TIME && !risk->missed;
}

/*
 * Looks at those whose time has come, and puts them where they rank then.
 */
void
policy_risk_look_due(Policy *policy)
{
	while (policy->looks != NULL &&
		   policy_risk_next_look(policy) != POLICY_TIME_NEVER &&
		   policy_risk_next_look(policy) <= policy->now)
	{
		PolicyRisk *risk = POLICY_CONTAINER(PolicyRisk, by_look,
											policy->looks);
		uint32_t	task = policy_tasks_find(&policy->tasks, risk->task_id);

		risk_look(policy, risk, task);
		if (policy_task_node(&policy->tasks, task)->key !=
			policy_risk_rank(policy, task) ||
			risk->claims != (risk->tier != POLICY_TIER_ON_TIME))
			policy_task_rerank(policy, task);
	}
}

/*
 * When the next one is looked at.
 */
PolicyTime
policy_risk_next_look(const Policy *policy)
{
	if (policy->looks == NULL)
		return POLICY_TIME_NEVER;
	return POLICY_CONTAINER(PolicyRisk, by_look, policy->looks)->look_at;
}

/*
 * What is known of a task.
 */
static void
risk_tell(const PolicyRisk *risk, PolicyRiskInfo *info)
{
	info->task_id = risk->task_id;
	info->gone = risk->gone;
	info->news = risk->news;
	info->was_at_risk = risk->was_at_risk;
	info->missed = risk->missed;
	info->tier = risk->tier;
	info->on_time = risk->on_time;
	info->deadline = risk->deadline;
	info->latest_start = risk->latest_start;
	info->look_at = risk->look_at;
}

/*
 * The same, for a task that has a deadline; false if it has none.
 */
bool
policy_risk(Policy *policy, int64_t task_id, PolicyRiskInfo *info)
{
	const PolicyRisk *risk = policy_risk_find(policy, task_id);

	if (risk == NULL)
		return false;
	risk_tell(risk, info);
	return true;
}

/*
 * Gives back the memory of one that is gone.
 */
static void
risk_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	policy_memory_release(memory, POLICY_CONTAINER(PolicyRisk, entry, entry),
						  sizeof(PolicyRisk));
}

/*
 * The next task of which there is something new.
 */
bool
policy_next_risk(Policy *policy, PolicyRiskInfo *info)
{
	PolicyRisk *risk = policy->changed_risks;

	if (risk == NULL)
		return false;
	policy->changed_risks = risk->next_changed;
	if (policy->changed_risks == NULL)
		policy->last_changed_risk = &policy->changed_risks;
	risk->changed = false;
	risk_tell(risk, info);
	risk->news = false;
	if (risk->gone)
		risk_release(&policy->memory, &risk->entry);
	return true;
}

/*
 * Frees all of it.
 */
void
policy_risks_release(Policy *policy)
{
	PolicyRiskInfo info;

	while (policy_next_risk(policy, &info))
		;
	policy_map_release(&policy->risks, &policy->memory, risk_release);
	policy_histories_release(policy);
}
