/*-------------------------------------------------------------------------
 *
 * unit_policy.c
 *	  Unit tests: the policy as its caller sees it.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

/*
 * Order within a class, and the bounds of a worker, a queue, a reserve.
 */
static void
policy_order(void)
{
	Policy	   *policy = unit_create(0);
	PolicyTask	task = unit_task(1, POLICY_CLASS_ADHOC);
	int32_t		priority = -10;
	int			i;

	for (i = 1; i <= 4; i++)
	{
		task = unit_task(i, POLICY_CLASS_ADHOC);
		task.priority = i == 3 ? -10 : 0;
		tap_ok(policy_add(policy, &task), "policy: task %d is added", i);
	}
	tap_ok(!policy_add(policy, &task), "policy: but not twice");
	tap_ok(unit_next(policy, HOUR) == 0, "policy: nothing without workers");
	policy_set_workers(policy, 10);
	tap_ok(unit_next(policy, HOUR) == 3, "policy: lower priority first");
	tap_ok(unit_next(policy, HOUR) == 1, "policy: then the oldest");
	policy_change(policy, 4, &priority, NULL, NULL);
	tap_ok(unit_next(policy, HOUR) == 4, "policy: a changed priority counts");
	tap_ok(policy_put_back(policy, 4) && policy_put_back(policy, 1) &&
		   unit_next(policy, HOUR) == 4 && unit_next(policy, HOUR) == 1,
		   "policy: what is put back keeps its rank");
	tap_ok(!policy_remove(policy, 1), "policy: what runs is not removed");
	tap_ok(policy_remove(policy, 2) && !policy_holds(policy, 2),
		   "policy: what waits is");
	tap_ok(unit_next(policy, HOUR) == 0, "policy: and does not start");
	tap_ok(policy_num_tasks(policy) == 3, "policy: three tasks run");
	policy_destroy(policy);
}

/*
 * The id of the task that has expired, 0 if none has.
 */
static int64_t
next_expired(Policy *policy, PolicyTime now)
{
	PolicyEnd	expired;

	return policy_next_expired(policy, now, &expired) ? expired.task_id : 0;
}

/*
 * Tasks that do not start in time.
 */
static void
policy_expiry(void)
{
	Policy	   *policy = unit_create(2);
	PolicyTask	task;
	int			i;

	for (i = 1; i <= 6; i++)
	{
		task = unit_task(i, POLICY_CLASS_ADHOC);
		if (i == 6)
			task.run_at = 2 * HOUR;
		if (i != 4)
			task.expires_at = 3 * HOUR - i * MINUTE;
		policy_add(policy, &task);
	}
	tap_ok(next_expired(policy, HOUR) == 0 &&
		   policy_next_expiry(policy) == 3 * HOUR - 6 * MINUTE,
		   "expiry: the first time is known");
	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 2,
		   "expiry: in time they start");
	tap_ok(policy_again(policy, 1, 2, 2 * HOUR, false) &&
		   policy_put_back(policy, 2),
		   "expiry: one has begun, one has not");
	policy_set_paused(policy, true);
	tap_ok(next_expired(policy, 3 * HOUR - 5 * MINUTE) == 6 &&
		   next_expired(policy, 3 * HOUR - 5 * MINUTE) == 5 &&
		   next_expired(policy, 3 * HOUR - 5 * MINUTE) == 0,
		   "expiry: in their order, delayed or ready, also in a pause");
	tap_ok(policy_remove(policy, 3) &&
		   policy_next_expiry(policy) == 3 * HOUR - 2 * MINUTE,
		   "expiry: one that was removed does not count");
	tap_ok(next_expired(policy, 3 * HOUR) == 2 &&
		   next_expired(policy, 3 * HOUR) == 0 &&
		   policy_next_expiry(policy) == POLICY_TIME_NEVER,
		   "expiry: that has begun, or has no such time, waits on");
	policy_set_paused(policy, false);
	tap_ok(unit_next(policy, 3 * HOUR) == 1 && unit_next(policy, 3 * HOUR) == 4,
		   "expiry: and starts");
	policy_destroy(policy);
}

/*
 * Tasks that wait for others, one for each thing that a failure can mean.
 */
