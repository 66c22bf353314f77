/*-------------------------------------------------------------------------
 *
 * windows.h
 *	  Windows and blackouts: when what may start, and what becomes of those
 *	  that run when that is over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_WINDOWS_H
#define WEIR_WINDOWS_H

#include "sched/scheduler.h"

extern void windows_follow(Scheduler *scheduler);
extern void windows(Scheduler *scheduler);
extern bool windows_asks_to_yield(Scheduler *scheduler,
								  const Assignment *assignment);
extern TimestampTz windows_next_timer(Scheduler *scheduler);

#endif							/* WEIR_WINDOWS_H */
