/*-------------------------------------------------------------------------
 *
 * database.c
 *	  The per-database part of shared memory.
 *
 * An entry is claimed by the launcher before it starts a scheduler, or by a
 * session that asks for one, and released by the launcher when the database
 * is gone or has no extension.  Sessions keep a pointer to their own
 * database's entry: it cannot be given to another database while they are
 * connected, since it is released only when no scheduler is there, and found
 * again by its oid.
 *
 * A scheduler's process enters the entry as the first thing it does and is in
 * it to its last moment: launcher, holders and a second scheduler know by it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "shmem/database.h"
#include "shmem/hold.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/submit_ring.h"
#include "shmem/waits.h"

/* This session's transaction creates or drops the extension */
static bool ExtensionChanges = false;

/*
 * Finds the entry of a database without claiming one; NULL if it has none.
 */
WeirDatabase *
database_find(Oid oid)
{
	WeirDatabase *found = NULL;

	LWLockAcquire(WeirLockDatabases, LW_SHARED);
	for (int i = 0; i < weir_max_databases && !found; i++)
	{
		if (Weir->databases[i].oid == oid)
			found = &Weir->databases[i];
	}
	LWLockRelease(WeirLockDatabases);
	return found;
}

/*
 * Finds or claims the entry of a database; NULL if all are taken.  With
 * "wanted" the launcher is asked for a scheduler.
 */
static WeirDatabase *
database_find_or_claim(Oid oid, bool wanted)
{
	WeirDatabase *found = NULL;
	WeirDatabase *vacant = NULL;

	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	for (int i = 0; i < weir_max_databases && !found; i++)
	{
		WeirDatabase *database = &Weir->databases[i];

		if (database->oid == oid)
			found = database;
		else if (!OidIsValid(database->oid) && !vacant)
			vacant = database;
	}
	if (!found && vacant)
	{
		vacant->oid = oid;
		found = vacant;
	}
	if (found && wanted)
		pg_atomic_write_u32(&found->wanted, 1);
	LWLockRelease(WeirLockDatabases);
	return found;
}

WeirDatabase *
database_claim(Oid oid)
{
	return database_find_or_claim(oid, false);
}

/*
 * Asks the launcher for a scheduler.  NULL if no entry can be had.  Called
 * after commit, too: cannot fail.
 */
WeirDatabase *
database_request(Oid oid)
{
	WeirDatabase *database = database_find_or_claim(oid, true);

	launcher_wake();
	return database;
}

/*
 * Gives an entry back.  Only the launcher does so, and only when no scheduler
 * runs; what was counted for the old database is forgotten.  Says no if
 * somebody asks for a scheduler there, unless the database is gone.
 */
bool
database_release(WeirDatabase *database, bool gone)
{
	SubmitMessage message;
	bool		released;

	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	released = database->process == 0 &&
		(gone || pg_atomic_read_u32(&database->wanted) == 0);
	if (released)
	{
		database->oid = InvalidOid;
		database->extension = InvalidOid;
		database->found = false;
		pg_atomic_write_u32(&database->seeded, 0);
		pg_atomic_write_u32(&database->wanted, 0);
		resource_set_enforcing(database, 0);
		/* whom these were for is no more */
		while (submit_ring_read(&database->ring, &message, 1) > 0)
			continue;
	}
	LWLockRelease(WeirLockDatabases);
	return released;
}

/*
 * The entry of the session's own database, or NULL.
 */
WeirDatabase *
database_mine(void)
{
	static WeirDatabase *mine = NULL;

	if (Weir == NULL)
		return NULL;
	if (mine == NULL || mine->oid != MyDatabaseId)
		mine = database_find(MyDatabaseId);
	return mine;
}

SchedulerState
database_state(WeirDatabase *database)
{
	return (SchedulerState) pg_atomic_read_u32(&database->state);
}

/*
 * The scheduler's state.  It gets beyond starting where the extension is.
 */
void
database_set_state(WeirDatabase *database, SchedulerState state)
{
	if (state > SCHEDULER_STARTING)
		database->found = true;
	pg_atomic_write_u32(&database->state, state);
	ConditionVariableBroadcast(&database->progress);
}

/*
 * Notes that this session's transaction creates or drops the extension, or
 * that it has ended.
 */
void
database_extension_changes(bool changes)
{
	ExtensionChanges = changes;
}

/*
 * The state of the scheduler, if it is not about to look at the ledger again,
 * which can change everything; SCHEDULER_STARTING otherwise.
 */
