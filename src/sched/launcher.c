/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The one process of a server that keeps the schedulers alive.
 *
 * It starts when recovery has finished, so that nothing runs on a standby and
 * everything starts at promotion.  In each database it starts a scheduler
 * once; where that finds no extension it leaves with exit code 0, and the
 * database is forgotten until somebody asks for a scheduler there: CREATE
 * EXTENSION does when it commits, and so does a session that needs one.
 *
 * What becomes of a scheduler (exit code, has it found the extension):
 *	  was asked to leave	started again when nobody holds the database
 *	  0, no					the database is forgotten
 *	  0, yes				started again: it will see
 *	  anything else			started again, after a delay that grows
 *
 * Processes are started few at a time, since each probe takes one of
 * max_worker_processes.  If there is none left that is logged once, shown in
 * shared memory and tried again later.
 *
 * Handles of processes are lost when the launcher dies, but each scheduler is
 * in shared memory from its first to its last moment, and a second one leaves
 * at once: so the next launcher takes over what it finds.
 *
 * Nothing is polled.  Who changes something that matters here sets the latch;
 * timers run only while something is to be tried again.  What concerns one
 * database is fenced: an error there does not end the process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "sched/launcher.h"
#include "sched/roster.h"
#include "shmem/database.h"
#include "shmem/hold.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

#define MAX_STARTING		2	/* schedulers that are not up yet */
#define RESTART_DELAY		5	/* s, for the launcher itself */
#define RETRY_MS			1000	/* first delay, and the least between two */
#define MAX_FAILED_MS		60000	/* delay after many failures */
#define MAX_STARVED_MS		30000	/* delay when there are no processes */
#define GOOD_LIFE_MS		60000	/* forgives earlier failures */

/* A database in the launcher's care; one for each entry in shared memory */
typedef struct Ward
{
	Oid			oid;			/* InvalidOid = none */
	BackgroundWorkerHandle *handle; /* NULL: a predecessor's, or none */
	bool		launched;		/* there is a process, or will be */
	TimestampTz launched_at;
	TimestampTz due;			/* not to be started before */
	int			failures;		/* in a row */
} Ward;

typedef struct Launcher
{
	MemoryContext context;		/* lives as long as the process */
	MemoryContext round;		/* reset each round */
	TimestampTz now;			/* begin of the round */
	Roster		roster;
	bool		roster_fresh;	/* read in this round */
	TimestampTz read_at;		/* when to read it again, 0 = when told */
	Ward	   *wards;			/* weir.max_databases */
	int			starved;		/* attempts in vain, in a row */
	TimestampTz starved_until;
	bool		full;			/* weir.max_databases has been complained of */
} Launcher;

/* Something that concerns one ward */
typedef void (*LauncherStep) (Launcher *launcher, Ward *ward);

static TimestampTz
launcher_in_ms(Launcher *launcher, int64 ms)
{
	return launcher->now + ms * 1000;
}

/*
 * A delay that doubles with each attempt.
 */
static int64
launcher_delay(int attempts, int64 most)
{
	return Min(most, (int64) RETRY_MS << Min(attempts - 1, 16));
}

static WeirDatabase *
ward_database(Launcher *launcher, Ward *ward)
{
	return &Weir->databases[ward - launcher->wards];
}

/*
 * Takes a step.  An error is logged and ends the step; it is tried again.
 */
