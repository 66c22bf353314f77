/*-------------------------------------------------------------------------
 *
 * unit_behind.c
 *	  Unit tests of tasks that are chosen to run after another one.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/policy.h"
#include "unit.h"

#define KEEP	(10 * SECOND)

/*
 * The id of the task that starts next behind another one, and the slot that it
 * was given; 0 if none does.
 */
static int64_t
next_behind(Policy *policy, PolicyTime now, int64_t task_id, int *slot)
{
	PolicyStart start;

	*slot = -1;
	if (!policy_next_behind(policy, now, task_id, KEEP, &start))
		return 0;
	if (start.ngrants > 0)
		*slot = start.grants[0].slot;
	return start.task_id;
}

/*
 * A policy with one resource, and tasks with the ids from 1 on that need it.
 */
static Policy *
create_with(int workers, int slots, int tasks, PolicyClass klass)
{
	Policy	   *policy = unit_create(workers);
	int			i;

	policy_set_resource(policy, 7, slots, 0);
	for (i = 1; i <= tasks; i++)
	{
		PolicyTask	task = unit_task(i, klass);

		task.nneeds = 1;
		task.needs[0] = 7;
		policy_add(policy, &task);
	}
	return policy;
}

/*
 * Adds a task that needs the resource.
 */
static void
add_one(Policy *policy, int64_t id, PolicyClass klass)
{
	PolicyTask	task = unit_task(id, klass);

	task.nneeds = 1;
	task.needs[0] = 7;
	policy_add(policy, &task);
}

/*
 * The one slot goes from task to task, and is free when all have ended.
 */
static void
behind_in_turn(void)
{
	Policy	   *policy = create_with(4, 1, 5, POLICY_CLASS_ADHOC);
	int			slot;

	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 0 &&
		   next_behind(policy, HOUR, 1, &slot) == 2 && slot == 0 &&
		   next_behind(policy, HOUR, 2, &slot) == 3 && slot == 0,
		   "behind: with the slot of the one before");
	tap_ok(unit_next(policy, HOUR) == 0, "behind: which nobody else gets");
	tap_ok(policy_finished(policy, 1) && unit_next(policy, HOUR) == 0 &&
		   policy_finished(policy, 2) && unit_next(policy, HOUR) == 0,
		   "behind: not when the first of them ends");
	tap_ok(policy_finished(policy, 3) && unit_next(policy, HOUR) == 4,
		   "behind: but when the last does");
	policy_destroy(policy);
}

/*
 * What is taken back leaves the slot to who has it.
 */
static void
behind_taken_back(void)
{
	Policy	   *policy = create_with(1, 1, 3, POLICY_CLASS_ADHOC);
	int			slot;

	tap_ok(unit_next(policy, HOUR) == 1 &&
		   next_behind(policy, HOUR, 1, &slot) == 2 &&
		   policy_put_back(policy, 2) && policy_set_ending(policy, 1, false) &&
		   unit_next(policy, HOUR) == 0,
		   "behind: taken back, the other one keeps the slot");
	tap_ok(next_behind(policy, HOUR, 1, &slot) == 2 &&
		   policy_finished(policy, 1) && policy_put_back(policy, 2) &&
		   unit_next(policy, HOUR) == 2,
		   "behind: or it is free, if that has ended");
	policy_destroy(policy);
}

/*
 * Who has waited for the slot since before gets it.
 */
