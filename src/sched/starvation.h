/*-------------------------------------------------------------------------
 *
 * starvation.h
 *	  Events of tasks that wait for longer than they should.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_STARVATION_H
#define WEIR_STARVATION_H

#include "sched/scheduler.h"

extern void starvation(Scheduler *scheduler);
extern TimestampTz starvation_next_timer(Scheduler *scheduler);

#endif							/* WEIR_STARVATION_H */
