/*-------------------------------------------------------------------------
 *
 * budget_config.h
 *	  Retry budgets, as they are written in the configuration.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_BUDGET_CONFIG_H
#define WEIR_BUDGET_CONFIG_H

#include "policy/policy.h"
#include "utils/jsonb.h"

#define BUDGET_PARAMETER	"retry_budget"

extern void budget_config_parse(const JsonbValue *value, BudgetRule *rule);
extern void budget_config_of(Jsonb *budget, BudgetRule *rule);
extern void budget_config_of_policy(Jsonb *policy, BudgetRule *rule);

#endif							/* WEIR_BUDGET_CONFIG_H */
