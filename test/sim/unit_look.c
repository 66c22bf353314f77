/*-------------------------------------------------------------------------
 *
 * unit_look.c
 *	  Unit tests: causes and counts, and tasks that run alone.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

/*
 * The cause of a task.
 */
static PolicyCause
cause(Policy *policy, int64_t task_id)
{
	return policy_why(policy, task_id, HOUR).cause;
}

/*
 * Counts of queue 1, as one number of four digits.
 */
static int
counts(Policy *policy)
{
	PolicyQueueCounts c;

	policy_queue_counts(policy, 1, &c);
	return (int) (c.ready * 1000 + c.delayed * 100 + c.blocked * 10 +
				  c.running);
}

/*
 * Every cause, the first that holds.
 */
void
unit_look(void)
{
	Policy	   *policy = unit_create(1);
	PolicyTask	task = unit_task(1, POLICY_CLASS_ADHOC);
	PolicyTime	later = 2 * HOUR;

	policy_set_resource(policy, 5, 1, 0);
	policy_set_foreign(policy, 5, 1, false);
	task.nneeds = 1;
	task.needs[0] = 5;
	task.run_at = later;
	tap_ok(cause(policy, 1) == POLICY_CAUSE_UNKNOWN, "look: unknown");
	tap_ok(counts(policy) == 0, "look: an unknown queue has no tasks");
	policy_add(policy, &task);
	policy_set_paused(policy, true);
	policy_set_queue(policy, 1, 1, 1, true);
	tap_ok(cause(policy, 1) == POLICY_CAUSE_SCHEDULED &&
		   policy_why(policy, 1, HOUR).until == later && counts(policy) == 100,
		   "look: scheduled");
	later = HOUR;
	policy_change(policy, 1, NULL, NULL, &later);
	tap_ok(cause(policy, 1) == POLICY_CAUSE_PAUSED_ALL && counts(policy) == 10,
		   "look: all paused");
	policy_set_paused(policy, false);
	tap_ok(cause(policy, 1) == POLICY_CAUSE_PAUSED_QUEUE &&
		   counts(policy) == 10, "look: queue paused");
	policy_set_queue(policy, 1, 1, 1, false);
	tap_ok(cause(policy, 1) == POLICY_CAUSE_RESOURCE &&
		   policy_why(policy, 1, HOUR).resource == 5, "look: no slot");
	tap_ok(unit_next(policy, HOUR) == 0 && counts(policy) == 10,
		   "look: which counts as blocked once it was looked for");
	policy_set_foreign(policy, 5, 0, false);
	policy_hold_owner(policy, 1, true);
	tap_ok(cause(policy, 1) == POLICY_CAUSE_NO_WORKER && counts(policy) == 1000,
		   "look: no worker for the owner");
	policy_hold_owner(policy, 1, false);
	task.task_id = 2;
	task.run_at = POLICY_TIME_ALWAYS;
	policy_add(policy, &task);
	tap_ok(cause(policy, 1) == POLICY_CAUSE_NONE && counts(policy) == 2000,
		   "look: none");
	tap_ok(cause(policy, 2) == POLICY_CAUSE_BEHIND &&
		   policy_why(policy, 2, HOUR).ahead == 1, "look: behind");
	tap_ok(unit_next(policy, HOUR) == 1 &&
		   cause(policy, 1) == POLICY_CAUSE_RUNNING && counts(policy) == 11,
		   "look: running");
	tap_ok(cause(policy, 2) == POLICY_CAUSE_QUEUE_LIMIT, "look: queue limit");
	policy_set_queue(policy, 1, 2, 1, false);
	tap_ok(cause(policy, 2) == POLICY_CAUSE_RESOURCE, "look: slot in use");
	policy_set_resource(policy, 5, 0, 0);
	tap_ok(cause(policy, 2) == POLICY_CAUSE_NO_WORKER && counts(policy) == 1001,
		   "look: no worker");
	policy_set_workers(policy, 2);
	policy_set_class(policy, POLICY_CLASS_DAILY, 1, 0, 0.05, 1);
	tap_ok(cause(policy, 2) == POLICY_CAUSE_CLASS_SHARE, "look: class share");
	task.task_id = 3;
	task.solo = true;
	policy_add(policy, &task);
	tap_ok(cause(policy, 3) == POLICY_CAUSE_SOLO, "look: solo");
	policy_destroy(policy);
}

