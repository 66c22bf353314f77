/*-------------------------------------------------------------------------
 *
 * lock_watch.h
 *	  Which tasks wait for locks, since when, and for whom.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LOCK_WATCH_H
#define WEIR_LOCK_WATCH_H

#include "sched/scheduler.h"

/* A task that waits for a lock, and another that blocks it */
typedef struct LockPair
{
	int64		task_id;
	int32		attempt;
	TimestampTz since;			/* when its wait began */
	int64		blocker_id;
	int32		blocker_attempt;
	int			depth;			/* 1 = directly, else by way of others */
} LockPair;

extern void lock_watch_init(Scheduler *scheduler);
extern void lock_watch(Scheduler *scheduler);
extern TimestampTz lock_watch_next_timer(Scheduler *scheduler);
extern bool lock_watch_next_pair(Scheduler *scheduler, int *position,
								 LockPair *pair);

#endif							/* WEIR_LOCK_WATCH_H */
