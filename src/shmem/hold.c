/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Databases that are kept free of our processes.
 *
 * Some commands want a database for themselves.  The backend that executes
 * one places a hold on the database, then stops what runs there.  A process
 * of ours that comes up enters itself in shared memory first and looks for a
 * hold afterwards, so that either it sees the hold or the holder sees it.
 *
 * A hold belongs to its backend and vanishes with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "shmem/database.h"
#include "shmem/hold.h"

/*
 * The place of a hold; that of nobody's if holder is 0.  NULL if there is
 * none.
 */
static DatabaseHold *
hold_find(Oid database, pid_t holder)
{
	Assert(LWLockHeldByMe(WeirLockDatabases));
	for (int i = 0; i < WEIR_MAX_HOLDS; i++)
	{
		DatabaseHold *hold = &Weir->holds[i];

		if (hold->database == database && hold->holder == holder)
			return hold;
	}
	return NULL;
}

/*
 * On exit, when the transaction has long been aborted: for nothing but the
 * case that its end went wrong.
 */
static void
hold_lift_all(int code, Datum arg)
{
	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	for (int i = 0; i < WEIR_MAX_HOLDS; i++)
	{
		if (Weir->holds[i].holder == MyProcPid)
			memset(&Weir->holds[i], 0, sizeof(DatabaseHold));
	}
	LWLockRelease(WeirLockDatabases);
	launcher_wake();
}

/*
 * Places this backend's hold on a database.  False if all places are taken.
 */
bool
hold_place(Oid database)
{
	static bool registered = false;
	DatabaseHold *hold;

	if (!registered)
	{
		on_shmem_exit(hold_lift_all, (Datum) 0);
		registered = true;
	}
	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	hold = hold_find(database, MyProcPid);
	if (hold == NULL)
		hold = hold_find(InvalidOid, 0);
	if (hold != NULL)
	{
		hold->database = database;
		hold->holder = MyProcPid;
	}
	LWLockRelease(WeirLockDatabases);
	return hold != NULL;
}

/*
 * Lifts this backend's hold on a database and tells the launcher.  Called
 * after commit, too: cannot fail.
 */
void
hold_lift(Oid database)
{
	DatabaseHold *hold;

	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	hold = hold_find(database, MyProcPid);
	if (hold != NULL)
		memset(hold, 0, sizeof(DatabaseHold));
	LWLockRelease(WeirLockDatabases);
	launcher_wake();
}

/*
 * Does anybody hold the database?  Caller holds WeirLockDatabases.
 */
bool
hold_stands_locked(Oid database)
{
	Assert(LWLockHeldByMe(WeirLockDatabases));
	for (int i = 0; i < WEIR_MAX_HOLDS; i++)
	{
		if (Weir->holds[i].database == database)
			return true;
	}
	return false;
}

bool
hold_stands(Oid database)
{
	bool		stands;

	LWLockAcquire(WeirLockDatabases, LW_SHARED);
	stands = hold_stands_locked(database);
	LWLockRelease(WeirLockDatabases);
	return stands;
}
