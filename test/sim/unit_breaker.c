/*-------------------------------------------------------------------------
 *
 * unit_breaker.c
 *	  Unit tests: circuit breakers.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "unit.h"

#define RESOURCE	5

static const PolicyResult success = {true, "", SECOND};
static const PolicyResult failure = {false, "08006", SECOND};

/*
 * Opens after five failures in ten seconds, for a minute.
 */
static BreakerRule
usual_rule(void)
{
	BreakerRule rule = {0};

	rule.on = true;
	rule.time_based = true;
	rule.window = 10 * SECOND;
	rule.failures = 5;
	rule.min_calls = 10;
	rule.wait = MINUTE;
	rule.permitted = 1;
	return rule;
}

/*
 * A policy with a breaker, and n tasks, from 1 on, that need the resource.
 */
static Policy *
create(const BreakerRule *rule, int n)
{
	Policy	   *policy = unit_create(100);
	int			i;

	policy_set_breaker(policy, RESOURCE, rule);
	for (i = 1; i <= n; i++)
	{
		PolicyTask	task = unit_task(i, POLICY_CLASS_ADHOC);

		task.nneeds = 1;
		task.needs[0] = RESOURCE;
		policy_add(policy, &task);
	}
	return policy;
}

/*
 * Starts a task and ends it so; false if none starts.
 */
static bool
call(Policy *policy, PolicyTime now, const PolicyResult *result)
{
	int64_t		task_id = unit_next(policy, now);

	if (task_id == 0)
		return false;
	policy_report(policy, task_id, result, now);
	return policy_finished(policy, task_id);
}

/*
 * The last state that is told.
 */
static BreakerStatus
status(Policy *policy)
{
	BreakerStatus told = {0};

	while (policy_next_breaker(policy, &told))
		;
	return told;
}

/*
 * The whole way round: failures open it, a probe opens it again, another one
 * closes it.
 */
static void
unit_round(void)
{
	const BreakerRule rule = usual_rule();
	Policy	   *policy = create(&rule, 100);
	PolicyTime	now = HOUR;
	int			i;

	for (i = 0; i < 4; i++)
		call(policy, now + i * SECOND, &failure);
	tap_ok(status(policy).state == BREAKER_CLOSED, "breaker: four failures");
	now += 3 * SECOND;
	call(policy, now, &failure);
	tap_ok(policy_next_due(policy) == now + MINUTE &&
		   !call(policy, now, &success), "breaker: the fifth opens it");
	tap_ok(policy_why(policy, 50, now).cause == POLICY_CAUSE_BREAKER &&
		   policy_why(policy, 50, now).until == now + MINUTE,
		   "breaker: those that wait are told until when");
	tap_ok(status(policy).counts.failures == 5, "breaker: and why");
	tap_ok(!call(policy, now + MINUTE - 1, &success), "breaker: not before");
	now += MINUTE;
	i = (int) unit_next(policy, now);
	tap_ok(i != 0 && unit_next(policy, now) == 0 &&
		   policy_why(policy, 50, now).cause == POLICY_CAUSE_BREAKER,
		   "breaker: half open, one probe");
	tap_ok(status(policy).state == BREAKER_HALF_OPEN, "breaker: is told");
	policy_put_back(policy, i);
	tap_ok(unit_next(policy, now) == i, "breaker: another one if it was none");
	policy_report(policy, i, &failure, now);
	policy_finished(policy, i);
	tap_ok(!call(policy, now + MINUTE - 1, &success) &&
		   status(policy).from == BREAKER_HALF_OPEN,
		   "breaker: one failure opens it again");
	now += MINUTE;
	tap_ok(call(policy, now, &success) && unit_next(policy, now) != 0 &&
		   unit_next(policy, now) != 0, "breaker: one success closes it");
	tap_ok(status(policy).state == BREAKER_CLOSED, "breaker: is told");
	policy_destroy(policy);
}

/*
 * A window that is made longer moves, too; and a change of it is not the end of
 * a probe.
 */
