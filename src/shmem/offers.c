/*-------------------------------------------------------------------------
 *
 * offers.c
 *	  Tasks that may be shed, on their way from the scheduler to sessions.
 *
 * The scheduler alone knows which tasks wait in a queue, and offers those that
 * are to go first.  A session that finds the queue full takes one, and ends it
 * in its own transaction.  From then on the scheduler leaves the task alone,
 * until that transaction tells it that it is over, one way or the other.
 *
 * An offer is a hint.  The task may have started, or somebody else may be
 * ending it: the key of its run decides, as for a task that is cancelled.
 *
 * An offer is one word, so that taking it is one atomic operation: the id of
 * the task, its class, and whether it has been taken.  The scheduler clears
 * those that have been when it has seen them.
 *
 * Tasks may have come since the offers were made, of a lower class.  They are
 * right only as of the messages that the scheduler had read by then; who finds
 * that there are more asks first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "shmem/offers.h"

#define OFFER_TAKEN		UINT64CONST(1)
#define OFFER_NOTHING	POLICY_NUM_CLASSES	/* in the place of a class */

static uint64
offer_pack(int64 task_id, PolicyClass klass)
{
	return (uint64) task_id << 4 | (uint64) klass << 1;
}

static int64
offer_task(uint64 offer)
{
	return (int64) (offer >> 4);
}

static PolicyClass
offer_class(uint64 offer)
{
	return (PolicyClass) (offer >> 1 & 7);
}

void
offers_init(QueueSlot *slot)
{
	for (int i = 0; i < POLICY_MAX_SHED; i++)
		pg_atomic_init_u64(&slot->offers[i], 0);
	pg_atomic_init_u64(&slot->offers_asked, 0);
	pg_atomic_init_u64(&slot->offers_answered, 0);
	pg_atomic_init_u64(&slot->offers_read, 0);
	pg_atomic_init_u32(&slot->offers_lowest, OFFER_NOTHING);
	pg_atomic_init_u32(&slot->offers_capacity, 0);
	slot->offering = false;
	pg_atomic_init_u64(&slot->shed, 0);
}

/*
 * Puts the n-th offer in the place of the one before, unless that has been
 * taken: offers_collect() is to find it.
 */
static void
offer_put(QueueSlot *slot, int n, uint64 offer)
{
	uint64		before = pg_atomic_read_u64(&slot->offers[n]);

	if ((before & OFFER_TAKEN) == 0 && before != offer)
		(void) pg_atomic_compare_exchange_u64(&slot->offers[n], &before, offer);
}

/*
 * For the scheduler: nothing is to be shed now.
 */
void
offers_withdraw(QueueSlot *slot)
{
	for (int i = 0; i < POLICY_MAX_SHED; i++)
		offer_put(slot, i, 0);
	slot->offering = false;
}

/*
 * Takes the first task that is offered, if it is of the class or a lower one;
 * zero if there is none.
 */
int64
offers_take(QueueSlot *slot, PolicyClass klass)
{
	for (int i = 0; i < POLICY_MAX_SHED; i++)
	{
		uint64		offer = pg_atomic_read_u64(&slot->offers[i]);

		if (offer != 0 && (offer & OFFER_TAKEN) == 0 &&
			offer_class(offer) >= klass &&
			pg_atomic_compare_exchange_u64(&slot->offers[i], &offer,
										   offer | OFFER_TAKEN))
			return offer_task(offer);
	}
	return 0;
}

/*
 * Asks for offers as long as the queue is full.  The caller wakes the
 * scheduler.
 */
uint64
offers_ask(QueueSlot *slot, uint32 capacity)
{
	pg_atomic_write_u32(&slot->offers_capacity, capacity);
	return pg_atomic_add_fetch_u64(&slot->offers_asked, 1);
}

/*
 * The scheduler's answer to that question, for a task of the class.
 */
OffersAnswer
offers_answer(QueueSlot *slot, uint64 ticket, PolicyClass klass)
{
	uint32		lowest;

	if (pg_atomic_read_u64(&slot->offers_answered) < ticket)
		return OFFERS_NOT_YET;
	pg_read_barrier();
	lowest = pg_atomic_read_u32(&slot->offers_lowest);
	return lowest == OFFER_NOTHING || lowest < (uint32) klass ?
		OFFERS_NONE : OFFERS_MADE;
}

/*
 * For the scheduler: a task that has been taken since it asked last; zero if
 * there is no other.
 */
int64
offers_collect(QueueSlot *slot)
{
	for (int i = 0; i < POLICY_MAX_SHED; i++)
	{
		uint64		offer = pg_atomic_read_u64(&slot->offers[i]);

		if ((offer & OFFER_TAKEN) == 0)
			continue;
		pg_atomic_write_u64(&slot->offers[i], 0);
		return offer_task(offer);
	}
	return 0;
}

/*
 * For the scheduler, which has read so many messages: offers these tasks, in
 * their order, in the place of those that were, and answers so many questions.
 */
void
offers_make(QueueSlot *slot, uint64 asked, uint64 read, const PolicyShed *shed,
			int n)
{
	for (int i = 0; i < POLICY_MAX_SHED; i++)
		offer_put(slot, i,
				  i < n ? offer_pack(shed[i].task_id, shed[i].klass) : 0);
	pg_atomic_write_u32(&slot->offers_lowest,
						n > 0 ? shed[0].klass : OFFER_NOTHING);
	pg_atomic_write_u64(&slot->offers_read, read);
	pg_write_barrier();
	pg_atomic_write_u64(&slot->offers_answered, asked);
	slot->offering = n > 0;
}
