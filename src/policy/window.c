/*-------------------------------------------------------------------------
 *
 * window.c
 *	  Times in which tasks may start.
 *
 * A class, and each resource for a class, may have a time from which and a
 * time by which: nothing starts before the one, nor what is not likely to end
 * by the other.  How long a run takes is told for its queue.
 *
 * That is not room in a place: it goes with the time, and of two buckets at
 * the same place the one with the shorter runs may start when the other may
 * not.  So a bucket that the time shuts out is not parked at a place, but
 * stands in a heap by when it may start.  One that cannot end by the closing
 * stays there until the caller tells of the next opening.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/park.h"
#include "policy/place.h"
#include "policy/rank.h"
#include "policy/window.h"

/*
 * The order of the heap.
 */
static bool
looks_before(const PolicyHeapNode *a, const PolicyHeapNode *b)
{
	return POLICY_CONTAINER(PolicyBucket, by_look, a)->look_at <
		POLICY_CONTAINER(PolicyBucket, by_look, b)->look_at;
}

/*
 * Windows that are always open, one per class.
 */
void
policy_windows_init(PolicyWindow *windows)
{
	int			klass;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		windows[klass].opens_at = POLICY_TIME_ALWAYS;
		windows[klass].closes_at = POLICY_TIME_NEVER;
	}
}

/*
 * Does a window keep a run of this duration from starting?  Then "look_at" is
 * put off to when it does not.
 */
static bool
window_keeps(const PolicyWindow *window, PolicyTime now, int64_t duration,
			 PolicyTime *look_at)
{
	PolicyTime	start = window->opens_at > now ? window->opens_at : now;

	if (policy_time_add(start, duration > 0 ? duration : 1) >
		window->closes_at)
		start = POLICY_TIME_NEVER;
	if (start <= now)
		return false;
	if (start > *look_at)
		*look_at = start;
	return true;
}

/*
 * Does the time keep the bucket's tasks from starting?  "look_at", if it is
 * not NULL, becomes the time when to look again.
 */
bool
policy_window_shuts(const Policy *policy, const PolicyBucket *bucket,
					PolicyTime *look_at)
{
	PolicyTime	later = POLICY_TIME_ALWAYS;
	int64_t		duration = bucket->queue->duration;
	bool		shuts;
	int			i;

	shuts = window_keeps(&policy->windows[bucket->klass], policy->now,
						 duration, &later);
	for (i = 0; i < bucket->nneeds; i++)
		if (bucket->needs[i]->windows != NULL &&
			window_keeps(&bucket->needs[i]->windows[bucket->klass],
						 policy->now, duration, &later))
			shuts = true;
	if (look_at != NULL)
		*look_at = later;
	return shuts;
}

/*
 * Shuts a bucket that stands nowhere, if the time says so.
 */
bool
policy_window_shut(Policy *policy, PolicyBucket *bucket)
{
	if (!policy_window_shuts(policy, bucket, &bucket->look_at))
		return false;
	bucket->shut = true;
	bucket->queue->parked += bucket->nready;
	policy_heap_insert(&policy->shut, &bucket->by_look, looks_before);
	return true;
}

/*
 * The bucket is not shut any more.
 */
void
policy_window_leave(Policy *policy, PolicyBucket *bucket)
{
	policy_heap_delete(&policy->shut, &bucket->by_look, looks_before);
	bucket->queue->parked -= bucket->nready;
	bucket->shut = false;
}

/*
 * Looks again at those whose time has come.
 */
void
policy_window_open_due(Policy *policy)
{
	while (policy->shut != NULL)
	{
		PolicyBucket *bucket = POLICY_CONTAINER(PolicyBucket, by_look,
												policy->shut);

		if (bucket->look_at > policy->now)
			return;
		policy_reopen(policy, bucket);
	}
}

/*
 * When there is a next one to look at.  Buckets that run alone are not in the
 * heap; they are few.
 */
PolicyTime
policy_window_next_due(const Policy *policy)
{
	const PolicyBucket *bucket = policy->solo.first;
	PolicyTime	due = POLICY_TIME_NEVER;

	if (policy->shut != NULL)
		due = POLICY_CONTAINER(PolicyBucket, by_look, policy->shut)->look_at;
	for (; bucket != NULL; bucket = bucket->next_solo)
	{
		PolicyTime	look_at;

		if (policy_window_shuts(policy, bucket, &look_at) && look_at < due)
			due = look_at;
	}
	return due;
}

/*
 * Something has changed: looks again at all that are shut.
 */
static void
window_review(Policy *policy)
{
	uint32_t	i;

	for (i = 0; i < policy->nbuckets && policy->shut != NULL; i++)
		if (policy->buckets[i] != NULL && policy->buckets[i]->shut)
			policy_reopen(policy, policy->buckets[i]);
}

/*
 * The windows of a resource; made when there are none yet, and given back
 * when all of them are always open.
 */
static void
window_set_resource(Policy *policy, PolicyResource *resource,
					PolicyClass klass, const PolicyWindow *window)
{
	bool		needed = false;
	int			i;

	if (resource->windows == NULL)
	{
		resource->windows = policy_memory_alloc(&policy->memory,
												POLICY_NUM_CLASSES *
												sizeof(PolicyWindow));
		policy_windows_init(resource->windows);
	}
	resource->windows[klass] = *window;
	for (i = 0; i < POLICY_NUM_CLASSES; i++)
		if (resource->windows[i].opens_at != POLICY_TIME_ALWAYS ||
			resource->windows[i].closes_at != POLICY_TIME_NEVER)
			needed = true;
	if (needed)
		return;
	policy_memory_release(&policy->memory, resource->windows,
						  POLICY_NUM_CLASSES * sizeof(PolicyWindow));
	resource->windows = NULL;
}

/*
 * Sets when tasks of a class, and that need the resource if one is named, may
 * start.
 */
void
policy_set_window(Policy *policy, PolicyClass klass, uint64_t resource,
				  PolicyTime opens_at, PolicyTime closes_at)
{
	PolicyWindow window = {opens_at, closes_at};

	if (resource == 0)
		policy->windows[klass] = window;
	else
	{
		PolicyResource *entry = policy_resource_get(policy, resource);

		window_set_resource(policy, entry, klass, &window);
		policy_resource_check(policy, entry);
	}
	window_review(policy);
}

/*
 * Sets how long a run of a queue is likely to take: more or fewer of them may
 * be able to end in time.
 */
void
policy_set_duration(Policy *policy, uint32_t queue, int64_t duration)
{
	PolicyQueue *entry = policy_queue_find(policy, queue);
	int64_t		before;

	if (entry == NULL)
		return;
	before = entry->duration;
	entry->duration = duration;
	if (duration != before)
		window_review(policy);
}