static void
unit_changed_window(void)
{
	BreakerRule rule = usual_rule();
	Policy	   *policy = create(&rule, 100);
	PolicyTime	now = HOUR;
	int			i;

	call(policy, now, &failure);
	rule.window = 100 * SECOND;
	policy_set_breaker(policy, RESOURCE, &rule);
	for (i = 0; i < 8; i++)
		call(policy, now + i * 30 * SECOND, &failure);
	tap_ok(status(policy).state == BREAKER_CLOSED,
		   "breaker: what is out of a longer window does not count");
	now += 8 * 30 * SECOND;
	for (i = 0; i < 4; i++)
		call(policy, now, &failure);
	tap_ok(status(policy).state == BREAKER_OPEN,
		   "breaker: what is in it does");
	now += MINUTE;
	i = (int) unit_next(policy, now);
	rule.window = 10 * SECOND;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(i != 0 && unit_next(policy, now) == 0,
		   "breaker: one probe, though the window is another");
	policy_report(policy, i, &success, now);
	tap_ok(policy_finished(policy, i) && unit_next(policy, now) != 0 &&
		   unit_next(policy, now) != 0, "breaker: and that one counts");
	policy_destroy(policy);
}

/*
 * While the resource is paused, too, a breaker is half open when its time is
 * over.
 */
static void
unit_paused(void)
{
	BreakerRule rule = usual_rule();
	Policy	   *policy;
	PolicyTime	now = HOUR;

	rule.failures = 1;
	policy = create(&rule, 3);
	call(policy, now, &failure);
	policy_pause_resource(policy, RESOURCE, now + HOUR, 0);
	tap_ok(policy_next_due(policy) == now + MINUTE &&
		   policy_why(policy, 2, now).cause == POLICY_CAUSE_BREAKER,
		   "breaker: open and paused");
	now += MINUTE;
	tap_ok(unit_next(policy, now) == 0 &&
		   status(policy).state == BREAKER_HALF_OPEN &&
		   policy_why(policy, 2, now).cause == POLICY_CAUSE_RATE &&
		   policy_why(policy, 2, now).until == HOUR + HOUR,
		   "breaker: half open, and paused still");
	tap_ok(unit_next(policy, HOUR + HOUR) != 0,
		   "breaker: the probe comes after the pause");
	policy_destroy(policy);
}

/*
 * A task with a deadline may be the probe, and is if it is the first in line.
 */
static void
unit_deadline(void)
{
	BreakerRule rule = usual_rule();
	Policy	   *policy;
	PolicyTask	daily = unit_task(10, POLICY_CLASS_DAILY);
	PolicyTime	now = HOUR;

	rule.failures = 1;
	policy = create(&rule, 3);
	call(policy, now, &failure);
	daily.nneeds = 1;
	daily.needs[0] = RESOURCE;
	daily.deadline = now + 2 * MINUTE;
	policy_add(policy, &daily);
	tap_ok(unit_next(policy, now) == 0 &&
		   policy_why(policy, 10, now).cause == POLICY_CAUSE_BREAKER,
		   "breaker: a task with a deadline waits, too");
	now += MINUTE;
	tap_ok(unit_next(policy, now) == 10 && unit_next(policy, now) == 0,
		   "breaker: it may be the probe, and is when it goes first");
	policy_report(policy, 10, &success, now);
	tap_ok(policy_finished(policy, 10) && unit_next(policy, now) != 0,
		   "breaker: and lets the others in");
	policy_destroy(policy);
}

/*
 * The window moves, and what began before the state does not count.
 */
static void
unit_window(void)
{
	const BreakerRule rule = usual_rule();
	Policy	   *policy = create(&rule, 100);
	PolicyTime	now = HOUR;
	int64_t		old[10];
	int			i;

	for (i = 0; i < 20; i++)
		call(policy, now + i * 3 * SECOND, &failure);
	tap_ok(status(policy).state == BREAKER_CLOSED,
		   "breaker: failures that are far apart do not open it");
	now += 2 * MINUTE;
	for (i = 0; i < 10; i++)
		old[i] = unit_next(policy, now);
	for (i = 0; i < 5; i++)
		policy_report(policy, old[i], &failure, now);
	now += MINUTE;
	call(policy, now, &success);
	for (i = 5; i < 10; i++)
		policy_report(policy, old[i], &failure, now);
	tap_ok(status(policy).state == BREAKER_CLOSED,
		   "breaker: what began before it was closed is old news");
	policy_destroy(policy);
}

