/*-------------------------------------------------------------------------
 *
 * shed.h
 *	  Which tasks go when a queue is full that sheds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_SHED_H
#define WEIR_POLICY_SHED_H

#include "policy/state.h"

extern void policy_shed_enter(Policy *policy, uint32_t task);
extern void policy_shed_leave(Policy *policy, uint32_t task);
extern void policy_shed_configure(Policy *policy, PolicyQueue *queue,
								  bool sheds);

#endif							/* WEIR_POLICY_SHED_H */
