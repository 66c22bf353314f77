/*-------------------------------------------------------------------------
 *
 * pool.h
 *	  The workers of a database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include "sched/scheduler.h"

extern WeirWorker *pool_place(Scheduler *scheduler, Oid role);
extern int	pool_starving(Scheduler *scheduler);
extern void pool_reap(Scheduler *scheduler);
extern void pool_share(Scheduler *scheduler);
extern TimestampTz pool_next_timer(Scheduler *scheduler);

#endif							/* WEIR_POOL_H */
