/*-------------------------------------------------------------------------
 *
 * yield.h
 *	  Asking tasks of class backfill to yield to daily ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SCHED_YIELD_H
#define WEIR_SCHED_YIELD_H

#include "sched/scheduler.h"

extern void yield_review(Scheduler *scheduler);

#endif							/* WEIR_SCHED_YIELD_H */
