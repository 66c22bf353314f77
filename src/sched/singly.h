/*-------------------------------------------------------------------------
 *
 * singly.h
 *	  Tasks that must not share a transaction with others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SINGLY_H
#define WEIR_SINGLY_H

#include "sched/scheduler.h"

extern void singly_add(Scheduler *scheduler, int64 task_id);
extern bool singly_has(Scheduler *scheduler, int64 task_id);
extern void singly_remove(Scheduler *scheduler, int64 task_id);

#endif							/* WEIR_SINGLY_H */
