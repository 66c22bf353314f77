/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *	  The one process of a database that decides what runs.
 *
 * It rebuilds its memory from the ledger, then lives on messages: from
 * sessions through the submit ring, from workers through their outboxes.  A
 * round takes in everything that has arrived, then starts what can start.
 * Between rounds it sleeps on its latch, until the next timer.
 *
 * It holds a singleton lock from before the rebuild to its exit, so that
 * there are never two.  Whatever touches the ledger or the catalogs is a step
 * in a transaction of its own: an error ends the step, not the scheduler.
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
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "ledger/identity.h"
#include "ledger/sql.h"
#include "sched/ahead.h"
#include "sched/announce.h"
#include "sched/breakers.h"
#include "sched/configure.h"
#include "sched/dispatch.h"
#include "sched/downstream.h"
#include "sched/duration.h"
#include "sched/ends.h"
#include "sched/event_list.h"
#include "sched/feed.h"
#include "sched/groups.h"
#include "sched/health.h"
#include "sched/inherit.h"
#include "sched/intake.h"
#include "sched/later.h"
#include "sched/lock_watch.h"
#include "sched/pool.h"
#include "sched/preempt.h"
#include "sched/ramps.h"
#include "sched/rebuild.h"
#include "sched/scheduler.h"
#include "sched/starvation.h"
#include "sched/upkeep.h"
#include "sched/watermark.h"
#include "sched/windows.h"
#include "shmem/database.h"
#include "shmem/overrun.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/submit_ring.h"
#include "shmem/waits.h"

/* The private kind of the singleton's advisory lock */
#define SINGLETON_KIND	0x5700

/*
 * Where tasks that cannot start keep coming it rests for so long after a round.
 * What comes now and then shows at once.
 */
#define REST_US		10000
#define REST_FROM	8			/* rounds in close succession */

/*
 * Runs a step in a transaction of its own.  Says whether it went well; if not
 * the error is in the server log and nothing else has happened.
 */
bool
scheduler_step(Scheduler *scheduler, const char *what, SchedulerStep step,
			   void *arg)
{
	volatile bool done = false;

	QueryCancelPending = false;
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, what);
	PG_TRY();
	{
		StartTransactionCommand();
		step(scheduler, arg);
		CommitTransactionCommand();
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(scheduler->round);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(scheduler->round);
	pgstat_report_activity(STATE_IDLE, NULL);
	return done;
}

static void
scheduler_leave(int code, Datum arg)
{
	database_detach_scheduler((WeirDatabase *) DatumGetPointer(arg));
}

/*
 * Takes the lock that makes this process the only scheduler; false if there
 * is one already.
 */
static bool
scheduler_take_singleton(void)
{
	LOCKTAG		tag;
	bool		mine;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, SINGLETON_KIND);
	StartTransactionCommand();
	mine = weir_LockTry(&tag, ExclusiveLock, true) != LOCKACQUIRE_NOT_AVAIL;
	CommitTransactionCommand();
	return mine;
}

/*
 * Finds the extension.  A process that finds none leaves quietly.
 */
static void
step_find_extension(Scheduler *scheduler, void *arg)
{
	Oid			extension = extension_oid();

	*(Oid *) arg = extension;
	if (OidIsValid(extension) && extension != scheduler->database->extension)
	{
		/* another extension than was counted for: it is counted anew */
		pg_atomic_write_u32(&scheduler->database->seeded, 0);
		scheduler->database->extension = extension;
	}
}

static void
step_identity(Scheduler *scheduler, void *arg)
{
	*(bool *) arg = identity_matches();
}

/*
 * Starts over: a new policy from the ledger, if the ledger is ours.
 */
