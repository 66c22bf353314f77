/*-------------------------------------------------------------------------
 *
 * downstream.h
 *	  Queues that feed others: a task starts when there is room downstream.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_DOWNSTREAM_H
#define WEIR_DOWNSTREAM_H

#include "ledger/queue_config.h"
#include "sched/scheduler.h"

extern void downstream_configure(Scheduler *scheduler,
								 const QueueConfig *queues, int n);
extern void downstream_restore(Scheduler *scheduler);
extern void downstream_review(Scheduler *scheduler);
extern bool downstream_reserve(Scheduler *scheduler, int32 queue,
							   int32 *feeds);
extern void downstream_give_back(Scheduler *scheduler, int32 feeds);
extern void downstream_forget(Scheduler *scheduler, WeirWorker *worker,
							  int place, Assignment *assignment);
extern TimestampTz downstream_next_timer(Scheduler *scheduler);

#endif							/* WEIR_DOWNSTREAM_H */
