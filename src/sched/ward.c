/*-------------------------------------------------------------------------
 *
 * ward.c
 *	  A database in the launcher's care: starting its scheduler, and what
 *	  becomes of it.
 *
 * What follows the end of a scheduler (has it been asked to leave, exit code,
 * has it found the extension):
 *	  asked			started again when nobody holds the database
 *	  0, no			the database is forgotten
 *	  0, yes		started again: it will see
 *	  other			started again, after a delay that grows
 *
 * Handles of processes are lost when the launcher dies, but each scheduler is
 * in shared memory from its first to its last moment, and a second one leaves
 * at once: so the next launcher takes over what it finds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "sched/ward.h"
#include "shmem/database.h"
#include "shmem/hold.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

#define MAX_FAILED_MS		60000	/* delay after many failures */
#define MAX_STARVED_MS		30000	/* delay when there are no processes */
#define GOOD_LIFE_MS		60000	/* forgives earlier failures */

TimestampTz
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
	return Min(most, (int64) WARD_RETRY_MS << Min(attempts - 1, 16));
}

static WeirDatabase *
ward_database(Launcher *launcher, Ward *ward)
{
	return &Weir->databases[ward - launcher->wards];
}

/*
 * Reads the list of databases; tries again later if that cannot be done.
 */
void
launcher_read_roster(Launcher *launcher)
{
	launcher->read_at = launcher_in_ms(launcher, WARD_RETRY_MS);
	if (roster_read(&launcher->roster, launcher->context))
	{
		launcher->roster_fresh = true;
		launcher->read_at = 0;
	}
	MemoryContextSwitchTo(launcher->round);
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
		ward->due = launcher_in_ms(launcher, WARD_RETRY_MS);
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
		ward->due = ward->launched_at + WARD_RETRY_MS * INT64CONST(1000);
	else
		(void) ward_release(launcher, ward, false);
}

/*
 * Looks after one database that has an entry.  One that is not eligible any
 * more, but was counted, keeps its entry: its sessions may owe it something.
 */
void
ward_attend(Launcher *launcher, Ward *ward)
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
void
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
void
ward_launch(Launcher *launcher, Ward *ward)
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
