/*-------------------------------------------------------------------------
 *
 * breaker_window.c
 *	  What a circuit breaker counts, and what follows from that.
 *
 * The last calls are counted one by one, or by slices of the last time; the
 * probes of a breaker that is half open one by one, all of them.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/breaker_window.h"

/*
 * Forgets what was counted, of the state before or of another window.
 */
void
policy_breaker_forget(PolicyBreaker *breaker)
{
	static const BreakerCounts none;

	breaker->sums = none;
	breaker->ncalls = 0;
	breaker->slice = 0;
	memset(breaker->slices, 0, sizeof(breaker->slices));
	memset(breaker->calls, 0, sizeof(breaker->calls));
}

/*
 * Does the SQLSTATE begin like one of those?
 */
static bool
sqlstate_among(const char *sqlstate, const char (*list)[6], int n)
{
	int			i;

	for (i = 0; i < n; i++)
		if (strncmp(sqlstate, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

/*
 * Does an error with this SQLSTATE say that the resource fails?  Contention
 * does not, unless it is named.
 */
bool
policy_breaker_records(const BreakerRule *rule, const char *sqlstate)
{
	if (sqlstate_among(sqlstate, rule->ignore, rule->nignore))
		return false;
	if (rule->nrecord > 0)
		return sqlstate_among(sqlstate, rule->record, rule->nrecord);
	return strncmp(sqlstate, "40", 2) != 0;
}

/*
 * Adds the counts of one call, or takes them away.
 */
static void
counts_add(BreakerCounts *counts, const BreakerCounts *other, int sign)
{
	counts->calls += sign * other->calls;
	counts->failures += sign * other->failures;
	counts->slow += sign * other->slow;
}

/*
 * Forgets the slices that are out of the window.
 */
static void
breaker_advance(PolicyBreaker *breaker, PolicyTime now)
{
	static const BreakerCounts none;
	int64_t		number = now / (breaker->rule.window / BREAKER_SLICES);

	if (number - breaker->slice > BREAKER_SLICES)
		breaker->slice = number - BREAKER_SLICES;
	while (breaker->slice < number)
	{
		BreakerCounts *oldest;

		breaker->slice++;
		oldest = &breaker->slices[breaker->slice % BREAKER_SLICES];
		counts_add(&breaker->sums, oldest, -1);
		*oldest = none;
	}
}

/*
 * Counts a call among the last ones.
 */
void
policy_breaker_count(PolicyBreaker *breaker, const BreakerCounts *call,
					 PolicyTime now)
{
	BreakerCall *place;

	counts_add(&breaker->sums, call, 1);
	if (breaker->state == BREAKER_HALF_OPEN)
		return;
	if (breaker->rule.time_based)
	{
		breaker_advance(breaker, now);
		counts_add(&breaker->slices[breaker->slice % BREAKER_SLICES], call, 1);
		return;
	}
	place = &breaker->calls[breaker->ncalls % breaker->rule.window];
	if (breaker->ncalls++ >= (uint64_t) breaker->rule.window)
	{
		const BreakerCounts oldest = {1, place->failed, place->slow};

		counts_add(&breaker->sums, &oldest, -1);
	}
	place->failed = call->failures > 0;
	place->slow = call->slow > 0;
}

/*
 * Is a share of the calls too large?
 */
static bool
share_exceeded(int32_t part, int32_t calls, double percent)
{
	return percent > 0 && part > 0 && 100.0 * part >= percent * calls;
}

/*
 * Are there too many failures, or slow calls, in the window?
 */
bool
policy_breaker_trips(const PolicyBreaker *breaker)
{
	const BreakerRule *rule = &breaker->rule;
	const BreakerCounts *sums = &breaker->sums;

	if (rule->failures > 0 && sums->failures >= rule->failures)
		return true;
	return sums->calls >= rule->min_calls &&
		(share_exceeded(sums->failures, sums->calls, rule->failure_rate) ||
		 share_exceeded(sums->slow, sums->calls, rule->slow_rate));
}

/*
 * Did the probes show that the resource still fails?
 */
bool
policy_breaker_probes_failed(const PolicyBreaker *breaker)
{
	const BreakerRule *rule = &breaker->rule;
	const BreakerCounts *sums = &breaker->sums;

	if (rule->failure_rate == 0 && sums->failures > 0)
		return true;
	return share_exceeded(sums->failures, sums->calls, rule->failure_rate) ||
		share_exceeded(sums->slow, sums->calls, rule->slow_rate);
}