static SchedulerState
database_judgement(WeirDatabase *database)
{
	bool		again = pg_atomic_read_u32(&database->rebuild_wanted) != 0;

	/* the scheduler writes the two the other way round */
	pg_read_barrier();
	return again ? SCHEDULER_STARTING : database_state(database);
}

static void
database_refuse_full(WeirDatabase *database)
{
	if (database == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many databases use pg_weir"),
				 errhint("Raise \"%s\" and restart the server.",
						 "weir.max_databases")));
}

/*
 * Refuses what cannot become true by waiting.
 */
static void
database_refuse(WeirDatabase *database)
{
	if (ExtensionChanges)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot use the queues in the transaction that creates or drops extension \"%s\"",
						"pg_weir"),
				 errhint("Commit first.")));
	database_refuse_full(database);
	if (database_judgement(database) == SCHEDULER_UNADOPTED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the ledger of this database is not adopted"),
				 errdetail("It was written by another installation, or this database is a copy."),
				 errhint("Call weir.adopt('keep') or weir.adopt('cancel') to say what becomes of its unfinished tasks.")));
}

/*
 * Processes in a template would be in the way of CREATE DATABASE.
 */
static bool
database_is_template(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(oid));
	bool		is_template = false;

	if (HeapTupleIsValid(tuple))
	{
		is_template = ((Form_pg_database) GETSTRUCT(tuple))->datistemplate;
		ReleaseSysCache(tuple);
	}
	return is_template;
}

/*
 * Asks for a scheduler if none is there, at most once a second.
 */
static void
database_request_mine(WeirDatabase **database, TimestampTz *asked_at)
{
	TimestampTz now = GetCurrentTimestamp();

	if (*database != NULL && (*database)->process != 0)
		return;
	if (*asked_at != 0 && !TimestampDifferenceExceeds(*asked_at, now, 1000))
		return;
	if (*asked_at == 0 && database_is_template(MyDatabaseId))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot run tasks in a template database"),
				 errhint("Say ALTER DATABASE ... IS_TEMPLATE false first.")));
	*database = database_request(MyDatabaseId);
	*asked_at = now;
}

static bool
database_is_seeded(WeirDatabase *database)
{
	return pg_atomic_read_u32(&database->seeded) != 0;
}

static bool
database_is_judged(WeirDatabase *database)
{
	SchedulerState state = database_judgement(database);

	return state == SCHEDULER_UNADOPTED || state == SCHEDULER_RUNNING;
}

/*
 * Waits, no longer than weir.max_wait, until the scheduler of the session's
 * database has come so far; one is asked for if there is none.  "refuse" says
 * why that cannot become true by waiting.
 */
static WeirDatabase *
database_await(bool (*done) (WeirDatabase *database),
			   void (*refuse) (WeirDatabase *database))
{
	TimestampTz start = GetCurrentTimestamp();
	TimestampTz asked_at = 0;

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot use pg_weir during recovery")));
	do
	{
		WeirDatabase *database = database_mine();

		database_request_mine(&database, &asked_at);
		refuse(database);
		if (done(database))
		{
			ConditionVariableCancelSleep();
			return database;
		}
		ConditionVariableTimedSleep(&database->progress, 10,
									wait_event(WEIR_WAIT_SCHEDULER_ANSWER));
	} while (!TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
										 weir_max_wait));
	ConditionVariableCancelSleep();
	ereport(ERROR,
			(errcode(ERRCODE_CANNOT_CONNECT_NOW),
			 errmsg("the scheduler of this database is not ready"),
			 errdetail("Nothing is known of the queues until it has read the ledger."),
			 errhint("Try again, and look at the view weir.status and at the server log.")));
	return NULL;				/* keep compiler quiet */
}

/*
 * The entry of the session's database, when depths and ids are right: until
 * the scheduler has counted the ledger nothing can be submitted.
 */
WeirDatabase *
database_require_ready(void)
{
	WeirDatabase *database;

	layout_require();
	database = database_mine();
	if (database != NULL && database_is_seeded(database) && !ExtensionChanges)
		return database;
	return database_await(database_is_seeded, database_refuse);
}

/*
 * The entry of the session's database when its scheduler has looked whether
 * the ledger belongs here: the state says what it has found.
 */
WeirDatabase *
database_require_judged(void)
{
	layout_require();
	return database_await(database_is_judged, database_refuse_full);
}

/*
 * The launcher is about to have a process started.  False if the database is
 * held or a process is there.
 */
bool
database_launch(WeirDatabase *database)
{
	bool		may;

	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	may = database->process == 0 && !hold_stands_locked(database->oid);
	if (may)
	{
		database->launching = true;
		database->exit_code = -1;
		database->found = false;
		pg_atomic_write_u32(&database->wanted, 0);
		pg_atomic_write_u32(&database->leave, 0);
	}
	LWLockRelease(WeirLockDatabases);
	return may;
}

