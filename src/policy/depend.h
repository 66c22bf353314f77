/*-------------------------------------------------------------------------
 *
 * depend.h
 *	  Tasks that wait for the ends of others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_DEPEND_H
#define WEIR_POLICY_DEPEND_H

#include "policy/state.h"

extern void policy_depend_block(Policy *policy, uint32_t task,
								const PolicyTask *spec);
extern void policy_depend_hold(Policy *policy, uint32_t task,
							   PolicyTime run_at);
extern bool policy_depend_waits(const Policy *policy, uint32_t task);
extern void policy_depend_lift(Policy *policy, uint32_t task);
extern void policy_depend_init(Policy *policy);
extern void policy_depend_release(Policy *policy);

#endif							/* WEIR_POLICY_DEPEND_H */
