/*-------------------------------------------------------------------------
 *
 * solo.c
 *	  Tasks that run alone.
 *
 * A task that may crash the server runs when nothing else does, and while it
 * runs nothing else starts.  To wait for an empty server would be to wait for
 * ever, so when the best ranked task of all that could start is a solo one,
 * no other starts: the server drains.
 *
 * That is bounded.  A drain lasts a minute at first; when the server was not
 * empty by then, others start for four times as long, and the next drain is
 * twice as long as the one before.  So at most a fifth of the time goes to
 * waiting, and the task starts at the latest in the first drain that lasts
 * longer than the longest run.
 *
 * Solo buckets are few, and looked at one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/choose.h"
#include "policy/health.h"
#include "policy/place.h"
#include "policy/rank.h"
#include "policy/slots.h"
#include "policy/solo.h"
#include "policy/window.h"

#define SOLO_FIRST_DRAIN	INT64_C(60000000)
#define SOLO_REST_FACTOR	4

/* No drain is longer than this, a year, so that no time overflows */
#define SOLO_MAX_DRAIN		(INT64_C(365) * 86400 * 1000000)

/*
 * Could this bucket start if nothing of ours were running?
 */
static bool
solo_feasible(const Policy *policy, const PolicyBucket *bucket)
{
	PolicyClass klass = (PolicyClass) bucket->klass;
	int			i;

	if (bucket->queue->paused || bucket->queue->held_up ||
		bucket->owner->held ||
		!policy_class_has_worker(policy, klass, true) ||
		policy_health_holds(policy, klass, true, NULL) ||
		policy_window_shuts(policy, bucket, NULL))
		return false;
	for (i = 0; i < bucket->nneeds; i++)
		if (!policy_slots_room_alone(bucket->needs[i], klass))
			return false;
	return true;
}

/*
 * The best ranked solo bucket that could start on an empty server, or NULL.
 */
PolicyBucket *
policy_solo_first(const Policy *policy)
{
	PolicyBucket *best = NULL;
	PolicyBucket *bucket = policy->solo.first;

	for (; bucket != NULL; bucket = bucket->next_solo)
	{
		if (best != NULL &&
			!policy_fair_item_before(&bucket->item, &best->item))
			continue;
		if (solo_feasible(policy, bucket))
			best = bucket;
	}
	return best;
}

/*
 * A solo task is the best ranked, but the server is not empty: does it drain
 * now, or do others start?
 */
bool
policy_solo_drains(Policy *policy, PolicyTime now)
{
	SoloState  *solo = &policy->solo;

	if (policy_solo_draining(policy, now))
		return true;
	if (solo->drain_until != POLICY_TIME_ALWAYS)
	{
		/* that drain was not long enough */
		solo->drain_until = POLICY_TIME_ALWAYS;
		solo->rest_until = policy_time_add(now, solo->drain_length *
										   SOLO_REST_FACTOR);
		if (solo->drain_length < SOLO_MAX_DRAIN)
			solo->drain_length *= 2;
	}
	if (now < solo->rest_until)
		return false;
	solo->drain_until = policy_time_add(now, solo->drain_length);
	return true;
}

/*
 * Is a drain going on?
 */
bool
policy_solo_draining(const Policy *policy, PolicyTime now)
{
	return policy->solo.drain_until != POLICY_TIME_ALWAYS &&
		now < policy->solo.drain_until;
}

/*
 * A solo task started, or none waits any more: the next one drains from the
 * start.
 */
void
policy_solo_reset(Policy *policy)
{
	policy->solo.drain_until = POLICY_TIME_ALWAYS;
	policy->solo.rest_until = POLICY_TIME_ALWAYS;
	policy->solo.drain_length = SOLO_FIRST_DRAIN;
}
