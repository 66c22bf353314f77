/*-------------------------------------------------------------------------
 *
 * unit_windows.c
 *	  Unit tests: times in which tasks may start.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

#define KEY		UINT64_C(77)

/*
 * A class that opens, and closes.
 */
static void
window_class(void)
{
	Policy	   *policy = unit_create(4);
	PolicyTask	task = unit_task(1, POLICY_CLASS_BACKFILL);
	PolicyQueueCounts counts;
	PolicyWhy	why;
	int			i;

	for (i = 1; i <= 3; i++)
	{
		task.task_id = i;
		policy_add(policy, &task);
	}
	task = unit_task(9, POLICY_CLASS_DAILY);
	policy_add(policy, &task);
	policy_set_window(policy, POLICY_CLASS_BACKFILL, 0, 2 * HOUR, 3 * HOUR);
	tap_ok(unit_next(policy, HOUR) == 9 && unit_next(policy, HOUR) == 0,
		   "window: before it opens others start");
	why = policy_why(policy, 1, HOUR);
	policy_queue_counts(policy, 1, &counts);
	tap_ok(why.cause == POLICY_CAUSE_WINDOW && why.until == 2 * HOUR &&
		   counts.blocked == 3 && policy_next_due(policy) == 2 * HOUR,
		   "window: that is the cause, and until when is known");
	tap_ok(unit_next(policy, 2 * HOUR) == 1, "window: then it is open");
	tap_ok(unit_next(policy, 3 * HOUR - 1) == 2, "window: to its end");
	tap_ok(unit_next(policy, 3 * HOUR) == 0 &&
		   policy_why(policy, 3, 3 * HOUR).until == POLICY_TIME_NEVER,
		   "window: what comes after it is to be told");
	policy_set_window(policy, POLICY_CLASS_BACKFILL, 0, 4 * HOUR,
					  POLICY_TIME_NEVER);
	tap_ok(policy_next_due(policy) == 4 * HOUR &&
		   unit_next(policy, 4 * HOUR) == 3, "window: and is");
	policy_destroy(policy);
}

/*
 * Nothing starts that would not end in time.
 */
static void
window_duration(void)
{
	Policy	   *policy = unit_create(4);
	PolicyTask	task = unit_task(1, POLICY_CLASS_BACKFILL);

	policy_add(policy, &task);
	task = unit_task(2, POLICY_CLASS_BACKFILL);
	task.queue = 2;
	policy_add(policy, &task);
	policy_set_window(policy, POLICY_CLASS_BACKFILL, 0, POLICY_TIME_ALWAYS,
					  HOUR);
	policy_set_duration(policy, 1, 10 * MINUTE);
	tap_ok(unit_next(policy, HOUR - 9 * MINUTE) == 2 &&
		   unit_next(policy, HOUR - 9 * MINUTE) == 0,
		   "window: not what takes longer than is left");
	policy_set_duration(policy, 1, 9 * MINUTE);
	tap_ok(unit_next(policy, HOUR - 9 * MINUTE) == 1,
		   "window: unless it turns out to be shorter");
	policy_destroy(policy);
}

/*
 * A resource that is not open for a class.
 */
static void
window_resource(void)
{
	Policy	   *policy = unit_create(4);
	size_t		before = policy_memory(policy);
	PolicyTask	task = unit_task(1, POLICY_CLASS_BACKFILL);

	policy_set_window(policy, POLICY_CLASS_BACKFILL, KEY, HOUR,
					  POLICY_TIME_NEVER);
	policy_add(policy, &task);
	task.task_id = 2;
	task.needs[task.nneeds++] = KEY;
	policy_add(policy, &task);
	task.task_id = 3;
	task.klass = POLICY_CLASS_DAILY;
	policy_add(policy, &task);
	tap_ok(unit_next(policy, 0) == 3 && unit_next(policy, 0) == 1 &&
		   unit_next(policy, 0) == 0,
		   "window: of a resource, for a class that needs it");
	policy_set_window(policy, POLICY_CLASS_BACKFILL, KEY, POLICY_TIME_ALWAYS,
					  POLICY_TIME_NEVER);
	tap_ok(unit_next(policy, 0) == 2, "window: until it is taken away");
	tap_ok(policy_finished(policy, 1) && policy_finished(policy, 2) &&
		   policy_finished(policy, 3) &&
		   policy_memory(policy) <= before + 256 * 1024,
		   "window: leaves nothing (%zu bytes)", policy_memory(policy) - before);
	policy_destroy(policy);
}

void
unit_windows(void)
{
	window_class();
	window_duration();
	window_resource();
}