static void
launcher_fenced(Launcher *launcher, LauncherStep step, Ward *ward)
{
	PG_TRY();
	{
		step(launcher, ward);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(launcher->round);
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		LWLockReleaseAll();
		if (ward != NULL)
			ward->due = launcher_in_ms(launcher, RETRY_MS);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(launcher->round);
}

static void
step_read_roster(Launcher *launcher, Ward *ward)
{
	launcher->read_at = launcher_in_ms(launcher, RETRY_MS);
	if (!roster_read(&launcher->roster, launcher->context))
		return;
	launcher->roster_fresh = true;
	launcher->read_at = 0;
}

static void
launcher_read_roster(Launcher *launcher)
{
	launcher_fenced(launcher, step_read_roster, NULL);
}

/*
 * Finds a database that has an entry.  One that the roster does not know may
 * be new.
 */
static RosterEntry *
launcher_find(Launcher *launcher, Oid oid)
{
	RosterEntry *found = roster_find(&launcher->roster, oid);

	if (found == NULL && !launcher->roster_fresh)
	{
		launcher_read_roster(launcher);
		found = roster_find(&launcher->roster, oid);
	}
	return found;
}

/*
 * Forgets a database: its entry is free for another.  Its workers may still
 * be at work; then it is tried again.
 */
static bool
ward_release(Launcher *launcher, Ward *ward, bool gone)
{
	pid_t	   *pids = palloc(weir_max_workers * sizeof(pid_t));
	bool		released = false;

	if (worker_slot_evict(ward->oid, true, EVICT_NONE, pids) == 0)
	{
		worker_slot_forget_database(ward->oid);
		released = database_release(ward_database(launcher, ward), gone);
	}
	if (released)
		memset(ward, 0, sizeof(Ward));
	else
		ward->due = launcher_in_ms(launcher, RETRY_MS);
	return released;
}

/*
 * Is there a process, or will there be one?
 */
static bool
ward_lives(Launcher *launcher, Ward *ward)
{
	if (ward->handle != NULL)
	{
		pid_t		pid;
		BgwHandleStatus status = GetBackgroundWorkerPid(ward->handle, &pid);

		/* registered, but the server does not get to it */
		if (status == BGWH_NOT_YET_STARTED &&
			TimestampDifferenceExceeds(ward->launched_at, launcher->now,
									   weir_worker_start_timeout))
			TerminateBackgroundWorker(ward->handle);
		if (status != BGWH_STOPPED)
			return true;
		pfree(ward->handle);
		ward->handle = NULL;
	}
	return ward_database(launcher, ward)->process != 0;
}

/*
 * The scheduler failed: start it again, after a delay.
 */
static void
ward_failed(Launcher *launcher, Ward *ward)
{
	ward->failures++;
	ward->due = launcher_in_ms(launcher,
							   launcher_delay(ward->failures, MAX_FAILED_MS));
	if (ward->failures == 1)
	{
		RosterEntry *entry = roster_find(&launcher->roster, ward->oid);

		ereport(LOG,
				(errmsg("scheduler of database \"%s\" ended unexpectedly and is started again",
						entry ? NameStr(entry->name) : "?"),
				 errdetail("If it goes on failing, the delay between two attempts grows to %d seconds.",
						   MAX_FAILED_MS / 1000)));
	}
}

/*
 * The scheduler is gone: decides whether and when there is to be another.
 */
static void
ward_ended(Launcher *launcher, Ward *ward)
{
	WeirDatabase *database = ward_database(launcher, ward);

	ward->launched = false;
	ward->due = launcher->now;
	database_launch_failed(database);
	if (TimestampDifferenceExceeds(ward->launched_at, launcher->now,
								   GOOD_LIFE_MS))
		ward->failures = 0;
	if (pg_atomic_read_u32(&database->leave) != 0 || hold_stands(ward->oid))
		return;
	if (database->exit_code != 0)
		ward_failed(launcher, ward);
	else if (database->found)
		ward->due = ward->launched_at + RETRY_MS * INT64CONST(1000);
	else
		(void) ward_release(launcher, ward, false);
}

/*
 * Looks after one database that has an entry.  One that is not eligible any
 * more, but was counted, keeps its entry: its sessions may owe it something.
 */
static void
step_attend(Launcher *launcher, Ward *ward)
{
	WeirDatabase *database = ward_database(launcher, ward);
	RosterEntry *entry;

	if (ward->oid != database->oid)
	{
		/* new, or our predecessor's */
		memset(ward, 0, sizeof(Ward));
		ward->oid = database->oid;
		ward->launched = database->process != 0;
		ward->launched_at = launcher->now;
	}
	if (!OidIsValid(ward->oid))
		return;
	if (ward_lives(launcher, ward))
	{
		bool		launching;

		entry = roster_find(&launcher->roster, ward->oid);
		if (entry != NULL && !entry->eligible)
			(void) database_ask_to_leave(database, &launching);
		return;
	}
	if (ward->launched)
		ward_ended(launcher, ward);
	if (!OidIsValid(ward->oid))
		return;
	entry = launcher_find(launcher, ward->oid);
	if (entry == NULL && launcher->roster_fresh)
		(void) ward_release(launcher, ward, true);
	else if (entry != NULL && !entry->eligible &&
			 pg_atomic_read_u32(&database->seeded) == 0)
		(void) ward_release(launcher, ward, true);
}

/*
 * Notes that the server has, or has not, a process for us; logs the change.
 */
static void
launcher_note_process(Launcher *launcher, bool available)
{
	uint32		before = pg_atomic_exchange_u32(&Weir->launcher_starved,
												available ? 0 : 1);

	if (available)
	{
		launcher->starved = 0;
		return;
	}
	launcher->starved++;
	launcher->starved_until = launcher_in_ms(launcher,
											 launcher_delay(launcher->starved,
															MAX_STARVED_MS));
	if (before == 0)
		ereport(LOG,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start a scheduler, out of background worker slots"),
				 errdetail("It is tried again until there is one; this is logged once."),
				 errhint("Raise \"%s\".", "max_worker_processes")));
}

