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

/* Instead of a parent: a breaker is open */
#define ENDS_REFUSED	INT64CONST(-1)

extern void ends_add(Scheduler *scheduler, const PolicyEnd *end,
					 int64 parent_id);
extern void ends_write(Scheduler *scheduler, TimestampTz now);
extern void ends_forget(Scheduler *scheduler);
extern TimestampTz ends_next_timer(Scheduler *scheduler);

#endif							/* WEIR_ENDS_H */
