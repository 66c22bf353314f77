/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *	  Starting what can start.
 *
 * The policy says what starts next and on which slots; the pool says whether
 * there is a worker for it.  Owners for whom there is none are passed over
 * for the rest of the round, so that they do not block others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "ledger/unfinished.h"
#include "sched/ahead.h"
#include "sched/breakers.h"
#include "sched/cap_watch.h"
#include "sched/classes.h"
#include "sched/configure.h"
#include "sched/dispatch.h"
#include "sched/deadline.h"
#include "sched/downstream.h"
#include "sched/ends.h"
#include "sched/figures.h"
#include "sched/health.h"
#include "sched/pool.h"
#include "sched/preempt.h"
#include "sched/quota.h"
#include "sched/ramps.h"
#include "sched/rebuild.h"
#include "sched/shed.h"
#include "sched/singly.h"
#include "sched/yield.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inbox.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

typedef struct LoginStep
{
	Oid			role;
	bool		allowed;
} LoginStep;

/*
 * May a process connect to this database as the role?
 */
static void
step_may_login(Scheduler *scheduler, void *arg)
{
	LoginStep  *login = arg;
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(login->role));

	login->allowed = false;
	if (!HeapTupleIsValid(tuple))
		return;
	login->allowed = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin &&
		weir_database_aclcheck(scheduler->database->oid, login->role,
							   ACL_CONNECT) == ACLCHECK_OK;
	ReleaseSysCache(tuple);
}

/*
 * Passes the owner over until the next round.
 */
static void
dispatch_hold(Scheduler *scheduler, Oid owner)
{
	if (scheduler->nheld == scheduler->maxheld)
	{
		scheduler->maxheld = Max(16, 2 * scheduler->maxheld);
		if (scheduler->held)
			scheduler->held = repalloc(scheduler->held,
									   scheduler->maxheld * sizeof(Oid));
		else
			scheduler->held = MemoryContextAlloc(scheduler->context,
												 scheduler->maxheld * sizeof(Oid));
	}
	scheduler->held[scheduler->nheld++] = owner;
	policy_hold_owner(scheduler->policy, owner, true);
}

static void
dispatch_release_held(Scheduler *scheduler)
{
	for (int i = 0; i < scheduler->nheld; i++)
		policy_hold_owner(scheduler->policy, scheduler->held[i], false);
	scheduler->nheld = 0;
}

/*
 * Puts the task of a role that may not connect into the dead letters.
 */
static void
dispatch_refuse(Scheduler *scheduler, const PolicyStart *start)
{
	UnfinishedTask task = {0};
	RunRow		run = {0};

	(void) policy_finished(scheduler->policy, start->task_id);
	task.task.task_id = start->task_id;
	task.task.attempt = start->attempt;
	task.task.queue = start->queue;
	run.outcome = OUTCOME_FAILED;
	run.final = true;
	run.charged = true;
	run.sqlstate = "28000";
	run.message = "role of the task may not connect to the database";
	run.hint = "The role needs the LOGIN attribute and the CONNECT privilege.";
	rebuild_end_attempt(scheduler, &task, &run);
}

static void
dispatch_assign(Scheduler *scheduler, WeirWorker *worker,
				const PolicyStart *start, int32 feeds, TimestampTz now)
{
	Assignment	assignment = {0};

	assignment.task_id = start->task_id;
	assignment.attempt = start->attempt;
	assignment.queue = start->queue;
	assignment.feeds = feeds;
	assignment.klass = start->klass;
	assignment.solo = start->solo;
	assignment.singly = singly_has(scheduler, start->task_id);
	assignment.ngrants = start->ngrants;
	assignment.fallback = start->fallback;
	assignment.ready_at = now;
	memcpy(assignment.grants, start->grants, sizeof(assignment.grants));
	ahead_note_start(scheduler, worker, start);
	inbox_assign(worker, &assignment);
}

/*
 * Has this database a worker of that role that lives?  Then it may connect,
 * as far as we know; the worker itself sees to changes.
 */
static bool
dispatch_role_is_live(Scheduler *scheduler, Oid role)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];
		uint32		state = pg_atomic_read_u32(&worker->state);

		if (worker->database == scheduler->database->oid &&
			worker->role == role &&
			(state == WORKER_IDLE || state == WORKER_BUSY))
			return true;
	}
	return false;
}

/*
 * Starts one task; false if nothing can start.
 */
