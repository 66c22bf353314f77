/*-------------------------------------------------------------------------
 *
 * solo.h
 *	  Tasks that run alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_SOLO_H
#define WEIR_POLICY_SOLO_H

#include "policy/state.h"

extern PolicyBucket *policy_solo_first(const Policy *policy);
extern bool policy_solo_drains(Policy *policy, PolicyTime now);
extern bool policy_solo_draining(const Policy *policy, PolicyTime now);
extern void policy_solo_reset(Policy *policy);

#endif							/* WEIR_POLICY_SOLO_H */