/*
 * The process that the launcher asked for does not come.
 */
void
database_launch_failed(WeirDatabase *database)
{
	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	database->launching = false;
	LWLockRelease(WeirLockDatabases);
}

/*
 * On exit, when locks and connection have been given up.
 */
static void
database_quit(int code, Datum arg)
{
	WeirDatabase *database = (WeirDatabase *) DatumGetPointer(arg);

	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	database->process = 0;
	database->exit_code = code;
	LWLockRelease(WeirLockDatabases);
	launcher_wake();
}

/*
 * The first thing that a scheduler's process does, before it connects.  NULL
 * if it is not to run: the database is held, or another process is there.
 */
WeirDatabase *
database_enter(Oid oid)
{
	WeirDatabase *database = database_find(oid);
	bool		may;

	if (database == NULL)
		return NULL;
	LWLockAcquire(WeirLockDatabases, LW_EXCLUSIVE);
	database->launching = false;
	may = database->oid == oid && database->process == 0 &&
		!hold_stands_locked(oid);
	if (may)
		database->process = MyProcPid;
	else if (database->process == 0)
		pg_atomic_write_u32(&database->leave, 1);
	LWLockRelease(WeirLockDatabases);
	if (!may)
		return NULL;
	before_shmem_exit(database_quit, PointerGetDatum(database));
	return database;
}

/*
 * Asks the scheduler to leave when it can.  Returns the process that has to
 * go, 0 if there is none, and whether one may still be on its way.
 */
pid_t
database_ask_to_leave(WeirDatabase *database, bool *launching)
{
	pid_t		process;

	LWLockAcquire(WeirLockDatabases, LW_SHARED);
	process = database->process;
	*launching = database->launching;
	LWLockRelease(WeirLockDatabases);
	if (process != 0)
	{
		pg_atomic_write_u32(&database->leave, 1);
		database_wake(database);
	}
	return process;
}

/*
 * Enters this process as the scheduler; it must hold the singleton lock.
 */
void
database_attach_scheduler(WeirDatabase *database)
{
	database->scheduler_pid = MyProcPid;
	database->scheduler_procno = MyProcNumber;
	database->started_at = GetCurrentTimestamp();
	database_set_state(database, SCHEDULER_STARTING);
	/* it starts only so many at a time */
	launcher_wake();
}

void
database_detach_scheduler(WeirDatabase *database)
{
	database->scheduler_pid = 0;
	database->scheduler_procno = -1;
	database_set_state(database, SCHEDULER_DOWN);
}

/*
 * Wakes the scheduler.  It may be called with interrupts held, at commit: it
 * cannot fail.  A latch that meanwhile belongs to somebody else does no harm.
 */
void
database_wake(WeirDatabase *database)
{
	int			procno = database->scheduler_procno;

	if (procno >= 0)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

/*
 * Waits until the scheduler follows the configuration as it was committed
 * before this call, so that what is decided next obeys it.
 */
void
database_config_sync(WeirDatabase *database)
{
	uint64		wanted = pg_atomic_read_u64(&database->config_changed);
	TimestampTz start = GetCurrentTimestamp();

	while (pg_atomic_read_u64(&database->config_applied) < wanted)
	{
		if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
									   weir_max_wait))
		{
			ConditionVariableCancelSleep();
			ereport(ERROR,
					(errcode(ERRCODE_CANNOT_CONNECT_NOW),
					 errmsg("the scheduler of this database does not answer"),
					 errhint("Look at the view weir.status and at the server log.")));
		}
		database_wake(database);
		ConditionVariableTimedSleep(&database->progress, 100,
									wait_event(WEIR_WAIT_SCHEDULER_ANSWER));
	}
	ConditionVariableCancelSleep();
}

/*
 * Tells the launcher that databases were created, altered or dropped.
 */
void
databases_changed(void)
{
	pg_atomic_write_u32(&Weir->databases_changed, 1);
	launcher_wake();
}

void
launcher_attach(void)
{
	Weir->launcher_pid = MyProcPid;
	Weir->launcher_procno = MyProcNumber;
}

void
launcher_detach(void)
{
	Weir->launcher_pid = 0;
	Weir->launcher_procno = -1;
}

/*
 * Wakes the launcher.  Cannot fail.
 */
void
launcher_wake(void)
{
	int			procno;

	/* what it is to see is written before we look who it is */
	pg_memory_barrier();
	procno = Weir->launcher_procno;
	if (procno >= 0)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}
