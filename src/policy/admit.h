/*-------------------------------------------------------------------------
 *
 * admit.h
 *	  The life of a task in the policy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_ADMIT_H
#define WEIR_POLICY_ADMIT_H

#include "policy/state.h"

extern bool policy_promote(Policy *policy, PolicyTime now);
extern void policy_task_place(Policy *policy, uint32_t task,
							  PolicyTime run_at);
extern void policy_task_rerank(Policy *policy, uint32_t task);
extern void policy_task_lift(Policy *policy, uint32_t task);
extern void policy_task_give_out(Policy *policy, uint32_t task,
								 PolicyEnd *end);

#endif							/* WEIR_POLICY_ADMIT_H */
