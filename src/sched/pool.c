/*-------------------------------------------------------------------------
 *
 * pool.c
 *	  The workers of a database: one pool, each worker of one role.
 *
 * A task goes to an idle worker of its role; if there is none a new one is
 * started with the task already in its inbox; if all slots are taken the
 * worker that has been idle longest is told to leave, and the task waits for
 * the slot.  A worker that has gone is reconciled with the ledger before its
 * slot is freed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/timestamp.h"

#include "policy/policy.h"
#include "sched/dependency.h"
#include "sched/downstream.h"
#include "sched/fate.h"
#include "sched/feed.h"
#include "sched/pool.h"
#include "sched/rebuild.h"
#include "shmem/database.h"
#include "shmem/inbox.h"
#include "shmem/outbox.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

/* Pause after the server had no process for us */
#define SPAWN_RETRY_US		INT64CONST(1000000)

/*
 * Another role takes a worker's place when it has been idle for so long, or,
 * between two tasks, when it has lived for so long: a role with many short
 * tasks is never idle for long, and others must get on.
 */
#define MIN_DWELL_MS		20
#define MIN_LIFE_MS			100

/* ... and before another database may have its slot */
#define LEND_DWELL_MS		200

static bool
pool_is_mine(Scheduler *scheduler, WeirWorker *worker)
{
	return worker->database == scheduler->database->oid &&
		pg_atomic_read_u32(&worker->state) != WORKER_FREE;
}

/*
 * Registers the process of a claimed slot; false if the server has no more.
 */
static bool
pool_spawn(Scheduler *scheduler, WeirWorker *worker)
{
	int			slot = worker - Weir->workers;
	PoolEntry  *entry = &scheduler->pool[slot];
	BackgroundWorker process = {0};
	BackgroundWorkerHandle *handle;
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	bool		registered;

	process.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	process.bgw_start_time = BgWorkerStart_RecoveryFinished;
	process.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(process.bgw_library_name, "pg_weir", BGW_MAXLEN);
	strlcpy(process.bgw_function_name, "weir_worker_main", BGW_MAXLEN);
	strlcpy(process.bgw_type, "pg_weir worker", BGW_MAXLEN);
	snprintf(process.bgw_name, BGW_MAXLEN,
			 "pg_weir worker %d for database %u and role %u",
			 slot, worker->database, worker->role);
	process.bgw_main_arg = worker_slot_datum(worker);
	process.bgw_notify_pid = MyProcPid;
	registered = RegisterDynamicBackgroundWorker(&process, &handle);
	MemoryContextSwitchTo(caller);
	if (registered)
	{
		entry->handle = handle;
		entry->generation = worker->generation;
		entry->spawned_at = GetCurrentTimestamp();
	}
	return registered;
}

/*
 * Notes that the server has, or has not, a process for us; logs the change.
 */
static void
pool_note_process(Scheduler *scheduler, bool available)
{
	WeirDatabase *database = scheduler->database;
	uint32		before = pg_atomic_exchange_u32(&database->no_process,
												available ? 0 : 1);

	if (available)
		return;
	scheduler->retry_spawn_at = GetCurrentTimestamp() + SPAWN_RETRY_US;
	if (before == 0)
		ereport(LOG,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start a worker, out of background worker slots"),
				 errdetail("Tasks wait until a slot is free; this is logged once."),
				 errhint("Raise \"%s\", or lower \"%s\".",
						 "max_worker_processes", "weir.max_workers")));
}

/*
 * The idle worker of that role, or of any other if role is InvalidOid, that
 * has been idle longest.
 */
static WeirWorker *
pool_find_idle(Scheduler *scheduler, Oid role)
{
	WeirWorker *found = NULL;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (!pool_is_mine(scheduler, worker) ||
			pg_atomic_read_u32(&worker->leave) != 0 ||
			pg_atomic_read_u32(&worker->state) == WORKER_GONE ||
			inbox_load(worker) > 0 ||
			(OidIsValid(role) && worker->role != role))
			continue;
		if (found == NULL || worker->since < found->since)
			found = worker;
	}
	return found;
}

/*
 * The number of other databases that want a worker slot and have none.
 */
