/*-------------------------------------------------------------------------
 *
 * depth.h
 *	  The depth of queues: exact reservations against a capacity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_DEPTH_H
#define WEIR_DEPTH_H

#include "shmem/layout.h"

extern void depth_init(WeirDatabase *database);
extern void depth_clear(WeirDatabase *database);
extern QueueSlot *depth_slot(WeirDatabase *database, int32 queue);
extern QueueSlot *depth_try_slot(WeirDatabase *database, int32 queue);
extern QueueSlot *depth_find(WeirDatabase *database, int32 queue);
extern void depth_require_bound(const QueueSlot *slot, int32 queue);
extern bool depth_reserve(QueueSlot *slot, uint32 n, uint32 capacity);
extern void depth_give_back(QueueSlot *slot, uint32 n);
extern void depth_end(QueueSlot *slot, uint32 n);
extern int64 depth_retry_after(QueueSlot *slot);
extern int64 depth_oldest_age(QueueSlot *slot);
extern void depth_seed(QueueSlot *slot, uint32 n);

#endif							/* WEIR_DEPTH_H */
