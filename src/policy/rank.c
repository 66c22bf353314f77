/*-------------------------------------------------------------------------
 *
 * rank.c
 *	  The rank of a task: its virtual deadline.
 *
 * All classes share one axis, time.  A daily task with a deadline ranks at
 * its deadline; every other task at the time it was enqueued plus the delay
 * of its class, or at its deadline if that is earlier.  Priority moves a task
 * by a second per step and by ten minutes at most.  Earlier ranks go first,
 * equal ones by task id.
 *
 * A rank does not change while the task waits and new tasks rank ever later,
 * so age wins in the end: what is ahead of a task is finite.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/rank.h"

#define RANK_SECOND			INT64_C(1000000)

/* How long a task of the class may wait before it counts as late */
#define RANK_DELAY_SYSTEM	INT64_C(0)
#define RANK_DELAY_DAILY	INT64_C(0)	/* without a deadline */
#define RANK_DELAY_ADHOC	RANK_SECOND
#define RANK_DELAY_BACKFILL	(3600 * RANK_SECOND)

/* The head start that priority gives, per step and at most */
#define RANK_PRIORITY_STEP	RANK_SECOND
#define RANK_MAX_PRIORITY	600

#define RANK_MAX_SPAN		(INT64_C(30) * 366 * 86400 * RANK_SECOND)

static const int64_t class_delay[POLICY_NUM_CLASSES] = {
	RANK_DELAY_SYSTEM,
	RANK_DELAY_DAILY,
	RANK_DELAY_ADHOC,
	RANK_DELAY_BACKFILL
};

/*
 * Adds to a time; what would be beyond either end of time is that end.
 */
PolicyTime
policy_time_add(PolicyTime time, int64_t delta)
{
	if (delta > 0 && time > POLICY_TIME_NEVER - delta)
		return POLICY_TIME_NEVER;
	if (delta < 0 && time < POLICY_TIME_ALWAYS - delta)
		return POLICY_TIME_ALWAYS;
	return time + delta;
}

/*
 * Microseconds from one time to another, negative if "to" is the earlier one.
 * Exact below 2^53 (285 years), and never an overflow.
 */
double
policy_time_between(PolicyTime from, PolicyTime to)
{
	if ((from < 0) == (to < 0))
		return (double) (to - from);
	return (double) to - (double) from;
}

/*
 * The same as a whole number, cut at thirty years: to be calculated with.
 */
int64_t
policy_time_span(PolicyTime from, PolicyTime to)
{
	double		span = policy_time_between(from, to);

	if (span > (double) RANK_MAX_SPAN)
		return RANK_MAX_SPAN;
	return span < (double) -RANK_MAX_SPAN ? -RANK_MAX_SPAN : (int64_t) span;
}

/*
 * A priority as it is stored: no more than what has an effect.
 */
int16_t
policy_priority(int32_t priority)
{
	if (priority < -RANK_MAX_PRIORITY)
		return -RANK_MAX_PRIORITY;
	if (priority > RANK_MAX_PRIORITY)
		return RANK_MAX_PRIORITY;
	return (int16_t) priority;
}

/*
 * The virtual deadline of a task; "priority" is one that was stored.
 */
PolicyTime
policy_rank(PolicyClass klass, PolicyTime enqueued_at, PolicyTime deadline,
			int16_t priority)
{
	PolicyTime	due = policy_time_add(enqueued_at, class_delay[klass]);

	if (deadline < due ||
		(klass == POLICY_CLASS_DAILY && deadline != POLICY_TIME_NEVER))
		due = deadline;
	return policy_time_add(due, priority * RANK_PRIORITY_STEP);
}
