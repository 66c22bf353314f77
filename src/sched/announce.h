/*-------------------------------------------------------------------------
 *
 * announce.h
 *	  Notifications of what becomes of the intervals of jobs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ANNOUNCE_H
#define WEIR_ANNOUNCE_H

#include "sched/scheduler.h"

extern void announce_add(Scheduler *scheduler, int32 job_id, int64 first,
						 int64 last);
extern void announce(Scheduler *scheduler);
extern TimestampTz announce_next_timer(Scheduler *scheduler);

#endif							/* WEIR_ANNOUNCE_H */
