/*-------------------------------------------------------------------------
 *
 * unit_risk.c
 *	  Unit tests: forecasts, tiers of deadlines, preemption.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/forecast.h"
#include "unit.h"

#define KEY		UINT64_C(77)
#define NOON	(INT64_C(800000000) * SECOND)

/*
 * A history of n runs of 1, 2, ... minutes that waited for so long each.
 */
static Forecast
minutes(int n, int64_t wait)
{
	Forecast	forecast = {0};
	int			i;

	for (i = 1; i <= n; i++)
		forecast_add(&forecast, wait, i * MINUTE);
	return forecast;
}

/*
 * Is a time about so many minutes?
 */
static bool
about(int64_t time, double expected)
{
	double		off = (double) time / (double) MINUTE - expected;

	return off < 0.05 && off > -0.05;
}

static bool
probably(double probability, double expected)
{
	double		off = probability - expected;

	return off < 0.005 && off > -0.005;
}

/*
 * The time within which nine of ten runs end.
 */
static void
risk_quantiles(void)
{
	Forecast	none = {0};
	Forecast	one = minutes(1, 0);
	Forecast	few = minutes(5, 0);
	Forecast	many = minutes(20, 0);
	Forecast	all = minutes(200, 0);

	tap_ok(about(forecast_run_p90(&none, 10 * MINUTE), 13.204),
		   "forecast: an estimate, and its spread, if nothing is known");
	tap_ok(about(forecast_run_p90(&one, 10 * MINUTE), 1.32),
		   "forecast: one run is better than an estimate");
	tap_ok(about(forecast_run_p90(&few, 0), 3 + 1.2816 * 1.5811),
		   "forecast: few runs are normally distributed");
	tap_ok(about(forecast_run_p90(&many, 0), 18),
		   "forecast: twenty speak for themselves");
	tap_ok(about(forecast_run_p90(&all, 0), 136 + 58),
		   "forecast: only the last ones count");
}

/*
 * The probability of being done in time.
 */
static void
risk_probabilities(void)
{
	Forecast	many = minutes(20, 10 * MINUTE);
	Forecast	few = minutes(5, 0);
	ForecastWait wait = {0};

	wait.left = 20 * MINUTE;
	tap_ok(probably(forecast_waiting(&many, &wait), 0.5),
		   "forecast: those before waited, too");
	wait.waited = 5 * MINUTE;
	tap_ok(probably(forecast_waiting(&many, &wait), 0.75),
		   "forecast: half of that time is over");
	wait.waited = HOUR;
	tap_ok(probably(forecast_waiting(&many, &wait), 1),
		   "forecast: who has waited longer than any starts now");
	wait.to_wait = 15 * MINUTE;
	tap_ok(probably(forecast_waiting(&many, &wait), 0.25),
		   "forecast: or when what it waits for is free");
	wait.waited = wait.to_wait = 0;
	wait.left = 3 * MINUTE;
	tap_ok(probably(forecast_waiting(&few, &wait), 0.5),
		   "forecast: the mean is as likely as not");
	tap_ok(probably(forecast_running(&many, 0, 10 * MINUTE, 5 * MINUTE), 0.5),
		   "forecast: a run that is halfway is compared with the longer ones");
	tap_ok(probably(forecast_running(&many, 0, HOUR, 2 * HOUR), 0.5) &&
		   probably(forecast_running(&many, 0, HOUR, MINUTE), 0),
		   "forecast: one longer than any goes on as long again");
	tap_ok(about(forecast_remaining(&many, 10 * MINUTE), 6) &&
		   about(forecast_remaining(&many, HOUR), 60) &&
		   about(forecast_remaining(NULL, HOUR), 60),
		   "forecast: what runs will run on");
}

/*
 * A daily task with a deadline that needs the resource.
 */
static void
add_daily(Policy *policy, int64_t task_id, PolicyTime deadline)
{
	PolicyTask	task = unit_task(task_id, POLICY_CLASS_DAILY);

	task.enqueued_at = NOON;
	task.deadline = deadline;
	task.estimate = 10 * MINUTE;
	task.needs[task.nneeds++] = KEY;
	policy_add(policy, &task);
}

static void
add_backfill(Policy *policy, int64_t task_id, bool needs)
{
	PolicyTask	task = unit_task(task_id, POLICY_CLASS_BACKFILL);

	if (needs)
		task.needs[task.nneeds++] = KEY;
	policy_add(policy, &task);
}

static PolicyTier
tier_of(Policy *policy, int64_t task_id)
{
	PolicyRiskInfo info;

	return policy_risk(policy, task_id, &info) ? info.tier : (PolicyTier) -1;
}

/*
 * Tiers follow the time, and the order follows the tiers.
 */
