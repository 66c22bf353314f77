/*-------------------------------------------------------------------------
 *
 * shed.h
 *	  Offers tasks that may be shed to who finds a queue full.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SCHED_SHED_H
#define WEIR_SCHED_SHED_H

#include "sched/scheduler.h"

extern void shed_forget(Scheduler *scheduler);
extern void shed_collect(Scheduler *scheduler, int32 queue);
extern void shed_review(Scheduler *scheduler);

#endif							/* WEIR_SCHED_SHED_H */
