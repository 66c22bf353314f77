/*-------------------------------------------------------------------------
 *
 * choose.c
 *	  Which bucket's first task starts next.
 *
 * First the class, then the bucket.  A class is feasible if one of its buckets
 * has room in all places that it needs, and a worker can be had for it: more
 * workers are free than the other classes have reserved and do not use.  The
 * system class may use reserved workers too.  During a ramp of everything
 * fewer workers count (ramp.h).  A class may have to wait until the server is
 * in better health (health.h).
 *
 * The class is chosen among the feasible ones
 *
 *	1. below their max_share, as long as there is one below it;
 *	2. daily, if its best task is in a tier (risk.h), but for system;
 *	3. else one that did not get its floor share of the last starts: the one
 *	   that lacks most;
 *	4. else system, which is never behind users;
 *	5. else the one whose best ranked task is the most overdue, weight times.
 *	   With equal weights that is the best rank of all.  Backfill yields: it
 *	   is not among them if daily is, however old its tasks are.
 *
 * Within the class: daily and system tasks strictly by rank (a deadline is a
 * deadline); adhoc and backfill by fair share between queues, then owners,
 * then by rank between and within the buckets of the owner (fair.h).
 *
 * Buckets that wait at a full place stand in line there in the same way, so
 * the same rules hold for who gets the next slot of a resource, or the next
 * run of a queue.  Where a place has room and several wait, one of them is
 * ready for the others (state.h).  For daily and system that is the best
 * ranked, so their order is exact; for adhoc and backfill it is the one whose
 * turn it is, so the best rank that such a class shows in 5. can be younger
 * than its oldest task, by a few starts.
 *
 * Before all this, a solo task that ranks before the best of every feasible
 * class is the choice; if something runs, there is none while the server
 * drains (solo.h).
 *
 *-------------------------------------------------------------------------
 */
#include "policy/choose.h"
#include "policy/health.h"
#include "policy/park.h"
#include "policy/ramp.h"
#include "policy/rank.h"
#include "policy/risk.h"
#include "policy/solo.h"

#define CLASS_BIT(klass)	(1u << (klass))

/*
 * Workers that the other classes have reserved and do not use, or that are
 * handed to daily tasks.
 */
static int64_t
class_reserved_by_others(const Policy *policy, PolicyClass klass, bool alone)
{
	int64_t		sum = 0;
	int			other;

	if (klass > POLICY_CLASS_DAILY)
		sum = policy->handed_workers;
	for (other = 0; other < POLICY_NUM_CLASSES; other++)
	{
		const ClassState *state = &policy->classes[other];
		int			running = alone ? 0 : state->running;

		if (other != (int) klass && running < state->reserved)
			sum += state->reserved - running;
	}
	return sum;
}

/*
 * Can a worker be had for the class now ("alone": if nothing were running)?
 */
bool
policy_class_has_worker(const Policy *policy, PolicyClass klass, bool alone)
{
	int64_t		unused = (int64_t) policy->workers -
	(alone ? 0 : policy->busy);

	if (klass == POLICY_CLASS_SYSTEM)
		return unused > 0;
	return unused > 0 &&
		unused > class_reserved_by_others(policy, klass, alone);
}

/*
 * The best ranked bucket of a class that has room everywhere, or NULL; those
 * found to lack something are set aside.
 */
static PolicyBucket *
class_best(Policy *policy, PolicyClass klass)
{
	FairItem   *item;

	while ((item = policy_fair_best(&policy->classes[klass].line)) != NULL)
	{
		PolicyBucket *bucket = POLICY_CONTAINER(PolicyBucket, item, item);

		if (!policy_set_aside(policy, bucket))
			return bucket;
	}
	return NULL;
}

/*
 * The best ranked bucket of a class that lacks nothing but a worker, or NULL.
 */
