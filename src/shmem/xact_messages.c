/*-------------------------------------------------------------------------
 *
 * xact_messages.c
 *	  What a transaction promises to tell the scheduler.
 *
 * The credit for a message is taken when it is promised, so that the post,
 * after the end of the transaction, cannot fail (submit_ring.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/offers.h"
#include "shmem/submit_ring.h"
#include "shmem/xact_list.h"

/*
 * Does the message only continue the last one with the next ids, or repeat it
 * where once is enough?
 */
static bool
message_continues(const SubmitMessage *last, const SubmitMessage *next)
{
	SubmitMessage probe = *next;

	if (next->kind == MESSAGE_FEED)
		return last->kind == MESSAGE_FEED;
	probe.first_id = last->first_id;
	probe.last_id = last->last_id;
	return (next->kind == MESSAGE_SUBMIT || next->kind == MESSAGE_READ) &&
		next->first_id == last->last_id + 1 &&
		memcmp(&probe, last, sizeof(SubmitMessage)) == 0;
}

/*
 * Takes credit for one more message.
 */
static void
message_take_credit(WeirDatabase *database)
{
	int			mine = 0;

	if (submit_ring_take_credit(&database->ring))
		return;
	for (int i = 0; i < NumXactActions; i++)
		mine += XactActions[i].kind == ACTION_MESSAGE;
	submit_ring_await_credit(database, mine);
}

/*
 * Adds the action of a message, with the credit for it.
 */
static Action *
message_promise(WeirDatabase *database, const SubmitMessage *message)
{
	Action	   *action;

	message_take_credit(database);
	PG_TRY();
	{
		action = xact_action_add(ACTION_MESSAGE, database);
	}
	PG_CATCH();
	{
		submit_ring_return_credit(&database->ring, 1);
		PG_RE_THROW();
	}
	PG_END_TRY();
	action->u.message = *message;
	NumXactActions++;
	return action;
}

/*
 * Promises a message to the scheduler, to be posted after commit.  A submit
 * that continues the previous one is merged with it.
 */
void
xact_submit(WeirDatabase *database, const SubmitMessage *message)
{
	Action	   *action;

	if (NumXactActions > 0)
	{
		/* the reservation of this very task may stand in between */
		int			i = NumXactActions - 1;

		if (i > 0 && XactActions[i].kind == ACTION_DEPTH)
			i--;
		action = &XactActions[i];
		if (action->kind == ACTION_MESSAGE && action->database == database &&
			action->level == GetCurrentTransactionNestLevel() &&
			message_continues(&action->u.message, message))
		{
			action->u.message.last_id = message->last_id;
			if (i == NumXactActions - 2 && i > 0 &&
				XactActions[i - 1].kind == ACTION_DEPTH &&
				XactActions[i - 1].level == XactActions[i + 1].level &&
				XactActions[i - 1].u.depth.slot == XactActions[i + 1].u.depth.slot)
			{
				XactActions[i - 1].u.depth.n += XactActions[i + 1].u.depth.n;
				NumXactActions--;
			}
			return;
		}
	}
	(void) message_promise(database, message);
}

/*
 * Takes a task that may be shed out of the scheduler's hands: it hears of it
 * when this transaction has ended, and when its savepoint has been rolled
 * back.  Zero if none is offered to the class.
 */
int64
xact_shed_take(WeirDatabase *database, QueueSlot *slot, PolicyClass klass)
{
	SubmitMessage message;
	Action	   *action;
	int64		task_id;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_LOOKUP;
	message.queue = slot->queue;
	action = message_promise(database, &message);
	task_id = offers_take(slot, klass);
	if (task_id == 0)
	{
		NumXactActions--;
		submit_ring_return_credit(&database->ring, 1);
		return 0;
	}
	action->shedding = true;
	action->u.message.first_id = action->u.message.last_id = task_id;
	return task_id;
}

/*
 * Notes that this transaction ends the task that it has taken last; its place
 * passes on.
 */
void
xact_shed_end(WeirDatabase *database, QueueSlot *slot)
{
	Action	   *taken = &XactActions[NumXactActions - 1];

	Assert(taken->kind == ACTION_MESSAGE && taken->shedding);
	taken->u.message.kind = MESSAGE_ENDED;
	xact_end_task(database, slot, 0);
	XactActions[NumXactActions - 1].shedding = true;
}

/*
 * Is this about tasks that cannot start, and the scheduler to look soon?
 */
static bool
message_can_wait(WeirDatabase *database, const SubmitMessage *message)
{
	QueueSlot  *slot;

	if (message->kind != MESSAGE_SUBMIT || !submit_ring_rests(&database->ring))
		return false;
	slot = depth_find(database, message->queue);
	return slot != NULL && pg_atomic_read_u32(&slot->shut) != 0;
}

/*
 * Posts a message that was promised, and wakes the scheduler if need be.
 * Called after commit: cannot fail.
 */
void
xact_message_post(WeirDatabase *database, const SubmitMessage *message)
{
	submit_ring_post(&database->ring, message);
	if (!message_can_wait(database, message))
		database_wake(database);
}

/*
 * Has this transaction written tasks that are not committed yet?
 */
bool
xact_has_submitted(void)
{
	for (int i = 0; i < NumXactActions; i++)
	{
		const Action *action = &XactActions[i];

		/* one that took the place of another has reserved nothing */
		if (action->kind == ACTION_DEPTH ||
			(action->kind == ACTION_MESSAGE &&
			 (action->u.message.kind == MESSAGE_SUBMIT ||
			  action->u.message.kind == MESSAGE_READ)))
			return true;
	}
	return false;
}

/*
 * Is the task one that this transaction submits, or brings back?
 */
bool
xact_submitted(int64 task_id)
{
	for (int i = 0; i < NumXactActions; i++)
	{
		SubmitMessage *message = &XactActions[i].u.message;

		if (XactActions[i].kind == ACTION_MESSAGE && !XactActions[i].shedding &&
			(message->kind == MESSAGE_SUBMIT || message->kind == MESSAGE_READ ||
			 message->kind == MESSAGE_LOOKUP) &&
			task_id >= message->first_id && task_id <= message->last_id)
			return true;
	}
	return false;
}
