/*-------------------------------------------------------------------------
 *
 * runs.h
 *	  What a task that runs has: slots, and tokens that it took.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_RUNS_H
#define WEIR_POLICY_RUNS_H

#include "policy/state.h"

extern uint32_t policy_run_get(Policy *policy);
extern uint32_t policy_run_find(const Policy *policy, int64_t task_id);
extern void policy_run_end_probes(Policy *policy, uint32_t task);
extern void policy_run_put(Policy *policy, uint32_t index);
extern void policy_run_count_worker(Policy *policy, PolicyBucket *bucket,
									int change);
extern void policy_run_count(Policy *policy, PolicyBucket *bucket,
							 int change);
extern void policy_run_take(Policy *policy, uint32_t index,
							const PolicyBucket *bucket, PolicyStart *start);
extern void policy_run_adopt(Policy *policy, uint32_t index,
							 const PolicyBucket *bucket,
							 const PolicyGrant *grants, int ngrants);
extern void policy_run_give_back(Policy *policy, uint32_t task);

#endif							/* WEIR_POLICY_RUNS_H */
