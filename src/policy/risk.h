/*-------------------------------------------------------------------------
 *
 * risk.h
 *	  Daily tasks with a deadline: will they be done in time?
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_RISK_H
#define WEIR_POLICY_RISK_H

#include "policy/state.h"

extern void policy_risk_set(Policy *policy, const PolicyTask *task);
extern void policy_risk_move(Policy *policy, uint32_t task);
extern void policy_risk_drop(Policy *policy, int64_t task_id);
extern void policy_risk_start(Policy *policy, int64_t task_id);
extern void policy_risk_stop(Policy *policy, int64_t task_id);
extern void policy_risk_enter(Policy *policy, uint32_t task);
extern void policy_risk_leave(Policy *policy, uint32_t task);
extern PolicyTime policy_risk_rank(Policy *policy, uint32_t task);
extern bool policy_risk_is_urgent(const Policy *policy, int64_t task_id);
extern PolicyRisk *policy_risk_find(const Policy *policy, int64_t task_id);
extern double policy_risk_running(const Policy *policy, const PolicyRisk *risk,
								  int64_t to_wait);
extern void policy_risk_look_due(Policy *policy);
extern PolicyTime policy_risk_next_look(const Policy *policy);
extern void policy_risks_release(Policy *policy);

#endif							/* WEIR_POLICY_RISK_H */