static void
policy_dependency(void)
{
	Policy	   *policy = unit_create(9);
	const int64_t parents[] = {1, 7};
	PolicyTask	task = unit_task(1, POLICY_CLASS_ADHOC);
	PolicyQueueCounts counts;
	PolicyEnd	orphan;
	int			i;

	policy_add(policy, &task);
	for (i = 0; i < 3; i++)
	{
		task = unit_task(2 + i, POLICY_CLASS_ADHOC);
		task.parents = parents;
		task.nparents = 1 + (i == POLICY_ON_FAILURE_RUN);
		task.on_failure = (PolicyOnFailure) i;
		task.wait_limit = MINUTE;
		policy_add(policy, &task);
	}
	policy_queue_counts(policy, task.queue, &counts);
	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 0 &&
		   counts.blocked == 3 && counts.ready == 1 &&
		   policy_why(policy, 2, HOUR).cause == POLICY_CAUSE_DEPENDENCY,
		   "dependency: the parent first");
	tap_ok(policy_is_parent(policy, 1) && policy_is_parent(policy, 7) &&
		   !policy_is_parent(policy, 2), "dependency: parents are known");
	tap_ok(next_expired(policy, 9 * HOUR) == 0,
		   "dependency: what is blocked does not expire");
	policy_finished(policy, 1);
	tap_ok(unit_next(policy, HOUR) == 0,
		   "dependency: to be gone is not to have ended");
	tap_ok(policy_next_orphan(policy, 1, &orphan) && orphan.task_id == 2 &&
		   !policy_next_orphan(policy, 1, &orphan) && !policy_holds(policy, 2),
		   "dependency: a failure cancels one");
	policy_parent_ended(policy, 1, false, HOUR);
	tap_ok(unit_next(policy, HOUR) == 0 && policy_is_parent(policy, 1),
		   "dependency: one waits on, and one has another parent");
	policy_parent_ended(policy, 7, true, 2 * HOUR);
	tap_ok(unit_next(policy, 2 * HOUR) == 4 && !policy_is_parent(policy, 7),
		   "dependency: with its last parent it starts");
	policy_parent_ended(policy, 1, true, 3 * HOUR);
	tap_ok(policy_next_expiry(policy) == 3 * HOUR + MINUTE &&
		   unit_next(policy, 3 * HOUR) == 3 && !policy_is_parent(policy, 1),
		   "dependency: the other one when the parent succeeds after all");
	tap_ok(!policy_unblock(policy, 3, 3 * HOUR) &&
		   !policy_take_out(policy, 3, &orphan),
		   "dependency: what runs waits for nobody");
	task.task_id = 9;
	task.nparents = 2;
	policy_add(policy, &task);
	tap_ok(policy_unblock(policy, 9, 4 * HOUR) &&
		   !policy_is_parent(policy, 1) && !policy_is_parent(policy, 7) &&
		   policy_next_expiry(policy) == 4 * HOUR + MINUTE &&
		   unit_next(policy, 4 * HOUR) == 9,
		   "dependency: one that is let go starts");
	policy_finished(policy, 9);
	policy_add(policy, &task);
	tap_ok(policy_take_out(policy, 9, &orphan) && orphan.task_id == 9 &&
		   orphan.queue == task.queue && !policy_is_parent(policy, 7) &&
		   !policy_holds(policy, 9) && !policy_take_out(policy, 9, &orphan),
		   "dependency: one that is taken out does not");
	policy_destroy(policy);
}

/*
 * The reserve of a class, which the system class may use.
 */
static void
policy_reserve(void)
{
	Policy	   *policy = unit_create(3);
	PolicyTask	task;
	int			i;

	policy_set_class(policy, POLICY_CLASS_DAILY, 2, 0, 0.05, 1);
	for (i = 1; i <= 3; i++)
	{
		task = unit_task(i, POLICY_CLASS_ADHOC);
		policy_add(policy, &task);
	}
	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 0,
		   "policy: reserved workers are not lent");
	tap_ok(policy_why(policy, 2, HOUR).cause == POLICY_CAUSE_CLASS_SHARE,
		   "policy: and that is the cause");
	task = unit_task(10, POLICY_CLASS_SYSTEM);
	policy_add(policy, &task);
	tap_ok(unit_next(policy, HOUR) == 10, "policy: but to the system class");
	task = unit_task(11, POLICY_CLASS_DAILY);
	policy_add(policy, &task);
	tap_ok(unit_next(policy, HOUR) == 11, "policy: the class itself has them");
	tap_ok(policy_why(policy, 2, HOUR).cause == POLICY_CAUSE_NO_WORKER,
		   "policy: no worker left");
	policy_destroy(policy);
}

/*
 * A task that is about to end gives its worker away, and nothing else.
 */
