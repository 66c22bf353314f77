/*-------------------------------------------------------------------------
 *
 * rate.c
 *	  When a resource lets tasks start: rates and pauses.
 *
 * A rate is a token bucket: each start takes a token, one comes every "gap",
 * and "burst" of them are kept at most.  All that has to be known of it is
 * when it is full again: it lacks as many tokens as there are gaps until then.
 * A start finds a token if at most burst - 1 are lacking.
 *
 * A pause is a time before which nothing starts.  After it starts are kept
 * apart for a while, so that those which it held back do not come at once.
 *
 * A resource that lets nothing start before some time is closed: it has no
 * room, and stands in a heap by the time when it opens.  So buckets that wait
 * for it cost nothing meanwhile, and are woken like those that wait for a
 * slot.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/breaker.h"
#include "policy/budget.h"
#include "policy/park.h"
#include "policy/place.h"
#include "policy/rank.h"
#include "policy/rate.h"

/* Starts that a pause's aftermath is divided into, if there are no slots */
#define RATE_SPREAD_STARTS	16

/*
 * The order of the heap.
 */
static bool
opens_before(const PolicyHeapNode *a, const PolicyHeapNode *b)
{
	return POLICY_CONTAINER(PolicyResource, by_opening, a)->opens_at <
		POLICY_CONTAINER(PolicyResource, by_opening, b)->opens_at;
}

/*
 * Since when, or from when on, the next start is allowed.
 */
static PolicyTime
rate_opening(const PolicyResource *resource)
{
	PolicyTime	opening = resource->paused_until;

	if (resource->apart_until > opening)
		opening = resource->apart_until;
	if (resource->gap > 0)
	{
		PolicyTime	token = policy_time_add(resource->full_at,
											-resource->gap * (resource->burst - 1));

		if (token > opening)
			opening = token;
	}
	return opening;
}

/*
 * The times of a resource are to be told.
 */
static void
rate_note_change(Policy *policy, PolicyResource *resource)
{
	if (resource->changed)
		return;
	resource->changed = true;
	resource->next_changed = policy->changed;
	policy->changed = resource;
}

/*
 * Closes or opens a resource after something has changed.  One whose breaker is
 * open is closed until the time of that is over, whatever else there is: then
 * it is looked at again.  The caller wakes those who wait for it.
 */
void
policy_rate_settle(Policy *policy, PolicyResource *resource)
{
	PolicyTime	opening;

	if (resource->slots == 0 && resource->gap == 0 &&
		resource->breaker == NULL)
	{
		/* what is not limited cannot be paused */
		resource->paused_until = POLICY_TIME_ALWAYS;
		resource->apart_until = POLICY_TIME_ALWAYS;
		resource->spread_until = POLICY_TIME_ALWAYS;
	}
	policy_breaker_pass(policy, resource);
	opening = policy_breaker_opens_at(resource);
	if (opening == POLICY_TIME_ALWAYS)
		opening = rate_opening(resource);
	if (resource->gap > 0 || opening != resource->opens_at)
		rate_note_change(policy, resource);
	if (resource->closed)
		policy_heap_delete(&policy->closed, &resource->by_opening,
						   opens_before);
	resource->closed = opening > policy->now;
	resource->opens_at = opening;
	if (resource->closed)
		policy_heap_insert(&policy->closed, &resource->by_opening,
						   opens_before);
}

/*
 * A task starts that needs the resource, which is not closed.  Says whether
 * that took a token.
 */
bool
policy_rate_take(Policy *policy, PolicyResource *resource)
{
	if (policy->now < resource->spread_until)
		resource->apart_until = policy_time_add(policy->now,
												resource->spread_gap);
	if (resource->gap > 0)
	{
		if (resource->full_at < policy->now)
			resource->full_at = policy->now;
		resource->full_at = policy_time_add(resource->full_at, resource->gap);
	}
	policy_rate_settle(policy, resource);
	return resource->gap > 0;
}

/*
 * A task that took a token did not start after all.  The caller wakes those
 * who wait for the resource.
 */
void
policy_rate_give_back(Policy *policy, PolicyResource *resource)
{
	if (resource->gap == 0)
		return;
	resource->full_at = policy_time_add(resource->full_at, -resource->gap);
	policy_rate_settle(policy, resource);
}

/*
 * Is nothing known of the resource that must not be forgotten?
 */
