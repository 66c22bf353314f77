/*-------------------------------------------------------------------------
 *
 * room.h
 *	  Room in a queue, and ids, for tasks that are to be submitted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ROOM_H
#define WEIR_ROOM_H

#include "api/request.h"

extern void room_refuse(const char *queue, uint32 capacity, QueueSlot *slot,
						const char *hint);
extern int64 room_take_ids(WeirDatabase *database, int64 n);
extern int64 room_reserve(const EnqueueRequest *request, uint32 places,
						  int64 nids, bool tell);

#endif							/* WEIR_ROOM_H */
