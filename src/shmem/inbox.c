/*-------------------------------------------------------------------------
 *
 * inbox.c
 *	  What a worker has in hand: assignments from the scheduler, until their
 *	  completions are taken in.
 *
 * The scheduler puts an assignment into a place of "assigned", and the number
 * of the place into the inbox, a ring.  The worker sees it when the ring's
 * head has moved, which happens once for all that is assigned in a round: so
 * a worker is woken once, and finds together what it may execute together.
 *
 * Who moves the tail has the assignment: the worker to execute it, or the
 * scheduler to give it to somebody else.  A place is used again only after
 * that, so that what was read before the tail was moved was right.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "shmem/inbox.h"
#include "shmem/worker_slot.h"

StaticAssertDecl(WEIR_INBOX_SIZE == 64, "places are the bits of a word");

void
inbox_init(WeirWorker *worker)
{
	pg_atomic_init_u64(&worker->in_hand, 0);
	pg_atomic_init_u64(&worker->fed, 0);
	pg_atomic_init_u64(&worker->inbox_head, 0);
	pg_atomic_init_u64(&worker->inbox_tail, 0);
}

/*
 * Empties it.  The slot has no process.
 */
void
inbox_reset(WeirWorker *worker)
{
	pg_atomic_write_u64(&worker->in_hand, 0);
	pg_atomic_write_u64(&worker->fed, 0);
	memset(worker->assigned, 0, sizeof(worker->assigned));
	worker->inbox_written = 0;
	pg_atomic_write_u64(&worker->inbox_head, 0);
	pg_atomic_write_u64(&worker->inbox_tail, 0);
}

/*
 * Puts an assignment into a free place, of which there must be one.  The
 * worker does not see it before inbox_hand_over().
 */
void
inbox_assign(WeirWorker *worker, const Assignment *assignment)
{
	uint64		in_hand = pg_atomic_read_u64(&worker->in_hand);
	int			place;

	Assert(~in_hand != 0);
	place = pg_rightmost_one_pos64(~in_hand);
	worker->assigned[place] = *assignment;
	worker->assigned[place].place = place;
	pg_write_barrier();
	pg_atomic_write_u64(&worker->in_hand, in_hand | UINT64CONST(1) << place);
	worker->inbox[worker->inbox_written % WEIR_INBOX_SIZE] = place;
	worker->inbox_written++;
}

/*
 * Shows the worker what has been assigned, and wakes it if there is anything.
 */
void
inbox_hand_over(WeirWorker *worker)
{
	if (worker->inbox_written == pg_atomic_read_u64(&worker->inbox_head))
		return;
	pg_write_barrier();
	pg_atomic_write_u64(&worker->inbox_head, worker->inbox_written);
	worker_slot_wake(worker);
}

/*
 * Frees the place of an assignment that was taken back, or whose completion
 * has been taken in; says what it was unless that is NULL.
 */
void
inbox_forget(WeirWorker *worker, int place, Assignment *assignment)
{
	uint64		in_hand = pg_atomic_read_u64(&worker->in_hand);

	if (assignment)
		*assignment = worker->assigned[place];
	pg_atomic_write_u64(&worker->in_hand,
						in_hand & ~(UINT64CONST(1) << place));
	worker->assigned[place].task_id = 0;
}

/*
 * Looks at the next assignment without taking it; "position" is where it is.
 */
bool
inbox_peek(WeirWorker *worker, uint64 *position, Assignment *assignment)
{
	*position = pg_atomic_read_u64(&worker->inbox_tail);
	if (*position == pg_atomic_read_u64(&worker->inbox_head))
		return false;
	pg_read_barrier();
	*assignment = worker->assigned[worker->inbox[*position % WEIR_INBOX_SIZE]];
	return true;
}

/*
 * The task of the nth assignment that waits, counted from 0; false if there are
 * not so many.  Somebody else may take it meanwhile: no more than a hint.
 */
bool
inbox_look_ahead(WeirWorker *worker, int n, int64 *task_id)
{
	uint64		position = pg_atomic_read_u64(&worker->inbox_tail) + n;

	if (position >= pg_atomic_read_u64(&worker->inbox_head))
		return false;
	pg_read_barrier();
	*task_id = worker->assigned[worker->inbox[position % WEIR_INBOX_SIZE]].task_id;
	return true;
}

/*
 * The position behind the last assignment.
 */
uint64
inbox_end(WeirWorker *worker)
{
	return pg_atomic_read_u64(&worker->inbox_head);
}

/*
 * Takes the assignment that was seen at that position; false if somebody else
 * has.
 */
bool
inbox_take(WeirWorker *worker, uint64 position)
{
	return pg_atomic_compare_exchange_u64(&worker->inbox_tail, &position,
										  position + 1);
}

/*
 * Takes the next assignment; false if there is none.
 */
bool
inbox_next(WeirWorker *worker, Assignment *assignment)
{
	uint64		position;

	while (inbox_peek(worker, &position, assignment))
	{
		if (inbox_take(worker, position))
			return true;
	}
	return false;
}

/*
 * The number of assignments that nobody has taken out yet.
 */
int
inbox_unread(WeirWorker *worker)
{
	return (int) (pg_atomic_read_u64(&worker->inbox_head) -
				  pg_atomic_read_u64(&worker->inbox_tail));
}

/*
 * The number of assignments in the worker's hands.
 */
int
inbox_load(WeirWorker *worker)
{
	return pg_popcount64(pg_atomic_read_u64(&worker->in_hand));
}

/*
 * The next assignment in the worker's hands from that place on, which is moved
 * behind it; NULL if there is none.  For others than the scheduler it can be
 * out of date.
 */
const Assignment *
inbox_in_hand(WeirWorker *worker, int *from)
{
	uint64		in_hand = pg_atomic_read_u64(&worker->in_hand);

	if (*from < WEIR_INBOX_SIZE)
		in_hand = in_hand >> *from << *from;
	if (*from >= WEIR_INBOX_SIZE || in_hand == 0)
		return NULL;
	*from = pg_rightmost_one_pos64(in_hand) + 1;
	return &worker->assigned[*from - 1];
}
