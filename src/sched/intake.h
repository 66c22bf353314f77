/*-------------------------------------------------------------------------
 *
 * intake.h
 *	  Taking in what sessions and workers report.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_INTAKE_H
#define WEIR_INTAKE_H

#include "sched/scheduler.h"

extern void intake(Scheduler *scheduler);
extern bool intake_cancel_in_hand(Scheduler *scheduler, int64 task_id,
								  CancelCause cause, Oid actor);
extern void intake_cancels(Scheduler *scheduler);
extern void intake_lookup(Scheduler *scheduler, int64 task_id,
						  int32 attempt, bool lost);

#endif							/* WEIR_INTAKE_H */
