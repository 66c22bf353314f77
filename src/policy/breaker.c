/*-------------------------------------------------------------------------
 *
 * breaker.c
 *	  Circuit breakers: resources that fail are left alone for a while.
 *
 *	  state			what starts					next
 *	  CLOSED		everything					OPEN: too many failures
 *	  OPEN			nothing						HALF_OPEN: its time is over
 *	  HALF_OPEN		a few probes				CLOSED, OPEN: they have ended
 *	  FORCED_OPEN	nothing						as it is set
 *	  DISABLED		everything, uncounted		as it is set
 *
 * A resource whose breaker is open is closed in the sense of rate.c: it has no
 * room until a time.  So those that wait for it cost nothing.  Half open it
 * has room for its probes.  What it held back comes in a ramp when it closes
 * (ramp.c).
 *
 * With a fallback nothing is held back: what would be starts all the same, with
 * another command, and the first start when the time is over is the probe.
 *
 * Ends of attempts are reported.  They count if the attempt began in this
 * state of the breaker: what an attempt from before an outage has to tell is
 * old news.  How they count is in breaker_window.c.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/admit.h"
#include "policy/breaker.h"
#include "policy/breaker_window.h"
#include "policy/park.h"
#include "policy/place.h"
#include "policy/ramp.h"
#include "policy/rank.h"
#include "policy/rate.h"

/*
 * May the resource be called?
 */
static bool
breaker_lets_through(const PolicyBreaker *breaker)
{
	if (breaker->state == BREAKER_HALF_OPEN)
		return breaker->probing + breaker->sums.calls < breaker->rule.permitted;
	return breaker->state == BREAKER_CLOSED ||
		breaker->state == BREAKER_DISABLED;
}

/*
 * May a task that needs the resource start, as far as the breaker goes?
 */
bool
policy_breaker_room(const PolicyResource *resource)
{
	const PolicyBreaker *breaker = resource->breaker;

	return breaker == NULL || breaker->rule.fallback ||
		breaker_lets_through(breaker);
}

/*
 * Does it start with the fallback?
 */
bool
policy_breaker_falls_back(const PolicyResource *resource)
{
	const PolicyBreaker *breaker = resource->breaker;

	return breaker != NULL && breaker->rule.fallback &&
		!breaker_lets_through(breaker);
}

/*
 * Before which time nothing starts.
 */
PolicyTime
policy_breaker_opens_at(const PolicyResource *resource)
{
	if (resource->breaker == NULL || resource->breaker->rule.fallback)
		return POLICY_TIME_ALWAYS;
	if (resource->breaker->state == BREAKER_FORCED_OPEN)
		return POLICY_TIME_NEVER;
	return resource->breaker->state == BREAKER_OPEN ?
		resource->breaker->until : POLICY_TIME_ALWAYS;
}

/*
 * The figures of a breaker are to be told.
 */
static void
breaker_note(Policy *policy, PolicyBreaker *breaker)
{
	if (breaker->changed)
		return;
	breaker->changed = true;
	breaker->next_changed = policy->changed_breakers;
	policy->changed_breakers = breaker;
}

/*
 * Do tasks that wait for the resource end at once?
 */
static bool
breaker_refuses(const PolicyBreaker *breaker)
{
	return breaker->rule.fail && (breaker->state == BREAKER_OPEN ||
								  breaker->state == BREAKER_FORCED_OPEN);
}

/*
 * If so, it is in the list of those.
 */
static void
breaker_refuse(Policy *policy, PolicyBreaker *breaker)
{
	if (breaker->refusing || !breaker_refuses(breaker))
		return;
	breaker->refusing = true;
	breaker->next_refusing = policy->refusing;
	policy->refusing = breaker;
}

/*
 * Begins a state, without a past.
 */
static void
breaker_enter(Policy *policy, PolicyBreaker *breaker, BreakerState state)
{
	/* what was told last, and what led to this */
	if (!breaker->turned)
		breaker->from = breaker->state;
	breaker->turned = true;
	breaker->reason = breaker->sums;
	breaker->state = state;
	breaker->since = policy->now;
	breaker->until = POLICY_TIME_ALWAYS;
	if (state == BREAKER_OPEN)
		breaker->until = policy_time_add(policy->now, breaker->rule.wait);
	breaker->probing = 0;
	policy_breaker_forget(breaker);
	breaker_note(policy, breaker);
	breaker_refuse(policy, breaker);
}

/*
 * The same, and the resource is closed or opened accordingly.
 */
static void
breaker_turn(Policy *policy, PolicyResource *resource, BreakerState state)
{
	bool		released = state == BREAKER_CLOSED &&
	resource->breaker->state != BREAKER_DISABLED;

	breaker_enter(policy, resource->breaker, state);
	if (released)
		policy_ramp_release(policy, resource, resource->breaker->rule.ramp);
	else
		policy_ramp_stop(policy, resource);
	policy_rate_settle(policy, resource);
	policy_wake(policy, &resource->place);
}

