/*-------------------------------------------------------------------------
 *
 * holders.c
 *	  Who holds the slots of a resource, and whether they wait for us.
 *
 * A session that waits for a slot waits for its holders, but has no place in
 * the lock manager that says so.  When a holder comes to wait for a lock of
 * that session, or of one behind it in the line, the server's deadlock
 * detector finds no cycle: the head of the line has to look for itself.  It
 * follows who waits for whom as pg_blocking_pids() tells it, and adds what
 * only we know, that the head of a line waits for the holders of the slots.
 *
 * A wait is not taken for a deadlock before it is older than deadlock_timeout.
 * By then the server has looked for one on behalf of the holder, once and for
 * all, and has found none.  So whatever we do when we go on, it is not the
 * holder who is chosen as the victim.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/holders.h"
#include "run/slots.h"
#include "shmem/lock_wait.h"
#include "shmem/resource.h"

/* A search for the way from a process to us */
typedef struct WaitSearch
{
	const LockData *locks;
	List	   *seen;			/* processes */
	List	   *path;			/* those on the way, in its order */
} WaitSearch;

/*
 * The resource that a lock is a slot, or the gate, of; zero if it is none.
 */
static uint64
lock_resource(const LOCKTAG *tag, bool gate)
{
	if (tag->locktag_type != LOCKTAG_ADVISORY ||
		tag->locktag_field1 != MyDatabaseId ||
		(tag->locktag_field4 != RESOURCE_KIND_TABLE &&
		 tag->locktag_field4 != RESOURCE_KIND_NAMED) ||
		(tag->locktag_field3 == SLOT_GATE) != gate)
		return 0;
	return RESOURCE_KEY(tag->locktag_field4, tag->locktag_field2);
}

/*
 * The processes that hold slots of the resource.
 */
static List *
holders_list(const LockData *locks, uint64 resource)
{
	List	   *pids = NIL;

	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *lock = &locks->locks[i];

		if (lock->holdMask != 0 &&
			lock_resource(&lock->locktag, false) == resource)
			pids = list_append_unique_int(pids, lock->leaderPid);
	}
	return pids;
}

/*
 * The same for a message.
 */
char *
holders_text(uint64 resource)
{
	List	   *pids = holders_list(GetLockStatusData(), resource);
	StringInfoData buffer;
	ListCell   *cell;

	initStringInfo(&buffer);
	foreach(cell, pids)
		appendStringInfo(&buffer, "%s%d", buffer.len > 0 ? ", " : "",
						 lfirst_int(cell));
	return buffer.data;
}

/*
 * The processes that the given one waits for.
 */
static List *
blockers_list(const LockData *locks, int pid)
{
	List	   *pids = lock_wait_blockers(pid);

	/* as the head of a line, for the holders of the slots */
	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *lock = &locks->locks[i];
		uint64		resource = lock_resource(&lock->locktag, true);

		if (resource != 0 && lock->pid == pid && lock->holdMask != 0)
			pids = list_concat_unique_int(pids, holders_list(locks, resource));
	}
	return pids;
}

/*
 * Does the process wait for us, directly or by way of others?
 */
static bool
search_us(WaitSearch *search, int pid)
{
	List	   *blockers;
	ListCell   *cell;

	check_stack_depth();
	if (pid == MyProcPid)
		return true;
	if (list_member_int(search->seen, pid))
		return false;
	search->seen = lappend_int(search->seen, pid);
	blockers = blockers_list(search->locks, pid);
	foreach(cell, blockers)
	{
		if (search_us(search, lfirst_int(cell)))
		{
			search->path = lcons_int(pid, search->path);
			return true;
		}
	}
	return false;
}

/*
 * Has the process waited for a lock for so long that the server has looked
 * for a deadlock?  A tenth more than its time is left for doing so.
 */
static bool
waits_for_long(const LockData *locks, int pid, TimestampTz now)
{
	TimestampTz since = now - DeadlockTimeout * INT64CONST(1100);

	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *lock = &locks->locks[i];

		if (lock->leaderPid == pid && lock->waitLockMode != NoLock &&
			lock->waitStart != 0 && lock->waitStart <= since)
			return true;
	}
	return false;
}

/*
 * The way from a holder to us in words.
 */
static char *
path_text(const List *path)
{
	StringInfoData buffer;
	ListCell   *cell;

	initStringInfo(&buffer);
	foreach(cell, path)
		appendStringInfo(&buffer, "Process %d waits for process %d. ",
						 lfirst_int(cell),
						 lnext(path, cell) ? lfirst_int(lnext(path, cell)) :
						 MyProcPid);
	return buffer.data;
}

/*
 * Does the process wait for us, and has it for long?  Then "path" says how.
 */
static bool
search_from(const LockData *locks, int pid, char **path)
{
	WaitSearch	search = {locks, NIL, NIL};

	if (!waits_for_long(locks, pid, GetCurrentTimestamp()) ||
		!search_us(&search, pid))
		return false;
	*path = path_text(search.path);
	return true;
}

/*
 * Begins to look in memory of its own: who waits for long looks many times.
 */
static MemoryContext
look_begin(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pg_weir holders",
												  ALLOCSET_DEFAULT_SIZES);

	return MemoryContextSwitchTo(context);
}

/*
 * Ends it; the words for what was found are the caller's.
 */
static void
look_end(MemoryContext caller, bool found, char **words)
{
	MemoryContext context = MemoryContextSwitchTo(caller);

	if (found)
		*words = pstrdup(*words);
	MemoryContextDelete(context);
}

/*
 * Does the process wait for us?  Then "path" is the way from it in words.  Its
 * own word whether it waits at all comes first, which costs nobody a lock.
 */
bool
process_waits_for_us(int pid, char **path)
{
	PGPROC	   *process = BackendPidGetProc(pid);
	MemoryContext caller;
	bool		found;

	if (process == NULL || !lock_wait_is_on(process))
		return false;
	caller = look_begin();
	found = search_from(GetLockStatusData(), pid, path);
	look_end(caller, found, path);
	return found;
}

/*
 * Do the holders of the resource's slots wait for us, any one of them or all?
 */
static bool
holders_search(uint64 resource, bool all, char **cycle)
{
	const LockData *locks = GetLockStatusData();
	List	   *pids = holders_list(locks, resource);
	ListCell   *cell;
	bool		found = false;
	char	   *path;

	foreach(cell, pids)
	{
		int			pid = lfirst_int(cell);

		if (search_from(locks, pid, &path))
		{
			found = true;
			*cycle = psprintf("%sProcess %d waits for a slot of process %d.",
							  path, MyProcPid, pid);
			if (!all)
				return true;
		}
		else if (all)
			return false;
	}
	return found;
}

/*
 * The same.  Then "cycle" is the way from one of them in words.
 */
bool
holders_wait_for_us(uint64 resource, bool all, char **cycle)
{
	MemoryContext caller = look_begin();
	bool		found = holders_search(resource, all, cycle);

	look_end(caller, found, cycle);
	return found;
}
