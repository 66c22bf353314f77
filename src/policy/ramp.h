/*-------------------------------------------------------------------------
 *
 * ramp.h
 *	  Recovery ramps: after something was down, starts begin slowly.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_RAMP_H
#define WEIR_POLICY_RAMP_H

#include "policy/state.h"

extern void policy_ramp_release(Policy *policy, PolicyResource *resource,
								int64_t length);
extern void policy_ramp_stop(Policy *policy, PolicyResource *resource);
extern void policy_ramp_resume(Policy *policy, PolicyQueue *queue);
extern bool policy_ramp_queue_room(const PolicyQueue *queue);
extern bool policy_ramp_room(const PolicyResource *resource);
extern bool policy_ramp_holds(const Policy *policy, PolicyClass klass,
							  int64_t task_id);
extern void policy_ramp_step_due(Policy *policy);
extern PolicyTime policy_ramp_next_due(const Policy *policy);
extern void policy_ramp_free(Policy *policy, PolicyRamp **place);

#endif							/* WEIR_POLICY_RAMP_H */
