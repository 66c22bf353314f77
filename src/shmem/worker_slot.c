/*-------------------------------------------------------------------------
 *
 * worker_slot.c
 *	  Worker slots: claimed, entered, left; what runs there and is to be
 *	  cancelled.
 *
 * The scheduler of a database claims a slot, starts a process for it and
 * hands it assignments through the inbox (inbox.c); the worker answers
 * through the outbox (outbox.c).
 *
 * Who vanishes leaves the slot in state GONE.  The scheduler frees it when it
 * has looked up in the ledger what became of everything in "assigned".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "shmem/database.h"
#include "shmem/inbox.h"
#include "shmem/outbox.h"
#include "shmem/overrun.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

void
worker_slot_init(void)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		pg_atomic_init_u32(&worker->state, WORKER_FREE);
		pg_atomic_init_u32(&worker->leave, 0);
		pg_atomic_init_u64(&worker->yield_task, 0);
		inbox_init(worker);
		outbox_init(worker);
		SpinLockInit(&worker->mutex);
		worker->procno = -1;
	}
}

static void
worker_slot_set_state(WeirWorker *worker, WorkerState state)
{
	worker->since = GetCurrentTimestamp();
	pg_atomic_write_u32(&worker->state, state);
}

/*
 * How many slots this database may take: databases share the pool fairly.
 * One that is over its share leaves room for those that starve below theirs.
 * Caller holds WeirLockWorkers.
 */
static bool
worker_slot_may_claim(Oid oid)
{
	int			nfree = 0;
	int			mine = 0;
	int			contenders = 0;
	int			owed = 0;
	int			share;

	Assert(LWLockHeldByMe(WeirLockWorkers));
	for (int i = 0; i < weir_max_workers; i++)
	{
		if (pg_atomic_read_u32(&Weir->workers[i].state) == WORKER_FREE)
			nfree++;
		else if (Weir->workers[i].database == oid)
			mine++;
	}
	for (int i = 0; i < weir_max_databases; i++)
		contenders += OidIsValid(Weir->databases[i].oid) &&
			(Weir->databases[i].oid == oid ||
			 pg_atomic_read_u32(&Weir->databases[i].starving) != 0);
	share = Max(1, weir_max_workers / Max(1, contenders));
	if (mine < share)
		return nfree > 0;
	for (int i = 0; i < weir_max_databases; i++)
	{
		WeirDatabase *other = &Weir->databases[i];
		int			theirs = 0;

		if (!OidIsValid(other->oid) || other->oid == oid ||
			pg_atomic_read_u32(&other->starving) == 0)
			continue;
		for (int j = 0; j < weir_max_workers; j++)
			theirs += pg_atomic_read_u32(&Weir->workers[j].state) != WORKER_FREE &&
				Weir->workers[j].database == other->oid;
		owed += Max(0, share - theirs);
	}
	return nfree > owed;
}

/*
 * Claims a free slot for a worker of that role; NULL if none can be had.
 */
WeirWorker *
worker_slot_claim(Oid database, Oid role)
{
	WeirWorker *claimed = NULL;

	LWLockAcquire(WeirLockWorkers, LW_EXCLUSIVE);
	if (worker_slot_may_claim(database))
	{
		for (int i = 0; i < weir_max_workers && !claimed; i++)
		{
			if (pg_atomic_read_u32(&Weir->workers[i].state) == WORKER_FREE)
				claimed = &Weir->workers[i];
		}
	}
	if (claimed)
	{
		claimed->generation++;
		claimed->database = database;
		claimed->role = role;
		claimed->pid = 0;
		claimed->terminated = false;
		claimed->never_ready = false;
		claimed->procno = -1;
		claimed->task_id = 0;
		claimed->started_at = 0;
		claimed->cancel_task = 0;
		claimed->stop_at = 0;
		claimed->stopped = false;
		pg_atomic_write_u64(&claimed->yield_task, 0);
		inbox_reset(claimed);
		outbox_reset(claimed);
		pg_atomic_write_u32(&claimed->leave, 0);
		worker_slot_set_state(claimed, WORKER_STARTING);
	}
	LWLockRelease(WeirLockWorkers);
	return claimed;
}

