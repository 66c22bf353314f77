/*-------------------------------------------------------------------------
 *
 * ramp.c
 *	  Recovery ramps: after something was down, starts begin slowly.
 *
 * What has gathered while a resource, or the whole server, was down must not
 * come back at once.  During a ramp only so many tasks run at a time: one at
 * first, then in equal steps more and more, until all could run that there are
 * slots or workers for.  That bounds tasks that run, not starts per second, for
 * the same reason as TCP begins with a small window: if what comes back is
 * still slow, the starts wait for it by themselves.
 *
 * A ramp is of a resource, or of everything.  The one of everything does not
 * bind a daily task in a tier (risk.h); at a resource such a task is the first
 * in line anyway.  All steps of a ramp come earlier than they would by a part
 * of a step, up to the half of one, that is drawn for it: ramps which begin
 * together do not go in step.
 *
 * The next step is a timer in a heap.  Buckets that a ramp of a resource holds
 * back are parked there, like those that wait for a slot.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/park.h"
#include "policy/place.h"
#include "policy/ramp.h"
#include "policy/rank.h"
#include "policy/risk.h"

/* No ramp is longer, and none has more steps, so that no product overflows */
#define RAMP_MAX_LENGTH		(INT64_C(86400) * 1000000)
#define RAMP_MAX_TOTAL		1000000

/*
 * The order of the heap.
 */
static bool
steps_before(const PolicyHeapNode *a, const PolicyHeapNode *b)
{
	return POLICY_CONTAINER(PolicyRamp, by_step, a)->step_at <
		POLICY_CONTAINER(PolicyRamp, by_step, b)->step_at;
}

/*
 * The figures of a ramp are to be told.
 */
static void
ramp_note_change(Policy *policy, PolicyRamp *ramp)
{
	if (ramp->changed)
		return;
	ramp->changed = true;
	ramp->next_changed = policy->changed_ramps;
	policy->changed_ramps = ramp;
}

/*
 * A ramp is over: nobody is held back by it any more.
 */
static void
ramp_end(Policy *policy, PolicyRamp *ramp)
{
	if (!ramp->on)
		return;
	ramp->on = false;
	policy_heap_delete(&policy->ramps, &ramp->by_step, steps_before);
	ramp_note_change(policy, ramp);
}

/*
 * Goes on to the step that the time is in, and sets the timer for the next one;
 * a ramp that lets all run is over.
 */
static void
ramp_step(Policy *policy, PolicyRamp *ramp)
{
	int64_t		elapsed = policy_time_span(ramp->began_at, policy->now);
	int64_t		steps;

	if (elapsed < 0)
		elapsed = 0;
	if (elapsed > ramp->length)
		elapsed = ramp->length;
	steps = (elapsed * ramp->total + ramp->phase) / ramp->length;
	if (steps + 1 >= ramp->total)
	{
		ramp_end(policy, ramp);
		return;
	}
	if (ramp->on)
		policy_heap_delete(&policy->ramps, &ramp->by_step, steps_before);
	ramp->on = true;
	ramp->allowed = (int32_t) steps + 1;
	ramp->step_at = policy_time_add(ramp->began_at,
									((steps + 1) * ramp->length - ramp->phase +
									 ramp->total - 1) / ramp->total);
	policy_heap_insert(&policy->ramps, &ramp->by_step, steps_before);
	ramp_note_change(policy, ramp);
}

/*
 * Begins a ramp of a resource, or of everything if that is NULL, in place of
 * the one that there may be.  The caller wakes those who wait.
 */
static void
ramp_begin(Policy *policy, PolicyResource *resource, PolicyTime began_at,
		   int64_t length)
{
	PolicyRamp **place = resource == NULL ? &policy->ramp : &resource->ramp;
	PolicyRamp *ramp = *place;
	uint64_t	key = resource == NULL ? 0 : resource->key;
	int32_t		total = policy->workers;

	if (resource != NULL && resource->slots > 0 && resource->slots < total)
		total = resource->slots;
	if (total > RAMP_MAX_TOTAL)
		total = RAMP_MAX_TOTAL;
	if (length > RAMP_MAX_LENGTH)
		length = RAMP_MAX_LENGTH;
	/* where one at a time is all there is, there is nothing to be done */
	if (length <= 0 || total <= 1)
		return;
	if (ramp == NULL)
	{
		ramp = policy_memory_alloc(&policy->memory, sizeof(PolicyRamp));
		ramp->resource = resource;
		*place = ramp;
	}
	ramp->began_at = began_at;
	ramp->length = length;
	ramp->total = total;
	ramp->phase = (int64_t) (policy_hash(policy->ramp_seed ^ key,
										 (uint64_t) began_at) %
							 (uint64_t) (length / 2 + 1));
	ramp_step(policy, ramp);
	/* one that would be over by now is told as one that has ended */
	ramp_note_change(policy, ramp);
}