/*
 * A task that runs alone: waits for an empty server, is not starved, and keeps
 * the others waiting for a bounded time only.
 */
void
unit_solo(void)
{
	Policy	   *policy = unit_create(4);
	PolicyTask	task = unit_task(1, POLICY_CLASS_ADHOC);
	PolicyTime	now = HOUR;

	policy_add(policy, &task);
	tap_ok(unit_next(policy, now) == 1, "solo: something runs");
	task = unit_task(2, POLICY_CLASS_ADHOC);
	task.solo = true;
	policy_add(policy, &task);
	task = unit_task(3, POLICY_CLASS_ADHOC);
	policy_add(policy, &task);
	tap_ok(unit_next(policy, now) == 0 && cause(policy, 3) == POLICY_CAUSE_SOLO,
		   "solo: what ranks behind waits");
	tap_ok(policy_next_due(policy) == now + MINUTE, "solo: for a minute");
	task = unit_task(-5, POLICY_CLASS_ADHOC);
	policy_add(policy, &task);
	tap_ok(unit_next(policy, now) == -5, "solo: what ranks before does not");
	now += MINUTE;
	tap_ok(unit_next(policy, now) == 3, "solo: then the others go on");
	task = unit_task(4, POLICY_CLASS_ADHOC);
	policy_add(policy, &task);
	now += 4 * MINUTE;
	tap_ok(unit_next(policy, now) == 0 &&
		   policy_next_due(policy) == now + 2 * MINUTE,
		   "solo: the next drain is twice as long");
	policy_finished(policy, 1);
	policy_finished(policy, 3);
	tap_ok(unit_next(policy, now) == 0, "solo: not while one is left");
	policy_finished(policy, -5);
	tap_ok(unit_next(policy, now) == 2, "solo: it starts alone");
	tap_ok(unit_next(policy, now) == 0 && cause(policy, 4) == POLICY_CAUSE_SOLO,
		   "solo: and nothing starts beside it");
	policy_again(policy, 2, 2, POLICY_TIME_ALWAYS, false);
	tap_ok(unit_next(policy, now) == 2 && unit_next(policy, now) == 4,
		   "solo: the next attempt need not be");
	policy_finished(policy, 2);
	policy_finished(policy, 4);
	task = unit_task(6, POLICY_CLASS_ADHOC);
	task.solo = true;
	task.nneeds = 1;
	task.needs[0] = 5;
	policy_set_resource(policy, 5, 1, 0);
	policy_set_foreign(policy, 5, 1, false);
	policy_add(policy, &task);
	task = unit_task(7, POLICY_CLASS_ADHOC);
	policy_add(policy, &task);
	tap_ok(unit_next(policy, now) == 7,
		   "solo: no drain for one that could not start anyway");
	policy_destroy(policy);
}

/*
 * Who holds a slot is not asked to yield it while another one is free, although
 * tasks are parked there still: one of them stands for the others.
 */
void
unit_yield(void)
{
	Policy	   *policy = unit_create(8);
	PolicyWant	want;
	int			i;

	policy_set_resource(policy, 5, 2, 0);
	for (i = 1; i <= 4; i++)
	{
		PolicyTask	task = unit_task(i, i <= 2 ? POLICY_CLASS_BACKFILL :
									 POLICY_CLASS_DAILY);

		task.queue = (uint32_t) i;
		task.nneeds = 1;
		task.needs[0] = 5;
		policy_add(policy, &task);
		if (i <= 2)
			unit_next(policy, 0);
	}
	tap_ok(unit_next(policy, 0) == 0 && policy_to_yield(policy, 2, &want) &&
		   want.task_id == 3, "yield: a slot that a daily task waits for");
	policy_finished(policy, 1);
	tap_ok(!policy_to_yield(policy, 2, &want),
		   "yield: not where another one is free");
	policy_destroy(policy);
}
