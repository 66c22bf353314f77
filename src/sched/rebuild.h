/*-------------------------------------------------------------------------
 *
 * rebuild.h
 *	  Rebuilding the scheduler's memory from the ledger.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_REBUILD_H
#define WEIR_REBUILD_H

#include "ledger/run_row.h"
#include "ledger/unfinished.h"
#include "sched/scheduler.h"

extern void rebuild(Scheduler *scheduler);
extern void rebuild_add(Scheduler *scheduler, const UnfinishedTask *task);
extern void rebuild_end_attempt(Scheduler *scheduler,
								const UnfinishedTask *task, RunRow *run);
extern void rebuild_interrupt(Scheduler *scheduler,
							  const UnfinishedTask *task,
							  const WeirWorker *worker);

#endif							/* WEIR_REBUILD_H */
