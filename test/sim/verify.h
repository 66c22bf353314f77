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

extern const char *verify_policy(const Policy *policy);
extern PolicyTime verify_drain_until(const Policy *policy);

#endif							/* WEIR_SIM_VERIFY_H */
