/*-------------------------------------------------------------------------
 *
 * choose.h
 *	  Which bucket's first task starts next.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_CHOOSE_H
#define WEIR_POLICY_CHOOSE_H

#include "policy/state.h"

/* A set of classes: bit 1 << class */
typedef unsigned int ClassSet;

typedef struct PolicyChoice
{
	PolicyBucket *bucket;
	ClassSet	eligible;		/* classes that could have been chosen */
} PolicyChoice;

extern bool policy_class_has_worker(const Policy *policy, PolicyClass klass,
									bool alone);
extern PolicyBucket *policy_class_without_worker(Policy *policy,
												 PolicyClass klass);
extern bool policy_class_eligible(Policy *policy, PolicyClass klass);
extern bool policy_may_start(const Policy *policy);
extern bool policy_choose(Policy *policy, PolicyTime now,
						  PolicyChoice *choice);
extern void policy_count_start(Policy *policy, const PolicyChoice *choice);
extern void policy_uncount_start(Policy *policy);

#endif							/* WEIR_POLICY_CHOOSE_H */
