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
 * Processes are started few at a time, since each probe takes one of
 * max_worker_processes.  If there is none left that is logged once, shown in
 * shared memory and tried again later.
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
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "sched/launcher.h"
#include "sched/ward.h"
#include "shmem/database.h"
#include "shmem/hold.h"
#include "shmem/settings.h"
#include "shmem/waits.h"

#define MAX_STARTING		2	/* schedulers that are not up yet */
#define RESTART_DELAY		5	/* s, for the launcher itself */

/* Something that concerns one ward */
typedef void (*LauncherStep) (Launcher *launcher, Ward *ward);

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
			ward->due = launcher_in_ms(launcher, WARD_RETRY_MS);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(launcher->round);
}

static void
step_read_roster(Launcher *launcher, Ward *ward)
{
	launcher_read_roster(launcher);
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
	launcher_fenced(launcher, ward_attend, ward);
	if (OidIsValid(ward->oid) && !ward->launched)
		launcher_fenced(launcher, ward_launch, ward);
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
		launcher_fenced(launcher, ward_launch, ward);
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
					   Max(launcher_in_ms(launcher, WARD_RETRY_MS),
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
					   timeout, wait_event(WEIR_WAIT_LAUNCHER_MAIN));
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
		launcher_fenced(launcher, step_read_roster, NULL);
	for (int i = 0; i < weir_max_databases; i++)
		launcher_fenced(launcher, ward_attend, &launcher->wards[i]);
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
	weir_pin_transaction_timeout();
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
