/*-------------------------------------------------------------------------
 *
 * unit_budget.c
 *	  Unit tests: retry budgets.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

#define RESOURCE	5

static const BudgetRule none;

/*
 * Adds n tasks of queue 1, from this id on, that need the resource.
 */
static void
add_tasks(Policy *policy, int64_t first, int n, bool retry)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		PolicyTask	task = unit_task(first + i, POLICY_CLASS_ADHOC);

		task.nneeds = 1;
		task.needs[0] = RESOURCE;
		task.retry = retry;
		task.attempt = retry ? 2 : 1;
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
 * What is told of the budget of the queue.
 */
static BudgetState
figures(Policy *policy)
{
	BudgetState state;
	BudgetState found = {0};

	while (policy_next_budget(policy, &state))
		if (state.queue == 1)
			found = state;
	return found;
}

/*
 * The floor, the ratio, and who waits.
 */
static void
unit_limits(void)
{
	const BudgetRule rule = {0.1, 10 * MINUTE, 3};
	Policy	   *policy = unit_create(8);

	policy_set_queue(policy, 1, 0, 1.0, false);
	policy_set_queue_budget(policy, 1, &rule);
	add_tasks(policy, 1, 100, true);
	tap_ok(run_all(policy, HOUR) == 3, "budget: the floor");
	tap_ok(policy_why(policy, 100, HOUR).cause == POLICY_CAUSE_BUDGET &&
		   policy_why(policy, 100, HOUR).resource == 0 &&
		   policy_why(policy, 100, HOUR).until == policy_next_due(policy),
		   "budget: the others wait, and it is told until when");
	tap_ok(figures(policy).waiting == 97 && figures(policy).allowed == 0,
		   "budget: its figures are told once");
	add_tasks(policy, 1001, 50, false);
	tap_ok(run_all(policy, HOUR) == 50 + 2,
		   "budget: first attempts do not wait, and let retries start");
	tap_ok(figures(policy).firsts == 50, "budget: first attempts are counted");
	policy_set_queue_budget(policy, 1, &none);
	tap_ok(run_all(policy, HOUR) == 95, "budget: none");
	policy_destroy(policy);
}

/*
 * The window moves: what was counted leaves it, one by one.
 */
static void
unit_window(void)
{
	const BudgetRule rule = {0, 20 * MINUTE, 10};
	Policy	   *policy = unit_create(8);
	PolicyTime	now = 10 * HOUR;
	int			at_once = 0;
	int			n = 0;

	policy_set_resource_budget(policy, RESOURCE, &rule);
	add_tasks(policy, 1, 40, true);
	tap_ok(run_all(policy, now) == 10 &&
		   policy_why(policy, 40, now).resource == RESOURCE,
		   "budget: of a resource");
	tap_ok(run_all(policy, now + 20 * MINUTE) == 0,
		   "budget: nothing leaves before the window is over");
	for (now += 20 * MINUTE; now <= 10 * HOUR + 22 * MINUTE; now += SECOND)
	{
		int			started = run_all(policy, now);

		n += started;
		if (started > at_once)
			at_once = started;
	}
	tap_ok(n == 10 && at_once == 1, "budget: they leave one by one");
	policy_destroy(policy);
}

/*
 * How many of 20 retries start so long after 10 first attempts.
 */
static int
retries_after(int64_t delay)
{
	const BudgetRule rule = {1, 20 * MINUTE, 1};
	Policy	   *policy = unit_create(8);
	int			n;

	policy_set_resource_budget(policy, RESOURCE, &rule);
	add_tasks(policy, 1, 10, false);
	run_all(policy, 10 * HOUR);
	add_tasks(policy, 101, 20, true);
	n = run_all(policy, 10 * HOUR + delay);
	policy_destroy(policy);
	return n;
}

static void
unit_firsts(void)
{
	tap_ok(retries_after(20 * MINUTE - 1) == 10 &&
		   retries_after(20 * MINUTE) == 1,
		   "budget: first attempts count as long as they are in the window");
}

/*
 * What does not start counts for nothing, and what was sent back is still a
 * retry.
 */
static void
unit_give_back(void)
{
	const BudgetRule rule = {1, 10 * MINUTE, 1};
	Policy	   *policy = unit_create(8);
	PolicyStart start;

	policy_set_queue(policy, 1, 0, 1.0, false);
	policy_set_queue_budget(policy, 1, &rule);
	add_tasks(policy, 1, 2, true);
	policy_next(policy, HOUR, &start);
	policy_put_back(policy, start.task_id);
	tap_ok(policy_next(policy, HOUR, &start) &&
		   unit_next(policy, HOUR) == 0, "budget: a retry is put back");
	policy_again(policy, start.task_id, start.attempt, POLICY_TIME_ALWAYS,
				 false);
	tap_ok(run_all(policy, HOUR) == 1 &&
		   policy_why(policy, 2, HOUR).cause == POLICY_CAUSE_BUDGET,
		   "budget: what was sent back is a retry as before");
	add_tasks(policy, 11, 5, false);
	policy_next(policy, HOUR, &start);
	policy_put_back(policy, start.task_id);
	tap_ok(unit_next(policy, HOUR) == 11 && unit_next(policy, HOUR) == 12 &&
		   unit_next(policy, HOUR) == 2,
		   "budget: a first attempt that was none counts for nothing");
	policy_again(policy, 12, 2, POLICY_TIME_ALWAYS, false);
	tap_ok(unit_next(policy, HOUR) == 12,
		   "budget: an attempt after one that was given back is no retry");
	policy_destroy(policy);
}

/*
 * A storm: every attempt of 1000 tasks fails, and each has ten attempts.  The
 * number of all starts in the first ten minutes.
 */
static int
storm(const BudgetRule *rule)
{
	Policy	   *policy = unit_create(1000);
	PolicyStart start;
	PolicyTime	now = HOUR;
	int			n = 0;

	policy_set_queue(policy, 1, 0, 1.0, false);
	policy_set_queue_budget(policy, 1, rule);
	add_tasks(policy, 1, 1000, false);
	for (; now < HOUR + 10 * MINUTE; now += SECOND)
		while (policy_next(policy, now, &start))
		{
			n++;
			if (start.attempt == 10)
				policy_finished(policy, start.task_id);
			else
				policy_retry(policy, start.task_id, start.attempt + 1,
							 now + SECOND, false);
		}
	policy_destroy(policy);
	return n;
}

static void
unit_storm(void)
{
	const BudgetRule rule = {0.1, 10 * MINUTE, 3};

	tap_ok(storm(&none) == 10000, "budget: without one retries multiply a load");
	tap_ok(storm(&rule) == 1100, "budget: with one they do not");
}

/*
 * A resource that has counted retries is not forgotten.
 */
static void
unit_forget(void)
{
	const BudgetRule rule = {0.1, 10 * MINUTE, 3};
	Policy	   *policy = unit_create(8);
	BudgetState state;

	policy_set_resource_budget(policy, RESOURCE, &rule);
	add_tasks(policy, 1, 1, true);
	run_all(policy, HOUR);
	tap_ok(!policy_forget_resource(policy, RESOURCE, HOUR + MINUTE) &&
		   policy_forget_resource(policy, RESOURCE, 2 * HOUR) &&
		   !policy_next_budget(policy, &state),
		   "budget: it is remembered as long as it matters");
	policy_destroy(policy);
}

void
unit_budget(void)
{
	unit_limits();
	unit_window();
	unit_firsts();
	unit_give_back();
	unit_storm();
	unit_forget();
}
