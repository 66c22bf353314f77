/*-------------------------------------------------------------------------
 *
 * slots.h
 *	  The slots of a resource.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_SLOTS_H
#define WEIR_POLICY_SLOTS_H

#include "policy/state.h"

extern void policy_slots_configure(PolicyResource *resource, int slots,
								   int reserved);
extern bool policy_slots_room(const PolicyResource *resource,
							  PolicyClass klass);
extern bool policy_slots_room_alone(const PolicyResource *resource,
									PolicyClass klass);
extern int	policy_slots_take(PolicyResource *resource, PolicyClass klass);
extern bool policy_slots_adopt(PolicyMemory *memory, PolicyResource *resource,
							   int slot);
extern void policy_slots_lend(PolicyResource *resource, int slot);
extern bool policy_slots_reclaim(PolicyMemory *memory, PolicyResource *resource,
								 int slot);
extern void policy_slots_free(PolicyResource *resource, int slot);

#endif							/* WEIR_POLICY_SLOTS_H */
