/*-------------------------------------------------------------------------
 *
 * depth.c
 *	  The depth of queues: exact reservations against a capacity.
 *
 * Depth counts the unfinished tasks of a queue, those of running transactions
 * included.  It goes up when a task is written (and down again if that
 * transaction or savepoint aborts) and down when the transaction that ends
 * the task has committed.  The compare-and-exchange below never lets it pass
 * the capacity, whatever the number of producers.
 *
 * A slot is bound to its queue for good while the server runs, unless an
 * unused one (depth zero, nobody waiting) is needed for another queue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "shmem/budget_figures.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/offers.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

void
depth_init(WeirDatabase *database)
{
	for (int i = 0; i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &database->queues[i];

		slot->queue = 0;
		pg_atomic_init_u32(&slot->depth, 0);
		pg_atomic_init_u32(&slot->waiters, 0);
		pg_atomic_init_u32(&slot->draining, 0);
		pg_atomic_init_u64(&slot->refused, 0);
		pg_atomic_init_u64(&slot->waited, 0);
		pg_atomic_init_u64(&slot->wait_time, 0);
		pg_atomic_init_u32(&slot->awaited, 0);
		pg_atomic_init_u32(&slot->high, 0);
		pg_atomic_init_u32(&slot->shut, 0);
		pg_atomic_init_u32(&slot->ready, 0);
		pg_atomic_init_u32(&slot->delayed, 0);
		pg_atomic_init_u32(&slot->blocked, 0);
		pg_atomic_init_u32(&slot->running, 0);
		pg_atomic_init_u64(&slot->last_end, 0);
		pg_atomic_init_u64(&slot->gap, 0);
		pg_atomic_init_u64(&slot->longest, 0);
		pg_atomic_init_u64(&slot->likely, 0);
		ConditionVariableInit(&slot->room);
		offers_init(slot);
		budget_figures_init(&slot->budget);
		ramp_figures_init(&slot->ramp);
	}
}

/*
 * A slot starts without a past.
 */
static void
depth_reset(QueueSlot *slot)
{
	pg_atomic_write_u64(&slot->refused, 0);
	pg_atomic_write_u64(&slot->waited, 0);
	pg_atomic_write_u64(&slot->wait_time, 0);
	pg_atomic_write_u32(&slot->awaited, 0);
	pg_atomic_write_u32(&slot->high, 0);
	pg_atomic_write_u32(&slot->shut, 0);
	pg_atomic_write_u64(&slot->oldest_at, 0);
	pg_atomic_write_u64(&slot->last_end, 0);
	pg_atomic_write_u64(&slot->gap, 0);
	pg_atomic_write_u64(&slot->longest, 0);
	pg_atomic_write_u64(&slot->likely, 0);
	pg_atomic_write_u32(&slot->ready, 0);
	pg_atomic_write_u32(&slot->delayed, 0);
	pg_atomic_write_u32(&slot->blocked, 0);
	pg_atomic_write_u32(&slot->running, 0);
	pg_atomic_write_u64(&slot->shed, 0);
	pg_atomic_write_u64(&slot->ramp.began_at, 0);
	offers_withdraw(slot);
	budget_figures_clear(&slot->budget);
}

/*
 * Sets all depths to zero: the ledger is going to be counted from nothing.
 * Slots stay bound, since sessions may wait at them.  What transactions that
 * are under way have reserved is forgotten; depth_give_back() knows.
 */
void
depth_clear(WeirDatabase *database)
{
	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	for (int i = 0; i < weir_max_queues; i++)
	{
		pg_atomic_write_u32(&database->queues[i].depth, 0);
		depth_reset(&database->queues[i]);
	}
	LWLockRelease(database->lock);
}

/*
 * Finds the slot of a queue; NULL if it has none.
 */
QueueSlot *
depth_find(WeirDatabase *database, int32 queue)
{
	QueueSlot  *found = NULL;

	LWLockAcquire(database->lock, LW_SHARED);
	for (int i = 0; i < weir_max_queues && !found; i++)
	{
		if (database->queues[i].queue == queue)
			found = &database->queues[i];
	}
	LWLockRelease(database->lock);
	return found;
}

/*
 * Takes a slot away from another queue, unless it is used.  Who reserves in it
 * at the same time looks at its queue after that, as we look at its depth
 * after the queue, so that not both go on; see depth_require_bound().
 */
static bool
depth_rebind(QueueSlot *slot, int32 queue)
{
	int32		before = slot->queue;

	slot->queue = queue;
	pg_memory_barrier();
	if (pg_atomic_read_u32(&slot->depth) == 0 &&
		pg_atomic_read_u32(&slot->waiters) == 0 &&
		pg_atomic_read_u32(&slot->draining) == 0)
	{
		depth_reset(slot);
		return true;
	}
	slot->queue = before;
	return false;
}

