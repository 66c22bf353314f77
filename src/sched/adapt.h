/*-------------------------------------------------------------------------
 *
 * adapt.h
 *	  The limits of tables that follow how tasks get on with one another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ADAPT_H
#define WEIR_ADAPT_H

#include "sched/scheduler.h"

extern void adapt_note_sample(Scheduler *scheduler, const WeirWorker *worker,
							  int64 task_id, bool waiting, Oid relation,
							  bool foreign);
extern void adapt_note_end(Scheduler *scheduler, const Assignment *assignment,
						   const Completion *completion);
extern void adapt(Scheduler *scheduler, int64 elapsed);
extern void adapt_apply(Scheduler *scheduler);

#endif							/* WEIR_ADAPT_H */