int
pool_starving(Scheduler *scheduler)
{
	int			n = 0;

	for (int i = 0; i < weir_max_databases; i++)
	{
		WeirDatabase *other = &Weir->databases[i];

		n += OidIsValid(other->oid) && other != scheduler->database &&
			pg_atomic_read_u32(&other->starving) != 0;
	}
	return n;
}

/*
 * Wakes the schedulers of other databases, all or those that starve.
 */
static void
pool_wake_others(Scheduler *scheduler, bool all)
{
	for (int i = 0; i < weir_max_databases; i++)
	{
		WeirDatabase *other = &Weir->databases[i];

		if (OidIsValid(other->oid) && other != scheduler->database &&
			(all || pg_atomic_read_u32(&other->starving) != 0))
			database_wake(other);
	}
}

/*
 * Notes that this database wants a worker slot and has none.  The schedulers
 * of the others may let idle workers go, but one with nothing to do sleeps.
 */
static void
pool_starve(Scheduler *scheduler)
{
	if (pg_atomic_exchange_u32(&scheduler->database->starving, 1) == 0)
		pool_wake_others(scheduler, true);
}

/*
 * May another role take the place of this idle worker?
 */
static bool
pool_has_dwelt(Scheduler *scheduler, WeirWorker *worker)
{
	PoolEntry  *entry = &scheduler->pool[worker - Weir->workers];
	TimestampTz now = GetCurrentTimestamp();

	return TimestampDifferenceExceeds(worker->since, now, MIN_DWELL_MS) ||
		TimestampDifferenceExceeds(entry->spawned_at, now, MIN_LIFE_MS);
}

/*
 * Finds a worker for a task of that role; NULL if none can be had now.
 */
WeirWorker *
pool_place(Scheduler *scheduler, Oid role)
{
	WeirDatabase *database = scheduler->database;
	WeirWorker *worker = pool_find_idle(scheduler, role);

	if (worker != NULL)
		return worker;
	if (scheduler->retry_spawn_at > GetCurrentTimestamp())
		return NULL;
	worker = worker_slot_claim(database->oid, role);
	if (worker != NULL)
	{
		bool		spawned = pool_spawn(scheduler, worker);

		pool_note_process(scheduler, spawned);
		if (spawned)
			return worker;
		worker_slot_free(worker);
		/* one of our own may be leaving, or be made to leave */
	}
	pool_starve(scheduler);
	worker = pool_find_idle(scheduler, InvalidOid);
	if (worker != NULL && pool_has_dwelt(scheduler, worker))
		worker_slot_dismiss(worker);
	else if (worker != NULL)
		scheduler->retry_spawn_at = GetCurrentTimestamp() +
			MIN_DWELL_MS * INT64CONST(1000);
	return NULL;
}

/*
 * Finds out what became of an assignment whose worker is gone.  Only when the
 * ledger has no row of the attempt was it interrupted - or never begun.
 */
static bool
pool_reconcile(Scheduler *scheduler, WeirWorker *worker,
			   const Assignment *assignment, bool begun)
{
	int64		task_id = assignment->task_id;
	Fate		fate;

	if (!fate_look_up(scheduler, task_id, assignment->attempt, &fate))
		return false;
	if (fate.unfinished &&
		worker_slot_was_cancelled(worker, task_id, assignment->attempt))
		fate.task.cancel_wanted = true;
	if (fate.unfinished && !fate.ended && !begun && !fate.task.claimed &&
		!fate.task.cancel_wanted &&
		policy_put_back(scheduler->policy, task_id))
		return true;
	(void) policy_finished(scheduler->policy, task_id);
	if (!fate.unfinished)
	{
		dependency_look(scheduler, task_id);
		feed_note_end(scheduler);
		return true;
	}
	if (fate.ended ||
		(fate.task.cancel_wanted && worker->task_id != task_id) ||
		(!begun && !fate.task.claimed))
		rebuild_add(scheduler, &fate.task);
	else
		rebuild_interrupt(scheduler, &fate.task, worker);
	return true;
}

/*
 * Frees the slot of a worker that is gone, when all it had is accounted for.
 */
