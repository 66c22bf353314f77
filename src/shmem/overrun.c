/*-------------------------------------------------------------------------
 *
 * overrun.c
 *	  Attempts that run on though they are to end.
 *
 * A command can catch its cancellation, by weir.cancel() or when its time is
 * up, and go on.  After GRACE_US the scheduler terminates its process, which
 * nothing can catch, and finds in the slot that it has done so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "utils/timestamp.h"

#include "shmem/overrun.h"
#include "shmem/settings.h"

/* How long a command may take to obey, and the process that is terminated */
#define GRACE_US	INT64CONST(10000000)

/*
 * The attempt in execution is to end then.  The caller holds the mutex.
 */
void
overrun_expect(WeirWorker *worker, TimestampTz end)
{
	if (worker->stop_at == 0 || end + GRACE_US < worker->stop_at)
		worker->stop_at = end + GRACE_US;
}

/*
 * The same, for the worker.
 */
void
overrun_limit(WeirWorker *worker, TimestampTz end)
{
	SpinLockAcquire(&worker->mutex);
	overrun_expect(worker, end);
	SpinLockRelease(&worker->mutex);
}

/*
 * The command has ended: what is left is ours, and is not to be terminated.
 */
void
overrun_over(WeirWorker *worker)
{
	SpinLockAcquire(&worker->mutex);
	worker->stop_at = 0;
	SpinLockRelease(&worker->mutex);
}

/*
 * Terminates the processes of attempts that have run on for too long; returns
 * when there is something to be done again, DT_NOEND if nothing is known.
 * Who gets a limit later wakes the scheduler when it is reached.
 */
TimestampTz
overrun_review(Oid database, TimestampTz now)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		/* most have none: without the lock */
		if (worker->database != database || worker->stop_at == 0)
			continue;
		SpinLockAcquire(&worker->mutex);
		/* one that has left has perhaps no process any more */
		if (worker->stop_at != 0 &&
			pg_atomic_read_u32(&worker->state) == WORKER_BUSY)
		{
			if (worker->stop_at <= now)
			{
				worker->stopped = true;
				worker->stop_at = now + GRACE_US;
				kill(worker->pid, SIGTERM);
			}
			next = Min(next, worker->stop_at);
		}
		SpinLockRelease(&worker->mutex);
	}
	return next;
}

/*
 * Did the worker, which is gone or NULL, execute the task when it was
 * terminated for that?
 */
bool
overrun_stopped(const WeirWorker *worker, int64 task_id)
{
	return worker != NULL && worker->stopped && worker->task_id == task_id;
}