/*
 * Has a scheduler started.  The handle lives in the launcher's memory.
 */
static void
step_launch(Launcher *launcher, Ward *ward)
{
	WeirDatabase *database = ward_database(launcher, ward);
	RosterEntry *entry = roster_find(&launcher->roster, ward->oid);
	BackgroundWorker process = {0};
	bool		registered;

	if (entry == NULL || !entry->eligible || !database_launch(database))
		return;
	process.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	process.bgw_start_time = BgWorkerStart_RecoveryFinished;
	process.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(process.bgw_library_name, "pg_weir", BGW_MAXLEN);
	strlcpy(process.bgw_function_name, "weir_scheduler_main", BGW_MAXLEN);
	strlcpy(process.bgw_type, "pg_weir scheduler", BGW_MAXLEN);
	snprintf(process.bgw_name, BGW_MAXLEN, "pg_weir scheduler for database %s",
			 NameStr(entry->name));
	process.bgw_main_arg = ObjectIdGetDatum(ward->oid);
	process.bgw_notify_pid = MyProcPid;
	MemoryContextSwitchTo(launcher->context);
	registered = RegisterDynamicBackgroundWorker(&process, &ward->handle);
	MemoryContextSwitchTo(launcher->round);
	launcher_note_process(launcher, registered);
	if (!registered)
	{
		database_launch_failed(database);
		return;
	}
	ward->launched = true;
	ward->launched_at = launcher->now;
	entry->probed = true;
}

/*
 * Starts a scheduler in a database that has not had one yet.  False if it
 * makes no sense to go on with others.
 */
static bool
launcher_probe(Launcher *launcher, RosterEntry *entry, int starting)
{
	WeirDatabase *database;
	Ward	   *ward;

	if (hold_stands(entry->oid))
		return true;
	database = database_claim(entry->oid);
	if (database == NULL)
	{
		/* an entry that is only probed becomes free again */
		if (starting == 0 && !launcher->full)
		{
			launcher->full = true;
			ereport(LOG,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("could not look for pg_weir in database \"%s\", too many databases use it",
							NameStr(entry->name)),
					 errhint("Raise \"%s\" and restart the server.",
							 "weir.max_databases")));
		}
		return false;
	}
	launcher->full = false;
	ward = &launcher->wards[database - Weir->databases];
	launcher_fenced(launcher, step_attend, ward);
	if (OidIsValid(ward->oid) && !ward->launched)
		launcher_fenced(launcher, step_launch, ward);
	if (!ward->launched)
		(void) database_release(database, false);
	return ward->launched;
}

/*
 * Starts what is due, as far as it may: what has an entry first, since
 * somebody asked for it or it had a scheduler before.
 */
static void
launcher_start(Launcher *launcher)
{
	int			starting = 0;
	int			starved = launcher->starved;

	for (int i = 0; i < weir_max_databases; i++)
	{
		if (launcher->wards[i].launched &&
			Weir->databases[i].scheduler_pid == 0)
			starting++;
	}
	for (int i = 0; i < weir_max_databases && starting < MAX_STARTING; i++)
	{
		Ward	   *ward = &launcher->wards[i];

		if (!OidIsValid(ward->oid) || ward->launched ||
			ward->due > launcher->now || hold_stands(ward->oid))
			continue;
		launcher_fenced(launcher, step_launch, ward);
		if (launcher->starved > starved)
			return;
		starting += ward->launched;
	}
	for (int i = 0; i < launcher->roster.n && starting < MAX_STARTING; i++)
	{
		RosterEntry *entry = &launcher->roster.entries[i];

		if (!entry->eligible || entry->probed)
			continue;
		if (!launcher_probe(launcher, entry, starting))
			return;
		starting++;
	}
}

