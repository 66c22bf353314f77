/*-------------------------------------------------------------------------
 *
 * fate.h
 *	  What became of an attempt, according to the ledger.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_FATE_H
#define WEIR_FATE_H

#include "ledger/unfinished.h"
#include "sched/scheduler.h"

typedef struct Fate
{
	bool		ended;			/* there is a run of the attempt */
	bool		unfinished;		/* the task exists and has not ended */
	UnfinishedTask task;		/* if unfinished */
} Fate;

extern bool fate_look_up(Scheduler *scheduler, int64 task_id, int32 attempt,
						 Fate *fate);
extern bool fate_any_run(Scheduler *scheduler, int64 task_id, bool *any);

#endif							/* WEIR_FATE_H */
