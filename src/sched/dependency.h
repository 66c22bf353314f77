/*-------------------------------------------------------------------------
 *
 * dependency.h
 *	  The end of a task, for those that wait for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_DEPENDENCY_H
#define WEIR_DEPENDENCY_H

#include "ledger/run_row.h"
#include "sched/scheduler.h"

extern void dependency_ended(Scheduler *scheduler, int64 task_id,
							 bool succeeded);
extern void dependency_look(Scheduler *scheduler, int64 task_id);
extern void dependency_run(int64 parent_id, RunRow *run);

#endif							/* WEIR_DEPENDENCY_H */
