/*-------------------------------------------------------------------------
 *
 * health.c
 *	  Health of the server: classes that wait until it is better.
 *
 * The caller measures; here is decided what follows.  A measure that exceeds
 * its limit is bad, until it is down at another, lower number: it must not go
 * back and forth around one.  While it is bad no task of the classes that it
 * is set for starts; what runs goes on.
 *
 * Free workers are counted here, and the other way round: a start must leave as
 * many as the limit says.  That is known exactly before each start, so there is
 * no second number.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/health.h"

/*
 * How many workers are free, of all that there are.  "alone": if nothing of
 * ours were running.
 */
static int64_t
health_free_workers(const Policy *policy, bool alone)
{
	return (int64_t) policy->workers - policy->other_workers -
		(alone ? 0 : policy->busy);
}

/*
 * Is the measure such that tasks wait?
 */
static bool
health_bad(const Policy *policy, HealthMeasure measure, bool alone)
{
	const PolicyHealth *health = &policy->health[measure];

	if (measure == HEALTH_FREE_WORKERS)
		return health->rule.on &&
			health_free_workers(policy, alone) <= health->rule.limit;
	return health->bad;
}

/*
 * Do tasks of the class wait for a measure?  Then "measure", if it is not
 * NULL, is the first of them.
 */
bool
policy_health_holds(const Policy *policy, PolicyClass klass, bool alone,
					HealthMeasure *measure)
{
	int			i;

	for (i = 0; i < HEALTH_MEASURES; i++)
	{
		if (((policy->health[i].rule.classes >> klass) & 1) == 0 ||
			!health_bad(policy, (HealthMeasure) i, alone))
			continue;
		if (measure != NULL)
			*measure = (HealthMeasure) i;
		return true;
	}
	return false;
}

/*
 * Sets a limit, or with one that is off removes it.
 */
void
policy_set_health(Policy *policy, HealthMeasure measure,
				  const HealthRule *rule)
{
	PolicyHealth *health = &policy->health[measure];

	health->rule = *rule;
	if (health->rule.resume > health->rule.limit)
		health->rule.resume = health->rule.limit;
	if (!rule->on)
	{
		health->rule.classes = 0;
		health->bad = false;
	}
}

/*
 * What was measured.  Says whether tasks wait for it from now on.
 */
bool
policy_tell_health(Policy *policy, HealthMeasure measure, int64_t value)
{
	PolicyHealth *health = &policy->health[measure];

	if (!health->rule.on)
		return false;
	if (measure == HEALTH_FREE_WORKERS)
		return health_bad(policy, measure, false);
	health->bad = value > (health->bad ? health->rule.resume :
						   health->rule.limit);
	return health->bad;
}

/*
 * How many of the workers other databases use.
 */
void
policy_set_other_workers(Policy *policy, int workers)
{
	policy->other_workers = workers > 0 ? workers : 0;
}
