/*-------------------------------------------------------------------------
 *
 * deadline.h
 *	  Deadlines of daily tasks: shown, recorded, and learned from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_DEADLINE_H
#define WEIR_DEADLINE_H

#include "sched/scheduler.h"

extern void deadline_clear(Scheduler *scheduler);
extern void deadline_note_end(Scheduler *scheduler,
							  const Assignment *assignment,
							  const Completion *completion);
extern void deadline_learn(Scheduler *scheduler);
extern void deadline_review(Scheduler *scheduler);

#endif							/* WEIR_DEADLINE_H */