static void
policy_ending(void)
{
	Policy	   *policy = unit_create(2);
	PolicyTask	task;
	int			i;

	policy_set_class(policy, POLICY_CLASS_DAILY, 1, 0, 0.05, 1);
	policy_set_queue(policy, unit_task(1, POLICY_CLASS_ADHOC).queue, 3, 1,
					 false);
	for (i = 1; i <= 5; i++)
	{
		task = unit_task(i, POLICY_CLASS_ADHOC);
		policy_add(policy, &task);
	}
	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 0,
		   "policy: one worker for the class");
	tap_ok(!policy_set_ending(policy, 2, true),
		   "policy: what waits is not about to end");
	tap_ok(policy_set_ending(policy, 1, true) &&
		   policy_set_ending(policy, 1, true) &&
		   unit_next(policy, HOUR) == 2 && unit_next(policy, HOUR) == 0,
		   "policy: its worker is there for one other");
	tap_ok(policy_set_ending(policy, 2, true) &&
		   unit_next(policy, HOUR) == 3 &&
		   policy_set_ending(policy, 3, true) &&
		   unit_next(policy, HOUR) == 0 &&
		   policy_why(policy, 4, HOUR).cause == POLICY_CAUSE_QUEUE_LIMIT,
		   "policy: all count in their queue");
	tap_ok(policy_put_back(policy, 3) &&
		   policy_set_ending(policy, 2, false) &&
		   unit_next(policy, HOUR) == 0,
		   "policy: taken back, it is in use again");
	tap_ok(policy_finished(policy, 2) && unit_next(policy, HOUR) == 3 &&
		   policy_finished(policy, 1) && policy_finished(policy, 3) &&
		   unit_next(policy, HOUR) == 4 && unit_next(policy, HOUR) == 0,
		   "policy: the end of one that gave its worker away frees none");
	policy_finished(policy, 4);
	policy_finished(policy, 5);
	policy_remove(policy, 5);
	task.task_id = 6;
	task.solo = true;
	policy_add(policy, &task);
	tap_ok(unit_next(policy, HOUR) == 6 &&
		   !policy_set_ending(policy, 6, true),
		   "policy: one that runs alone keeps its worker");
	policy_destroy(policy);
}

/*
 * A slot is wanted by tasks of better classes that wait for it, as long as they
 * could have it.
 */
static void
policy_wanted(void)
{
	Policy	   *policy = unit_create(4);
	PolicyTask	task = unit_task(1, POLICY_CLASS_BACKFILL);

	policy_set_resource(policy, 7, 1, 0);
	task.nneeds = 1;
	task.needs[0] = 7;
	policy_add(policy, &task);
	tap_ok(unit_next(policy, HOUR) == 1 &&
		   !policy_slot_wanted(policy, 7, POLICY_CLASS_BACKFILL) &&
		   !policy_slot_wanted(policy, 8, POLICY_CLASS_BACKFILL),
		   "policy: a slot that nobody else needs is not wanted");
	task.task_id = 2;
	policy_add(policy, &task);
	tap_ok(!policy_slot_wanted(policy, 7, POLICY_CLASS_BACKFILL),
		   "policy: nor is it by its own class");
	task.task_id = 3;
	task.klass = POLICY_CLASS_DAILY;
	policy_add(policy, &task);
	tap_ok(policy_slot_wanted(policy, 7, POLICY_CLASS_BACKFILL) &&
		   policy_slot_wanted(policy, 7, POLICY_CLASS_ADHOC) &&
		   !policy_slot_wanted(policy, 7, POLICY_CLASS_DAILY),
		   "policy: a better class wants it");
	policy_pause_resource(policy, 7, 2 * HOUR, 0);
	tap_ok(!policy_slot_wanted(policy, 7, POLICY_CLASS_BACKFILL),
		   "policy: but not while nothing may start there");
	policy_destroy(policy);
}

/*
 * Times: of the first start, of a retry, far away, and very many at once.
 */
