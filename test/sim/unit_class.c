/*-------------------------------------------------------------------------
 *
 * unit_class.c
 *	  Unit tests: what is told of classes, durations and starving tasks.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/duration.h"
#include "unit.h"

/*
 * Quantiles of the last runs.
 */
static void
class_durations(void)
{
	Durations	durations;
	int			told = 0;
	int			i;

	memset(&durations, 0, sizeof(durations));
	tap_ok(policy_duration_quantile(&durations, 0.9) == 0,
		   "duration: nothing is known without runs");
	policy_duration_add(&durations, 0);
	tap_ok(policy_duration_quantile(&durations, 0.9) == 1,
		   "duration: a run takes some time");
	for (i = 1; i <= 10; i++)
		told += policy_duration_add(&durations, 11 - i);
	tap_ok(told == 10 && policy_duration_quantile(&durations, 1) == 10 &&
		   policy_duration_quantile(&durations, 0) == 1 &&
		   policy_duration_quantile(&durations, 0.5) == 5 &&
		   policy_duration_quantile(&durations, 0.9) == 9,
		   "duration: quantiles of few runs");
	for (i = 1, told = 0; i <= 640; i++)
		told += policy_duration_add(&durations, i);
	tap_ok(told == 44, "duration: later not after each run (%d)", told);
	tap_ok(policy_duration_quantile(&durations, 1) == 640 &&
		   policy_duration_quantile(&durations, 0) == 577,
		   "duration: of the last runs alone");
	tap_ok(policy_duration_left(10, 4) == 6 && policy_duration_left(10, -1) == 10 &&
		   policy_duration_left(10, 10) == 10 && policy_duration_left(10, 30) == 30,
		   "duration: what is left, and of one that takes longer than any");
}

/*
 * What a class uses, and whether it has lent its next worker.
 */
static void
class_use(void)
{
	Policy	   *policy = unit_create(2);
	PolicyTask	task = unit_task(1, POLICY_CLASS_BACKFILL);
	PolicyClassUse bulk;
	PolicyClassUse daily;

	policy_class_use(policy, POLICY_CLASS_DAILY, &daily);
	tap_ok(daily.running == 0 && daily.of_starts == 0 && !daily.lent,
		   "class: nothing at first");
	policy_add(policy, &task);
	task.task_id = 2;
	policy_add(policy, &task);
	(void) unit_next(policy, HOUR);
	policy_class_use(policy, POLICY_CLASS_DAILY, &daily);
	tap_ok(!daily.lent, "class: a worker is free");
	(void) unit_next(policy, HOUR);
	policy_class_use(policy, POLICY_CLASS_DAILY, &daily);
	policy_class_use(policy, POLICY_CLASS_BACKFILL, &bulk);
	tap_ok(bulk.running == 2 && bulk.starts == 2 && bulk.of_starts == 2 &&
		   daily.starts == 0, "class: what runs and what has started");
	tap_ok(daily.lent && !bulk.lent, "class: all are lent to the other one");
	policy_set_class(policy, POLICY_CLASS_BACKFILL, 2, 0, 0.05, 1);
	policy_class_use(policy, POLICY_CLASS_DAILY, &daily);
	tap_ok(!daily.lent, "class: what a class has reserved is not lent to it");
	policy_destroy(policy);
}

/*
 * Who has waited for long.
 */
static void
class_starved(void)
{
	Policy	   *policy = unit_create(1);
	PolicyTask	task;
	PolicyStarved starved;
	uint32_t	next = 0;
	int			i;

	for (i = 1; i <= 3; i++)
	{
		task = unit_task(i, POLICY_CLASS_ADHOC);
		policy_add(policy, &task);
	}
	task = unit_task(4, POLICY_CLASS_DAILY);
	task.queue = 2;
	policy_add(policy, &task);
	task = unit_task(5, POLICY_CLASS_BACKFILL);
	task.run_at = HOUR;
	policy_add(policy, &task);
	policy_set_paused(policy, true);
	tap_ok(!policy_next_starved(policy, SECOND - 1, &next, &starved),
		   "starved: nobody who came later");
	next = 0;
	tap_ok(policy_next_starved(policy, SECOND, &next, &starved) &&
		   starved.task_id == 1 && starved.queue == 1 && starved.behind == 2 &&
		   starved.klass == POLICY_CLASS_ADHOC &&
		   !policy_next_starved(policy, SECOND, &next, &starved),
		   "starved: the first of a bucket, for all of them");
	next = 0;
	for (i = 0; policy_next_starved(policy, 2 * HOUR, &next, &starved); i++)
		;
	tap_ok(i == 2, "starved: not what is to come");
	policy_destroy(policy);
}

void
unit_class(void)
{
	class_durations();
	class_use();
	class_starved();
}
