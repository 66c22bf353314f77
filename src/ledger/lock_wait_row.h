/*-------------------------------------------------------------------------
 *
 * lock_wait_row.h
 *	  Rows of weir.lock_wait: long waits of tasks for locks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LOCK_WAIT_ROW_H
#define WEIR_LOCK_WAIT_ROW_H

#include "datatype/timestamp.h"

/* Most processes that are remembered of a chain */
#define LOCK_WAIT_BLOCKERS	16

/* A process that blocks another, directly or by way of others */
typedef struct LockBlocker
{
	int			pid;			/* 0 = a prepared transaction */
	int			slot;			/* of the worker that it is; -1 = none here */
	Oid			role;			/* InvalidOid = not known */
	int64		task_id;		/* that it executes; 0 = none */
	int32		attempt;
	int			depth;			/* 1 = directly */
	bool		waits;			/* for a lock itself */
} LockBlocker;

typedef struct LockWaitRow
{
	int64		task_id;
	int32		attempt;
	TimestampTz since;
	TimestampTz until;			/* when it was seen to be over */
	const char *locktype;		/* as in pg_locks */
	const char *mode;
	Oid			relation;		/* InvalidOid = not known */
	int			nblockers;
	LockBlocker blockers[LOCK_WAIT_BLOCKERS];	/* in order of depth */
} LockWaitRow;

extern const LockBlocker *lock_blockers_root(const LockBlocker *blockers,
											 int n);
extern void lock_wait_row_insert(const LockWaitRow *row);

#endif							/* WEIR_LOCK_WAIT_ROW_H */
