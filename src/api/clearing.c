/*-------------------------------------------------------------------------
 *
 * clearing.c
 *	  Keeping a database clear of our processes to the end of a transaction,
 *	  and telling the launcher what has changed then.
 *
 * The database is held, so that nothing new starts, and what runs there is
 * stopped: the scheduler and idle workers leave by themselves, busy workers
 * are terminated.  Their tasks are rolled back and run again later; that is
 * the price, also of CREATE DATABASE ... TEMPLATE.
 *
 * The hold lasts until the (sub)transaction has ended and its locks are
 * released: only then can a scheduler see whether there still is a database,
 * and an extension in it.  If the command has failed everything starts again.
 *
 * As with all that is due at the end of a transaction, nothing in the
 * callbacks below may fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "api/clearing.h"
#include "ledger/sql.h"
#include "shmem/database.h"
#include "shmem/hold.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/waits.h"
#include "shmem/worker_slot.h"

#define POLITE_MS		100		/* to leave by themselves */
#define INSIST_MS		1000	/* between two signals after that */
#define PATIENCE_MS		10000	/* then the command is on its own */
#define LOOK_MS			2		/* between two looks */

/* A hold of this transaction */
typedef struct Clearing
{
	Oid			database;
	int			level;			/* nesting depth of the subtransaction */
	bool		drops;			/* the extension of this database */
} Clearing;

/* What this transaction owes when it ends; the list in its memory */
typedef struct Debts
{
	List	   *clearings;
	bool		creates;		/* the extension of this database */
	bool		databases;		/* the list of databases changes */
} Debts;

static Debts Owed = {0};

/* Set between the end of the transaction and the release of its locks */
static bool Committed = false;
static bool Aborted = false;

/*
 * The state of an attempt to stop all that runs in a database.
 */
typedef struct Stop
{
	Oid			database;
	TimestampTz begin;
	TimestampTz insist_at;		/* when to terminate what is still there */
	EvictForce	force;			/* in this round */
	List	   *pids;			/* who must have gone */
} Stop;

/*
 * Asks the scheduler to leave, later tells it.  True if there is none, and
 * none on its way.
 */
static bool
stop_scheduler(Stop *stop)
{
	WeirDatabase *database = database_find(stop->database);
	bool		launching;
	pid_t		process;

	if (database == NULL)
		return true;
	process = database_ask_to_leave(database, &launching);
	if (process == 0)
		return !launching;
	stop->pids = list_append_unique_int(stop->pids, process);
	if (stop->force == EVICT_ALL)
		kill(process, SIGTERM);
	return false;
}

/*
 * Makes the workers leave.  True if there are none.  It is known whether
 * there is a scheduler, which could start some.
 */
static bool
stop_workers(Stop *stop, bool orphaned)
{
	pid_t	   *pids = palloc(weir_max_workers * sizeof(pid_t));
	int			n = worker_slot_evict(stop->database, orphaned, stop->force,
									  pids);

	for (int i = 0; i < n; i++)
		stop->pids = list_append_unique_int(stop->pids, pids[i]);
	pfree(pids);
	return n == 0;
}

/*
 * Are those that had to go out of the server's sight too?  A command that
 * meets them there would wait a tenth of a second for it.
 */
static bool
stop_is_complete(Stop *stop)
{
	ListCell   *cell;

	foreach(cell, stop->pids)
	{
		PGPROC	   *proc = BackendPidGetProc(lfirst_int(cell));

		if (proc != NULL && proc->databaseId == stop->database)
			return false;
	}
	return true;
}

/*
 * One round of stopping.  True if nothing is left to be stopped.
 */
static bool
stop_round(Stop *stop)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		orphaned;

	if (now >= stop->insist_at)
	{
		stop->force = EVICT_ALL;
		stop->insist_at = now + INSIST_MS * INT64CONST(1000);
	}
	orphaned = stop_scheduler(stop);
	if (!stop_workers(stop, orphaned) || !orphaned)
	{
		stop->force = EVICT_NONE;
		return false;
	}
	return stop_is_complete(stop);
}

/*
 * Stops all that runs in a database that we hold.  Bounded: what does not go
 * is left to the command, which waits for it or fails as it does for others.
 */
