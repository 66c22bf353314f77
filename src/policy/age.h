/*-------------------------------------------------------------------------
 *
 * age.h
 *	  How long the oldest task of a queue has been there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_AGE_H
#define WEIR_POLICY_AGE_H

#include "policy/policy_types.h"

/* So many tasks are told apart by their age, at least */
#define AGE_SPANS	32

/* Tasks that were enqueued between two times, both included */
typedef struct AgeSpan
{
	PolicyTime	first_at;
	PolicyTime	last_at;
	uint32_t	tasks;
} AgeSpan;

/* Spans that do not overlap, in order of time */
typedef struct PolicyAges
{
	uint32_t	nspans;
	AgeSpan		spans[AGE_SPANS];
} PolicyAges;

extern void policy_age_add(PolicyAges *ages, PolicyTime enqueued_at);
extern void policy_age_remove(PolicyAges *ages, PolicyTime enqueued_at);
extern PolicyTime policy_age_oldest(const PolicyAges *ages);

#endif							/* WEIR_POLICY_AGE_H */
