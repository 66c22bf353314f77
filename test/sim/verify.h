/*-------------------------------------------------------------------------
 *
 * verify.h
 *	  Is the policy sound inside?
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_VERIFY_H
#define WEIR_SIM_VERIFY_H

#include "policy/policy.h"
#include "policy/state.h"

extern const char *verify_policy(const Policy *policy);
extern int	verify_order(const TaskTable *table, const TaskOrder *order);
extern const char *verify_slots(const Policy *policy);
extern const char *verify_breakers(const Policy *policy);
extern const char *verify_lines(const Policy *policy);
extern bool verify_no_keys(const Policy *policy);
extern PolicyTime verify_drain_until(const Policy *policy);

#endif							/* WEIR_SIM_VERIFY_H */
