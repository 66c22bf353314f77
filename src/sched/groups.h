/*-------------------------------------------------------------------------
 *
 * groups.h
 *	  Groups of tasks that have to end by some time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_GROUPS_H
#define WEIR_GROUPS_H

#include "sched/scheduler.h"

extern void groups_forget(Scheduler *scheduler);
extern void groups_load(Scheduler *scheduler, int64 collector);
extern void groups(Scheduler *scheduler);
extern TimestampTz groups_next_timer(Scheduler *scheduler);

#endif							/* WEIR_GROUPS_H */
