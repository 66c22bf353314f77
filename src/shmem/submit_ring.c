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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "shmem/submit_ring.h"

void
submit_ring_init(SubmitRing *ring)
{
	SpinLockInit(&ring->mutex);
	ring->head = 0;
	ring->tail = 0;
	pg_atomic_init_u32(&ring->credit, 0);
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
