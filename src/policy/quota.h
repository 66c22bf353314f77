/*-------------------------------------------------------------------------
 *
 * quota.h
 *	  Counting the tasks of an owner that have not ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_QUOTA_H
#define WEIR_POLICY_QUOTA_H

#include "policy/state.h"

extern void policy_quota_init(Policy *policy);
extern void policy_quota_release(Policy *policy);
extern void policy_quota_configure(Policy *policy, PolicyOwner *owner,
								   bool counted);
extern void policy_quota_enter(Policy *policy, int64_t task_id,
							   PolicyOwner *owner);
extern bool policy_quota_has(const Policy *policy, int64_t task_id);
extern void policy_quota_ended(Policy *policy, int64_t task_id);

#endif							/* WEIR_POLICY_QUOTA_H */
