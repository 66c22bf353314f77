/*-------------------------------------------------------------------------
 *
 * place.h
 *	  Places that buckets need room in: queues, owners, resources.
 *
 * A place exists while it is configured, or while a bucket needs it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_PLACE_H
#define WEIR_POLICY_PLACE_H

#include "policy/state.h"

extern PolicyQueue *policy_queue_find(const Policy *policy, uint32_t id);
extern PolicyQueue *policy_queue_get(Policy *policy, uint32_t id);
extern void policy_queue_check(Policy *policy, PolicyQueue *queue);
extern void policy_queue_configure(PolicyQueue *queue, int max_running,
								   double weight, bool paused);
extern double policy_weight(double weight);
extern PolicyOwner *policy_owner_get(Policy *policy, uint32_t id);
extern void policy_owner_configure(PolicyOwner *owner, int max_running,
								   double weight);
extern bool policy_owner_full(const PolicyOwner *owner);
extern void policy_owner_check(Policy *policy, PolicyOwner *owner);
extern PolicyResource *policy_resource_find(const Policy *policy,
											uint64_t key);
extern PolicyResource *policy_resource_get(Policy *policy, uint64_t key);
extern void policy_resource_check(Policy *policy, PolicyResource *resource);
extern void policy_place_init(PolicyPlace *place, PlaceKind kind);
extern bool policy_place_room(const PolicyPlace *place, PolicyClass klass);
extern void policy_places_release(Policy *policy);

#endif							/* WEIR_POLICY_PLACE_H */