PolicyBucket *
policy_class_without_worker(Policy *policy, PolicyClass klass)
{
	if (policy_class_has_worker(policy, klass, false))
		return NULL;
	return class_best(policy, klass);
}

/*
 * The bucket of a class whose turn it is; one that has room is there.
 */
static PolicyBucket *
class_turn(Policy *policy, PolicyClass klass)
{
	for (;;)
	{
		FairItem   *item = policy_fair_turn(&policy->classes[klass].line);
		PolicyBucket *bucket = POLICY_CONTAINER(PolicyBucket, item, item);

		if (!policy_set_aside(policy, bucket))
			return bucket;
	}
}

/*
 * The best buckets of the feasible classes, NULL for the others.
 */
static ClassSet
classes_feasible(Policy *policy, PolicyBucket **best)
{
	ClassSet	feasible = 0;
	int			klass;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		best[klass] = NULL;
		if (policy_class_has_worker(policy, (PolicyClass) klass, false))
			best[klass] = class_best(policy, (PolicyClass) klass);
		if (best[klass] != NULL &&
			(policy_ramp_holds(policy, (PolicyClass) klass,
							   best[klass]->item.task_id) ||
			 policy_health_holds(policy, (PolicyClass) klass, false, NULL)))
			best[klass] = NULL;
		if (best[klass] != NULL)
			feasible |= CLASS_BIT(klass);
	}
	return feasible;
}

/*
 * Those of the feasible classes that are below their max_share; all, if none
 * is.
 */
static ClassSet
classes_below_share(const Policy *policy, ClassSet feasible)
{
	ClassSet	below = 0;
	int			klass;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		const ClassState *state = &policy->classes[klass];

		if (state->max_share <= 0 || state->running < state->max_share)
			below |= feasible & CLASS_BIT(klass);
	}
	return below != 0 ? below : feasible;
}

/*
 * How many starts a class lacks to its floor share, counting this one, if
 * another class got it.  A class that has not been feasible for the whole
 * window is owed its part of it.
 */
static int
class_floor_deficit(const Policy *policy, int klass)
{
	const ClassState *state = &policy->classes[klass];
	uint64_t	span = policy->nstarts - state->feasible_since + 1;
	double		owed = state->floor_share * FLOOR_WINDOW;

	if (span < FLOOR_SPAN)
		owed *= (double) span / FLOOR_SPAN;

	/* the tiny amount is for shares like 0.29, which times 100 is 28.9999 */
	return (int) (owed + 1e-9) - state->recent;
}

/*
 * How overdue a class is: by how much its best task is late, weight times, or
 * by how much it is early, divided by the weight and negative.
 */
static double
class_overdue(const Policy *policy, int klass, PolicyTime rank,
			  PolicyTime now)
{
	double		weight = policy->classes[klass].weight;
	double		late = policy_time_between(rank, now);

	return late > 0 ? late * weight : late / weight;
}

/*
 * The class to start a task of, out of a set that is not empty.
 */
static int
choose_class(const Policy *policy, PolicyTime now, ClassSet eligible,
			 PolicyBucket *const *best)
{
	double		most_overdue = 0;
	int			most_lacking = 0;
	int			chosen = -1;
	int			klass;

	if ((eligible & CLASS_BIT(POLICY_CLASS_DAILY)) &&
		policy_risk_is_urgent(policy, best[POLICY_CLASS_DAILY]->item.task_id))
		return (eligible & CLASS_BIT(POLICY_CLASS_SYSTEM)) ?
			POLICY_CLASS_SYSTEM : POLICY_CLASS_DAILY;
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		int			deficit = class_floor_deficit(policy, klass);

		if ((eligible & CLASS_BIT(klass)) && deficit > most_lacking)
		{
			most_lacking = deficit;
			chosen = klass;
		}
	}
	if (chosen >= 0)
		return chosen;
	if (eligible & CLASS_BIT(POLICY_CLASS_SYSTEM))
		return POLICY_CLASS_SYSTEM;
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		double		overdue;

		if (!(eligible & CLASS_BIT(klass)) ||
			(klass == POLICY_CLASS_BACKFILL &&
			 (eligible & CLASS_BIT(POLICY_CLASS_DAILY))))
			continue;
		overdue = class_overdue(policy, klass, best[klass]->item.rank, now);
		if (chosen < 0 || overdue > most_overdue)
		{
			most_overdue = overdue;
			chosen = klass;
		}
	}
	return chosen;
}

