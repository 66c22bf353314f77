/*-------------------------------------------------------------------------
 *
 * ends.h
 *	  Ends tasks that have not started: expired, or cancelled for a parent.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ENDS_H
#define WEIR_ENDS_H

#include "sched/scheduler.h"

extern void ends_add(Scheduler *scheduler, const PolicyEnd *end,
					 EndCause cause, int64 other);
extern void ends_write(Scheduler *scheduler, TimestampTz now);
extern void ends_forget(Scheduler *scheduler);
extern TimestampTz ends_next_timer(Scheduler *scheduler);

#endif							/* WEIR_ENDS_H */