/*
 * If the time of an open breaker is over, probes may start.
 */
void
policy_breaker_pass(Policy *policy, PolicyResource *resource)
{
	PolicyBreaker *breaker = resource->breaker;

	if (breaker != NULL && breaker->state == BREAKER_OPEN &&
		breaker->until <= policy->now)
		breaker_enter(policy, breaker, BREAKER_HALF_OPEN);
}

/*
 * A task starts that needs the resource; it may be a probe.
 */
void
policy_breaker_probe(Policy *policy, PolicyResource *resource)
{
	PolicyBreaker *breaker = resource->breaker;

	if (breaker == NULL || breaker->state != BREAKER_HALF_OPEN)
		return;
	breaker->probing++;
	breaker_note(policy, breaker);
}

/*
 * Takes note of the end of an attempt that needed the resource.
 */
static void
breaker_report(Policy *policy, PolicyResource *resource,
			   const PolicyResult *result, PolicyTime started_at)
{
	PolicyBreaker *breaker = resource->breaker;
	BreakerCounts call = {1, 0, 0};

	if (breaker == NULL || started_at < breaker->since ||
		(breaker->state != BREAKER_CLOSED &&
		 breaker->state != BREAKER_HALF_OPEN))
		return;
	if (!result->succeeded && !policy_breaker_records(&breaker->rule, result->sqlstate))
		return;
	call.failures = !result->succeeded;
	call.slow = breaker->rule.slow > 0 && result->duration >= breaker->rule.slow;
	policy_breaker_count(breaker, &call, policy->now);
	breaker_note(policy, breaker);
	if (breaker->state == BREAKER_CLOSED && policy_breaker_trips(breaker))
		breaker_turn(policy, resource, BREAKER_OPEN);
	else if (breaker->state == BREAKER_HALF_OPEN &&
			 breaker->sums.calls >= breaker->rule.permitted)
	{
		/* the probe that has told this has not ended yet */
		breaker_turn(policy, resource, policy_breaker_probes_failed(breaker) ?
					 BREAKER_OPEN : BREAKER_CLOSED);
	}
}

/*
 * How an attempt has ended that ran, as far as it says something of the
 * resources that it needed.  To be told before its end.
 */
void
policy_report(Policy *policy, int64_t task_id, const PolicyResult *result,
			  PolicyTime now)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);
	PolicyBucket *bucket;
	const PolicyRun *run;
	int			i;

	if (task == 0 ||
		policy_task_facts(&policy->tasks, task)->state != TASK_STATE_RUNNING)
		return;
	policy_set_now(policy, now);
	run = &policy->runs[policy_task_node(&policy->tasks, task)->left];
	if (run->fallback)
		return;
	bucket = policy_bucket_of(policy, task);
	for (i = 0; i < bucket->nneeds; i++)
		breaker_report(policy, bucket->needs[i], result, run->started_at);
}

/*
 * A probe has ended, whatever it has told.  The caller wakes those who wait.
 */
void
policy_breaker_end(Policy *policy, PolicyResource *resource,
				   PolicyTime started_at)
{
	PolicyBreaker *breaker = resource->breaker;

	if (breaker == NULL || breaker->state != BREAKER_HALF_OPEN ||
		started_at < breaker->since || breaker->probing == 0)
		return;
	breaker->probing--;
	breaker_note(policy, breaker);
}

/*
 * What the rule says must not be more than what there is room for.
 */
static void
breaker_clamp(BreakerRule *rule)
{
	if (!rule->time_based && rule->window > BREAKER_MAX_CALLS)
		rule->window = BREAKER_MAX_CALLS;
	if (rule->window < (rule->time_based ? BREAKER_SLICES : 1))
		rule->window = rule->time_based ? BREAKER_SLICES : 1;
	if (rule->permitted < 1)
		rule->permitted = 1;
	if (rule->min_calls < 1)
		rule->min_calls = 1;
}

/*
 * The state that a rule begins with, or changes to.
 */
static void
breaker_follow(Policy *policy, PolicyResource *resource, bool anew)
{
	PolicyBreaker *breaker = resource->breaker;
	bool		forced = breaker->state == BREAKER_FORCED_OPEN ||
	breaker->state == BREAKER_DISABLED;

	if (breaker->rule.mode != BREAKER_CLOSED)
	{
		if (breaker->state != breaker->rule.mode)
			breaker_turn(policy, resource, breaker->rule.mode);
	}
	else if (forced || (anew && breaker->state != BREAKER_CLOSED))
		breaker_turn(policy, resource, BREAKER_CLOSED);
}

/*
 * Sets, changes or removes the breaker of a resource.
 */
