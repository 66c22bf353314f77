/*-------------------------------------------------------------------------
 *
 * unit_serial.c
 *	  Unit tests of the policy: tasks with the same serial key.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

/*
 * Adds a task with a key.
 */
static void
add(Policy *policy, int64_t task_id, uint64_t serial_key, PolicyTime run_at,
	bool begun)
{
	PolicyTask	task = unit_task(task_id, POLICY_CLASS_ADHOC);

	task.serial_key = serial_key;
	task.run_at = run_at;
	task.begun = begun;
	policy_add(policy, &task);
}

/*
 * Ends a run of a task, and says so.
 */
static void
end(Policy *policy, int64_t task_id)
{
	policy_finished(policy, task_id);
	policy_parent_ended(policy, task_id, true, POLICY_TIME_ALWAYS);
}

/*
 * One at a time, in the order of ids, and each key for itself.
 */
static void
serial_order(void)
{
	Policy	   *policy = unit_create(8);

	add(policy, 3, 1, POLICY_TIME_ALWAYS, false);
	add(policy, 1, 1, POLICY_TIME_ALWAYS, false);
	add(policy, 2, 1, POLICY_TIME_ALWAYS, false);
	add(policy, 4, 2, POLICY_TIME_ALWAYS, false);
	add(policy, 5, 0, POLICY_TIME_ALWAYS, false);
	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 4 &&
		   unit_next(policy, HOUR) == 5 && unit_next(policy, HOUR) == 0,
		   "serial: one of each key, the lowest id");
	tap_ok(policy_why(policy, 2, HOUR).cause == POLICY_CAUSE_SERIAL_KEY,
		   "serial: the cause is told");
	policy_remove(policy, 2);
	end(policy, 1);
	tap_ok(unit_next(policy, HOUR) == 3, "serial: the next one follows");
	policy_destroy(policy);
}

/*
 * A task keeps its key until it is known to have ended.
 */
static void
serial_keeps(void)
{
	Policy	   *policy = unit_create(8);

	add(policy, 1, 1, POLICY_TIME_ALWAYS, false);
	add(policy, 2, 1, POLICY_TIME_ALWAYS, false);
	unit_next(policy, 0);
	policy_again(policy, 1, 2, HOUR, false);
	tap_ok(unit_next(policy, 0) == 0 && unit_next(policy, HOUR) == 1,
		   "serial: what waits for its next attempt keeps its key");
	policy_parent_ended(policy, 1, true, HOUR);
	tap_ok(unit_next(policy, HOUR) == 0,
		   "serial: an end that is heard of too early changes nothing");
	policy_finished(policy, 1);
	tap_ok(unit_next(policy, HOUR) == 0 && policy_is_parent(policy, 1),
		   "serial: nor does a task that is out of sight");
	add(policy, 1, 1, POLICY_TIME_ALWAYS, false);
	tap_ok(unit_next(policy, HOUR) == 1, "serial: it may come back");
	end(policy, 1);
	tap_ok(unit_next(policy, HOUR) == 2 && !policy_is_parent(policy, 1),
		   "serial: until it has ended");
	policy_destroy(policy);
}

/*
 * Who is to run later does not hold up the others, but goes first when its
 * time has come.
 */
static void
serial_scheduled(void)
{
	Policy	   *policy = unit_create(8);

	add(policy, 1, 1, HOUR, false);
	add(policy, 2, 1, POLICY_TIME_ALWAYS, false);
	add(policy, 3, 1, POLICY_TIME_ALWAYS, false);
	tap_ok(unit_next(policy, 0) == 2, "serial: run_at does not hold up");
	tap_ok(unit_next(policy, HOUR) == 0, "serial: nor interrupt");
	end(policy, 2);
	tap_ok(unit_next(policy, HOUR) == 1, "serial: but has its place then");
	policy_destroy(policy);
}

/*
 * After a restart the one that has begun goes on, whatever the others' ids.
 */
static void
serial_restart(void)
{
	Policy	   *policy = unit_create(8);
	PolicyTask	running = unit_task(12, POLICY_CLASS_ADHOC);

	add(policy, 1, 1, POLICY_TIME_ALWAYS, false);
	add(policy, 2, 1, HOUR, true);
	tap_ok(unit_next(policy, 0) == 0 && unit_next(policy, HOUR) == 2,
		   "serial: one that had begun is first");
	add(policy, 11, 2, POLICY_TIME_ALWAYS, false);
	running.serial_key = 2;
	policy_add_running(policy, &running, NULL, 0);
	tap_ok(unit_next(policy, HOUR) == 0, "serial: and so is one that runs");
	end(policy, 12);
	tap_ok(unit_next(policy, HOUR) == 11, "serial: and then the others");
	policy_destroy(policy);
}

void
unit_serial(void)
{
	serial_order();
	serial_keeps();
	serial_scheduled();
	serial_restart();
}