/*
 * Frees the slot of a process that is gone or never came.
 */
void
worker_slot_free(WeirWorker *worker)
{
	LWLockAcquire(WeirLockWorkers, LW_EXCLUSIVE);
	worker->database = InvalidOid;
	worker->role = InvalidOid;
	worker->pid = 0;
	worker->procno = -1;
	inbox_reset(worker);
	worker_slot_set_state(worker, WORKER_FREE);
	LWLockRelease(WeirLockWorkers);
}

/*
 * Gives up a process that has not come, or is known to have stopped on the
 * way: its slot is as good as left, and closed to it.  False if it has come
 * meanwhile.
 */
bool
worker_slot_give_up(WeirWorker *worker, bool stopped)
{
	bool		given_up;

	LWLockAcquire(WeirLockWorkers, LW_EXCLUSIVE);
	given_up = pg_atomic_read_u32(&worker->state) == WORKER_STARTING &&
		(stopped || worker->pid == 0);
	if (given_up)
	{
		worker->never_ready = true;
		worker_slot_set_state(worker, WORKER_GONE);
	}
	LWLockRelease(WeirLockWorkers);
	return given_up;
}

/*
 * Tells a worker to leave when it is idle.
 */
void
worker_slot_dismiss(WeirWorker *worker)
{
	pg_atomic_write_u32(&worker->leave, 1);
	worker_slot_wake(worker);
}

void
worker_slot_wake(WeirWorker *worker)
{
	int			procno;

	/* the inbox is written before we look who reads it */
	pg_memory_barrier();
	procno = worker->procno;
	if (procno >= 0)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

/*
 * Makes the workers of a database leave: by themselves when they are idle, or
 * terminated, which rolls their task back.  Says how many are still there,
 * and writes their processes into pids, which has room for all.
 *
 * "orphaned" says that there is no scheduler and will be none meanwhile: then
 * slots whose process has not come are taken from it.  What they and those
 * that go now had in hand is found there by the next scheduler.
 */
int
worker_slot_evict(Oid database, bool orphaned, EvictForce force, pid_t *pids)
{
	int			n = 0;

	LWLockAcquire(WeirLockWorkers, LW_EXCLUSIVE);
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];
		WorkerState state = pg_atomic_read_u32(&worker->state);

		if (worker->database != database || worker->pid == MyProcPid ||
			state == WORKER_FREE || state == WORKER_GONE)
			continue;
		if (worker->pid == 0)
		{
			if (orphaned && state == WORKER_STARTING)
			{
				worker->terminated = true;
				worker_slot_set_state(worker, WORKER_GONE);
			}
			continue;
		}
		pids[n++] = worker->pid;
		worker_slot_dismiss(worker);
		if (force == EVICT_ALL ||
			(force == EVICT_BUSY && worker->task_id != 0))
			kill(worker->pid, SIGTERM);
	}
	LWLockRelease(WeirLockWorkers);
	return n;
}

/*
 * Frees the slots of a database that is gone, or has lost its extension.
 */
void
worker_slot_forget_database(Oid database)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database == database &&
			pg_atomic_read_u32(&worker->state) == WORKER_GONE)
			worker_slot_free(worker);
	}
}

/*
 * Names the current use of a slot in the argument of its process.
 */
Datum
worker_slot_datum(WeirWorker *worker)
{
	return Int32GetDatum((int32) ((worker->generation & 0xFFFFF) << 11 |
								  (worker - Weir->workers)));
}

/*
 * The slot that such an argument names.
 */
WeirWorker *
worker_slot_from_datum(Datum datum)
{
	int			slot = DatumGetInt32(datum) & 0x7FF;

	return slot < weir_max_workers ? &Weir->workers[slot] : NULL;
}

/*
 * Enters this process into the slot that was claimed for it.  False if the
 * slot is meanwhile used otherwise.
 */
bool
worker_slot_attach(WeirWorker *worker, Datum datum)
{
	bool		mine;

	LWLockAcquire(WeirLockWorkers, LW_EXCLUSIVE);
	mine = worker_slot_datum(worker) == datum && worker->pid == 0 &&
		pg_atomic_read_u32(&worker->state) == WORKER_STARTING;
	if (mine)
		worker->pid = MyProcPid;
	LWLockRelease(WeirLockWorkers);
	return mine;
}

