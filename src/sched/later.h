/*-------------------------------------------------------------------------
 *
 * later.h
 *	  What is to be done about single tasks a little later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LATER_H
#define WEIR_LATER_H

#include "ledger/run_row.h"
#include "sched/scheduler.h"

extern void later_lookup(Scheduler *scheduler, int64 task_id, int32 attempt,
						 bool lost);
extern void later_lookup_at_end(Scheduler *scheduler, int64 task_id);
extern void later_end_attempt(Scheduler *scheduler, const RunRow *run);
extern void later_forget(Scheduler *scheduler);
extern void later(Scheduler *scheduler);
extern TimestampTz later_next_timer(Scheduler *scheduler);

#endif							/* WEIR_LATER_H */
