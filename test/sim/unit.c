/*-------------------------------------------------------------------------
 *
 * unit.c
 *	  Unit tests of the policy: all of them.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "unit.h"

/*
 * A policy with default classes.
 */
Policy *
unit_create(int workers)
{
	Policy	   *policy = policy_create(&test_allocator);

	policy_set_workers(policy, workers);
	return policy;
}

/*
 * A task of queue 1 and owner 1, enqueued at a time that is its id in seconds,
 * due at once.
 */
PolicyTask
unit_task(int64_t task_id, PolicyClass klass)
{
	PolicyTask	task = {0};

	task.task_id = task_id;
	task.queue = 1;
	task.owner = 1;
	task.klass = klass;
	task.attempt = 1;
	task.enqueued_at = task_id * SECOND;
	task.run_at = POLICY_TIME_ALWAYS;
	task.deadline = POLICY_TIME_NEVER;
	task.expires_at = POLICY_TIME_NEVER;
	return task;
}

/*
 * The id of the task that starts next, 0 if none does.
 */
int64_t
unit_next(Policy *policy, PolicyTime now)
{
	PolicyStart start;

	return policy_next(policy, now, &start) ? start.task_id : 0;
}

int
main(int argc, char **argv)
{
	/* these alone are of use to judge a mutant by */
	if (argc > 1 && strcmp(argv[1], "workload") == 0)
	{
		unit_workload();
		return tap_done();
	}
	unit_memory();
	unit_map();
	unit_heap();
	unit_age();
	unit_tasks();
	unit_order();
	unit_rank();
	unit_retry();
	unit_ramp();
	unit_health();
	unit_rate();
	unit_breaker();
	unit_budget();
	unit_slots();
	unit_watermarks();
	unit_adaptive();
	unit_share();
	unit_risk();
	unit_class();
	unit_windows();
	unit_workload();
	unit_policy();
	unit_behind();
	unit_look();
	unit_solo();
	unit_yield();
	unit_serial();
	tap_ok(test_blocks == 0, "all memory is given back");
	return tap_done();
}
