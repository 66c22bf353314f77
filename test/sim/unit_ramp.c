/*-------------------------------------------------------------------------
 *
 * unit_ramp.c
 *	  Unit tests: recovery ramps.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

#define RESOURCE	5
#define WORKERS		8
#define LENGTH		(80 * SECOND)
#define HERD		5000

/*
 * Adds n tasks, from this id on; they need the resource unless it is 0.
 */
static void
add_tasks(Policy *policy, int64_t first, int n, uint64_t resource)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		PolicyTask	task = unit_task(first + i, POLICY_CLASS_ADHOC);

		task.nneeds = resource == 0 ? 0 : 1;
		task.needs[0] = resource;
		policy_add(policy, &task);
	}
}

/*
 * Starts all that can start now; their number.
 */
static int
start_all(Policy *policy, PolicyTime now)
{
	int			n = 0;

	while (unit_next(policy, now) != 0)
		n++;
	return n;
}

/*
 * Thousands of tasks that became due in an outage, each of a second: how many
 * run never exceeds the ramp, nor lags behind it, and steps are even.
 */
static void
unit_herd(uint64_t resource)
{
	Policy	   *policy = unit_create(WORKERS);
	int64_t		running[WORKERS];
	int			n = 0;
	bool		bounded = true;
	bool		prompt = true;
	PolicyTime	now;
	int			i;

	policy_set_rate(policy, RESOURCE, HOUR, 1, POLICY_MAX_BURST, HOUR);
	add_tasks(policy, 1, HERD, resource);
	policy_begin_ramp(policy, resource, HOUR, LENGTH);
	for (now = HOUR; now <= HOUR + LENGTH; now += SECOND)
	{
		int			step = (int) ((now - HOUR) / (LENGTH / WORKERS));

		for (i = 0; i < n; i++)
			policy_finished(policy, running[i]);
		for (n = 0; n < WORKERS; n++)
			if ((running[n] = unit_next(policy, now)) == 0)
				break;
		bounded &= n <= step + 2;
		prompt &= n >= (step + 1 < WORKERS ? step + 1 : WORKERS);
	}
	tap_ok(bounded, "ramp: never more than one step ahead");
	tap_ok(prompt, "ramp: never behind, and all in the end");
	policy_destroy(policy);
}

/*
 * What is told, and when it is over.
 */
static void
unit_told(void)
{
	Policy	   *policy = unit_create(WORKERS);
	RampStatus	status;
	PolicyTime	second;

	policy_set_now(policy, HOUR);
	policy_set_resource(policy, RESOURCE, 4, 0);
	policy_begin_ramp(policy, RESOURCE, HOUR, LENGTH);
	tap_ok(policy_next_ramp(policy, &status) && status.on &&
		   status.resource == RESOURCE && status.began_at == HOUR &&
		   status.length == LENGTH && status.total == 4 &&
		   status.allowed == 1 && !policy_next_ramp(policy, &status),
		   "ramp: it is told, and goes to the slots that there are");
	second = status.step_at;
	add_tasks(policy, 1, 20, RESOURCE);
	tap_ok(start_all(policy, HOUR) == 1 &&
		   policy_why(policy, 20, HOUR).cause == POLICY_CAUSE_RAMP &&
		   policy_why(policy, 20, HOUR).resource == RESOURCE &&
		   policy_why(policy, 20, HOUR).until == second &&
		   policy_next_due(policy) == second,
		   "ramp: it is a cause, with the time of the next step");
	tap_ok(start_all(policy, second - 1) == 0 &&
		   start_all(policy, second) == 1, "ramp: one more with each step");
	tap_ok(start_all(policy, HOUR + LENGTH) == 2 &&
		   policy_next_ramp(policy, &status) && !status.on &&
		   !policy_next_ramp(policy, &status) &&
		   policy_why(policy, 20, HOUR + LENGTH).cause == POLICY_CAUSE_RESOURCE,
		   "ramp: and then it is over");
	policy_begin_ramp(policy, RESOURCE, HOUR, LENGTH);
	tap_ok(policy_next_ramp(policy, &status) && !status.on &&
		   policy_why(policy, 20, HOUR + LENGTH).cause == POLICY_CAUSE_RESOURCE,
		   "ramp: what would be over by now is over");
	policy_destroy(policy);
}

/*
 * What does not begin one, and what ends all.
 */
