/*-------------------------------------------------------------------------
 *
 * park.c
 *	  Where a bucket stands: ready, or parked at what it lacks.
 *
 * state.h says which states there are, and the invariant that everything here
 * is to keep.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/budget.h"
#include "policy/park.h"
#include "policy/place.h"
#include "policy/slots.h"
#include "policy/window.h"

/*
 * The first resource without room for the bucket, or NULL.
 */
PolicyResource *
policy_lacks_slot(const PolicyBucket *bucket)
{
	int			i;

	for (i = 0; i < bucket->nneeds; i++)
		if (!policy_slots_room(bucket->needs[i], (PolicyClass) bucket->klass))
			return bucket->needs[i];
	return NULL;
}

/*
 * The first place without room for the bucket, or NULL.
 */
PolicyPlace *
policy_lacks(const PolicyBucket *bucket)
{
	PolicyClass klass = (PolicyClass) bucket->klass;
	PolicyResource *resource;
	PolicyPlace *budget;

	if (!policy_place_room(&bucket->queue->place, klass))
		return &bucket->queue->place;
	if (policy_owner_full(bucket->owner))
		return &bucket->owner->place;
	budget = policy_budget_lacks(bucket);
	if (budget != NULL)
		return budget;
	resource = policy_lacks_slot(bucket);
	if (resource != NULL)
		return &resource->place;
	if (!policy_place_room(&bucket->owner->place, klass))
		return &bucket->owner->place;
	return NULL;
}

/*
 * Counts ready tasks more, or less, of a bucket that is parked.
 */
static void
park_count(Policy *policy, PolicyBucket *bucket, int change)
{
	if (bucket->place->kind == PLACE_BUDGET)
		policy_budget_count_waiting(policy,
									POLICY_CONTAINER(PolicyBudget, place,
													 bucket->place), change);
	if (bucket->place->kind == PLACE_RESOURCE ||
		bucket->place->kind == PLACE_BUDGET || bucket->at_limit)
		bucket->queue->parked += change;
}

/*
 * Counts one ready task more, or less, in the bucket and its queue.
 */
void
policy_count_ready(Policy *policy, PolicyBucket *bucket, int change)
{
	bucket->nready += change;
	bucket->queue->ready += change;
	if (bucket->place != NULL)
		park_count(policy, bucket, change);
	else if (bucket->shut)
		bucket->queue->parked += change;
}

/*
 * Who is parked at a place has changed: a budget may need a timer, or no more.
 */
static void
park_settle_place(Policy *policy, PolicyPlace *place)
{
	if (place->kind == PLACE_BUDGET)
		policy_budget_settle(policy,
							 POLICY_CONTAINER(PolicyBudget, place, place));
}

/*
 * A bucket that is in no tree stands in the line of its class.
 */
static void
park_enter_line(PolicyBucket *bucket)
{
	bucket->node = bucket->line;
	policy_fair_insert(bucket->node, &bucket->item);
}

/*
 * A bucket that is in no tree is parked at a place without room for it.
 */
static void
park_enter_place(Policy *policy, PolicyBucket *bucket, PolicyPlace *place)
{
	WEIR_ASSERT(!policy_place_room(place, (PolicyClass) bucket->klass));
	bucket->place = place;
	bucket->at_limit = place->kind == PLACE_OWNER &&
		policy_owner_full(bucket->owner);
	bucket->node = policy_fair_get(&policy->fair,
								   &place->parked[bucket->klass],
								   bucket->queue->id, &bucket->queue->weight,
								   bucket->owner->id, &bucket->owner->weight);
	policy_fair_insert(bucket->node, &bucket->item);
	park_count(policy, bucket, (int) bucket->nready);
	park_settle_place(policy, place);
}

/*
 * Takes a bucket out of the tree that it is in.
 */
static void
park_leave(Policy *policy, PolicyBucket *bucket)
{
	PolicyPlace *place = bucket->place;

	policy_fair_delete(bucket->node, &bucket->item);
	if (place != NULL)
	{
		policy_fair_put(&policy->fair, bucket->node);
		park_count(policy, bucket, -(int) bucket->nready);
		park_settle_place(policy, place);
	}
	bucket->node = NULL;
	bucket->place = NULL;
}

/*
 * Wakes the next bucket of a class at a place, if there is one and room for
 * it.
 */
static void
park_wake_next(Policy *policy, PolicyPlace *place, PolicyClass klass)
{
	FairRoot   *parked = &place->parked[klass];
	PolicyBucket *bucket;

	if (policy_fair_empty(parked))
		return;
	if (!policy_place_room(place, klass))
	{
		park_settle_place(policy, place);
		return;
	}
	bucket = POLICY_CONTAINER(PolicyBucket, item, policy_fair_turn(parked));
	policy_fair_charge(parked, bucket->node);
	park_leave(policy, bucket);
	park_enter_line(bucket);
}

/*
 * A ready bucket took its turn or is ready no more: others of its class that
 * it stood for, at each place that it needs, go on.
 */
