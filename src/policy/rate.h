/*-------------------------------------------------------------------------
 *
 * rate.h
 *	  When a resource lets tasks start: rates and pauses.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_RATE_H
#define WEIR_POLICY_RATE_H

#include "policy/state.h"

extern void policy_rate_settle(Policy *policy, PolicyResource *resource);
extern bool policy_rate_take(Policy *policy, PolicyResource *resource);
extern void policy_rate_give_back(Policy *policy, PolicyResource *resource);
extern void policy_rate_open_due(Policy *policy);
extern void policy_rate_leave(Policy *policy, PolicyResource *resource);
extern PolicyTime policy_rate_next_due(const Policy *policy);

#endif							/* WEIR_POLICY_RATE_H */