static void
policy_times(void)
{
	Policy	   *policy = unit_create(5000);
	PolicyTask	task = unit_task(1, POLICY_CLASS_DAILY);
	PolicyTime	never = POLICY_TIME_NEVER;
	PolicyTime	soon = 3 * HOUR;
	int			started = 0;
	int			i;

	task.run_at = HOUR;
	policy_add(policy, &task);
	tap_ok(unit_next(policy, HOUR - 1) == 0 &&
		   policy_next_due(policy) == HOUR, "policy: not before run_at");
	tap_ok(unit_next(policy, HOUR) == 1 &&
		   policy_next_due(policy) == POLICY_TIME_NEVER, "policy: but then");
	tap_ok(policy_again(policy, 1, INT32_MAX, 2 * HOUR, false) &&
		   unit_next(policy, HOUR) == 0, "policy: a retry waits for its time");
	tap_ok(policy_change(policy, 1, NULL, NULL, &never) &&
		   unit_next(policy, 3 * HOUR) == 0, "policy: or for ever");
	tap_ok(policy_change(policy, 1, NULL, NULL, &soon) &&
		   unit_next(policy, 3 * HOUR) == 1, "policy: until it is changed");
	for (i = 2; i <= 4001; i++)
	{
		task = unit_task(i, POLICY_CLASS_DAILY);
		task.run_at = 4 * HOUR;
		policy_add(policy, &task);
	}
	while (unit_next(policy, 4 * HOUR) != 0)
		started++;
	tap_ok(started == 4000, "policy: 4000 tasks due at once");
	policy_set_resource(policy, 1, 1, 0);
	policy_set_foreign(policy, 1, 1, false);
	for (i = 6000; i <= 10000; i++)
	{
		task = unit_task(i, POLICY_CLASS_DAILY);
		task.run_at = 5 * HOUR;
		task.nneeds = i < 10000 ? 1 : 0;
		task.needs[0] = 1;
		policy_add(policy, &task);
	}
	tap_ok(unit_next(policy, 5 * HOUR) == 10000,
		   "policy: of 4000 the last one, the others are blocked");
	task = unit_task(5000, POLICY_CLASS_DAILY);
	task.enqueued_at = INT64_MIN;
	task.deadline = INT64_MIN;
	policy_add(policy, &task);
	task.task_id = 5001;
	task.enqueued_at = INT64_MAX;
	task.deadline = INT64_MAX;
	policy_add(policy, &task);
	tap_ok(unit_next(policy, INT64_MAX) == 5000 &&
		   unit_next(policy, INT64_MIN) == 5001, "policy: ends of time");
	policy_destroy(policy);
}

/*
 * Needs: in any order, repeated, without a cap, with a cap that comes and goes
 * while a task runs.
 */
static void
policy_needs(void)
{
	Policy	   *policy = unit_create(10);
	PolicyTask	task = unit_task(1, POLICY_CLASS_ADHOC);
	PolicyStart start;

	policy_set_resource(policy, 5, 1, 0);
	policy_set_resource(policy, 3, 2, 0);
	task.nneeds = 4;
	task.needs[0] = 9;
	task.needs[1] = 5;
	task.needs[2] = 3;
	task.needs[3] = 5;
	policy_add(policy, &task);
	tap_ok(policy_next(policy, HOUR, &start) && start.ngrants == 2 &&
		   start.grants[0].resource == 3 && start.grants[1].resource == 5 &&
		   start.grants[0].slot == 0 && start.grants[1].slot == 0,
		   "policy: slots in the order of the keys, none without a cap");
	task.task_id = 2;
	policy_add(policy, &task);
	tap_ok(unit_next(policy, HOUR) == 0 &&
		   policy_why(policy, 2, HOUR).cause == POLICY_CAUSE_RESOURCE &&
		   policy_why(policy, 2, HOUR).resource == 5,
		   "policy: blocked by the one that is full");
	policy_set_resource(policy, 5, 0, 0);
	tap_ok(policy_next(policy, HOUR, &start) && start.ngrants == 1,
		   "policy: until its cap is gone");
	policy_set_resource(policy, 9, 1, 0);
	policy_set_resource(policy, 5, 1, 0);
	policy_finished(policy, 2);
	tap_ok(!policy_next(policy, HOUR, &start), "policy: nothing waits");
	policy_add(policy, &task);
	tap_ok(!policy_next(policy, HOUR, &start),
		   "policy: a cap that is back finds its slot still held");
	policy_finished(policy, 1);
	tap_ok(policy_next(policy, HOUR, &start) && start.ngrants == 3,
		   "policy: and then free");
	policy_set_resource(policy, 3, 1, 0);
	policy_finished(policy, 2);
	policy_set_foreign(policy, 3, 1, false);
	policy_add(policy, &task);
	tap_ok(!policy_next(policy, HOUR, &start),
		   "policy: a slot that another session holds");
	policy_set_foreign(policy, 3, 0, false);
	tap_ok(policy_next(policy, HOUR, &start), "policy: and gives back");
	policy_destroy(policy);
}

/*
 * Tasks that another policy has started count as if this one had.
 */