/*
 * Shares over the last calls; slow ones; several probes.
 */
static void
unit_shares(void)
{
	BreakerRule rule = usual_rule();
	PolicyResult slow = {true, "", 10 * SECOND};
	Policy	   *policy;
	int			i;

	rule.failures = 0;
	rule.failure_rate = 50;
	rule.slow_rate = 100;
	rule.slow = 5 * SECOND;
	rule.time_based = false;
	rule.window = 4;
	rule.min_calls = 4;
	rule.permitted = 4;
	policy = create(&rule, 100);
	for (i = 0; i < 3; i++)
		call(policy, HOUR, &failure);
	tap_ok(status(policy).state == BREAKER_CLOSED, "breaker: too few calls");
	call(policy, HOUR, &success);
	tap_ok(status(policy).state == BREAKER_OPEN, "breaker: half of them fail");
	for (i = 0; i < 4; i++)
		tap_ok(unit_next(policy, HOUR + MINUTE) == 5 + i, "breaker: a probe");
	tap_ok(unit_next(policy, HOUR + MINUTE) == 0, "breaker: not a fifth");
	for (i = 0; i < 4; i++)
	{
		policy_report(policy, 5 + i, i == 0 ? &failure : &success,
					  HOUR + MINUTE);
		policy_finished(policy, 5 + i);
	}
	tap_ok(status(policy).state == BREAKER_CLOSED,
		   "breaker: a quarter of the probes fail");
	for (i = 0; i < 4; i++)
		call(policy, HOUR + MINUTE, &success);
	for (i = 0; i < 3; i++)
		call(policy, HOUR + MINUTE, &slow);
	tap_ok(status(policy).counts.calls == 4, "breaker: the last calls");
	call(policy, HOUR + MINUTE, &slow);
	tap_ok(status(policy).state == BREAKER_OPEN, "breaker: all are slow");
	policy_destroy(policy);
}

/*
 * Which errors count.
 */
static bool
opens(const BreakerRule *rule, const char *sqlstate)
{
	Policy	   *policy = create(rule, 1);
	PolicyResult result = {false, sqlstate, SECOND};
	bool		open;

	call(policy, HOUR, &result);
	open = status(policy).state == BREAKER_OPEN;
	policy_destroy(policy);
	return open;
}

static void
unit_errors(void)
{
	BreakerRule rule = usual_rule();

	rule.failures = 1;
	tap_ok(opens(&rule, "08006") && opens(&rule, "P0001") &&
		   !opens(&rule, "40001"), "breaker: contention is no failure");
	rule.nignore = 1;
	strcpy(rule.ignore[0], "P0001");
	tap_ok(opens(&rule, "08006") && !opens(&rule, "P0001"),
		   "breaker: errors to be ignored");
	rule.nrecord = 2;
	strcpy(rule.record[0], "40");
	strcpy(rule.record[1], "P0");
	tap_ok(opens(&rule, "40001") && !opens(&rule, "08006") &&
		   opens(&rule, "P0002") && !opens(&rule, "P0001"),
		   "breaker: errors to be recorded");
}

/*
 * Set by hand, taken away, brought back.
 */
