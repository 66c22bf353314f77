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
 * A ramp is of a queue, of a resource, or of everything.  The one of everything
 * does not bind a daily task in a tier (risk.h); elsewhere such a task is the
 * first in line anyway.  All steps of a ramp come earlier than they would by a
 * part of a step, up to the half of one, that is drawn for it: ramps which
 * begin together do not go in step.
 *
 * The next step is a timer in a heap.  Buckets that the ramp of a queue or a
 * resource holds back are parked there, like those that wait for a slot.
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
 * Wakes those who wait for a ramp.
 */
static void
ramp_wake(Policy *policy, const PolicyRamp *ramp)
{
	if (ramp->place != NULL)
		policy_wake(policy, ramp->place);
}

/*
 * Begins a ramp, to "limit" tasks (0: as many as there are workers), in place
 * of the one that there may be at "owner".  Says where it is; NULL if there is
 * none to be.  The caller fills in whose it is, and wakes those who wait.
 */
static PolicyRamp *
ramp_begin(Policy *policy, PolicyRamp **owner, uint64_t key, int limit,
		   PolicyTime began_at, int64_t length)
{
	PolicyRamp *ramp = *owner;
	int32_t		total = policy->workers;

	if (limit > 0 && limit < total)
		total = limit;
	if (total > RAMP_MAX_TOTAL)
		total = RAMP_MAX_TOTAL;
	if (length > RAMP_MAX_LENGTH)
		length = RAMP_MAX_LENGTH;
	/* where one at a time is all there is, there is nothing to be done */
	if (length <= 0 || total <= 1)
		return NULL;
	if (ramp == NULL)
	{
		ramp = policy_memory_alloc(&policy->memory, sizeof(PolicyRamp));
		ramp->owner = owner;
		*owner = ramp;
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
	return ramp;
}

static void
ramp_begin_resource(Policy *policy, PolicyResource *resource,
					PolicyTime began_at, int64_t length)
{
	PolicyRamp *ramp = ramp_begin(policy, &resource->ramp, resource->key,
								  resource->slots, began_at, length);

	if (ramp == NULL)
		return;
	ramp->place = &resource->place;
	ramp->resource = resource->key;
}

static void
ramp_begin_queue(Policy *policy, PolicyQueue *queue, PolicyTime began_at,
				 int64_t length)
{
	PolicyRamp *ramp = ramp_begin(policy, &queue->ramp, queue->id,
								  queue->max_running, began_at, length);

	if (ramp == NULL)
		return;
	ramp->place = &queue->place;
	ramp->queue = queue->id;
}

/*
 * The resource is up again: that begins a ramp, unless none is to be.
 */
void
policy_ramp_release(Policy *policy, PolicyResource *resource, int64_t length)
{
	if (policy->ramp_length > 0)
		ramp_begin_resource(policy, resource, policy->now,
							length >= 0 ? length : policy->ramp_length);
}

/*
 * The same of a queue that is resumed, if it is to have one.
 */
void
policy_ramp_resume(Policy *policy, PolicyQueue *queue)
{
	if (policy->ramp_length > 0)
		ramp_begin_queue(policy, queue, policy->now, queue->ramp_length);
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
 * May one more task run where so many do?
 */
static bool
ramp_room(const PolicyRamp *ramp, uint32_t running)
{
	return ramp == NULL || !ramp->on || running < (uint32_t) ramp->allowed;
}

/*
 * May one more task run, as far as the ramp of the resource goes?
 */
bool
policy_ramp_room(const PolicyResource *resource)
{
	return ramp_room(resource->ramp, resource->running);
}

/*
 * The same for the ramp of the queue.
 */
bool
policy_ramp_queue_room(const PolicyQueue *queue)
{
	return ramp_room(queue->ramp, queue->running);
}

/*
 * Does the ramp of everything hold this task back, which is the first of its
 * bucket?
 */
bool
policy_ramp_holds(const Policy *policy, PolicyClass klass, int64_t task_id)
{
	return !ramp_room(policy->ramp, (uint32_t) policy->busy) &&
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
		ramp_wake(policy, ramp);
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
	PolicyResource *entry;

	if (resource == 0)
	{
		(void) ramp_begin(policy, &policy->ramp, 0, 0, began_at, length);
		return;
	}
	entry = policy_resource_find(policy, resource);
	if (entry == NULL)
		return;
	ramp_begin_resource(policy, entry, began_at, length);
	policy_wake(policy, &entry->place);
}

/*
 * Begins one of a queue that is set up: of this length, or, if that is
 * negative, of the one that was set for it.
 */
void
policy_begin_queue_ramp(Policy *policy, uint32_t queue, PolicyTime began_at,
						int64_t length)
{
	PolicyQueue *entry = policy_queue_find(policy, queue);

	if (entry == NULL || !entry->configured ||
		(length < 0 && policy->ramp_length == 0))
		return;
	ramp_begin_queue(policy, entry, began_at,
					 length >= 0 ? length : entry->ramp_length);
	policy_wake(policy, &entry->place);
}

/*
 * Sets how long the ramp of a queue is that begins when it is resumed; none
 * with 0.  The queue is set up already, or right after that.
 */
void
policy_set_queue_ramp(Policy *policy, uint32_t queue, int64_t length)
{
	policy_queue_get(policy, queue)->ramp_length = length > 0 ? length : 0;
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
		ramp_wake(policy, ramp);
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

	if (ramp == NULL)
		return false;
	status->queue = ramp->queue;
	status->resource = ramp->resource;
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
	policy_ramp_free(policy, ramp->owner);
	if (status->resource != 0)
		policy_resource_check(policy,
							  policy_resource_find(policy, status->resource));
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
