/*-------------------------------------------------------------------------
 *
 * submit_ring.c
 *	  Messages from sessions to the scheduler of their database.
 *
 * A post happens after the poster's commit, where nothing may fail, wait or
 * allocate.  So the place in the ring is promised before: a producer takes
 * one credit per message while it still can be refused, and there are never
 * more credits out than places.
 *
 * A message wakes the scheduler.  But tasks of a queue that is paused, or has
 * as many running as it may, cannot start: when they keep coming the scheduler
 * rests for a moment after each round, and they do not wake it meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "shmem/database.h"
#include "shmem/settings.h"
#include "shmem/submit_ring.h"
#include "shmem/waits.h"

void
submit_ring_init(SubmitRing *ring)
{
	SpinLockInit(&ring->mutex);
	ring->head = 0;
	ring->tail = 0;
	pg_atomic_init_u32(&ring->credit, 0);
	pg_atomic_init_u32(&ring->resting, 0);
	ConditionVariableInit(&ring->room);
}

/*
 * Takes the right to post one message; false if none is left.
 */
bool
submit_ring_take_credit(SubmitRing *ring)
{
	uint32		credit = pg_atomic_read_u32(&ring->credit);

	while (credit < WEIR_RING_SIZE)
	{
		if (pg_atomic_compare_exchange_u32(&ring->credit, &credit, credit + 1))
			return true;
	}
	return false;
}

/*
 * Takes it when the scheduler has read some messages.  One transaction, which
 * has "mine" credits already, may not take more than half of the ring: it could
 * wait for itself.
 */
void
submit_ring_await_credit(WeirDatabase *database, int mine)
{
	TimestampTz start = GetCurrentTimestamp();

	while (!submit_ring_take_credit(&database->ring))
	{
		if (mine >= WEIR_RING_SIZE / 2 ||
			TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
									   weir_max_wait))
		{
			ConditionVariableCancelSleep();
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("too many messages to the scheduler are pending"),
					 errdetail("This transaction has %d, and %d fit in all.",
							   mine, WEIR_RING_SIZE),
					 errhint("Enqueue many tasks with one call of weir.enqueue_many(), or commit more often.")));
		}
		database_wake(database);
		ConditionVariableTimedSleep(&database->ring.room, 100,
									wait_event(WEIR_WAIT_SUBMIT_RING));
	}
	ConditionVariableCancelSleep();
}

/*
 * Gives credits back: of messages that were read, or will never be posted.
 */
void
submit_ring_return_credit(SubmitRing *ring, uint32 n)
{
	if (n == 0)
		return;
	if (pg_atomic_fetch_sub_u32(&ring->credit, n) > WEIR_RING_SIZE / 2)
		ConditionVariableBroadcast(&ring->room);
}

/*
 * Posts a message for which the caller has a credit.  Cannot fail.
 */
void
submit_ring_post(SubmitRing *ring, const SubmitMessage *message)
{
	SpinLockAcquire(&ring->mutex);
	Assert(ring->head - ring->tail < WEIR_RING_SIZE);
	ring->entries[ring->head % WEIR_RING_SIZE] = *message;
	ring->head++;
	SpinLockRelease(&ring->mutex);
}

/*
 * Called by the scheduler, before and after it sleeps for a moment only: what
 * has no hurry does not wake it meanwhile.
 */
void
submit_ring_rest(SubmitRing *ring, bool resting)
{
	pg_atomic_write_u32(&ring->resting, resting ? 1 : 0);
	/* who has seen it resting has posted before it reads */
	pg_memory_barrier();
}

/*
 * Does it look here soon, without being woken?  Asked after a post.
 */
bool
submit_ring_rests(SubmitRing *ring)
{
	pg_memory_barrier();
	return pg_atomic_read_u32(&ring->resting) != 0;
}

/*
 * How many messages have been posted so far.
 */
uint64
submit_ring_posted(SubmitRing *ring)
{
	uint64		head;

	SpinLockAcquire(&ring->mutex);
	head = ring->head;
	SpinLockRelease(&ring->mutex);
	return head;
}

/*
 * Reads up to max messages, oldest first, and returns their credits.
 */
int
submit_ring_read(SubmitRing *ring, SubmitMessage *messages, int max)
{
	int			n = 0;

	SpinLockAcquire(&ring->mutex);
	while (n < max && ring->tail != ring->head)
	{
		messages[n++] = ring->entries[ring->tail % WEIR_RING_SIZE];
		ring->tail++;
	}
	SpinLockRelease(&ring->mutex);
	submit_ring_return_credit(ring, n);
	return n;
}