static bool
rate_full(const PolicyResource *resource, PolicyTime now)
{
	return policy_breaker_idle(resource) &&
		resource->paused_until <= now && resource->spread_until <= now &&
		(resource->gap == 0 || resource->full_at <= now);
}

/*
 * Opens the resources whose time has come.
 */
void
policy_rate_open_due(Policy *policy)
{
	while (policy->closed != NULL)
	{
		PolicyResource *resource = POLICY_CONTAINER(PolicyResource, by_opening,
													policy->closed);

		if (resource->opens_at > policy->now)
			return;
		policy_rate_settle(policy, resource);
		policy_wake(policy, &resource->place);
	}
}

/*
 * When the next one opens.
 */
PolicyTime
policy_rate_next_due(const Policy *policy)
{
	return policy->closed == NULL ? POLICY_TIME_NEVER :
		POLICY_CONTAINER(PolicyResource, by_opening, policy->closed)->opens_at;
}

/*
 * Sets, changes or (with a gap of 0) removes a rate.  What is lacking stays
 * so, but never more than all tokens.
 */
void
policy_set_rate(Policy *policy, uint64_t resource, PolicyTime now, int64_t gap,
				int burst, PolicyTime full_at)
{
	PolicyResource *entry = policy_resource_get(policy, resource);
	PolicyTime	empty;

	if (gap < 0)
		gap = 0;
	if (gap > POLICY_MAX_GAP)
		gap = POLICY_MAX_GAP;
	if (burst < 1)
		burst = 1;
	if (burst > POLICY_MAX_BURST)
		burst = POLICY_MAX_BURST;
	if (entry->gap == 0)
		entry->full_at = full_at;
	entry->gap = gap;
	entry->burst = burst;
	empty = policy_time_add(now, gap * burst);
	if (entry->full_at > empty)
		entry->full_at = empty;
	policy_rate_settle(policy, entry);
	policy_wake(policy, &entry->place);
	policy_resource_check(policy, entry);
}

/*
 * Lets nothing that needs the resource start before "until", and keeps starts
 * apart for "spread" after that.  An end that is earlier than the one that is
 * known already changes nothing.
 */
void
policy_pause_resource(Policy *policy, uint64_t resource, PolicyTime until,
					  int64_t spread)
{
	PolicyResource *entry = policy_resource_get(policy, resource);

	if (until > entry->paused_until)
	{
		entry->paused_until = until;
		entry->spread_until = policy_time_add(until, spread);
		entry->spread_gap = spread /
			(entry->slots > 0 ? entry->slots : RATE_SPREAD_STARTS);
		policy_rate_settle(policy, entry);
	}
	policy_resource_check(policy, entry);
}

/*
 * The next resource whose times have changed; false if there is no other.
 */
bool
policy_next_times(Policy *policy, PolicyTimes *times)
{
	PolicyResource *resource = policy->changed;

	if (resource == NULL)
		return false;
	policy->changed = resource->next_changed;
	resource->changed = false;
	times->resource = resource->key;
	times->full_at = resource->gap > 0 ? resource->full_at :
		POLICY_TIME_ALWAYS;
	times->opens_at = rate_opening(resource);
	return true;
}

/*
 * The resource is going to be freed.
 */
void
policy_rate_leave(Policy *policy, PolicyResource *resource)
{
	PolicyResource **link = &policy->changed;

	if (!resource->changed)
		return;
	while (*link != resource)
		link = &(*link)->next_changed;
	*link = resource->next_changed;
}

/*
 * Forgets a resource, unless a task needs it, or it has something to remember.
 * Says whether it is forgotten.
 */
bool
policy_forget_resource(Policy *policy, uint64_t resource, PolicyTime now)
{
	static const BudgetRule none;
	static const BreakerRule no_breaker;
	PolicyResource *entry = policy_resource_find(policy, resource);

	if (entry == NULL)
		return true;
	if (entry->nbuckets > 0 || entry->foreign != 0 || entry->gate_waiting ||
		entry->windows != NULL || entry->ramp != NULL || !rate_full(entry, now) ||
		!policy_budget_idle(entry->budget, now))
		return false;
	policy_set_breaker(policy, resource, &no_breaker);
	policy_set_resource_budget(policy, resource, &none);
	policy_set_resource(policy, resource, 0, 0);
	policy_set_rate(policy, resource, now, 0, 1, POLICY_TIME_ALWAYS);
	return policy_resource_find(policy, resource) == NULL;
}
