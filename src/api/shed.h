/*-------------------------------------------------------------------------
 *
 * shed.h
 *	  Room in a full queue, in the place of tasks that are shed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_API_SHED_H
#define WEIR_API_SHED_H

#include "api/request.h"

extern bool shed_reserve(const EnqueueRequest *request, QueueSlot *slot,
						 uint32 places, uint32 capacity, int64 first_id);
extern bool shed_allow(bool allow);

#endif							/* WEIR_API_SHED_H */
