/*-------------------------------------------------------------------------
 *
 * budget.h
 *	  Retry budgets: how many retries may start, by the first attempts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_BUDGET_H
#define WEIR_POLICY_BUDGET_H

#include "policy/state.h"

extern bool policy_budget_room(const PolicyBudget *budget);
extern PolicyPlace *policy_budget_lacks(const PolicyBucket *bucket);
extern PolicyTime policy_budget_opens_at(const PolicyBudget *budget);
extern void policy_budget_count_waiting(Policy *policy, PolicyBudget *budget,
										int change);
extern void policy_budget_settle(Policy *policy, PolicyBudget *budget);
extern void policy_budget_count(Policy *policy, const PolicyBucket *bucket,
								int32_t attempt);
extern void policy_budget_give_back(Policy *policy,
									const PolicyBucket *bucket,
									int32_t attempt, PolicyTime started_at);
extern void policy_budget_wake(Policy *policy, const PolicyBucket *bucket);
extern void policy_budget_open_due(Policy *policy);
extern PolicyTime policy_budget_next_due(const Policy *policy);
extern bool policy_budget_idle(const PolicyBudget *budget, PolicyTime now);
extern void policy_budget_free(Policy *policy, PolicyBudget **budget);

#endif							/* WEIR_POLICY_BUDGET_H */
