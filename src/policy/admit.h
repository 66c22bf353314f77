/*-------------------------------------------------------------------------
 *
 * admit.h
 *	  The life of a task in the policy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_ADMIT_H
#define WEIR_POLICY_ADMIT_H

#include "policy/state.h"

extern bool policy_promote(Policy *policy, PolicyTime now);

#endif							/* WEIR_POLICY_ADMIT_H */
