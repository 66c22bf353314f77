/*-------------------------------------------------------------------------
 *
 * retry.h
 *	  What becomes of a task whose attempt failed: again (when), or done for.
 *
 * Pure C like the rest of the policy: the caller brings the random number.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RETRY_H
#define WEIR_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* Families of SQLSTATEs that want the same answer */
typedef enum RetryKind
{
	RETRY_KIND_CONTENTION,		/* 40001, 40P01: at once, small jitter */
	RETRY_KIND_TRANSIENT,		/* 55P03, 57014, 53xxx, 58xxx, 08xxx: backoff */
	RETRY_KIND_GIVE_BACK,		/* 57P01 .. 57P03: not its fault, not charged */
	RETRY_KIND_PERMANENT,		/* the command is wrong: dead letter at once */
	RETRY_KIND_OTHER			/* everything else: backoff */
} RetryKind;

typedef struct RetryPolicy
{
	int32_t		max_attempts;	/* charged attempts, at least 1 */
	int64_t		base_us;		/* delay = min(cap, base * 2^n), full jitter */
	int64_t		cap_us;
	int32_t		max_contention; /* uncharged contention retries */
	bool		retry_permanent;	/* the queue retries permanent ones too */
} RetryPolicy;

typedef struct RetryVerdict
{
	bool		again;
	bool		charged;		/* does this attempt count? */
	int64_t		delay_us;
} RetryVerdict;

extern RetryKind retry_classify(const char *sqlstate);

/*
 * "charged" and "contention" are the counts before this failure; "random" is
 * uniform in [0, 1).
 */
extern RetryVerdict retry_decide(const RetryPolicy *policy, RetryKind kind,
								 int32_t charged, int32_t contention,
								 double random);

#endif							/* WEIR_RETRY_H */