static void
risk_tiers(void)
{
	Policy	   *policy = unit_create(1);
	PolicyTime	deadline = NOON + HOUR;
	PolicyRiskInfo info;

	policy_set_resource(policy, KEY, 1, 0);
	policy_set_queue(policy, 1, 0, 1, true);
	add_daily(policy, 1, deadline);
	unit_next(policy, NOON);
	tap_ok(policy_risk(policy, 1, &info) &&
		   about(info.deadline - info.latest_start, 13.204) &&
		   info.tier == POLICY_TIER_ON_TIME,
		   "risk: there is time before the latest start");
	unit_next(policy, info.latest_start - SECOND);
	tap_ok(tier_of(policy, 1) == POLICY_TIER_ON_TIME,
		   "risk: up to that moment");
	tap_ok(policy_next_due(policy) <= info.latest_start + 1,
		   "risk: when it is looked at again");
	unit_next(policy, info.latest_start + 1);
	tap_ok(tier_of(policy, 1) == POLICY_TIER_CRITICAL,
		   "risk: then the task is critical");
	add_backfill(policy, 2, true);
	add_backfill(policy, 3, false);
	policy_set_queue(policy, 1, 0, 1, false);
	policy_set_workers(policy, 2);
	tap_ok(unit_next(policy, deadline - 1) == 1, "risk: it is the first");
	tap_ok(unit_next(policy, deadline - 1) == 3,
		   "risk: others take what it does not need");
	policy_set_resource(policy, KEY, 0, 0);
	policy_put_back(policy, 1);
	policy_hold_owner(policy, 1, true);
	policy_finished(policy, 3);
	add_backfill(policy, 4, true);
	policy_hold_owner(policy, 1, false);
	tap_ok(unit_next(policy, deadline - 1) == 1 &&
		   unit_next(policy, deadline - 1) == 2,
		   "risk: what it needs is closed to backfills until it starts");
	policy_destroy(policy);
}

/*
 * A critical task gets what a backfill has, and nobody else does.
 */
static void
risk_preemption(void)
{
	Policy	   *policy = unit_create(1);
	PolicyPreemption preemption;

	policy_set_resource(policy, KEY, 1, 0);
	add_backfill(policy, 1, true);
	unit_next(policy, NOON);
	add_daily(policy, 2, NOON + HOUR);
	unit_next(policy, NOON);
	tap_ok(!policy_next_preemption(policy, NOON, &preemption),
		   "preempt: not while there is time");
	unit_next(policy, NOON + 50 * MINUTE);
	tap_ok(policy_next_preemption(policy, NOON + 50 * MINUTE, &preemption) &&
		   preemption.task_id == 1 && preemption.for_task == 2 &&
		   preemption.resource == KEY,
		   "preempt: the backfill that has the slot, for the critical task");
	tap_ok(!policy_next_preemption(policy, NOON + 50 * MINUTE, &preemption),
		   "preempt: once");
	tap_ok(policy_handed(policy, KEY) == 1 && policy_handed(policy, 0) == 1,
		   "preempt: slot and worker are handed over");
	policy_again(policy, 1, 2, POLICY_TIME_ALWAYS, false);
	policy_hold_owner(policy, 1, true);
	tap_ok(unit_next(policy, NOON + 50 * MINUTE) == 0,
		   "preempt: nobody takes them, though the task has no process yet");
	policy_hold_owner(policy, 1, false);
	tap_ok(unit_next(policy, NOON + 50 * MINUTE) == 2,
		   "preempt: then it starts");
	tap_ok(policy_handed(policy, KEY) == 0 && policy_handed(policy, 0) == 0,
		   "preempt: and nothing is handed over any more");
	policy_finished(policy, 2);
	policy_destroy(policy);
}

/*
 * A slot that is handed over is for nobody else, though workers are free.
 */
static void
risk_handoff(void)
{
	Policy	   *policy = unit_create(3);
	PolicyTask	other = unit_task(3, POLICY_CLASS_ADHOC);
	PolicyPreemption preemption;

	other.owner = 2;
	other.needs[other.nneeds++] = KEY;
	policy_set_resource(policy, KEY, 1, 0);
	add_backfill(policy, 1, true);
	unit_next(policy, NOON);
	add_daily(policy, 2, NOON + HOUR);
	policy_add(policy, &other);
	unit_next(policy, NOON + 50 * MINUTE);
	policy_next_preemption(policy, NOON + 50 * MINUTE, &preemption);
	policy_again(policy, 1, 2, POLICY_TIME_ALWAYS, false);
	policy_hold_owner(policy, 1, true);
	tap_ok(unit_next(policy, NOON + 50 * MINUTE) == 0,
		   "preempt: a slot that is handed over is for nobody else");
	policy_hold_owner(policy, 1, false);
	tap_ok(unit_next(policy, NOON + 50 * MINUTE) == 2,
		   "preempt: it is for the task");
	policy_finished(policy, 2);
	tap_ok(unit_next(policy, NOON + 50 * MINUTE) == 3,
		   "preempt: then for others");
	policy_destroy(policy);
}

/*
 * Tasks at risk go before a class that has not had its floor share.
 */
static void
risk_before_floor(void)
{
	Policy	   *policy = unit_create(1);
	PolicyTask	other = unit_task(9, POLICY_CLASS_ADHOC);
	bool		first = true;
	int			i;

	policy_set_class(policy, POLICY_CLASS_ADHOC, 0, 0, 0.9, 1);
	policy_add(policy, &other);
	for (i = 1; i <= 4; i++)
		add_daily(policy, i, NOON + SECOND);
	for (i = 1; i <= 4; i++)
		first &= unit_next(policy, NOON) == i && policy_finished(policy, i);
	tap_ok(first && unit_next(policy, NOON) == 9,
		   "risk: a floor share waits for tasks that are late");
	policy_destroy(policy);
}

void
unit_risk(void)
{
	risk_before_floor();
	risk_quantiles();
	risk_probabilities();
	risk_tiers();
	risk_preemption();
	risk_handoff();
}
