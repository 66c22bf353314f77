/*-------------------------------------------------------------------------
 *
 * ramps.h
 *	  Recovery ramps: begun, shown, recorded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RAMPS_H
#define WEIR_RAMPS_H

#include "datatype/timestamp.h"

#include "sched/scheduler.h"

extern void ramps_restore(Scheduler *scheduler, bool fresh);
extern void ramps_review(Scheduler *scheduler, TimestampTz now);
extern void ramps_publish(Scheduler *scheduler, TimestampTz now);

#endif							/* WEIR_RAMPS_H */
