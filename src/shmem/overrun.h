/*-------------------------------------------------------------------------
 *
 * overrun.h
 *	  Attempts that run on though they are to end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_OVERRUN_H
#define WEIR_OVERRUN_H

#include "shmem/layout.h"

extern void overrun_expect(WeirWorker *worker, TimestampTz end);
extern void overrun_limit(WeirWorker *worker, TimestampTz end);
extern void overrun_over(WeirWorker *worker);
extern TimestampTz overrun_review(Oid database, TimestampTz now);
extern bool overrun_stopped(const WeirWorker *worker, int64 task_id);

#endif							/* WEIR_OVERRUN_H */