/*
 * The resource is up again: that begins a ramp, unless none is to be.
 */
void
policy_ramp_release(Policy *policy, PolicyResource *resource, int64_t length)
{
	if (policy->ramp_length > 0)
		ramp_begin(policy, resource, policy->now,
				   length >= 0 ? length : policy->ramp_length);
}

/*
 * The resource is down again.  The caller wakes those who wait.
 */
void
policy_ramp_stop(Policy *policy, PolicyResource *resource)
{
	if (resource->ramp != NULL)
		ramp_end(policy, resource->ramp);
}

/*
 * May one more task run, as far as the ramp of the resource goes?
 */
bool
policy_ramp_room(const PolicyResource *resource)
{
	const PolicyRamp *ramp = resource->ramp;

	return ramp == NULL || !ramp->on ||
		resource->running < (uint32_t) ramp->allowed;
}

/*
 * Does the ramp of everything hold this task back, which is the first of its
 * bucket?
 */
bool
policy_ramp_holds(const Policy *policy, PolicyClass klass, int64_t task_id)
{
	const PolicyRamp *ramp = policy->ramp;

	return ramp != NULL && ramp->on && policy->busy >= ramp->allowed &&
		!(klass == POLICY_CLASS_DAILY &&
		  policy_risk_is_urgent(policy, task_id));
}

/*
 * Takes the steps whose time has come.
 */
void
policy_ramp_step_due(Policy *policy)
{
	while (policy->ramps != NULL)
	{
		PolicyRamp *ramp = POLICY_CONTAINER(PolicyRamp, by_step,
											policy->ramps);

		if (ramp->step_at > policy->now)
			return;
		ramp_step(policy, ramp);
		if (ramp->resource != NULL)
			policy_wake(policy, &ramp->resource->place);
	}
}

/*
 * When the next step is.
 */
PolicyTime
policy_ramp_next_due(const Policy *policy)
{
	return policy->ramps == NULL ? POLICY_TIME_NEVER :
		POLICY_CONTAINER(PolicyRamp, by_step, policy->ramps)->step_at;
}

/*
 * Begins a ramp of a resource that is known, or of everything.
 */
void
policy_begin_ramp(Policy *policy, uint64_t resource, PolicyTime began_at,
				  int64_t length)
{
	PolicyResource *entry = NULL;

	if (resource != 0)
	{
		entry = policy_resource_find(policy, resource);
		if (entry == NULL)
			return;
	}
	ramp_begin(policy, entry, began_at, length);
	if (entry != NULL)
		policy_wake(policy, &entry->place);
}

/*
 * Sets how long ramps are that begin by themselves.  With 0 there are none,
 * and those that are under way end.
 */
void
policy_set_ramp(Policy *policy, int64_t length, uint64_t seed)
{
	policy->ramp_length = length > 0 ? length : 0;
	policy->ramp_seed = seed;
	while (policy->ramp_length == 0 && policy->ramps != NULL)
	{
		PolicyRamp *ramp = POLICY_CONTAINER(PolicyRamp, by_step,
											policy->ramps);

		ramp_end(policy, ramp);
		if (ramp->resource != NULL)
			policy_wake(policy, &ramp->resource->place);
	}
}

/*
 * The next ramp that has begun, gone on or ended; false if there is no other.
 * One that has ended is forgotten then.
 */
bool
policy_next_ramp(Policy *policy, RampStatus *status)
{
	PolicyRamp *ramp = policy->changed_ramps;
	PolicyResource *resource;

	if (ramp == NULL)
		return false;
	resource = ramp->resource;
	status->resource = resource == NULL ? 0 : resource->key;
	status->on = ramp->on;
	status->began_at = ramp->began_at;
	status->length = ramp->length;
	status->allowed = ramp->allowed;
	status->total = ramp->total;
	status->step_at = ramp->step_at;
	if (ramp->on)
	{
		policy->changed_ramps = ramp->next_changed;
		ramp->changed = false;
		return true;
	}
	policy_ramp_free(policy, resource == NULL ? &policy->ramp :
					 &resource->ramp);
	if (resource != NULL)
		policy_resource_check(policy, resource);
	return true;
}

/*
 * Frees a ramp, if there is one.
 */
void
policy_ramp_free(Policy *policy, PolicyRamp **place)
{
	PolicyRamp *ramp = *place;
	PolicyRamp **link = &policy->changed_ramps;

	if (ramp == NULL)
		return;
	ramp_end(policy, ramp);
	while (ramp->changed && *link != ramp)
		link = &(*link)->next_changed;
	if (ramp->changed)
		*link = ramp->next_changed;
	policy_memory_release(&policy->memory, ramp, sizeof(PolicyRamp));
	*place = NULL;
}