static void
unit_none(void)
{
	Policy	   *policy = unit_create(WORKERS);
	RampStatus	status;

	policy_set_resource(policy, RESOURCE, 1, 0);
	policy_begin_ramp(policy, RESOURCE, HOUR, LENGTH);
	policy_begin_ramp(policy, 77, HOUR, LENGTH);
	policy_begin_ramp(policy, 0, HOUR, 0);
	tap_ok(!policy_next_ramp(policy, &status),
		   "ramp: none for one slot, for what is not known, in no time");
	policy_begin_ramp(policy, 0, HOUR, LENGTH);
	add_tasks(policy, 1, 20, 0);
	tap_ok(start_all(policy, HOUR) == 1 &&
		   policy_why(policy, 20, HOUR).cause == POLICY_CAUSE_RAMP &&
		   policy_why(policy, 20, HOUR).resource == 0,
		   "ramp: of everything");
	policy_set_ramp(policy, 0, 1);
	tap_ok(policy_next_due(policy) == POLICY_TIME_NEVER &&
		   start_all(policy, HOUR) == WORKERS - 1 &&
		   policy_next_ramp(policy, &status) && !status.on,
		   "ramp: all end when there are to be none");
	policy_destroy(policy);
	policy = unit_create(WORKERS);
	policy_set_resource(policy, RESOURCE, 4, 0);
	policy_set_ramp(policy, LENGTH, 1);
	policy_begin_ramp(policy, RESOURCE, HOUR, LENGTH);
	add_tasks(policy, 1, 20, RESOURCE);
	tap_ok(start_all(policy, HOUR) == 1, "ramp: of a resource");
	policy_set_ramp(policy, 0, 1);
	tap_ok(start_all(policy, HOUR) == 3, "ramp: ends too, and who waits starts");
	policy_destroy(policy);
}

/*
 * A daily task that is late does not wait for the ramp of everything.
 */
static void
unit_late(void)
{
	Policy	   *policy = unit_create(WORKERS);
	PolicyTask	late = unit_task(100, POLICY_CLASS_DAILY);
	PolicyTask	other = unit_task(101, POLICY_CLASS_DAILY);

	late.deadline = HOUR + SECOND;
	late.estimate = MINUTE;
	policy_begin_ramp(policy, 0, HOUR, LENGTH);
	add_tasks(policy, 1, 20, 0);
	tap_ok(start_all(policy, HOUR) == 1, "ramp: one task runs");
	policy_add(policy, &late);
	policy_add(policy, &other);
	tap_ok(unit_next(policy, HOUR) == 100 && unit_next(policy, HOUR) == 0,
		   "ramp: a daily task at risk goes on, another one does not");
	policy_destroy(policy);
}

/*
 * Nobody makes room for a daily task that a ramp holds back.
 */
static void
unit_no_victim(void)
{
	Policy	   *policy = unit_create(WORKERS);
	PolicyTask	backfill = unit_task(1, POLICY_CLASS_BACKFILL);
	PolicyTask	late = unit_task(100, POLICY_CLASS_DAILY);
	PolicyPreemption preemption;
	PolicyWant	want;

	policy_set_resource(policy, RESOURCE, 4, 0);
	backfill.nneeds = late.nneeds = 1;
	backfill.needs[0] = late.needs[0] = RESOURCE;
	late.deadline = HOUR + SECOND;
	late.estimate = MINUTE;
	policy_add(policy, &backfill);
	tap_ok(unit_next(policy, HOUR) == 1, "ramp: a backfill runs");
	policy_begin_ramp(policy, RESOURCE, HOUR, LENGTH);
	policy_add(policy, &late);
	tap_ok(unit_next(policy, HOUR) == 0 &&
		   policy_why(policy, 100, HOUR).cause == POLICY_CAUSE_RAMP,
		   "ramp: of a resource it binds a task at risk, too");
	tap_ok(!policy_to_yield(policy, 1, &want) &&
		   !policy_next_preemption(policy, HOUR, &preemption),
		   "ramp: the backfill neither yields nor ends for that");
	policy_destroy(policy);
}

/*
 * Ramps that begin together do not go in step.
 */
