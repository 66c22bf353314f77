/*-------------------------------------------------------------------------
 *
 * breaker.h
 *	  Circuit breakers: resources that fail are left alone for a while.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_BREAKER_H
#define WEIR_POLICY_BREAKER_H

#include "policy/state.h"

extern bool policy_breaker_room(const PolicyResource *resource);
extern bool policy_breaker_falls_back(const PolicyResource *resource);
extern PolicyTime policy_breaker_opens_at(const PolicyResource *resource);
extern void policy_breaker_pass(Policy *policy, PolicyResource *resource);
extern void policy_breaker_probe(Policy *policy, PolicyResource *resource);
extern void policy_breaker_end(Policy *policy, PolicyResource *resource,
							   PolicyTime started_at);
extern bool policy_breaker_idle(const PolicyResource *resource);
extern void policy_breaker_free(Policy *policy, PolicyResource *resource);

#endif							/* WEIR_POLICY_BREAKER_H */