static bool
dispatch_one(Scheduler *scheduler, TimestampTz now)
{
	PolicyStart start;
	WeirWorker *worker;
	int32		feeds;

	if (!policy_next(scheduler->policy, now, &start))
		return false;
	if (!dispatch_role_is_live(scheduler, start.owner))
	{
		LoginStep	login = {0};

		login.role = start.owner;
		if (scheduler_step(scheduler, "checking a role", step_may_login,
						   &login) && !login.allowed)
		{
			dispatch_refuse(scheduler, &start);
			return true;
		}
	}
	if (!downstream_reserve(scheduler, start.queue, &feeds))
	{
		(void) policy_put_back(scheduler->policy, start.task_id);
		return true;
	}
	worker = pool_place(scheduler, start.owner);
	if (worker == NULL)
	{
		downstream_give_back(scheduler, feeds);
		(void) policy_put_back(scheduler->policy, start.task_id);
		dispatch_hold(scheduler, start.owner);
		return true;
	}
	dispatch_assign(scheduler, worker, &start, feeds, now);
	return true;
}

/*
 * Hands tasks over to a worker that is still busy, as many as it may have: they
 * are neighbours in the ledger, most likely, and read together.  False if there
 * is nobody to have more.
 */
static bool
dispatch_ahead(Scheduler *scheduler, TimestampTz now)
{
	WeirWorker *worker = ahead_candidate(scheduler);
	PolicyStart start;
	int32		feeds;

	if (worker == NULL)
		return false;
	while (ahead_next(scheduler, worker, now, &start))
	{
		if (downstream_reserve(scheduler, start.queue, &feeds))
			dispatch_assign(scheduler, worker, &start, feeds, now);
		else
			(void) policy_put_back(scheduler->policy, start.task_id);
	}
	return true;
}

/*
 * Publishes the counts per queue.
 */
static void
dispatch_publish(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;

	for (int i = 0; i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &database->queues[i];
		PolicyQueueCounts counts;

		if (slot->queue == 0)
			continue;
		policy_queue_counts(scheduler->policy, slot->queue, &counts);
		pg_atomic_write_u32(&slot->ready, counts.ready);
		pg_atomic_write_u32(&slot->delayed, counts.delayed);
		pg_atomic_write_u32(&slot->blocked, counts.blocked);
		pg_atomic_write_u32(&slot->running, counts.running);
		pg_atomic_write_u32(&slot->shut, counts.shut ? 1 : 0);
		pg_atomic_write_u64(&slot->oldest_at,
							counts.oldest == POLICY_TIME_NEVER ? 0 : (uint64) counts.oldest);
	}
}

/*
 * Shows the workers what they have been assigned, each of them once.
 */
static void
dispatch_hand_over(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		if (Weir->workers[i].database == scheduler->database->oid)
			inbox_hand_over(&Weir->workers[i]);
	}
}

/*
 * Starts everything that can start now.
 */
void
dispatch(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();

	dispatch_release_held(scheduler);
	deadline_learn(scheduler);
	/* what has just been reported, before time goes on */
	breakers_publish(scheduler, now);
	if (cap_watch_is_stale())
		(void) configure(scheduler);
	configure_entered(scheduler);
	configure_foreign(scheduler);
	shed_review(scheduler);
	downstream_review(scheduler);
	ramps_review(scheduler, now);
	health_review(scheduler, now);
	/* a task that waits too long does so in a pause, too */
	if (!scheduler->other_version)
		ends_write(scheduler, now);
	/* before our own backlog takes every worker that is idle */
	pool_share(scheduler);
	if (weir_enabled && !scheduler->paused_all)
	{
		ahead_yield(scheduler);
		while (dispatch_one(scheduler, now))
			;
		ahead_begin(scheduler);
		while (dispatch_ahead(scheduler, now))
			;
		dispatch_hand_over(scheduler);
		breakers_refuse(scheduler);
		preempt_review(scheduler);
	}
	yield_review(scheduler);
	deadline_review(scheduler);
	if (scheduler->nheld == 0)
		pg_atomic_write_u32(&scheduler->database->starving, 0);
	dispatch_publish(scheduler);
	quota_publish(scheduler);
	classes_publish(scheduler);
	configure_publish(scheduler);
	figures_publish(scheduler, now);
	breakers_publish(scheduler, now);
	ramps_publish(scheduler, now);
}
