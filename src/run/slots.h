/*-------------------------------------------------------------------------
 *
 * slots.h
 *	  Slots: advisory locks as caps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SLOTS_H
#define WEIR_SLOTS_H

#include "shmem/layout.h"
#include "storage/lock.h"

/* The slot number that stands for the gate of a resource */
#define SLOT_GATE	0xFFFFFFFF

extern void slot_tag(LOCKTAG *tag, uint64 resource, uint32 slot);
extern bool slots_holds(uint64 resource);
extern bool slots_holds_any(void);
extern bool slot_try(ResourceSlot *resource, int slot, bool foreign);
extern bool slots_take_for_transaction(const Assignment *assignment,
									   uint64 *taken_by_other);
extern bool slots_take_for_session(const Assignment *assignment,
								   uint64 *taken_by_other);
extern void slots_release_for_session(const Assignment *assignment);
extern void slots_session_ended(void);

#endif							/* WEIR_SLOTS_H */