static void
unit_set(void)
{
	BreakerRule rule = usual_rule();
	Policy	   *policy;
	PolicyEnd	refused;
	uint64_t	resource = 0;
	BreakerStatus told;

	rule.mode = BREAKER_FORCED_OPEN;
	policy = create(&rule, 10);
	tap_ok(unit_next(policy, HOUR) == 0 &&
		   policy_next_due(policy) == POLICY_TIME_NEVER,
		   "breaker: forced open, for ever");
	tap_ok(!policy_next_refused(policy, &refused, &resource), "breaker: they wait");
	rule.fail = true;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(policy_next_refused(policy, &refused, &resource) && refused.task_id == 1 &&
		   policy_next_refused(policy, &refused, &resource) && refused.task_id == 2 &&
		   resource == RESOURCE &&
		   !policy_holds(policy, 2), "breaker: or are ended, the first first");
	rule.mode = BREAKER_DISABLED;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(!policy_next_refused(policy, &refused, &resource) &&
		   call(policy, HOUR, &failure), "breaker: disabled");
	rule.on = false;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(call(policy, HOUR, &failure), "breaker: none");
	policy_destroy(policy);
	rule = usual_rule();
	policy = create(&rule, 10);
	policy_restore_breaker(policy, RESOURCE, rule.made, BREAKER_OPEN, HOUR);
	tap_ok(unit_next(policy, HOUR - 1) == 0 && unit_next(policy, HOUR) != 0 &&
		   unit_next(policy, HOUR) == 0, "breaker: restored");
	policy_restore_breaker(policy, RESOURCE, rule.made, BREAKER_OPEN, 2 * HOUR);
	rule.made++;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(unit_next(policy, HOUR) != 0 && unit_next(policy, HOUR) != 0,
		   "breaker: closed by hand");
	policy_restore_breaker(policy, RESOURCE, rule.made - 1, BREAKER_OPEN, 2 * HOUR);
	told = status(policy);
	tap_ok(unit_next(policy, HOUR) != 0 && told.state == BREAKER_CLOSED &&
		   told.made == rule.made,
		   "breaker: how another one was is not restored");
	policy_restore_breaker(policy, RESOURCE, rule.made, BREAKER_HALF_OPEN, 0);
	tap_ok(unit_next(policy, HOUR) != 0 && unit_next(policy, HOUR) == 0,
		   "breaker: a probe that was under way is made again");
	tap_ok(!policy_forget_resource(policy, RESOURCE, HOUR),
		   "breaker: what is not closed is not forgotten");
	policy_destroy(policy);
}

/*
 * With a fallback all start; the first one when the time is over is the probe.
 */
static void
unit_fallback(void)
{
	BreakerRule rule = usual_rule();
	Policy	   *policy;
	PolicyStart start;
	PolicyTime	now = HOUR;

	rule.fallback = true;
	rule.failures = 1;
	policy = create(&rule, 100);
	tap_ok(policy_next(policy, now, &start) && start.fallback == 0,
		   "fallback: not while it is closed");
	policy_report(policy, start.task_id, &failure, now);
	policy_finished(policy, start.task_id);
	tap_ok(policy_next(policy, now, &start) && start.fallback == RESOURCE,
		   "fallback: while it is open");
	tap_ok(policy_why(policy, 50, now).cause != POLICY_CAUSE_BREAKER,
		   "fallback: nobody waits for the breaker");
	now += MINUTE;
	tap_ok(policy_next(policy, now, &start) && start.fallback == 0 &&
		   status(policy).state == BREAKER_HALF_OPEN, "fallback: the probe");
	policy_report(policy, 2, &success, now);
	policy_finished(policy, 2);
	tap_ok(policy_why(policy, 50, now).cause != POLICY_CAUSE_BREAKER,
		   "fallback: says nothing of the resource");
	tap_ok(policy_next(policy, now, &start) && start.fallback == RESOURCE &&
		   status(policy).probing == 0, "fallback: beside the probe, as none");
	policy_report(policy, start.task_id, &failure, now);
	policy_put_back(policy, start.task_id);
	tap_ok(policy_next(policy, now, &start) && start.fallback == RESOURCE,
		   "fallback: is no probe when it is put back");
	policy_report(policy, 3, &success, now);
	policy_finished(policy, 3);
	tap_ok(policy_next(policy, now, &start) && start.fallback == 0 &&
		   status(policy).state == BREAKER_CLOSED,
		   "fallback: not when it is closed again");
	policy_report(policy, start.task_id, &failure, now);
	policy_next(policy, now, &start);
	now += HOUR;
	policy_report(policy, start.task_id, &failure, now);
	rule.fallback = false;
	policy_set_breaker(policy, RESOURCE, &rule);
	tap_ok(unit_next(policy, now) != 0 && unit_next(policy, now) == 0,
		   "fallback: taken away, a probe");
	policy_destroy(policy);
}

void
unit_breaker(void)
{
	unit_round();
	unit_changed_window();
	unit_paused();
	unit_deadline();
	unit_window();
	unit_shares();
	unit_errors();
	unit_set();
	unit_fallback();
}