/*
 * Does the bucket rank before the best ones of all feasible classes?
 */
static bool
choose_is_first(const PolicyBucket *bucket, PolicyBucket *const *best)
{
	int			klass;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		if (best[klass] != NULL &&
			policy_fair_item_before(&best[klass]->item, &bucket->item))
			return false;
	return true;
}

/*
 * Could a task start at all, as far as the tasks are not looked at?
 */
bool
policy_may_start(const Policy *policy)
{
	return !policy->paused && !policy->solo.running &&
		policy->busy < policy->workers;
}

/*
 * Could a task of this class start now, if it had room everywhere?  Asks for
 * the worker, and for max_share against the work of the others.
 */
bool
policy_class_eligible(Policy *policy, PolicyClass klass)
{
	PolicyBucket *best[POLICY_NUM_CLASSES];
	ClassSet	feasible = classes_feasible(policy, best);

	if (!policy_class_has_worker(policy, klass, false))
		return false;
	feasible |= CLASS_BIT(klass);
	return (classes_below_share(policy, feasible) & CLASS_BIT(klass)) != 0;
}

/*
 * The next start, or false if nothing can start now.
 */
bool
policy_choose(Policy *policy, PolicyTime now, PolicyChoice *choice)
{
	PolicyBucket *best[POLICY_NUM_CLASSES];
	PolicyBucket *solo;
	int			klass;

	choice->bucket = NULL;
	choice->eligible = 0;
	if (!policy_may_start(policy))
		return false;
	choice->eligible = classes_below_share(policy,
										   classes_feasible(policy, best));
	solo = policy_solo_first(policy);
	if (solo == NULL)
		policy_solo_reset(policy);
	else if (choose_is_first(solo, best))
	{
		if (policy->running == 0)
			choice->bucket = solo;
		if (policy->running == 0 || policy_solo_drains(policy, now))
			return policy->running == 0;
	}
	if (choice->eligible == 0)
		return false;
	klass = choose_class(policy, now, choice->eligible, best);
	choice->bucket = class_turn(policy, (PolicyClass) klass);
	return true;
}

/*
 * Counts a start that was chosen, for the floor shares.
 */
void
policy_count_start(Policy *policy, const PolicyChoice *choice)
{
	uint8_t    *oldest = &policy->window[policy->nstarts % (FLOOR_SPAN - 1)];
	int			klass;

	policy->dropped = POLICY_NUM_CLASSES;
	if (policy->nstarts >= FLOOR_SPAN - 1)
	{
		policy->dropped = *oldest;
		policy->classes[*oldest].recent--;
	}
	*oldest = choice->bucket->klass;
	policy->classes[*oldest].recent++;
	policy->nstarts++;
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		if (!(choice->eligible & CLASS_BIT(klass)))
			policy->classes[klass].feasible_since = policy->nstarts;
}

/*
 * Takes the last start that was counted back.  Only the last one can be.
 */
void
policy_uncount_start(Policy *policy)
{
	uint8_t    *last;
	int			klass;

	policy->nstarts--;
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		if (policy->classes[klass].feasible_since > policy->nstarts)
			policy->classes[klass].feasible_since = policy->nstarts;
	last = &policy->window[policy->nstarts % (FLOOR_SPAN - 1)];
	policy->classes[*last].recent--;
	*last = policy->dropped;
	if (policy->dropped < POLICY_NUM_CLASSES)
		policy->classes[policy->dropped].recent++;
}