static void
behind_in_order(void)
{
	Policy	   *policy = create_with(2, 1, 2, POLICY_CLASS_BACKFILL);
	int			slot;

	tap_ok(unit_next(policy, HOUR) == 1, "behind: a backfill runs");
	add_one(policy, 3, POLICY_CLASS_DAILY);
	tap_ok(next_behind(policy, HOUR, 1, &slot) == 3 && slot == 0,
		   "behind: a daily task goes before others of its class");
	policy_put_back(policy, 3);
	policy_set_foreign(policy, 7, 0, true);
	tap_ok(next_behind(policy, HOUR, 1, &slot) == 3,
		   "behind: and before a session that is in line");
	policy_finished(policy, 3);
	tap_ok(next_behind(policy, HOUR, 1, &slot) == 0,
		   "behind: which goes before the others");
	policy_set_foreign(policy, 7, 0, false);
	policy_set_resource(policy, 7, 2, 1);
	tap_ok(next_behind(policy, HOUR, 1, &slot) == 2 && slot == 1,
		   "behind: a slot that has come to be reserved is not passed on");
	policy_destroy(policy);
}

/*
 * Other slots than those of the one before.
 */
static void
behind_otherwise(void)
{
	Policy	   *policy = create_with(2, 2, 3, POLICY_CLASS_ADHOC);
	PolicyTask	task = unit_task(4, POLICY_CLASS_ADHOC);
	int			slot;

	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 2 &&
		   policy_finished(policy, 1) &&
		   next_behind(policy, HOUR, 2, &slot) == 3 && slot == 0,
		   "behind: a lower slot that is free");
	policy_set_resource(policy, 8, 1, 0);
	task.nneeds = 2;
	task.needs[0] = 7;
	task.needs[1] = 8;
	policy_add(policy, &task);
	policy_set_foreign(policy, 8, 1, false);
	tap_ok(next_behind(policy, HOUR, 3, &slot) == 0 &&
		   policy_why(policy, 4, HOUR).cause == POLICY_CAUSE_RESOURCE,
		   "behind: nothing that lacks another slot");
	policy_set_foreign(policy, 8, 0, false);
	tap_ok(next_behind(policy, HOUR, 3, &slot) == 4 && slot == 0,
		   "behind: one slot of the one before, and one that is free");
	policy_destroy(policy);
}

/*
 * A slot is kept for so long, counted from when it was taken.
 */
static void
behind_for_long(void)
{
	Policy	   *policy = create_with(2, 1, 5, POLICY_CLASS_ADHOC);
	int			slot;

	tap_ok(unit_next(policy, HOUR) == 1 &&
		   next_behind(policy, HOUR + KEEP / 2, 1, &slot) == 2 &&
		   next_behind(policy, HOUR + KEEP - 1, 2, &slot) == 3,
		   "behind: a slot is passed on for a while");
	tap_ok(next_behind(policy, HOUR + KEEP, 3, &slot) == 0,
		   "behind: and then no more");
	policy_finished(policy, 1);
	policy_finished(policy, 2);
	policy_finished(policy, 3);
	tap_ok(unit_next(policy, HOUR + KEEP) == 4 &&
		   next_behind(policy, HOUR + KEEP, 4, &slot) == 5,
		   "behind: but by who gets it then");
	policy_destroy(policy);
}

/*
 * Tasks that another policy has started on the same slot.
 */
static void
behind_adopted(void)
{
	Policy	   *policy = unit_create(2);
	PolicyTask	task = unit_task(1, POLICY_CLASS_ADHOC);
	PolicyGrant grant = {7, 0};

	policy_set_resource(policy, 7, 1, 0);
	task.nneeds = 1;
	task.needs[0] = 7;
	policy_add_running(policy, &task, &grant, 1);
	task.task_id = 2;
	policy_add_running(policy, &task, &grant, 1);
	task.task_id = 3;
	policy_add(policy, &task);
	tap_ok(policy_finished(policy, 1) && policy_set_ending(policy, 2, true) &&
		   unit_next(policy, HOUR) == 0 && policy_finished(policy, 2) &&
		   unit_next(policy, HOUR) == 3,
		   "behind: the same for those that run already");
	policy_destroy(policy);
}

void
unit_behind(void)
{
	behind_in_turn();
	behind_taken_back();
	behind_in_order();
	behind_otherwise();
	behind_for_long();
	behind_adopted();
}
