/*-------------------------------------------------------------------------
 *
 * park.h
 *	  Where a bucket stands: ready, or parked at what it lacks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_PARK_H
#define WEIR_POLICY_PARK_H

#include "policy/state.h"

extern PolicyResource *policy_lacks_slot(const PolicyBucket *bucket);
extern PolicyPlace *policy_lacks(const PolicyBucket *bucket);
extern void policy_count_ready(Policy *policy, PolicyBucket *bucket,
							   int change);
extern void policy_settle(Policy *policy, PolicyBucket *bucket);
extern bool policy_set_aside(Policy *policy, PolicyBucket *bucket);
extern void policy_reopen(Policy *policy, PolicyBucket *bucket);
extern void policy_wake(Policy *policy, PolicyPlace *place);

#endif							/* WEIR_POLICY_PARK_H */