static void
scheduler_rebuild(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	SchedulerState before = database_state(database);
	bool		ours = false;

	/* in this order: where no rebuild is wanted the state is not the old one */
	database_set_state(database, SCHEDULER_STARTING);
	pg_atomic_write_u32(&database->rebuild_wanted, 0);
	if (!scheduler_step(scheduler, "checking identity", step_identity, &ours))
		proc_exit(1);
	if (!ours)
	{
		pg_atomic_write_u32(&database->seeded, 0);
		resource_set_enforcing(database, 0);
		if (before != SCHEDULER_UNADOPTED)
			ereport(LOG,
					(errmsg("ledger of database %u is not adopted, no task is started",
							database->oid),
					 errhint("Call weir.adopt().")));
		database_set_state(database, SCHEDULER_UNADOPTED);
		if (scheduler->policy)
			policy_destroy(scheduler->policy);
		scheduler->policy = NULL;
		return;
	}
	database_set_state(database, SCHEDULER_REBUILDING);
	rebuild(scheduler);
	inherit_forget(scheduler);
	duration_read(scheduler);
	feed_wake(scheduler);
	database_set_state(database, SCHEDULER_RUNNING);
}

/*
 * Notes whether tasks that cannot start keep coming.
 */
static void
scheduler_note_intake(Scheduler *scheduler)
{
	if (!scheduler->idle_intake)
		return;
	if (scheduler->round_at - scheduler->idle_intake_at > 2 * REST_US)
		scheduler->idle_intakes = 0;
	scheduler->idle_intake_at = scheduler->round_at;
	scheduler->idle_intakes = Min(scheduler->idle_intakes + 1, REST_FROM);
}

/*
 * Is it to rest after this round, as more of them will come?
 */
static bool
scheduler_rests(const Scheduler *scheduler)
{
	return scheduler->idle_intake && scheduler->idle_intakes == REST_FROM;
}

/*
 * How long the scheduler may sleep, ms; -1 if nothing is to come.
 */
static long
scheduler_timeout(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = scheduler->upkeep_at;

	if (scheduler->policy == NULL)
		return -1;
	if (weir_enabled && !scheduler->paused_all)
		next = Min(next, policy_next_due(scheduler->policy));
	next = Min(next, pool_next_timer(scheduler));
	next = Min(next, ahead_next_timer(scheduler));
	next = Min(next, later_next_timer(scheduler));
	next = Min(next, event_list_next_timer(&scheduler->breaker_events));
	next = Min(next, event_list_next_timer(&scheduler->ramp_events));
	next = Min(next, health_next_timer(scheduler));
	next = Min(next, watermark_next_timer(scheduler));
	next = Min(next, downstream_next_timer(scheduler));
	if (!scheduler->other_version)
		next = Min(next, ends_next_timer(scheduler));
	next = Min(next, groups_next_timer(scheduler));
	next = Min(next, scheduler->overrun_at);
	next = Min(next, feed_next_timer(scheduler));
	next = Min(next, preempt_next_timer(scheduler));
	next = Min(next, lock_watch_next_timer(scheduler));
	next = Min(next, starvation_next_timer(scheduler));
	next = Min(next, windows_next_timer(scheduler));
	next = Min(next, announce_next_timer(scheduler));
	if (scheduler_rests(scheduler))
		next = Min(next, now + REST_US);
	if (scheduler->configure_at != 0)
		next = Min(next, scheduler->configure_at);
	if (next == POLICY_TIME_NEVER)
		return -1;
	if (next <= now)
		return 0;
	return Min((next - now + 999) / 1000, INT_MAX);
}

/*
 * Sleeps until something happens, and obeys signals.
 */
static void
scheduler_wait(Scheduler *scheduler)
{
	long		timeout = scheduler_timeout(scheduler);
	int			events;

	if (pg_atomic_read_u32(&scheduler->database->leave) != 0)
		proc_exit(0);
	if (timeout == 0)
	{
		QueryCancelPending = false;
		CHECK_FOR_INTERRUPTS();
		return;
	}
	if (scheduler_rests(scheduler))
		submit_ring_rest(&scheduler->database->ring, true);
	events = WaitLatch(MyLatch,
					   WL_LATCH_SET | WL_EXIT_ON_PM_DEATH |
					   (timeout >= 0 ? WL_TIMEOUT : 0),
					   timeout, wait_event(WEIR_WAIT_SCHEDULER_MAIN));
	submit_ring_rest(&scheduler->database->ring, false);
	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	QueryCancelPending = false;
	/* nothing is under way: no need to complain */
	if (ProcDiePending)
		proc_exit(1);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		/* retention may have changed; who does not want to wait reloads */
		scheduler->upkeep_at = GetCurrentTimestamp();
		scheduler->starvation_at = scheduler->upkeep_at;
	}
}