/*
 * This worker is connected and can be woken.
 */
void
worker_slot_ready(WeirWorker *worker)
{
	LWLockAcquire(WeirLockWorkers, LW_EXCLUSIVE);
	worker->procno = MyProcNumber;
	worker_slot_set_state(worker, WORKER_IDLE);
	LWLockRelease(WeirLockWorkers);
	database_wake(database_mine());
}

/*
 * Leaves the slot to the scheduler, which frees it.
 */
void
worker_slot_detach(WeirWorker *worker, bool terminated)
{
	LWLockAcquire(WeirLockWorkers, LW_EXCLUSIVE);
	worker->procno = -1;
	worker->terminated = terminated;
	worker->never_ready =
		pg_atomic_read_u32(&worker->state) == WORKER_STARTING;
	worker_slot_set_state(worker, WORKER_GONE);
	LWLockRelease(WeirLockWorkers);
}

/*
 * Since when the worker has been executing the attempt that it is at; 0 if it
 * is at none.
 */
TimestampTz
worker_slot_busy_since(WeirWorker *worker)
{
	TimestampTz since;

	SpinLockAcquire(&worker->mutex);
	since = worker->task_id != 0 ? worker->started_at : 0;
	SpinLockRelease(&worker->mutex);
	return since;
}

/*
 * The task whose attempt the worker executes, and which attempt; 0 if none.
 */
int64
worker_slot_executes(WeirWorker *worker, int32 *attempt)
{
	int64		task_id;

	SpinLockAcquire(&worker->mutex);
	task_id = worker->task_id;
	*attempt = worker->attempt;
	SpinLockRelease(&worker->mutex);
	return task_id;
}

/*
 * The attempt has been seen to wait for a lock for so long, in us.
 */
void
worker_slot_add_lock_wait(WeirWorker *worker, int64 task_id, int32 attempt,
						  int64 time)
{
	SpinLockAcquire(&worker->mutex);
	if (worker->task_id == task_id && worker->attempt == attempt)
		worker->lock_wait += time;
	SpinLockRelease(&worker->mutex);
}

/*
 * Publishes the attempt that this worker is about to execute.
 */
void
worker_slot_begin(WeirWorker *worker, const Assignment *assignment)
{
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&worker->mutex);
	worker->task_id = assignment->task_id;
	worker->attempt = assignment->attempt;
	worker->started_at = now;
	worker->done = 0;
	worker->total = 0;
	worker->lock_wait = 0;
	worker->stop_at = 0;
	worker->stopped = false;
	worker->note[0] = '\0';
	SpinLockRelease(&worker->mutex);
	worker_slot_set_state(worker, WORKER_BUSY);
}

/*
 * The attempt is over.  A request to cancel it stays: if the attempt has not
 * ended the task the scheduler looks for it.
 */
void
worker_slot_end(WeirWorker *worker)
{
	SpinLockAcquire(&worker->mutex);
	worker->task_id = 0;
	worker->stop_at = 0;
	SpinLockRelease(&worker->mutex);
	worker_slot_set_state(worker, WORKER_IDLE);
}

/*
 * Is the attempt in execution to be cancelled, why, and who asked?
 */
CancelCause
worker_slot_cancelled(WeirWorker *worker, Oid *actor)
{
	CancelCause cause = CANCEL_NONE;

	SpinLockAcquire(&worker->mutex);
	if (worker->cancel_task != 0 && worker->cancel_task == worker->task_id &&
		worker->cancel_attempt == worker->attempt)
	{
		cause = worker->cancel_cause;
		*actor = worker->cancel_actor;
	}
	SpinLockRelease(&worker->mutex);
	return cause;
}

/*
 * The worker that has the task in hand, or NULL.  What it says can be out of
 * date when the caller looks at it.
 */
WeirWorker *
worker_slot_holding(Oid database, int64 task_id, int32 *attempt)
{
	const Assignment *assignment;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database != database ||
			pg_atomic_read_u32(&worker->state) == WORKER_FREE)
			continue;
		for (int from = 0; (assignment = inbox_in_hand(worker, &from)) != NULL;)
		{
			if (assignment->task_id == task_id)
			{
				*attempt = assignment->attempt;
				return worker;
			}
		}
	}
	return NULL;
}

