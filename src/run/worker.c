/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The process that executes tasks of one role in one database.
 *
 * It connects as the role of its tasks and never was anything else: a task
 * that resets its role gains nothing.  It waits on its latch for assignments,
 * executes them one after another, and leaves when it has been idle for
 * weir.worker_idle_timeout, is told to, or has become stale.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/ps_status.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "run/attempt.h"
#include "run/authority.h"
#include "run/batch.h"
#include "run/guard.h"
#include "run/session.h"
#include "run/slots.h"
#include "run/worker.h"
#include "shmem/database.h"
#include "shmem/inbox.h"
#include "shmem/inflight.h"
#include "shmem/outbox.h"
#include "shmem/settings.h"
#include "shmem/waits.h"
#include "shmem/worker_slot.h"

/*
 * A worker leaves after so many transactions: caches and languages only grow.
 * To start the next one costs as much as hundreds of short tasks.
 */
#define MAX_TRANSACTIONS	100000

/* With durability 'grouped': so many tasks share a flush, within so long */
#define FLUSH_COUNT	(WEIR_INBOX_SIZE / 2)
#define FLUSH_US	2000

/* SIGTERM came: whatever was running is not to blame for the exit */
static volatile sig_atomic_t Terminated = false;

static void
worker_die(SIGNAL_ARGS)
{
	Terminated = true;
	die(postgres_signal_arg);
}

/*
 * SIGQUIT: the server is going down with all of us.  Say that it was not our
 * task, then go as the standard handler does, without cleaning up.
 */
static void
worker_quickdie(SIGNAL_ARGS)
{
	inflight_innocent();
	_exit(2);
}

/*
 * Gives back what this worker has not begun.  The scheduler would have to ask
 * the ledger about it otherwise.  But that it could not connect is for the
 * scheduler to judge.
 */
static void
worker_give_back(WeirWorker *worker)
{
	Assignment	assignment;

	if (pg_atomic_read_u32(&worker->state) == WORKER_STARTING)
		return;
	while (inbox_next(worker, &assignment))
	{
		Completion	completion = {0};

		completion.kind = COMPLETION_RETURNED;
		completion.place = assignment.place;
		completion.task_id = assignment.task_id;
		completion.attempt = assignment.attempt;
		outbox_put(worker, &completion);
	}
}

/*
 * On exit, after the transaction has been aborted and its locks released.
 */
static void
worker_leave(int code, Datum arg)
{
	WeirWorker *worker = (WeirWorker *) DatumGetPointer(arg);
	WeirDatabase *database = database_find(worker->database);

	inflight_end();
	slots_session_ended();
	worker_give_back(worker);
	outbox_flush(worker);
	worker_slot_detach(worker, Terminated);
	if (database)
		database_wake(database);
}

/*
 * Has enough been held back for a flush, or for long enough?  A single task
 * that takes long is the scheduler's to see to.
 */
static void
worker_review(WeirWorker *worker)
{
	static uint64 first = 0;
	static TimestampTz since = 0;
	int			held_back = outbox_held_back(worker);
	TimestampTz now;

	if (held_back == 0)
		return;
	now = GetCurrentTimestamp();
	/* a batch reports several at once, and anybody may flush meanwhile */
	if (since == 0 || first != outbox_first_held_back(worker))
	{
		first = outbox_first_held_back(worker);
		since = now;
	}
	if (held_back >= FLUSH_COUNT || now - since >= FLUSH_US)
		outbox_flush_in_turn(worker);
}

/*
 * Waits for the next assignment; false when it is time to leave.
 */
static bool
worker_wait(WeirWorker *worker, Assignment *assignment)
{
	TimestampTz idle_since;

	if (inbox_next(worker, assignment))
		return true;
	pgstat_report_activity(STATE_IDLE, NULL);
	idle_since = GetCurrentTimestamp();
	for (;;)
	{
		long		left;
		int			events;

		if (inbox_next(worker, assignment))
			return true;
		outbox_flush(worker);
		if (pg_atomic_read_u32(&worker->leave) != 0)
			return false;
		left = weir_worker_idle_timeout -
			TimestampDifferenceMilliseconds(idle_since, GetCurrentTimestamp());
		if (left <= 0)
			return false;
		events = WaitLatch(MyLatch,
						   WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						   left, wait_event(WEIR_WAIT_WORKER_IDLE));
		if (events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		/* a cancel that came too late is nobody's */
		QueryCancelPending = false;
		/* nothing is under way: no need to complain */
		if (ProcDiePending)
			proc_exit(1);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
}

/*
 * Makes this process the worker of its slot.
 */
static void
worker_connect(WeirWorker *worker, int slot)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGTERM, worker_die);
	pqsignal(SIGQUIT, worker_quickdie);
	/* before connecting, so that it runs after everything is released */
	before_shmem_exit(worker_leave, PointerGetDatum(worker));
	inflight_attach(slot);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(worker->database, worker->role,
											  0);
	attempt_install();
	batch_install();
	guard_install();
	authority_watch();
	pgstat_report_appname("pg_weir worker");
}

/*
 * Executes assignments until it is time to leave.
 */
static void
worker_loop(WeirWorker *worker)
{
	Assignment	assignment;

	for (int i = 0; i < MAX_TRANSACTIONS; i++)
	{
		bool		stay;

		if (!worker_wait(worker, &assignment))
			return;
		stay = attempt_run(worker, &assignment);
		worker_review(worker);
		pgstat_report_stat(false);
		if (!stay || !session_reset(worker->role))
			return;
	}
}

/*
 * Entry point; the argument names the use of a worker slot.
 */
void
weir_worker_main(Datum main_arg)
{
	WeirWorker *worker = worker_slot_from_datum(main_arg);

	/* the scheduler may have given us up, and the slot to another */
	if (worker == NULL || !worker_slot_attach(worker, main_arg))
		proc_exit(0);
	worker_connect(worker, worker - Weir->workers);
	worker_slot_ready(worker);
	database_wake(database_mine());
	worker_loop(worker);
	proc_exit(0);
}
