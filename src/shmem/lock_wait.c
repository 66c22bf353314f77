/*-------------------------------------------------------------------------
 *
 * lock_wait.c
 *	  What a process waits for in the lock manager, and for whom.
 *
 * Whether a process waits, since when and for which lock is in its PGPROC,
 * and is read from there without any lock.  Only who blocks it is the lock
 * manager's knowledge: asking takes all its locks, so it is asked rarely.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/wait_event.h"

#include "shmem/lock_wait.h"

/*
 * Does the process wait for a heavyweight lock, by its own word?
 */
bool
lock_wait_is_on(const PGPROC *process)
{
	return (*(volatile const uint32 *) &process->wait_event_info &
			0xFF000000) == PG_WAIT_LOCK;
}

/*
 * Reads what the process waits for.  False if it does not wait, or has come to
 * do so in this moment.  A lock that somebody waits for stays where it is, so
 * if the wait is the same before and after, what was read belongs to it.
 */
bool
lock_wait_read(const PGPROC *process, LockWait *wait)
{
	volatile const PGPROC *proc = process;
	pg_atomic_uint64 *start = unconstify(pg_atomic_uint64 *,
										 &process->waitStart);
	LOCK	   *lock;

	if (!lock_wait_is_on(process))
		return false;
	wait->since = (TimestampTz) pg_atomic_read_u64(start);
	lock = proc->waitLock;
	if (wait->since == 0 || lock == NULL)
		return false;
	wait->mode = proc->waitLockMode;
	wait->tag = lock->tag;
	pg_read_barrier();
	return (TimestampTz) pg_atomic_read_u64(start) == wait->since &&
		proc->waitLock == lock;
}

/*
 * The table that a lock is on, or the rows of; InvalidOid if it does not say.
 */
Oid
lock_wait_relation(const LOCKTAG *tag)
{
	switch ((LockTagType) tag->locktag_type)
	{
		case LOCKTAG_RELATION:
		case LOCKTAG_RELATION_EXTEND:
		case LOCKTAG_PAGE:
		case LOCKTAG_TUPLE:
			return tag->locktag_field2;
		default:
			return InvalidOid;
	}
}

/*
 * The processes that the given one waits for, each once; 0 stands for a
 * prepared transaction.
 */
List *
lock_wait_blockers(int pid)
{
	ArrayType  *array = DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids,
															   Int32GetDatum(pid)));
	const int32 *blockers = (const int32 *) ARR_DATA_PTR(array);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	List	   *pids = NIL;

	for (int i = 0; i < n; i++)
		pids = list_append_unique_int(pids, blockers[i]);
	return pids;
}
