/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  What becomes of a task whose attempt failed: again (when), or done for.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>
#include <string.h>

#include "policy/retry.h"

/* Jitter of a retry after contention: at most this many microseconds */
#define RETRY_CONTENTION_JITTER	50000

/* What SQLSTATEs begin with, and the kind that they are */
typedef struct RetryRule
{
	const char *prefix;
	RetryKind	kind;
} RetryRule;

static const RetryRule rules[] = {
	{"40001", RETRY_KIND_CONTENTION},	/* serialization_failure */
	{"40P01", RETRY_KIND_CONTENTION},	/* deadlock_detected */
	{"55P03", RETRY_KIND_TRANSIENT},	/* lock_not_available */
	{"57014", RETRY_KIND_TRANSIENT},	/* query_canceled */
	{"57P01", RETRY_KIND_GIVE_BACK},	/* admin_shutdown */
	{"57P02", RETRY_KIND_GIVE_BACK},	/* crash_shutdown */
	{"57P03", RETRY_KIND_GIVE_BACK},	/* cannot_connect_now */
	{"08", RETRY_KIND_TRANSIENT},	/* connection exception */
	{"53", RETRY_KIND_TRANSIENT},	/* insufficient resources */
	{"58", RETRY_KIND_TRANSIENT},	/* system error */
	{"0A", RETRY_KIND_PERMANENT},	/* feature not supported */
	{"22", RETRY_KIND_PERMANENT},	/* data exception */
	{"23", RETRY_KIND_PERMANENT},	/* integrity constraint violation */
	{"25001", RETRY_KIND_PERMANENT},	/* active_sql_transaction */
	{"25006", RETRY_KIND_PERMANENT},	/* read_only_sql_transaction */
	{"26", RETRY_KIND_PERMANENT},	/* invalid statement name */
	{"2D", RETRY_KIND_PERMANENT},	/* invalid transaction termination */
	{"42", RETRY_KIND_PERMANENT},	/* syntax error or access rule violation */
	{"P0001", RETRY_KIND_PERMANENT} /* raise_exception */
};

/*
 * The kind of an SQLSTATE, five characters; anything else is OTHER.
 */
RetryKind
retry_classify(const char *sqlstate)
{
	size_t		i;

	if (sqlstate == NULL || strlen(sqlstate) != 5)
		return RETRY_KIND_OTHER;
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0)
			return rules[i].kind;
	return RETRY_KIND_OTHER;
}

/*
 * A random part of a delay; what is no number in [0, 1) is the whole delay.
 */
static int64_t
retry_jitter(int64_t delay, double random)
{
	double		part = (double) delay * random;

	if (!(random >= 0 && random < 1) || part >= (double) delay)
		return delay;
	return (int64_t) part;
}

/*
 * min(cap, base * 2^n), without overflow.
 */
static int64_t
retry_backoff(const RetryPolicy *policy, int32_t n)
{
	int64_t		cap = policy->cap_us > 0 ? policy->cap_us : 0;
	int64_t		delay = policy->base_us > 0 ? policy->base_us : 0;

	while (n-- > 0 && delay > 0 && delay < cap)
		delay = delay > cap / 2 ? cap : delay * 2;
	return delay < cap ? delay : cap;
}

/*
 * Again or not, does the attempt count, and how long to wait.  Contention is
 * not charged up to a limit and then is like any other failure, so that two
 * tasks that always collide do not do so for ever.
 */
RetryVerdict
retry_decide(const RetryPolicy *policy, RetryKind kind, int32_t charged,
			 int32_t contention, double random)
{
	RetryVerdict verdict = {true, false, 0};

	if (kind == RETRY_KIND_GIVE_BACK)
		return verdict;
	if (kind == RETRY_KIND_CONTENTION && contention < policy->max_contention)
	{
		verdict.delay_us = retry_jitter(RETRY_CONTENTION_JITTER, random);
		return verdict;
	}
	verdict.charged = true;
	verdict.again = (int64_t) charged + 1 < policy->max_attempts &&
		(kind != RETRY_KIND_PERMANENT || policy->retry_permanent);
	if (verdict.again)
		verdict.delay_us = retry_jitter(retry_backoff(policy, charged),
										random);
	return verdict;
}
