/*-------------------------------------------------------------------------
 *
 * inherit.h
 *	  Priority inheritance: tasks that hold a lock for one of a better class.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_INHERIT_H
#define WEIR_INHERIT_H

#include "sched/scheduler.h"

extern void inherit_review(Scheduler *scheduler);
extern void inherit_forget(Scheduler *scheduler);

#endif							/* WEIR_INHERIT_H */
