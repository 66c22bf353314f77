/*-------------------------------------------------------------------------
 *
 * duration.c
 *	  How long runs take, as the last ones have told.
 *
 * Quantiles of the last runs, without assuming what they are distributed
 * like: runs of SQL have long tails.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/duration.h"

/* From so many runs on one more tells little that is new */
#define DURATION_EAGER	16

/*
 * Takes note of a run.  Says whether quantiles are worth to be asked for
 * again.
 */
bool
policy_duration_add(Durations *durations, int64_t duration)
{
	durations->last[durations->n % DURATION_SAMPLES] =
		duration > 0 ? duration : 1;
	durations->n++;
	/* counts on in a circle, without becoming few again */
	if (durations->n == UINT32_MAX)
		durations->n = DURATION_SAMPLES * DURATION_EAGER;
	return durations->n <= DURATION_EAGER ||
		durations->n % DURATION_EAGER == 0;
}

/*
 * The duration that a fraction q of the last runs did not exceed; with 1 the
 * longest.  0 if there were none.
 */
int64_t
policy_duration_quantile(const Durations *durations, double q)
{
	int64_t		sorted[DURATION_SAMPLES];
	int			n = durations->n < DURATION_SAMPLES ?
	(int) durations->n : DURATION_SAMPLES;
	int			rank;
	int			i;
	int			j;

	if (n == 0)
		return 0;
	for (i = 0; i < n; i++)
	{
		int64_t		value = durations->last[i];

		for (j = i; j > 0 && sorted[j - 1] > value; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = value;
	}
	/* the nearest rank: never below what was seen */
	rank = (int) (q * n);
	if ((double) rank < q * n)
		rank++;
	return sorted[rank > 0 ? rank - 1 : 0];
}

/*
 * How long a run goes on that has lasted for a while, if none has taken longer
 * than "longest".  One that has is as likely as not to take as long again.
 */
int64_t
policy_duration_left(int64_t longest, int64_t elapsed)
{
	if (elapsed < 0)
		elapsed = 0;
	return elapsed < longest ? longest - elapsed : elapsed;
}