/*
 * Binds a slot to a queue: one that is free, or else one that is not used.
 * The caller holds the database lock exclusively.
 */
static QueueSlot *
depth_bind(WeirDatabase *database, int32 queue)
{
	Assert(LWLockHeldByMeInMode(database->lock, LW_EXCLUSIVE));
	for (int i = 0; i < weir_max_queues; i++)
	{
		if (database->queues[i].queue == queue)
			return &database->queues[i];
	}
	for (int i = 0; i < weir_max_queues; i++)
	{
		if (database->queues[i].queue == 0 &&
			depth_rebind(&database->queues[i], queue))
			return &database->queues[i];
	}
	for (int i = 0; i < weir_max_queues; i++)
	{
		if (depth_rebind(&database->queues[i], queue))
			return &database->queues[i];
	}
	return NULL;
}

static void
depth_refuse(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("too many queues are in use"),
			 errhint("Raise \"%s\" and restart the server.",
					 "weir.max_queues")));
}

/*
 * Finds or makes the slot of a queue; NULL if there is none left.
 */
QueueSlot *
depth_try_slot(WeirDatabase *database, int32 queue)
{
	QueueSlot  *slot = depth_find(database, queue);

	if (slot == NULL)
	{
		LWLockAcquire(database->lock, LW_EXCLUSIVE);
		slot = depth_bind(database, queue);
		LWLockRelease(database->lock);
	}
	return slot;
}

/*
 * The same, refusing.
 */
QueueSlot *
depth_slot(WeirDatabase *database, int32 queue)
{
	QueueSlot  *slot = depth_try_slot(database, queue);

	if (slot == NULL)
		depth_refuse();
	return slot;
}

/*
 * After a reservation: refuses if the slot has become another queue's since
 * it was found, which happens only when all are in use.
 */
void
depth_require_bound(const QueueSlot *slot, int32 queue)
{
	pg_memory_barrier();
	if (slot->queue != queue)
		depth_refuse();
}

/*
 * Adds n to the depth unless that would exceed the capacity.
 */
bool
depth_reserve(QueueSlot *slot, uint32 n, uint32 capacity)
{
	uint32		depth = pg_atomic_read_u32(&slot->depth);

	for (;;)
	{
		if (n > capacity || depth > capacity - n)
			return false;
		if (pg_atomic_compare_exchange_u32(&slot->depth, &depth, depth + n))
			return true;
	}
}

/*
 * Takes n off the depth and wakes who waits for room.  Called at the end of
 * transactions: it cannot fail.  The depth does not pass below zero: it may
 * have been counted anew since it went up, which a reservation of a
 * transaction under way does not survive.
 */
void
depth_give_back(QueueSlot *slot, uint32 n)
{
	uint32		depth = pg_atomic_read_u32(&slot->depth);

	while (!pg_atomic_compare_exchange_u32(&slot->depth, &depth,
										   depth - Min(depth, n)))
		;
	/* who drains the queue waits for the last one */
	if (pg_atomic_read_u32(&slot->waiters) > 0 ||
		(depth <= n && pg_atomic_read_u32(&slot->draining) > 0))
		ConditionVariableBroadcast(&slot->room);
	if (pg_atomic_read_u32(&slot->awaited) > 0 && database_mine() != NULL)
		database_wake(database_mine());
}

/*
 * Takes ended tasks off the depth, and keeps the pace at which they end.  The
 * pace is an estimate: processes may overwrite each other's.
 */
void
depth_end(QueueSlot *slot, uint32 n)
{
	uint64		now = (uint64) GetCurrentTimestamp();
	uint64		last = pg_atomic_exchange_u64(&slot->last_end, now);
	uint64		gap = pg_atomic_read_u64(&slot->gap);

	if (last != 0 && now > last)
		pg_atomic_write_u64(&slot->gap, gap == 0 ? (now - last) / n :
							(7 * gap + (now - last) / n) / 8);
	depth_give_back(slot, n);
}

/*
 * When a refused producer should try again, ms: about when the next task
 * ends.
 */
int64
depth_retry_after(QueueSlot *slot)
{
	int64		gap = (int64) pg_atomic_read_u64(&slot->gap) / 1000;

	return gap == 0 ? 1000 : Min(Max(gap, 10), 60000);
}

/*
 * For how long the oldest task of the queue that the scheduler knows has not
 * ended, ms; -1 if it knows none.
 */
int64
depth_oldest_age(QueueSlot *slot)
{
	TimestampTz oldest_at = (TimestampTz) pg_atomic_read_u64(&slot->oldest_at);

	return oldest_at == 0 ? -1 :
		TimestampDifferenceMilliseconds(oldest_at, GetCurrentTimestamp());
}

/*
 * Sets the depth as it was counted in the ledger.
 */
void
depth_seed(QueueSlot *slot, uint32 n)
{
	pg_atomic_write_u32(&slot->depth, n);
}
