/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Places that buckets need room in: queues, owners, resources, budgets.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/breaker.h"
#include "policy/budget.h"
#include "policy/place.h"
#include "policy/ramp.h"
#include "policy/rate.h"
#include "policy/slots.h"

/* Bounds of a weight: beyond them shares are too small to be counted */
#define PLACE_MIN_WEIGHT	0.001
#define PLACE_MAX_WEIGHT	1000.0

/*
 * A weight that can be worked with.  What is not a positive number counts as
 * one.
 */
double
policy_weight(double weight)
{
	if (!(weight > 0))
		return 1.0;
	if (weight < PLACE_MIN_WEIGHT)
		return PLACE_MIN_WEIGHT;
	return weight > PLACE_MAX_WEIGHT ? PLACE_MAX_WEIGHT : weight;
}

/*
 * A place where nothing is parked.  Classes that know no turns are woken by
 * rank.
 */
void
policy_place_init(PolicyPlace *place, PlaceKind kind)
{
	place->kind = kind;
	place->parked[POLICY_CLASS_SYSTEM].by_rank = true;
	place->parked[POLICY_CLASS_DAILY].by_rank = true;
}

/*
 * Is there room for one more task of the class?
 */
bool
policy_place_room(const PolicyPlace *place, PolicyClass klass)
{
	if (place->kind == PLACE_QUEUE)
	{
		const PolicyQueue *queue = POLICY_CONTAINER(PolicyQueue, place, place);

		return !queue->paused && !queue->held_up &&
			policy_ramp_queue_room(queue) &&
			(queue->max_running <= 0 ||
			 queue->running < (uint32_t) queue->max_running);
	}
	if (place->kind == PLACE_OWNER)
	{
		const PolicyOwner *owner = POLICY_CONTAINER(PolicyOwner, place, place);

		return !owner->held && !policy_owner_full(owner);
	}
	if (place->kind == PLACE_BUDGET)
		return policy_budget_room(POLICY_CONTAINER(PolicyBudget, place, place));
	return policy_slots_room(POLICY_CONTAINER(PolicyResource, place, place),
							 klass);
}

/*
 * The queue of this id, or NULL.
 */
PolicyQueue *
policy_queue_find(const Policy *policy, uint32_t id)
{
	PolicyMapEntry *entry = policy_map_find(&policy->queues,
											policy_hash(0, id));

	return entry == NULL ? NULL :
		POLICY_CONTAINER(PolicyQueue, entry, entry);
}

/*
 * The queue of this id; one that is new has no limit, and weight 1.
 */
PolicyQueue *
policy_queue_get(Policy *policy, uint32_t id)
{
	PolicyQueue *queue = policy_queue_find(policy, id);

	if (queue != NULL)
		return queue;
	queue = policy_memory_alloc(&policy->memory, sizeof(PolicyQueue));
	queue->id = id;
	policy_queue_configure(queue, 0, 1.0, false);
	policy_place_init(&queue->place, PLACE_QUEUE);
	policy_map_insert(&policy->queues, &policy->memory, &queue->entry,
					  policy_hash(0, id));
	return queue;
}

/*
 * Sets what is configured of a queue.
 */
void
policy_queue_configure(PolicyQueue *queue, int max_running, double weight,
					   bool paused)
{
	queue->max_running = max_running;
	queue->weight = policy_weight(weight);
	queue->paused = paused;
}

/*
 * Frees a queue that nothing refers to.
 */
void
policy_queue_check(Policy *policy, PolicyQueue *queue)
{
	if (queue->configured || queue->nbuckets > 0)
		return;
	policy_ramp_free(policy, &queue->ramp);
	policy_budget_free(policy, &queue->budget);
	policy_map_delete(&policy->queues, &policy->memory, &queue->entry);
	policy_memory_release(&policy->memory, queue, sizeof(PolicyQueue));
}

/*
 * The owner of this id.
 */
PolicyOwner *
policy_owner_get(Policy *policy, uint32_t id)
{
	PolicyMapEntry *entry = policy_map_find(&policy->owners,
											policy_hash(0, id));
	PolicyOwner *owner;

	if (entry != NULL)
		return POLICY_CONTAINER(PolicyOwner, entry, entry);
	owner = policy_memory_alloc(&policy->memory, sizeof(PolicyOwner));
	owner->id = id;
	policy_owner_configure(owner, 0, 1.0);
	policy_place_init(&owner->place, PLACE_OWNER);
	policy_map_insert(&policy->owners, &policy->memory, &owner->entry,
					  policy_hash(0, id));
	return owner;
}

/*
 * Sets what is configured of an owner, but for the counting.
 */