/*
 * How long the launcher may sleep, ms; -1 if nothing is to be tried again.
 */
static long
launcher_timeout(Launcher *launcher)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = DT_NOEND;

	if (launcher->read_at != 0)
		next = launcher->read_at;
	if (launcher->starved_until > launcher->now)
		next = Min(next, launcher->starved_until);
	for (int i = 0; i < weir_max_databases; i++)
	{
		Ward	   *ward = &launcher->wards[i];

		if (!OidIsValid(ward->oid))
			continue;
		if (!ward->launched && ward->due > launcher->now)
			next = Min(next, ward->due);
		else if (ward->launched && Weir->databases[i].launching)
			next = Min(next,
					   Max(launcher_in_ms(launcher, RETRY_MS),
						   ward->launched_at +
						   weir_worker_start_timeout * INT64CONST(1000)));
	}
	if (next == DT_NOEND)
		return -1;
	return TimestampDifferenceMilliseconds(now, next);
}

/*
 * Sleeps until something happens, and obeys signals.  The exit code makes the
 * postmaster start the launcher again, unless the server is going down.
 */
static void
launcher_wait(Launcher *launcher)
{
	long		timeout = launcher_timeout(launcher);
	int			events;

	events = WaitLatch(MyLatch,
					   WL_LATCH_SET | WL_EXIT_ON_PM_DEATH |
					   (timeout >= 0 ? WL_TIMEOUT : 0),
					   timeout, PG_WAIT_EXTENSION);
	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ShutdownRequestPending)
		proc_exit(1);
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

static void
launcher_round(Launcher *launcher)
{
	MemoryContextReset(launcher->round);
	launcher->now = GetCurrentTimestamp();
	launcher->roster_fresh = false;
	if (pg_atomic_exchange_u32(&Weir->databases_changed, 0) != 0 ||
		(launcher->read_at != 0 && launcher->read_at <= launcher->now))
		launcher_read_roster(launcher);
	for (int i = 0; i < weir_max_databases; i++)
		launcher_fenced(launcher, step_attend, &launcher->wards[i]);
	if (launcher->starved_until <= launcher->now)
	{
		int			starved = launcher->starved;

		launcher_start(launcher);
		/* what could not be started is not wanted any more */
		if (starved > 0 && launcher->starved == starved)
			launcher_note_process(launcher, true);
	}
}

static void
launcher_leave(int code, Datum arg)
{
	launcher_detach();
}

static void
launcher_connect(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, SIG_IGN);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	before_shmem_exit(launcher_leave, (Datum) 0);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("pg_weir launcher");
	pgstat_report_activity(STATE_IDLE, NULL);
	launcher_attach();
}

/*
 * Entry point.
 */
void
weir_launcher_main(Datum arg)
{
	Launcher   *launcher = MemoryContextAllocZero(TopMemoryContext,
												  sizeof(Launcher));

	launcher->context = AllocSetContextCreate(TopMemoryContext,
											  "pg_weir launcher",
											  ALLOCSET_DEFAULT_SIZES);
	launcher->round = AllocSetContextCreate(TopMemoryContext,
											"pg_weir launcher round",
											ALLOCSET_DEFAULT_SIZES);
	launcher->wards = MemoryContextAllocZero(launcher->context,
											 weir_max_databases * sizeof(Ward));
	launcher_connect();
	MemoryContextSwitchTo(launcher->round);
	pg_atomic_write_u32(&Weir->databases_changed, 1);
	for (;;)
	{
		launcher_round(launcher);
		launcher_wait(launcher);
	}
}

/*
 * Registers the launcher; called while libraries are preloaded.
 */
void
launcher_register(void)
{
	BackgroundWorker process = {0};

	process.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	process.bgw_start_time = BgWorkerStart_RecoveryFinished;
	process.bgw_restart_time = RESTART_DELAY;
	strlcpy(process.bgw_library_name, "pg_weir", BGW_MAXLEN);
	strlcpy(process.bgw_function_name, "weir_launcher_main", BGW_MAXLEN);
	strlcpy(process.bgw_name, "pg_weir launcher", BGW_MAXLEN);
	strlcpy(process.bgw_type, "pg_weir launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&process);
}
