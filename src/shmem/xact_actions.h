/*-------------------------------------------------------------------------
 *
 * xact_actions.h
 *	  What a transaction owes to shared memory when it ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_XACT_ACTIONS_H
#define WEIR_XACT_ACTIONS_H

#include "shmem/layout.h"

extern void xact_actions_install(void);

extern bool xact_reserve_depth(QueueSlot *slot, uint32 n, uint32 capacity);
extern void xact_submit(WeirDatabase *database, const SubmitMessage *message);
extern int64 xact_shed_take(WeirDatabase *database, QueueSlot *slot,
							PolicyClass klass);
extern void xact_shed_end(WeirDatabase *database, QueueSlot *slot);
extern bool xact_reserve_quota(RoleSlot *slot, uint32 n);
extern void xact_return_quota(RoleSlot *slot, uint32 n);
extern void xact_end_task(WeirDatabase *database, QueueSlot *slot, uint32 n);
extern void xact_close_queue(QueueSlot *slot);
extern void xact_config_changed(WeirDatabase *database);
extern void xact_cap_set(WeirDatabase *database);
extern void xact_rebuild(WeirDatabase *database);
extern void xact_hold_slot(WeirDatabase *database, ResourceSlot *resource,
						   int slot, bool foreign);
extern void xact_write_beside(ResourceSlot *resource);
extern void xact_use_reserved(WeirWorker *worker, int place);
extern bool xact_has_used_reserved(WeirWorker *worker, int place);
extern void xact_complete(WeirWorker *worker, const Completion *completion);
extern bool xact_has_submitted(void);
extern bool xact_submitted(int64 task_id);
extern bool xact_holds_slot(uint64 key);
extern bool xact_writes_beside(uint64 key);
extern bool xact_holds_any_slot(void);

#endif							/* WEIR_XACT_ACTIONS_H */
