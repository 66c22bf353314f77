/*-------------------------------------------------------------------------
 *
 * breakers.h
 *	  Circuit breakers: set up, fed with results, recorded, shown.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_BREAKERS_H
#define WEIR_BREAKERS_H

#include "sched/scheduler.h"

extern void breakers_configure(Scheduler *scheduler, ResourceSlot *resource);
extern void breakers_configure_one(Scheduler *scheduler,
								   ResourceSlot *resource);
extern void breakers_restore(Scheduler *scheduler);
extern void breakers_report(Scheduler *scheduler, const Completion *completion,
							const Assignment *assignment);
extern void breakers_refuse(Scheduler *scheduler);
extern void breakers_publish(Scheduler *scheduler, TimestampTz now);

#endif							/* WEIR_BREAKERS_H */
