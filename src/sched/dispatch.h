/*-------------------------------------------------------------------------
 *
 * dispatch.h
 *	  Starting what can start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_DISPATCH_H
#define WEIR_DISPATCH_H

#include "sched/scheduler.h"

extern void dispatch(Scheduler *scheduler);

#endif							/* WEIR_DISPATCH_H */
