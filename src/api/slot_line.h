/*-------------------------------------------------------------------------
 *
 * slot_line.h
 *	  Getting a slot in any session, at once or in line.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SLOT_LINE_H
#define WEIR_SLOT_LINE_H

#include "compat.h"
#include "shmem/layout.h"

/* Does the rule make this session take a slot? */
typedef bool (*SlotBinds) (const CapRule *rule);

extern int	slot_count_free(const ResourceSlot *resource, uint64 held);
extern bool slot_try_any(ResourceSlot *resource);
extern bool slot_room(ResourceSlot *resource);
extern bool slot_may_wait(void);
extern bool slot_wait(ResourceSlot *resource, bool hard, SlotBinds binds,
					  int64 timeout);
pg_noreturn extern void slot_refuse_busy(ResourceSlot *resource,
										 const char *hint);

#endif							/* WEIR_SLOT_LINE_H */
