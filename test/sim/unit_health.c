/*-------------------------------------------------------------------------
 *
 * unit_health.c
 *	  Unit tests: health of the server.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

#define BACKFILL	(1 << POLICY_CLASS_BACKFILL)

/*
 * Sets a limit.
 */
static void
set_limit(Policy *policy, HealthMeasure measure, int64_t limit, int64_t resume)
{
	HealthRule	rule = {true, BACKFILL, limit, resume};

	policy_set_health(policy, measure, &rule);
}

/*
 * A policy with a task of class backfill, and one of class adhoc.
 */
static Policy *
with_tasks(void)
{
	Policy	   *policy = unit_create(4);
	PolicyTask	backfill = unit_task(1, POLICY_CLASS_BACKFILL);
	PolicyTask	adhoc = unit_task(2, POLICY_CLASS_ADHOC);

	policy_add(policy, &backfill);
	policy_add(policy, &adhoc);
	return policy;
}

/*
 * Who waits for a measure that is bad, and what is told.
 */
static void
unit_bad(void)
{
	Policy	   *policy = with_tasks();

	tap_ok(!policy_tell_health(policy, HEALTH_WAL_RATE, INT64_MAX),
		   "health: without a limit nothing is bad");
	set_limit(policy, HEALTH_XMIN_AGE, 100, 80);
	set_limit(policy, HEALTH_WAL_RATE, 1000, 2000);
	tap_ok(!policy_tell_health(policy, HEALTH_WAL_RATE, 1000) &&
		   policy_tell_health(policy, HEALTH_WAL_RATE, 1001) &&
		   policy_tell_health(policy, HEALTH_WAL_RATE, 1001),
		   "health: more than the limit is");
	tap_ok(unit_next(policy, HOUR) == 2 && unit_next(policy, HOUR) == 0,
		   "health: the classes wait that it is for, and no others");
	tap_ok(policy_why(policy, 1, HOUR).cause == POLICY_CAUSE_HEALTH &&
		   policy_why(policy, 1, HOUR).measure == HEALTH_WAL_RATE,
		   "health: which is told");
	tap_ok(!policy_tell_health(policy, HEALTH_WAL_RATE, 1000) &&
		   unit_next(policy, HOUR) == 1,
		   "health: a number to go on at is not above the limit");
	policy_destroy(policy);
}

/*
 * It does not go back and forth around the limit.
 */
static void
unit_hysteresis(void)
{
	static const HealthRule none;
	Policy	   *policy = with_tasks();

	set_limit(policy, HEALTH_XMIN_AGE, 100, 80);
	tap_ok(!policy_tell_health(policy, HEALTH_XMIN_AGE, 90) &&
		   policy_tell_health(policy, HEALTH_XMIN_AGE, 101) &&
		   policy_tell_health(policy, HEALTH_XMIN_AGE, 81) &&
		   !policy_tell_health(policy, HEALTH_XMIN_AGE, 80) &&
		   !policy_tell_health(policy, HEALTH_XMIN_AGE, 100),
		   "health: bad until it is well below");
	policy_tell_health(policy, HEALTH_XMIN_AGE, 200);
	set_limit(policy, HEALTH_XMIN_AGE, 300, 250);
	tap_ok(!policy_tell_health(policy, HEALTH_XMIN_AGE, 200),
		   "health: under another limit it may be good");
	policy_tell_health(policy, HEALTH_XMIN_AGE, 400);
	policy_set_health(policy, HEALTH_XMIN_AGE, &none);
	tap_ok(unit_next(policy, HOUR) == 2 && unit_next(policy, HOUR) == 1,
		   "health: without a limit all start");
	policy_destroy(policy);
}

/*
 * Free workers are counted with each start.
 */
static void
unit_free_workers(void)
{
	Policy	   *policy = unit_create(4);
	int64_t		id;

	for (id = 1; id <= 4; id++)
	{
		PolicyTask	task = unit_task(id, POLICY_CLASS_BACKFILL);

		policy_add(policy, &task);
	}
	set_limit(policy, HEALTH_FREE_WORKERS, 2, 0);
	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 2 &&
		   unit_next(policy, HOUR) == 0, "health: two of four stay free");
	tap_ok(policy_why(policy, 3, HOUR).cause == POLICY_CAUSE_HEALTH &&
		   policy_why(policy, 3, HOUR).measure == HEALTH_FREE_WORKERS,
		   "health: which is told, too");
	policy_finished(policy, 1);
	policy_set_other_workers(policy, 1);
	tap_ok(unit_next(policy, HOUR) == 0,
		   "health: what other databases use is not free");
	policy_set_other_workers(policy, 0);
	tap_ok(unit_next(policy, HOUR) == 3, "health: until they do not");
	policy_destroy(policy);
}

void
unit_health(void)
{
	unit_bad();
	unit_hysteresis();
	unit_free_workers();
}
