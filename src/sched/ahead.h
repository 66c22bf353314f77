/*-------------------------------------------------------------------------
 *
 * ahead.h
 *	  Short tasks that are handed over before the worker is free.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_AHEAD_H
#define WEIR_AHEAD_H

#include "ledger/queue_config.h"
#include "sched/scheduler.h"

extern void ahead_set_queue(Scheduler *scheduler, const QueueConfig *queue);
extern void ahead_note_end(Scheduler *scheduler, const Assignment *assignment,
						   const Completion *completion);
extern void ahead_note_start(Scheduler *scheduler, WeirWorker *worker,
							 const PolicyStart *start);
extern void ahead_begin(Scheduler *scheduler);
extern WeirWorker *ahead_candidate(Scheduler *scheduler);
extern bool ahead_next(Scheduler *scheduler, WeirWorker *worker,
					   TimestampTz now, PolicyStart *start);
extern void ahead_take_back(Scheduler *scheduler, WeirWorker *worker);
extern void ahead_yield(Scheduler *scheduler);
extern void ahead_review(Scheduler *scheduler);
extern TimestampTz ahead_next_timer(Scheduler *scheduler);

#endif							/* WEIR_AHEAD_H */
