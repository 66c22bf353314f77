/*-------------------------------------------------------------------------
 *
 * duration.h
 *	  How long runs take, as the last ones have told.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_DURATION_H
#define WEIR_POLICY_DURATION_H

#include "policy/policy.h"

#define DURATION_SAMPLES	64

/* The last runs of what is alike; zero is none */
typedef struct Durations
{
	uint32_t	n;				/* runs in all */
	int64_t		last[DURATION_SAMPLES]; /* microseconds, a ring */
} Durations;

extern bool policy_duration_add(Durations *durations, int64_t duration);
extern int64_t policy_duration_quantile(const Durations *durations, double q);
extern int64_t policy_duration_left(int64_t longest, int64_t elapsed);

#endif							/* WEIR_POLICY_DURATION_H */
