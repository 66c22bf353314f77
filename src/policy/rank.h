/*-------------------------------------------------------------------------
 *
 * rank.h
 *	  The rank of a task: its virtual deadline.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_RANK_H
#define WEIR_POLICY_RANK_H

#include "policy/policy.h"

extern PolicyTime policy_time_add(PolicyTime time, int64_t delta);
extern double policy_time_between(PolicyTime from, PolicyTime to);
extern int64_t policy_time_span(PolicyTime from, PolicyTime to);
extern int16_t policy_priority(int32_t priority);
extern PolicyTime policy_rank(PolicyClass klass, PolicyTime enqueued_at,
							  PolicyTime deadline, int16_t priority);

#endif							/* WEIR_POLICY_RANK_H */
