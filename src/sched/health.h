/*-------------------------------------------------------------------------
 *
 * health.h
 *	  Health of the server: measured, shown, recorded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_HEALTH_H
#define WEIR_HEALTH_H

#include "datatype/timestamp.h"

#include "sched/scheduler.h"

extern void health_configure(Scheduler *scheduler);
extern void health_restore(Scheduler *scheduler);
extern void health_review(Scheduler *scheduler, TimestampTz now);
extern TimestampTz health_next_timer(Scheduler *scheduler);

#endif							/* WEIR_HEALTH_H */