void
policy_owner_configure(PolicyOwner *owner, int max_running, double weight)
{
	owner->max_running = max_running;
	owner->weight = policy_weight(weight);
}

/*
 * Have as many tasks of the owner started as may run at a time?
 */
bool
policy_owner_full(const PolicyOwner *owner)
{
	return owner->max_running > 0 &&
		owner->running >= (uint32_t) owner->max_running;
}

/*
 * Frees an owner that nothing refers to.
 */
void
policy_owner_check(Policy *policy, PolicyOwner *owner)
{
	if (owner->configured || owner->held || owner->nbuckets > 0 ||
		owner->unfinished > 0)
		return;
	policy_map_delete(&policy->owners, &policy->memory, &owner->entry);
	policy_memory_release(&policy->memory, owner, sizeof(PolicyOwner));
}

/*
 * The resource of this key, or NULL.
 */
PolicyResource *
policy_resource_find(const Policy *policy, uint64_t key)
{
	PolicyMapEntry *entry = policy_map_find(&policy->resources,
											policy_hash(0, key));

	return entry == NULL ? NULL :
		POLICY_CONTAINER(PolicyResource, entry, entry);
}

/*
 * The resource of this key; one that is new has no cap.
 */
PolicyResource *
policy_resource_get(Policy *policy, uint64_t key)
{
	PolicyResource *resource = policy_resource_find(policy, key);

	if (resource != NULL)
		return resource;
	resource = policy_memory_alloc(&policy->memory, sizeof(PolicyResource));
	resource->key = key;
	resource->burst = 1;
	resource->full_at = POLICY_TIME_ALWAYS;
	resource->opens_at = POLICY_TIME_ALWAYS;
	resource->paused_until = POLICY_TIME_ALWAYS;
	resource->spread_until = POLICY_TIME_ALWAYS;
	resource->apart_until = POLICY_TIME_ALWAYS;
	policy_place_init(&resource->place, PLACE_RESOURCE);
	policy_map_insert(&policy->resources, &policy->memory, &resource->entry,
					  policy_hash(0, key));
	return resource;
}

/*
 * Frees a resource that nothing refers to.  The bucket of a task that runs is
 * still there, so no slot of ours is held.
 */
void
policy_resource_check(Policy *policy, PolicyResource *resource)
{
	if (resource->slots > 0 || resource->gap > 0 || resource->foreign != 0 ||
		resource->gate_waiting || resource->windows != NULL ||
		resource->breaker != NULL || resource->ramp != NULL ||
		resource->nbuckets > 0 ||
		(resource->budget != NULL && resource->budget->rule.window > 0))
		return;
	WEIR_ASSERT(resource->own == 0);
	policy_rate_leave(policy, resource);
	policy_budget_free(policy, &resource->budget);
	policy_memory_release(&policy->memory, resource->behind,
						  POLICY_MAX_SLOTS);
	policy_map_delete(&policy->resources, &policy->memory, &resource->entry);
	policy_memory_release(&policy->memory, resource, sizeof(PolicyResource));
}

/*
 * The three kinds of places, for policy_map_release.
 */
static void
queue_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	PolicyQueue *queue = POLICY_CONTAINER(PolicyQueue, entry, entry);

	if (queue->ramp != NULL)
		policy_memory_release(memory, queue->ramp, sizeof(PolicyRamp));
	if (queue->budget != NULL)
		policy_memory_release(memory, queue->budget, sizeof(PolicyBudget));
	policy_memory_release(memory, queue, sizeof(PolicyQueue));
}

static void
owner_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	policy_memory_release(memory, POLICY_CONTAINER(PolicyOwner, entry, entry),
						  sizeof(PolicyOwner));
}

static void
resource_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	PolicyResource *resource = POLICY_CONTAINER(PolicyResource, entry, entry);

	if (resource->budget != NULL)
		policy_memory_release(memory, resource->budget, sizeof(PolicyBudget));
	policy_memory_release(memory, resource->behind, POLICY_MAX_SLOTS);
	policy_memory_release(memory, resource->windows,
						  POLICY_NUM_CLASSES * sizeof(PolicyWindow));
	if (resource->breaker != NULL)
		policy_memory_release(memory, resource->breaker,
							  sizeof(PolicyBreaker));
	if (resource->ramp != NULL)
		policy_memory_release(memory, resource->ramp, sizeof(PolicyRamp));
	policy_memory_release(memory, resource, sizeof(PolicyResource));
}

/*
 * Frees all places.
 */
void
policy_places_release(Policy *policy)
{
	policy_map_release(&policy->queues, &policy->memory, queue_release);
	policy_map_release(&policy->owners, &policy->memory, owner_release);
	policy_map_release(&policy->resources, &policy->memory, resource_release);
}
