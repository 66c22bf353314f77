/*-------------------------------------------------------------------------
 *
 * unit_rate.c
 *	  Unit tests: rates and pauses of resources.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

#define RESOURCE	5

/*
 * Adds n tasks, from this id on, that need the resource.
 */
static void
add_tasks(Policy *policy, int64_t first, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		PolicyTask	task = unit_task(first + i, POLICY_CLASS_ADHOC);

		task.nneeds = 1;
		task.needs[0] = RESOURCE;
		policy_add(policy, &task);
	}
}

/*
 * Starts and ends all that can start now; their number.
 */
static int
run_all(Policy *policy, PolicyTime now)
{
	int			n = 0;
	int64_t		task_id;

	while ((task_id = unit_next(policy, now)) != 0)
	{
		policy_finished(policy, task_id);
		n++;
	}
	return n;
}

/*
 * The times of the resource, which have changed.
 */
static PolicyTimes
new_times(Policy *policy)
{
	PolicyTimes times = {0};
	PolicyTimes other;

	tap_ok(policy_next_times(policy, &times) &&
		   times.resource == RESOURCE && !policy_next_times(policy, &other),
		   "rate: times that have changed are told");
	return times;
}

/*
 * Tokens: taken by starts, given back, kept up to the burst.
 */
static void
unit_tokens(void)
{
	Policy	   *policy = unit_create(8);
	PolicyStart start;

	policy_set_rate(policy, RESOURCE, HOUR, 10 * SECOND, 3, HOUR);
	add_tasks(policy, 1, 20);
	tap_ok(policy_next(policy, HOUR, &start) && start.rated &&
		   start.ngrants == 0, "rate: a start counts, and gets no slot");
	tap_ok(policy_put_back(policy, start.task_id) &&
		   run_all(policy, HOUR) == 3, "rate: unless it is put back");
	tap_ok(new_times(policy).opens_at == HOUR + 10 * SECOND &&
		   policy_next_due(policy) == HOUR + 10 * SECOND &&
		   policy_why(policy, 20, HOUR).cause == POLICY_CAUSE_RATE &&
		   policy_why(policy, 20, HOUR).until == HOUR + 10 * SECOND,
		   "rate: it is told when the next token comes");
	tap_ok(run_all(policy, HOUR + 10 * SECOND - 1) == 0 &&
		   run_all(policy, HOUR + 10 * SECOND) == 1, "rate: one per gap");
	tap_ok(policy_next(policy, HOUR + 20 * SECOND, &start) &&
		   policy_again(policy, start.task_id, start.attempt,
						POLICY_TIME_ALWAYS, false) &&
		   run_all(policy, HOUR + 20 * SECOND) == 1,
		   "rate: a start that was none takes no token");
	tap_ok(policy_next(policy, HOUR + 30 * SECOND, &start) &&
		   policy_again(policy, start.task_id, start.attempt + 1,
						POLICY_TIME_ALWAYS, false) &&
		   run_all(policy, HOUR + 30 * SECOND) == 0,
		   "rate: an attempt that failed does");
	tap_ok(run_all(policy, 2 * HOUR) == 3, "rate: a burst at most is kept");
	tap_ok(new_times(policy).full_at == 2 * HOUR + 30 * SECOND,
		   "rate: when all are there");
	policy_set_rate(policy, RESOURCE, 2 * HOUR, SECOND, 1, 2 * HOUR);
	tap_ok(new_times(policy).opens_at == 2 * HOUR + SECOND,
		   "rate: under a higher rate what lacks is not more than all");
	policy_set_rate(policy, RESOURCE, 2 * HOUR, 0, 1, 0);
	tap_ok(run_all(policy, 2 * HOUR) == 20 - 8, "rate: none");
	policy_destroy(policy);
}

/*
 * What is empty when it is first heard of.
 */
static void
unit_empty(void)
{
	Policy	   *policy = unit_create(8);

	policy_set_rate(policy, RESOURCE, HOUR, SECOND, 5, HOUR + MINUTE);
	add_tasks(policy, 1, 9);
	tap_ok(run_all(policy, HOUR) == 0 && run_all(policy, HOUR + SECOND) == 1,
		   "rate: an empty bucket fills");
	policy_destroy(policy);
}

/*
 * A pause, and the time after it.
 */
static void
unit_pause(void)
{
	Policy	   *policy = unit_create(8);
	PolicyTime	now = HOUR + MINUTE;
	int			apart = 0;

	policy_set_resource(policy, RESOURCE, 4, 0);
	policy_pause_resource(policy, RESOURCE, now, 20 * SECOND);
	policy_pause_resource(policy, RESOURCE, HOUR, HOUR);
	add_tasks(policy, 1, 20);
	tap_ok(run_all(policy, HOUR) == 0 && run_all(policy, now - 1) == 0 &&
		   policy_why(policy, 1, now - 1).until == now,
		   "pause: nothing starts, and an earlier end does not count");
	for (; now < HOUR + MINUTE + 20 * SECOND; now += SECOND)
	{
		int			n = run_all(policy, now);

		if (n > 1)
			break;
		apart += n;
	}
	tap_ok(apart == 4 && now == HOUR + MINUTE + 20 * SECOND,
		   "pause: then starts are kept apart");
	tap_ok(run_all(policy, now) == 16, "pause: for a while");
	policy_pause_resource(policy, RESOURCE, now + MINUTE, MINUTE);
	policy_set_resource(policy, RESOURCE, 0, 0);
	add_tasks(policy, 30, 2);
	tap_ok(run_all(policy, now) == 2, "pause: it goes with the cap");
	policy_destroy(policy);
}

/*
 * What can be forgotten.
 */
static void
unit_forget(void)
{
	Policy	   *policy = unit_create(8);
	PolicyTimes times;

	policy_set_rate(policy, RESOURCE, HOUR, SECOND, 1, HOUR);
	add_tasks(policy, 1, 1);
	tap_ok(!policy_forget_resource(policy, RESOURCE, HOUR),
		   "forget: not what a task needs");
	run_all(policy, HOUR);
	tap_ok(!policy_forget_resource(policy, RESOURCE, HOUR),
		   "forget: not what lacks tokens");
	policy_pause_resource(policy, RESOURCE, 2 * HOUR, MINUTE);
	tap_ok(!policy_forget_resource(policy, RESOURCE, 2 * HOUR),
		   "forget: not what was paused a moment ago");
	policy_set_foreign(policy, RESOURCE, 1, false);
	tap_ok(!policy_forget_resource(policy, RESOURCE, 3 * HOUR),
		   "forget: not what a session holds");
	policy_set_foreign(policy, RESOURCE, 0, false);
	tap_ok(policy_forget_resource(policy, RESOURCE, 3 * HOUR) &&
		   policy_forget_resource(policy, RESOURCE, 3 * HOUR) &&
		   !policy_next_times(policy, &times), "forget: the others");
	policy_destroy(policy);
}

void
unit_rate(void)
{
	unit_tokens();
	unit_empty();
	unit_pause();
	unit_forget();
}
