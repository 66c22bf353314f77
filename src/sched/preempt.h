/*-------------------------------------------------------------------------
 *
 * preempt.h
 *	  Ending backfills early for critical daily tasks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SCHED_PREEMPT_H
#define WEIR_SCHED_PREEMPT_H

#include "sched/scheduler.h"

extern void preempt_forget(Scheduler *scheduler);
extern void preempt_note_end(Scheduler *scheduler,
							 const Completion *completion);
extern void preempt_review(Scheduler *scheduler);
extern TimestampTz preempt_next_timer(Scheduler *scheduler);

#endif							/* WEIR_SCHED_PREEMPT_H */
