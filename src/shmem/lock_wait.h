/*-------------------------------------------------------------------------
 *
 * lock_wait.h
 *	  What a process waits for in the lock manager, and for whom.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LOCK_WAIT_H
#define WEIR_LOCK_WAIT_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/lock.h"
#include "storage/proc.h"

/* A wait for a heavyweight lock that is under way */
typedef struct LockWait
{
	TimestampTz since;
	LOCKTAG		tag;
	LOCKMODE	mode;
} LockWait;

extern bool lock_wait_is_on(const PGPROC *process);
extern bool lock_wait_read(const PGPROC *process, LockWait *wait);
extern Oid	lock_wait_relation(const LOCKTAG *tag);
extern List *lock_wait_blockers(int pid);

#endif							/* WEIR_LOCK_WAIT_H */
