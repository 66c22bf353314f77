/*-------------------------------------------------------------------------
 *
 * preempt.h
 *	  Backfills that end early so that a critical daily task can start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_PREEMPT_H
#define WEIR_POLICY_PREEMPT_H

#include "policy/state.h"

extern int64_t policy_projected_wait(const Policy *policy, uint32_t task);
extern void policy_handoff_drop(Policy *policy, int64_t task_id);
extern void policy_handoff_review(Policy *policy);
extern void policy_handoffs_release(Policy *policy);

#endif							/* WEIR_POLICY_PREEMPT_H */