static void
clearing_stop(Oid database)
{
	Stop		stop = {0};

	stop.database = database;
	stop.begin = GetCurrentTimestamp();
	stop.insist_at = stop.begin + POLITE_MS * INT64CONST(1000);
	stop.force = EVICT_BUSY;
	while (!stop_round(&stop))
	{
		if (TimestampDifferenceExceeds(stop.begin, GetCurrentTimestamp(),
									   PATIENCE_MS))
			break;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LOOK_MS, wait_event(WEIR_WAIT_CLEARING));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	list_free(stop.pids);
}

/*
 * The hold of this transaction on a database; NULL if it has none.
 */
static Clearing *
clearing_find(Oid database)
{
	ListCell   *cell;

	foreach(cell, Owed.clearings)
	{
		Clearing   *clearing = lfirst(cell);

		if (clearing->database == database)
			return clearing;
	}
	return NULL;
}

/*
 * Notes a hold of this (sub)transaction.
 */
static void
clearing_note(Oid database, bool drops)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	Clearing   *clearing = palloc(sizeof(Clearing));

	clearing->database = database;
	clearing->level = GetCurrentTransactionNestLevel();
	clearing->drops = drops;
	Owed.clearings = lappend(Owed.clearings, clearing);
	MemoryContextSwitchTo(caller);
}

/*
 * Clears a database and keeps it clear to the end of the transaction.  If
 * this transaction has done so before nothing can have started since.  If too
 * many databases are held already there is no point in stopping anything.
 */
void
clearing_begin(Oid database)
{
	if (clearing_find(database) != NULL)
		return;
	clearing_note(database, false);
	if (hold_place(database))
		clearing_stop(database);
}

/*
 * Before the extension of this database is dropped.
 */
void
clearing_for_drop_extension(void)
{
	clearing_begin(MyDatabaseId);
	/* a savepoint may have made the hold, and another one drop */
	clearing_note(MyDatabaseId, true);
	database_extension_changes(true);
}

/*
 * After an extension has been created: the scheduler can see it when we have
 * committed.
 */
void
clearing_after_create_extension(void)
{
	if (!OidIsValid(extension_oid()))
		return;
	Owed.creates = true;
	database_extension_changes(true);
}

/*
 * A database is created, renamed, altered or dropped.
 */
void
clearing_databases_change(void)
{
	Owed.databases = true;
}

/*
 * Pays what is owed, after locks have been released.
 */
static void
clearing_release(ResourceReleasePhase phase, bool isCommit, bool isTopLevel,
				 void *arg)
{
	Debts		debts = Owed;
	bool		committed = Committed;
	WeirDatabase *mine = NULL;
	ListCell   *cell;

	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !isTopLevel ||
		(!Committed && !Aborted))
		return;
	Committed = Aborted = false;
	memset(&Owed, 0, sizeof(Owed));
	if (committed && debts.creates)
		(void) database_request(MyDatabaseId);
	if (committed && debts.databases)
		databases_changed();
	foreach(cell, debts.clearings)
	{
		Clearing   *clearing = lfirst(cell);

		/* what was counted belongs to a ledger that is no more */
		if (committed && clearing->drops && (mine = database_mine()) != NULL)
		{
			pg_atomic_write_u32(&mine->seeded, 0);
			resource_set_enforcing(mine, 0);
		}
	}
	/* only then: a scheduler that starts now counts anew, and says so */
	foreach(cell, debts.clearings)
		hold_lift(((Clearing *) lfirst(cell))->database);
	database_extension_changes(false);
}

static void
clearing_xact(XactEvent event, void *arg)
{
	bool		owes = Owed.clearings != NIL || Owed.creates || Owed.databases;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
			Committed = owes;
			break;
		case XACT_EVENT_ABORT:
			Aborted = owes;
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (owes)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has created or dropped extension \"%s\", or changed a database",
								"pg_weir")));
			break;
		default:
			break;
	}
}

/*
 * Follows savepoints: the databases that an aborted one had cleared are free
 * again, those of a released one belong to its parent.
 */
static void
clearing_subxact(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	ListCell   *cell;

	foreach(cell, Owed.clearings)
	{
		Clearing   *clearing = lfirst(cell);

		if (clearing->level < level)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			clearing->level = level - 1;
		else if (event == SUBXACT_EVENT_ABORT_SUB)
		{
			Oid			database = clearing->database;

			Owed.clearings = foreach_delete_current(Owed.clearings, cell);
			if (clearing_find(database) == NULL)
				hold_lift(database);
		}
	}
}

void
clearing_install(void)
{
	RegisterXactCallback(clearing_xact, NULL);
	RegisterSubXactCallback(clearing_subxact, NULL);
	RegisterResourceReleaseCallback(clearing_release, NULL);
}