void
policy_set_breaker(Policy *policy, uint64_t resource, const BreakerRule *rule)
{
	PolicyResource *entry = policy_resource_get(policy, resource);
	PolicyBreaker *breaker = entry->breaker;
	BreakerRule before;

	if (!rule->on)
	{
		policy_breaker_free(policy, entry);
		policy_rate_settle(policy, entry);
		policy_wake(policy, &entry->place);
		policy_resource_check(policy, entry);
		return;
	}
	if (breaker == NULL)
	{
		breaker = policy_memory_alloc(&policy->memory, sizeof(PolicyBreaker));
		breaker->owner = entry;
		breaker->rule = *rule;
		breaker->since = POLICY_TIME_ALWAYS;
		breaker->until = POLICY_TIME_ALWAYS;
		entry->breaker = breaker;
		breaker_note(policy, breaker);
	}
	before = breaker->rule;
	breaker->rule = *rule;
	breaker_clamp(&breaker->rule);
	/* probes are in no window */
	if (breaker->state == BREAKER_CLOSED &&
		(breaker->rule.time_based != before.time_based ||
		 breaker->rule.window != before.window))
	{
		policy_breaker_forget(breaker);
		breaker->since = policy->now;
		breaker_note(policy, breaker);
	}
	breaker_refuse(policy, breaker);
	breaker_follow(policy, entry, rule->made != before.made);
	policy_rate_settle(policy, entry);
	policy_wake(policy, &entry->place);
}

/*
 * The breaker that was made then was in this state when the policy before this
 * one was lost.
 */
void
policy_restore_breaker(Policy *policy, uint64_t resource, PolicyTime made,
					   BreakerState state, PolicyTime until)
{
	PolicyResource *entry = policy_resource_find(policy, resource);

	if (entry == NULL || entry->breaker == NULL ||
		entry->breaker->rule.made != made ||
		entry->breaker->rule.mode != BREAKER_CLOSED ||
		(state != BREAKER_OPEN && state != BREAKER_HALF_OPEN))
		return;
	/* a probe that was under way has told nothing: the next one will */
	entry->breaker->state = BREAKER_OPEN;
	entry->breaker->until = state == BREAKER_OPEN ? until : POLICY_TIME_ALWAYS + 1;
	breaker_refuse(policy, entry->breaker);
	breaker_note(policy, entry->breaker);
	policy_rate_settle(policy, entry);
}

/*
 * The next breaker whose figures have changed; false if there is no other.
 */
bool
policy_next_breaker(Policy *policy, BreakerStatus *status)
{
	PolicyBreaker *breaker = policy->changed_breakers;

	if (breaker == NULL)
		return false;
	policy->changed_breakers = breaker->next_changed;
	breaker->changed = false;
	status->resource = breaker->owner->key;
	status->turned = breaker->turned && breaker->from != breaker->state;
	status->from = breaker->from;
	status->state = breaker->state;
	status->since = breaker->since;
	status->until = breaker->until;
	status->made = breaker->rule.made;
	status->counts = breaker->turned ? breaker->reason : breaker->sums;
	status->probing = breaker->probing;
	breaker->turned = false;
	return true;
}

/*
 * The next task to be ended because a breaker is open whose rule says so, and
 * the resource that it is of; false if there is none.  To be asked when nothing more can start.
 */
bool
policy_next_refused(Policy *policy, PolicyEnd *refused, uint64_t *resource)
{
	PolicyBreaker **link = &policy->refusing;

	while (*link != NULL)
	{
		PolicyBreaker *breaker = *link;
		FairRoot   *parked = breaker->owner->place.parked;
		int			klass;

		if (!breaker_refuses(breaker))
		{
			breaker->refusing = false;
			*link = breaker->next_refusing;
			continue;
		}
		for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		{
			FairItem   *item = policy_fair_best(&parked[klass]);

			if (item == NULL)
				continue;
			*resource = breaker->owner->key;
			policy_task_give_out(policy,
								 policy_tasks_find(&policy->tasks, item->task_id),
								 refused);
			return true;
		}
		link = &breaker->next_refusing;
	}
	return false;
}

/*
 * Is nothing known of it that must not be forgotten?
 */
bool
policy_breaker_idle(const PolicyResource *resource)
{
	return resource->breaker == NULL ||
		resource->breaker->state == BREAKER_CLOSED ||
		resource->breaker->state == BREAKER_DISABLED;
}

/*
 * Frees the breaker of a resource, if it has one.
 */
void
policy_breaker_free(Policy *policy, PolicyResource *resource)
{
	PolicyBreaker *breaker = resource->breaker;
	PolicyBreaker **link;

	if (breaker == NULL)
		return;
	for (link = &policy->changed_breakers; breaker->changed && *link != breaker;)
		link = &(*link)->next_changed;
	if (breaker->changed)
		*link = breaker->next_changed;
	for (link = &policy->refusing; breaker->refusing && *link != breaker;)
		link = &(*link)->next_refusing;
	if (breaker->refusing)
		*link = breaker->next_refusing;
	policy_memory_release(&policy->memory, breaker, sizeof(PolicyBreaker));
	resource->breaker = NULL;
}
