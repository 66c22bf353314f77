/*-------------------------------------------------------------------------
 *
 * expiry.h
 *	  Tasks that are to start by a certain time, or not at all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_EXPIRY_H
#define WEIR_POLICY_EXPIRY_H

#include "policy/state.h"

extern void policy_expiry_set(Policy *policy, int64_t task_id,
							  PolicyTime expires_at);
extern void policy_expiry_suspend(Policy *policy, int64_t task_id);
extern void policy_expiry_resume(Policy *policy, int64_t task_id);
extern void policy_expiry_start(Policy *policy, int64_t task_id,
								PolicyTime from);
extern void policy_expiry_drop(Policy *policy, int64_t task_id);
extern const TaskNode *policy_expiry_first(const Policy *policy);

#endif							/* WEIR_POLICY_EXPIRY_H */