static void
park_pass_on(Policy *policy, const PolicyBucket *bucket)
{
	PolicyClass klass = (PolicyClass) bucket->klass;
	int			i;

	park_wake_next(policy, &bucket->queue->place, klass);
	park_wake_next(policy, &bucket->owner->place, klass);
	for (i = 0; i < bucket->nneeds; i++)
		park_wake_next(policy, &bucket->needs[i]->place, klass);
	if (!bucket->retry)
		return;
	if (bucket->queue->budget != NULL)
		park_wake_next(policy, &bucket->queue->budget->place, klass);
	for (i = 0; i < bucket->nneeds; i++)
		if (bucket->needs[i]->budget != NULL)
			park_wake_next(policy, &bucket->needs[i]->budget->place, klass);
}

/*
 * Puts a bucket that is in no tree where it belongs now.
 */
static void
park_enter(Policy *policy, PolicyBucket *bucket)
{
	PolicyPlace *place;

	if (policy_window_shut(policy, bucket))
		return;
	place = policy_lacks(bucket);
	if (place == NULL)
		park_enter_line(bucket);
	else
		park_enter_place(policy, bucket, place);
}

/*
 * Takes a ready bucket that cannot start out of the line; false if it can
 * start.
 */
bool
policy_set_aside(Policy *policy, PolicyBucket *bucket)
{
	if (!policy_window_shuts(policy, bucket, NULL) &&
		policy_lacks(bucket) == NULL)
		return false;
	park_leave(policy, bucket);
	park_enter(policy, bucket);
	park_pass_on(policy, bucket);
	return true;
}

/*
 * A bucket that was shut may start again, as far as the time goes.
 */
void
policy_reopen(Policy *policy, PolicyBucket *bucket)
{
	policy_window_leave(policy, bucket);
	park_enter(policy, bucket);
}

/*
 * A place got room, for whichever class.
 */
void
policy_wake(Policy *policy, PolicyPlace *place)
{
	int			klass;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		park_wake_next(policy, place, (PolicyClass) klass);
}

/*
 * Keeps a solo bucket in the list of those with a task that is due.  There
 * are few of them.
 */
static void
park_settle_solo(Policy *policy, PolicyBucket *bucket, uint32_t first)
{
	PolicyBucket **link = &policy->solo.first;

	while (*link != NULL && *link != bucket)
		link = &(*link)->next_solo;
	if (first == 0)
	{
		if (*link != NULL)
			*link = bucket->next_solo;
		return;
	}
	if (*link == NULL)
	{
		bucket->next_solo = NULL;
		*link = bucket;
	}
	bucket->item.rank = policy_task_node(&policy->tasks, first)->key;
	bucket->item.task_id = policy_task_node(&policy->tasks, first)->task_id;
}

/*
 * Takes over the rank of a bucket's first task; it stands in no tree.
 */
static void
park_take_rank(PolicyBucket *bucket, const FairItem *new)
{
	bucket->item.rank = new->rank;
	bucket->item.task_id = new->task_id;
}

/*
 * The rank of a parked bucket changed.  One that got better is looked at again
 * if there is room: it may be better than the one that stands for it.
 */
static void
park_rerank_parked(Policy *policy, PolicyBucket *bucket, const FairItem *new)
{
	if (policy_fair_item_before(new, &bucket->item) &&
		policy_place_room(bucket->place, (PolicyClass) bucket->klass))
	{
		park_leave(policy, bucket);
		park_take_rank(bucket, new);
		park_enter(policy, bucket);
	}
	else
		policy_fair_update(bucket->node, &bucket->item, new->rank,
						   new->task_id);
}

/*
 * The rank of a ready bucket changed.  One that got worse has had its turn, or
 * may no longer be the best of those that it stands for.
 */
static void
park_rerank_ready(Policy *policy, PolicyBucket *bucket, const FairItem *new)
{
	bool		better = policy_fair_item_before(new, &bucket->item);
	bool		stays = !policy_window_shuts(policy, bucket, NULL) &&
	policy_lacks(bucket) == NULL;

	if (stays)
		policy_fair_update(bucket->node, &bucket->item, new->rank,
						   new->task_id);
	else
	{
		park_leave(policy, bucket);
		park_take_rank(bucket, new);
		park_enter(policy, bucket);
	}
	if (!stays || !better)
		park_pass_on(policy, bucket);
}

/*
 * Brings a bucket where it belongs after its ready tasks changed.
 */
void
policy_settle(Policy *policy, PolicyBucket *bucket)
{
	uint32_t	first = policy_order_first(&policy->tasks, &bucket->order);
	FairItem	new = {.rank = 0};

	if (bucket->solo)
	{
		park_settle_solo(policy, bucket, first);
		return;
	}
	if (first == 0)
	{
		bool		was_ready = bucket->node != NULL && bucket->place == NULL;

		if (bucket->node != NULL)
			park_leave(policy, bucket);
		if (bucket->shut)
			policy_window_leave(policy, bucket);
		if (was_ready)
			park_pass_on(policy, bucket);
		return;
	}
	new.rank = policy_task_node(&policy->tasks, first)->key;
	new.task_id = policy_task_node(&policy->tasks, first)->task_id;
	if (bucket->shut)
		park_take_rank(bucket, &new);
	else if (bucket->node == NULL)
	{
		park_take_rank(bucket, &new);
		park_enter(policy, bucket);
	}
	else if (new.rank != bucket->item.rank ||
			 new.task_id != bucket->item.task_id)
	{
		if (bucket->place == NULL)
			park_rerank_ready(policy, bucket, &new);
		else
			park_rerank_parked(policy, bucket, &new);
	}
}
