/*-------------------------------------------------------------------------
 *
 * duration.h
 *	  How long the last runs of each queue took.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_DURATION_H
#define WEIR_DURATION_H

#include "sched/scheduler.h"

extern void duration_tell(Scheduler *scheduler);
extern void duration_read(Scheduler *scheduler);
extern void duration_note_end(Scheduler *scheduler,
							  const Assignment *assignment,
							  const Completion *completion);

#endif							/* WEIR_DURATION_H */