static void
unit_jitter(void)
{
	Policy	   *policy = unit_create(WORKERS);
	PolicyTime	last = 0;
	int			same = 0;
	RampStatus	status;
	uint64_t	i;

	policy_set_ramp(policy, LENGTH, 42);
	for (i = 1; i <= 10; i++)
	{
		policy_set_resource(policy, i, 4, 0);
		policy_begin_ramp(policy, i, HOUR, LENGTH);
	}
	while (policy_next_ramp(policy, &status))
	{
		same += status.step_at == last;
		last = status.step_at;
	}
	tap_ok(same == 0, "ramp: steps of several come one by one");
	policy_destroy(policy);
}

/*
 * A breaker that closes begins one, of its own length or that of all.
 */
static void
unit_closes(int64_t own, int64_t expected)
{
	Policy	   *policy = unit_create(WORKERS);
	BreakerRule rule = {0};
	RampStatus	status = {0};

	rule.on = true;
	rule.ramp = own;
	rule.mode = BREAKER_FORCED_OPEN;
	policy_set_now(policy, HOUR);
	policy_set_ramp(policy, LENGTH, 1);
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(!policy_next_ramp(policy, &status), "ramp: not when it opens");
	rule.mode = BREAKER_CLOSED;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(policy_next_ramp(policy, &status) &&
		   status.length == expected && status.resource == RESOURCE,
		   "ramp: when a breaker closes");
	rule.mode = BREAKER_FORCED_OPEN;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(policy_next_ramp(policy, &status) && !status.on,
		   "ramp: it ends when it opens again");
	rule.mode = BREAKER_DISABLED;
	policy_set_breaker(policy, RESOURCE, &rule);
	rule.mode = BREAKER_CLOSED;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(!policy_next_ramp(policy, &status),
		   "ramp: not when one is enabled that held nobody back");
	policy_destroy(policy);
}

/*
 * A queue that is resumed has one if it is to, of its own length.
 */
static void
unit_resumed(void)
{
	Policy	   *policy = unit_create(WORKERS);
	RampStatus	status;

	policy_set_now(policy, HOUR);
	policy_set_ramp(policy, MINUTE, 1);
	policy_set_queue(policy, 1, 4, 1, true);
	policy_set_queue(policy, 1, 4, 1, false);
	tap_ok(!policy_next_ramp(policy, &status), "ramp: no queue has one");
	policy_set_queue_ramp(policy, 1, LENGTH);
	policy_set_queue(policy, 1, 4, 1, true);
	policy_set_queue(policy, 1, 4, 1, false);
	tap_ok(policy_next_ramp(policy, &status) && status.on &&
		   status.queue == 1 && status.resource == 0 && status.total == 4 &&
		   status.length == LENGTH, "ramp: unless it is to, when it is resumed");
	add_tasks(policy, 1, 20, 0);
	tap_ok(start_all(policy, HOUR) == 1 &&
		   policy_why(policy, 20, HOUR).cause == POLICY_CAUSE_RAMP &&
		   policy_why(policy, 20, HOUR).until == status.step_at &&
		   start_all(policy, status.step_at) == 1, "ramp: of a queue");
	policy_drop_queue(policy, 1);
	tap_ok(!policy_next_ramp(policy, &status) &&
		   start_all(policy, HOUR + LENGTH) > 0, "ramp: it goes with the queue");
	policy_set_queue(policy, 2, 4, 1, false);
	policy_set_queue_ramp(policy, 2, LENGTH);
	policy_begin_queue_ramp(policy, 2, HOUR + LENGTH, -1);
	tap_ok(policy_next_ramp(policy, &status) && status.queue == 2 &&
		   status.length == LENGTH, "ramp: a queue that is caught up with");
	policy_destroy(policy);
	policy = unit_create(WORKERS);
	policy_set_queue(policy, 1, 4, 1, true);
	policy_set_queue_ramp(policy, 1, LENGTH);
	policy_set_queue(policy, 1, 4, 1, false);
	policy_begin_queue_ramp(policy, 1, HOUR, -1);
	tap_ok(!policy_next_ramp(policy, &status), "ramp: not if there are to be none");
	policy_destroy(policy);
}

void
unit_ramp(void)
{
	unit_resumed();
	unit_herd(0);
	unit_herd(RESOURCE);
	unit_told();
	unit_none();
	unit_late();
	unit_no_victim();
	unit_jitter();
	unit_closes(-1, LENGTH);
	unit_closes(MINUTE, MINUTE);
}
