/*-------------------------------------------------------------------------
 *
 * classes.h
 *	  What classes may use of the workers, and what they use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CLASSES_H
#define WEIR_CLASSES_H

#include "sched/scheduler.h"

extern void classes_configure(Scheduler *scheduler);
extern void classes_publish(Scheduler *scheduler);

#endif							/* WEIR_CLASSES_H */