/*
 * One round: everything in, then everything out.
 */
static void
scheduler_round(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;

	MemoryContextReset(scheduler->round);
	MemoryContextSwitchTo(scheduler->round);
	scheduler->idle_intake = false;
	if (pg_atomic_read_u32(&database->rebuild_wanted) != 0)
		scheduler_rebuild(scheduler);
	scheduler->round_at = GetCurrentTimestamp();
	scheduler->overrun_at = overrun_review(database->oid, scheduler->round_at);
	if (scheduler->policy == NULL)
	{
		configure_acknowledge(scheduler);
		return;
	}
	intake(scheduler);
	scheduler_note_intake(scheduler);
	groups(scheduler);
	upkeep(scheduler);
	windows(scheduler);
	lock_watch(scheduler);
	dispatch(scheduler);
	watermark_review(scheduler);
	feed(scheduler);
	announce(scheduler);
	starvation(scheduler);
	database->heartbeat = GetCurrentTimestamp();
}

/*
 * Sets what the settings of the database must not decide.  Above all this
 * process waits for nobody's lock for long: a session that holds one could
 * stop all tasks of the database.  A step that fails so is tried again.  They
 * are set before it connects, for that is a transaction, too.
 */
static void
scheduler_pin_settings(void)
{
	weir_pin_transaction_timeout();
	SetConfigOption("lock_timeout", "100ms", PGC_SUSET, PGC_S_OVERRIDE);
	/* what it enqueues itself must not wait for itself */
	SetConfigOption("weir.max_wait", "1ms", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed",
					PGC_SUSET, PGC_S_OVERRIDE);
	/* the many windows of a rebuild would be compiled one by one */
	SetConfigOption("jit", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET,
					PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_deferrable", "off", PGC_SUSET,
					PGC_S_OVERRIDE);
	SetConfigOption("default_table_access_method", "heap", PGC_SUSET,
					PGC_S_OVERRIDE);
	/* event triggers, too: one that forbids DDL would stop the ledger */
	SetConfigOption("session_replication_role", "replica", PGC_SUSET,
					PGC_S_OVERRIDE);
}

/*
 * Connects, and makes sure that this is a database with the extension and
 * that there is no other scheduler.
 */
static void
scheduler_start(Scheduler *scheduler, Oid oid)
{
	Oid			extension = InvalidOid;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	/* a lock timeout sends it; see scheduler_wait() for what is sent idly */
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGTERM, die);
	scheduler->database = database_enter(oid);
	if (scheduler->database == NULL)
		proc_exit(0);
	scheduler_pin_settings();
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(oid, InvalidOid, 0);
	pgstat_report_appname("pg_weir scheduler");
	if (!scheduler_take_singleton())
		proc_exit(0);
	/* runs before the lock is released: the next one finds us gone */
	before_shmem_exit(scheduler_leave, PointerGetDatum(scheduler->database));
	database_attach_scheduler(scheduler->database);
	if (!scheduler_step(scheduler, "looking for the extension",
						step_find_extension, &extension))
		proc_exit(1);
	if (!OidIsValid(extension))
		proc_exit(0);
}

/*
 * Entry point; the argument is the oid of the database.
 */
void
weir_scheduler_main(Datum main_arg)
{
	Scheduler  *scheduler = MemoryContextAllocZero(TopMemoryContext,
												   sizeof(Scheduler));

	scheduler->context = AllocSetContextCreate(TopMemoryContext,
											   "pg_weir scheduler",
											   ALLOCSET_DEFAULT_SIZES);
	scheduler->round = AllocSetContextCreate(TopMemoryContext,
											 "pg_weir round",
											 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scheduler->round);
	scheduler_start(scheduler, DatumGetObjectId(main_arg));
	scheduler->pool = MemoryContextAllocZero(scheduler->context,
											 weir_max_workers * sizeof(PoolEntry));
	lock_watch_init(scheduler);
	scheduler->upkeep_at = GetCurrentTimestamp();
	scheduler_rebuild(scheduler);
	for (;;)
	{
		scheduler_round(scheduler);
		scheduler_wait(scheduler);
	}
}
