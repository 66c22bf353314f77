/*-------------------------------------------------------------------------
 *
 * unit_age.c
 *	  Unit tests: how long the oldest task of a queue has been there.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/age.h"
#include "unit.h"

#define TASKS	10000

/*
 * Is what is told right, within an eighth of the time in which tasks came?
 */
static bool
about(const PolicyAges *ages, PolicyTime oldest)
{
	PolicyTime	told = policy_age_oldest(ages);

	return told <= oldest && oldest - told <= TASKS * SECOND / 8;
}

/*
 * So few that each has its own span: in any order, and exactly.
 */
static void
unit_few(void)
{
	PolicyAges	ages = {0};
	bool		good = policy_age_oldest(&ages) == POLICY_TIME_NEVER;
	int			i;

	for (i = 0; i < AGE_SPANS; i++)
		policy_age_add(&ages, (i * 7) % AGE_SPANS);
	policy_age_add(&ages, 0);
	policy_age_remove(&ages, 0);
	for (i = 0; i < AGE_SPANS; i++)
	{
		good &= policy_age_oldest(&ages) == i;
		policy_age_remove(&ages, i);
	}
	tap_ok(good && policy_age_oldest(&ages) == POLICY_TIME_NEVER,
		   "age: of a few tasks it is exact");
}

/*
 * Many, one by one in the order of time, of which the oldest end first, and
 * again in an order at random, of which any ends.
 */
static void
unit_many(void)
{
	PolicyAges	ages = {0};
	TestRandom	random = {1};
	static bool there[TASKS];
	bool		good = true;
	int			oldest = 0;
	int			i;

	for (i = 0; i < TASKS; i++)
	{
		policy_age_add(&ages, i * SECOND);
		good &= policy_age_oldest(&ages) == 0;
	}
	for (i = 0; i < TASKS - 1; i++)
	{
		policy_age_remove(&ages, i * SECOND);
		good &= about(&ages, (i + 1) * SECOND);
	}
	policy_age_remove(&ages, i * SECOND);
	tap_ok(good && policy_age_oldest(&ages) == POLICY_TIME_NEVER,
		   "age: of many tasks it is right within an eighth");
	good = true;
	for (i = 0; i < 20 * TASKS; i++)
	{
		int			task = test_below(&random, TASKS);

		(there[task] ? policy_age_remove : policy_age_add) (&ages, task * SECOND);
		there[task] = !there[task];
		for (oldest = 0; oldest < TASKS && !there[oldest]; oldest++)
			;
		good &= oldest == TASKS ?
			policy_age_oldest(&ages) == POLICY_TIME_NEVER :
			policy_age_oldest(&ages) <= oldest * SECOND;
	}
	for (i = 0; i < TASKS; i++)
		if (there[i])
			policy_age_remove(&ages, i * SECOND);
	tap_ok(good && policy_age_oldest(&ages) == POLICY_TIME_NEVER,
		   "age: whoever comes and goes is counted once");
}

void
unit_age(void)
{
	unit_few();
	unit_many();
}