static void
policy_adopted(void)
{
	Policy	   *policy = unit_create(3);
	PolicyTask	task = unit_task(1, POLICY_CLASS_ADHOC);
	PolicyGrant grants[2] = {{5, 1}, {7, 0}};
	PolicyStart start;
	PolicyQueueCounts counts;

	policy_set_queue(policy, 1, 1, 1, false);
	policy_set_resource(policy, 5, 2, 0);
	task.nneeds = 1;
	task.needs[0] = 5;
	tap_ok(policy_add_running(policy, &task, grants, 2) &&
		   policy_is_running(policy, 1), "policy: a task that runs is added");
	tap_ok(!policy_add_running(policy, &task, grants, 2) &&
		   !policy_add(policy, &task), "policy: but not twice");
	task.task_id = 2;
	policy_add(policy, &task);
	policy_queue_counts(policy, 1, &counts);
	tap_ok(counts.running == 1 && counts.shut &&
		   unit_next(policy, HOUR) == 0 &&
		   policy_why(policy, 2, HOUR).cause == POLICY_CAUSE_QUEUE_LIMIT,
		   "policy: it counts against max_running");
	policy_set_queue(policy, 1, 0, 1, false);
	policy_queue_counts(policy, 1, &counts);
	tap_ok(!counts.shut && policy_next(policy, HOUR, &start) &&
		   start.task_id == 2 && start.grants[0].slot == 0,
		   "policy: it has its very slot");
	task.task_id = 3;
	policy_add(policy, &task);
	tap_ok(unit_next(policy, HOUR) == 0 &&
		   policy_why(policy, 3, HOUR).cause == POLICY_CAUSE_RESOURCE,
		   "policy: and the cap is kept");
	policy_set_resource(policy, 5, 0, 0);
	policy_set_workers(policy, 2);
	tap_ok(unit_next(policy, HOUR) == 0 &&
		   policy_why(policy, 3, HOUR).cause == POLICY_CAUSE_NO_WORKER,
		   "policy: and the workers");
	policy_set_resource(policy, 5, 2, 0);
	policy_set_workers(policy, 3);
	tap_ok(policy_again(policy, 1, 2, 2 * HOUR, false) &&
		   policy_next(policy, HOUR, &start) && start.task_id == 3 &&
		   start.grants[0].slot == 1, "policy: it ends like any other");
	policy_finished(policy, 2);
	policy_finished(policy, 3);
	policy_remove(policy, 1);
	task.task_id = 4;
	task.solo = true;
	policy_add_running(policy, &task, grants, 2);
	task.task_id = 5;
	task.solo = false;
	policy_add(policy, &task);
	tap_ok(unit_next(policy, HOUR) == 0, "policy: one that is alone stays so");
	tap_ok(policy_put_back(policy, 4) && unit_next(policy, HOUR) == 4 &&
		   policy_finished(policy, 4) && unit_next(policy, HOUR) == 5,
		   "policy: and can be put back");
	policy_destroy(policy);
}

/*
 * Nothing is kept of what is gone.
 */
static void
policy_empty(void)
{
	Policy	   *policy = unit_create(1);
	size_t		empty;
	int			round;
	int			i;

	for (round = 0; round < 2; round++)
	{
		empty = policy_memory(policy);
		for (i = 1; i <= 20000; i++)
		{
			PolicyTask	task = unit_task(i, POLICY_CLASS_ADHOC);

			task.queue = (uint32_t) i % 100;
			task.owner = (uint32_t) i % 33;
			task.nneeds = 1;
			task.needs[0] = (uint64_t) i;
			policy_add(policy, &task);
		}
		while ((i = (int) unit_next(policy, HOUR)) != 0)
			policy_finished(policy, i);
	}
	tap_ok(policy_memory(policy) == empty,
		   "policy: 20,000 buckets leave nothing behind (%zu bytes)", empty);
	policy_destroy(policy);
}

/*
 * A limit holds for the slots that are there for everybody: one that is
 * reserved does not count.
 */
static void
policy_limit_beside_reserved(void)
{
	Policy	   *policy = unit_create(8);
	int			i;

	policy_set_resource(policy, 7, 5, 1);
	policy_set_limit(policy, 7, 3, 0);
	for (i = 1; i <= 4; i++)
	{
		PolicyTask	task = unit_task(i, i == 1 ? POLICY_CLASS_DAILY :
									 POLICY_CLASS_ADHOC);

		task.nneeds = 1;
		task.needs[0] = 7;
		policy_add(policy, &task);
	}
	tap_ok(unit_next(policy, HOUR) == 1 && unit_next(policy, HOUR) == 2 &&
		   unit_next(policy, HOUR) == 3 && unit_next(policy, HOUR) == 0,
		   "policy: a limit holds beside the reserved slots");
	policy_destroy(policy);
}

void
unit_policy(void)
{
	policy_order();
	policy_expiry();
	policy_dependency();
	policy_reserve();
	policy_ending();
	policy_wanted();
	policy_times();
	policy_needs();
	policy_adopted();
	policy_empty();
	policy_limit_beside_reserved();
}