static void
pool_bury(Scheduler *scheduler, WeirWorker *worker, bool started)
{
	int			slot = worker - Weir->workers;
	const Assignment *assignment;

	for (int from = 0; (assignment = inbox_in_hand(worker, &from)) != NULL;)
	{
		/* one that could not even connect counts as an attempt that failed */
		if (!pool_reconcile(scheduler, worker, assignment,
							!started ||
							worker->task_id == assignment->task_id))
		{
			scheduler->retry_spawn_at = GetCurrentTimestamp() + SPAWN_RETRY_US;
			return;
		}
		downstream_forget(scheduler, worker, assignment->place, NULL);
	}
	if (scheduler->pool[slot].handle)
		pfree(scheduler->pool[slot].handle);
	scheduler->pool[slot].handle = NULL;
	worker_slot_free(worker);
	pool_wake_others(scheduler, false);
	scheduler->slots_changed = true;
}

/*
 * Gives a starting worker up that has failed to come: from then on it finds
 * its slot closed, and the slot is buried like that of one that is gone.
 */
static void
pool_check_start(Scheduler *scheduler, WeirWorker *worker)
{
	PoolEntry  *entry = &scheduler->pool[worker - Weir->workers];
	bool		stopped;
	pid_t		pid;

	if (pg_atomic_read_u32(&worker->state) != WORKER_STARTING)
		return;
	stopped = entry->handle && entry->generation == worker->generation &&
		GetBackgroundWorkerPid(entry->handle, &pid) == BGWH_STOPPED;
	/* registered, but never forked, or forked and hanging */
	if (!stopped &&
		!TimestampDifferenceExceeds(worker->since, GetCurrentTimestamp(),
									weir_worker_start_timeout))
		return;
	if (worker_slot_give_up(worker, stopped) && entry->handle)
		TerminateBackgroundWorker(entry->handle);
}

/*
 * Buries the workers that are gone or never came.  One that has reported
 * something and left, since its reports were taken in last, has to wait: the
 * ledger says what became of a task, but not what follows from that.  It has
 * woken us after it was gone, so the next round is near.
 */
void
pool_reap(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (!pool_is_mine(scheduler, worker))
			continue;
		pool_check_start(scheduler, worker);
		if (pg_atomic_read_u32(&worker->state) != WORKER_GONE)
			continue;
		pg_read_barrier();
		if (outbox_is_taken(worker))
			pool_bury(scheduler, worker, !worker->never_ready);
	}
}

/*
 * Lets an idle worker go when another database starves: at once if this one
 * is above its share, else when it has been idle for a while.  One at a time:
 * its end brings us here again.
 */
void
pool_share(Scheduler *scheduler)
{
	int			starving = pool_starving(scheduler);
	int			mine = 0;
	WeirWorker *idle;

	if (starving == 0)
		return;
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (!pool_is_mine(scheduler, worker))
			continue;
		if (pg_atomic_read_u32(&worker->leave) != 0)
			return;
		mine++;
	}
	idle = pool_find_idle(scheduler, InvalidOid);
	if (idle != NULL &&
		(mine > Max(1, weir_max_workers / (starving + 1)) ||
		 TimestampDifferenceExceeds(idle->since, GetCurrentTimestamp(),
									LEND_DWELL_MS)))
		worker_slot_dismiss(idle);
}

/*
 * When the pool has to be looked at again without being woken.
 */
TimestampTz
pool_next_timer(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = POLICY_TIME_NEVER;
	WeirWorker *idle;

	if (pool_starving(scheduler) > 0 &&
		(idle = pool_find_idle(scheduler, InvalidOid)) != NULL)
		next = idle->since + (LEND_DWELL_MS + 1) * INT64CONST(1000);
	/* whoever frees a slot wakes us; the long pause is for what is lost */
	if (scheduler->retry_spawn_at > now)
		next = Min(next, scheduler->retry_spawn_at);
	else if (scheduler->nheld > 0)
		next = Min(next, now + SPAWN_RETRY_US);
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (pool_is_mine(scheduler, worker) &&
			pg_atomic_read_u32(&worker->state) == WORKER_STARTING &&
			worker->pid == 0)
			next = Min(next, worker->since +
					   (weir_worker_start_timeout + 1) * INT64CONST(1000));
	}
	return next;
}
