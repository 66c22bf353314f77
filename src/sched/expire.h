/*-------------------------------------------------------------------------
 *
 * expire.h
 *	  Ends tasks that have not started in time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_EXPIRE_H
#define WEIR_EXPIRE_H

#include "sched/scheduler.h"

extern void expire(Scheduler *scheduler, TimestampTz now);
extern void expire_forget(Scheduler *scheduler);
extern TimestampTz expire_next_timer(Scheduler *scheduler);

#endif							/* WEIR_EXPIRE_H */