/*
 * Asks the task, which the worker has in hand, to yield, and no other one; none
 * if it is 0.
 */
void
worker_slot_ask_to_yield(WeirWorker *worker, int64 task_id)
{
	pg_atomic_write_u64(&worker->yield_task, (uint64) task_id);
}

/*
 * Is the task asked to yield?
 */
bool
worker_slot_is_to_yield(WeirWorker *worker, int64 task_id)
{
	return pg_atomic_read_u64(&worker->yield_task) == (uint64) task_id;
}

/*
 * Has the worker end the attempt, which it is executing, for a daily task; false
 * if it is not, or is to cancel it anyway.
 */
bool
worker_slot_preempt(Oid database, int64 task_id, int64 for_task)
{
	int32		attempt;
	WeirWorker *worker = worker_slot_holding(database, task_id, &attempt);
	bool		preempted;

	if (worker == NULL)
		return false;
	SpinLockAcquire(&worker->mutex);
	preempted = worker->task_id == task_id && worker->attempt == attempt &&
		worker->pid != 0 &&
		!(worker->cancel_task == task_id && worker->cancel_attempt == attempt &&
		  worker->cancel_cause != CANCEL_PREEMPTED);
	if (preempted)
	{
		worker->cancel_task = task_id;
		worker->cancel_attempt = attempt;
		worker->cancel_cause = CANCEL_PREEMPTED;
		worker->cancel_actor = InvalidOid;
		worker->cancel_for = for_task;
		kill(worker->pid, SIGINT);
	}
	SpinLockRelease(&worker->mutex);
	return preempted;
}

/*
 * Asks the worker that has the task in hand to cancel it.  The request names
 * the attempt, so that a worker which has moved on ignores it, and one that
 * has not begun it yet sees it when it does.
 */
bool
worker_slot_cancel(Oid database, int64 task_id, CancelCause cause, Oid actor)
{
	int32		attempt;
	WeirWorker *worker = worker_slot_holding(database, task_id, &attempt);
	TimestampTz now = GetCurrentTimestamp();
	bool		ends;

	if (worker == NULL)
		return false;
	SpinLockAcquire(&worker->mutex);
	/* what somebody has asked for is not to become a mere interruption */
	ends = worker->cancel_task == task_id &&
		worker->cancel_attempt == attempt &&
		worker->cancel_cause == CANCEL_REQUESTED;
	/* one that has run in a batch must not hide what asks for the current one */
	if ((worker->task_id == 0 || worker->task_id == task_id ||
		 worker->cancel_task != worker->task_id) &&
		(cause == CANCEL_REQUESTED || !ends))
	{
		worker->cancel_task = task_id;
		worker->cancel_attempt = attempt;
		worker->cancel_cause = cause;
		worker->cancel_actor = actor;
	}
	/* under the mutex: a later signal could hit the worker's next task */
	if (worker->task_id == task_id && worker->attempt == attempt &&
		worker->pid != 0)
	{
		if (cause == CANCEL_REQUESTED)
			overrun_expect(worker, now);
		kill(worker->pid, SIGINT);
	}
	SpinLockRelease(&worker->mutex);
	return true;
}

/*
 * Terminates the process that executes the task: its cancel was of no use.
 */
void
worker_slot_terminate(Oid database, int64 task_id)
{
	int32		attempt;
	WeirWorker *worker = worker_slot_holding(database, task_id, &attempt);

	if (worker == NULL)
		return;
	SpinLockAcquire(&worker->mutex);
	if (worker->task_id == task_id && worker->attempt == attempt &&
		worker->pid != 0)
		kill(worker->pid, SIGTERM);
	SpinLockRelease(&worker->mutex);
}

/*
 * Was the attempt of a worker that is gone to be cancelled?
 */
bool
worker_slot_was_cancelled(const WeirWorker *worker, int64 task_id,
						  int32 attempt)
{
	return worker->cancel_task == task_id &&
		worker->cancel_attempt == attempt &&
		(worker->cancel_cause == CANCEL_REQUESTED ||
		 worker->cancel_cause == CANCEL_GROUP);
}
