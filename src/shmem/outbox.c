/*-------------------------------------------------------------------------
 *
 * outbox.c
 *	  What a worker reports: completions, announced when they are durable.
 *
 * A completion is put into the outbox, a ring, when its transaction has
 * committed.  It is announced - the depth of the queue goes down, who waits
 * is woken, the scheduler sees it - when the commit is on disk.  Mostly that
 * is the same moment.  But with durability 'grouped' the commit does not
 * flush: then completions are held back until one flush serves them all.
 *
 * The worker flushes when it has many and nobody else does, or when it has
 * nothing else to do; the scheduler does so in its place when the worker is
 * busy with something long.  Who moves the head, under the mutex, announces
 * what lies before it.  An entry is written again only after the scheduler has
 * taken it in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inbox.h"
#include "shmem/outbox.h"

/* A worker with more in its inbox does not ask for more */
#define INBOX_LOW	2

void
outbox_init(WeirWorker *worker)
{
	pg_atomic_init_u64(&worker->outbox_written, 0);
	pg_atomic_init_u64(&worker->outbox_head, 0);
	pg_atomic_init_u64(&worker->outbox_tail, 0);
	pg_atomic_init_u64(&worker->outbox_lsn, InvalidXLogRecPtr);
}

/*
 * Empties it.  The slot has no process.
 */
void
outbox_reset(WeirWorker *worker)
{
	pg_atomic_write_u64(&worker->outbox_written, 0);
	pg_atomic_write_u64(&worker->outbox_head, 0);
	pg_atomic_write_u64(&worker->outbox_tail, 0);
	pg_atomic_write_u64(&worker->outbox_lsn, InvalidXLogRecPtr);
}

static Completion *
outbox_entry(WeirWorker *worker, uint64 position)
{
	return &worker->outbox[position % WEIR_INBOX_SIZE];
}

/*
 * Puts a completion in.  Called after commit, too: cannot fail.  There are as
 * many places as assignments, so there is one free.
 */
void
outbox_put(WeirWorker *worker, const Completion *completion)
{
	uint64		written = pg_atomic_read_u64(&worker->outbox_written);

	*outbox_entry(worker, written) = *completion;
	if (completion->duration == 0)
		outbox_entry(worker, written)->duration =
			GetCurrentTimestamp() - worker->started_at;
	if (completion->lsn != InvalidXLogRecPtr)
		pg_atomic_write_u64(&worker->outbox_lsn, completion->lsn);
	pg_write_barrier();
	pg_atomic_write_u64(&worker->outbox_written, written + 1);
}

/*
 * The number of completions that are not announced yet.
 */
int
outbox_held_back(WeirWorker *worker)
{
	return (int) (pg_atomic_read_u64(&worker->outbox_written) -
				  pg_atomic_read_u64(&worker->outbox_head));
}

/*
 * The position of the first of them.
 */
uint64
outbox_first_held_back(WeirWorker *worker)
{
	return pg_atomic_read_u64(&worker->outbox_head);
}

/*
 * Takes it upon this process to announce those completions that are on disk,
 * in their order: says from where to where.
 */
static void
outbox_claim(WeirWorker *worker, uint64 *first, uint64 *end)
{
	XLogRecPtr	flushed = InvalidXLogRecPtr;
	uint64		written;

	if (pg_atomic_read_u64(&worker->outbox_lsn) != InvalidXLogRecPtr)
		flushed = GetFlushRecPtr(NULL);
	SpinLockAcquire(&worker->mutex);
	*first = *end = pg_atomic_read_u64(&worker->outbox_head);
	written = pg_atomic_read_u64(&worker->outbox_written);
	pg_read_barrier();
	while (*end < written && outbox_entry(worker, *end)->lsn <= flushed)
		(*end)++;
	pg_atomic_write_u64(&worker->outbox_head, *end);
	SpinLockRelease(&worker->mutex);
}

/*
 * Gives back the depth of what has ended, and wakes who waits for that.
 */
static void
outbox_end_tasks(WeirWorker *worker, WeirDatabase *database, uint64 first,
				 uint64 end)
{
	bool		ended = false;

	while (first < end)
	{
		QueueSlot  *slot = outbox_entry(worker, first)->ended;
		uint32		n = 0;

		for (; first < end && outbox_entry(worker, first)->ended == slot; first++)
			n++;
		if (slot == NULL)
			continue;
		depth_end(slot, n);
		ended = true;
	}
	if (ended && pg_atomic_read_u32(&database->finish_waiters) > 0)
		ConditionVariableBroadcast(&database->finished);
}

/*
 * Announces what is on disk.  The scheduler is not woken by good news as long
 * as the worker has enough in its inbox to go on with: then a later completion
 * does that.  Called after commit, too: cannot fail.
 */
void
outbox_announce(WeirWorker *worker)
{
	WeirDatabase *database = database_mine();
	bool		urgent = false;
	uint64		first;
	uint64		end;

	outbox_claim(worker, &first, &end);
	if (first == end || database == NULL)
		return;
	outbox_end_tasks(worker, database, first, end);
	for (uint64 i = first; i < end && !urgent; i++)
		urgent = outbox_entry(worker, i)->kind != COMPLETION_FINAL;
	if (urgent || inbox_unread(worker) <= Max(INBOX_LOW, end - first))
		database_wake(database);
}

/*
 * Flushes what is held back, and announces it.
 */
void
outbox_flush(WeirWorker *worker)
{
	if (outbox_held_back(worker) == 0)
		return;
	XLogFlush(pg_atomic_read_u64(&worker->outbox_lsn));
	outbox_announce(worker);
}

/*
 * Announces what somebody's flush has brought to disk meanwhile; if that is
 * nothing, flushes.  But while somebody writes the log this worker goes on with
 * its tasks: it would only wait, and the next flush may serve it, too.
 */
void
outbox_flush_in_turn(WeirWorker *worker)
{
	uint64		first = outbox_first_held_back(worker);

	outbox_announce(worker);
	if (outbox_first_held_back(worker) != first ||
		!LWLockConditionalAcquire(WALWriteLock, LW_EXCLUSIVE))
		return;
	LWLockRelease(WALWriteLock);
	outbox_flush(worker);
}

/*
 * Has the scheduler taken in all that is announced?
 */
bool
outbox_is_taken(WeirWorker *worker)
{
	return pg_atomic_read_u64(&worker->outbox_tail) ==
		pg_atomic_read_u64(&worker->outbox_head);
}

/*
 * Takes the next completion out.
 */
bool
outbox_take(WeirWorker *worker, Completion *completion)
{
	uint64		tail = pg_atomic_read_u64(&worker->outbox_tail);

	if (tail == pg_atomic_read_u64(&worker->outbox_head))
		return false;
	pg_read_barrier();
	*completion = *outbox_entry(worker, tail);
	pg_memory_barrier();
	pg_atomic_write_u64(&worker->outbox_tail, tail + 1);
	return true;
}
