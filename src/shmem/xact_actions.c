/*-------------------------------------------------------------------------
 *
 * xact_actions.c
 *	  What a transaction owes to shared memory when it ends.
 *
 * Enqueueing, cancelling, configuring and holding slots change shared memory
 * in step with the transaction: what was reserved is given back when the
 * transaction or its savepoint aborts, what was promised is delivered when it
 * has committed.  Each such debt is an action in a list that lives in the
 * top transaction's memory.
 *
 * Delivery happens in a resource release callback after locks have been
 * released, not in the commit callback: there the transaction still holds
 * its locks and has not sent its invalidations, and a worker that starts at
 * once would trip over both.  By then the commit cannot be undone, so nothing
 * below may fail, wait or allocate.  The callback is called once per resource
 * owner; the first call after the transaction's end drains the list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/lazy_commit.h"
#include "shmem/outbox.h"
#include "shmem/resource.h"
#include "shmem/submit_ring.h"
#include "shmem/xact_actions.h"

typedef enum ActionKind
{
	ACTION_DEPTH,				/* reserved: give back at abort */
	ACTION_MESSAGE,				/* credit taken: post, or return at abort */
	ACTION_END_TASK,			/* commit: give back depth, tell waiters */
	ACTION_CLOSE_QUEUE,			/* either way: open, but it may be gone */
	ACTION_CONFIG,				/* commit: the scheduler reads it again */
	ACTION_REBUILD,				/* commit: the scheduler starts over */
	ACTION_SLOT,				/* either way: the slot is free */
	ACTION_BESIDE,				/* either way: one less beside the slots */
	ACTION_COMPLETE				/* commit: the worker reports */
} ActionKind;

typedef struct Action
{
	ActionKind	kind;
	int			level;			/* nesting depth of the subtransaction */
	WeirDatabase *database;
	union
	{
		struct
		{
			QueueSlot  *slot;
			uint32		n;
		}			depth;
		struct
		{
			ResourceSlot *resource;
			int			slot;
			bool		foreign;	/* not a task's */
		}			resource;
		struct
		{
			WeirWorker *worker;
			Completion	completion;
		}			complete;
		bool		cap_set;	/* one may bind every session by now */
		SubmitMessage message;
	}			u;
} Action;

/* The list of the current transaction; NULL when it owes nothing */
static Action *Actions = NULL;
static int	NumActions = 0;
static int	MaxActions = 0;

/* Set between the end of the transaction and the release of its locks */
typedef enum EndState
{
	END_NONE,
	END_COMMITTED,
	END_ABORTED
} EndState;

static EndState Ended = END_NONE;

/*
 * Adds an action for the current subtransaction.  May fail; callers change
 * shared memory only after it has returned, and fill in the rest themselves.
 */
static Action *
action_add(ActionKind kind, WeirDatabase *database)
{
	Action	   *action;

	if (NumActions == MaxActions)
	{
		if (Actions == NULL)
		{
			MaxActions = 8;
			Actions = MemoryContextAlloc(TopTransactionContext,
										 MaxActions * sizeof(Action));
		}
		else
		{
			Actions = repalloc_huge(Actions,
									2 * MaxActions * sizeof(Action));
			MaxActions *= 2;
		}
	}
	action = &Actions[NumActions];
	memset(action, 0, sizeof(Action));
	action->kind = kind;
	action->level = GetCurrentTransactionNestLevel();
	action->database = database;
	return action;
}

/*
 * Reserves room for n tasks in a queue; false if there is none.
 */
bool
xact_reserve_depth(QueueSlot *slot, uint32 n, uint32 capacity)
{
	Action	   *action = action_add(ACTION_DEPTH, NULL);

	if (!depth_reserve(slot, n, capacity))
		return false;
	action->u.depth.slot = slot;
	action->u.depth.n = n;
	NumActions++;
	return true;
}

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
	for (int i = 0; i < NumActions; i++)
		mine += Actions[i].kind == ACTION_MESSAGE;
	submit_ring_await_credit(database, mine);
}

/*
 * Promises a message to the scheduler, to be posted after commit.  A submit
 * that continues the previous one is merged with it.
 */
void
xact_submit(WeirDatabase *database, const SubmitMessage *message)
{
	Action	   *action;

	if (NumActions > 0)
	{
		/* the reservation of this very task may stand in between */
		int			i = NumActions - 1;

		if (i > 0 && Actions[i].kind == ACTION_DEPTH)
			i--;
		action = &Actions[i];
		if (action->kind == ACTION_MESSAGE && action->database == database &&
			action->level == GetCurrentTransactionNestLevel() &&
			message_continues(&action->u.message, message))
		{
			action->u.message.last_id = message->last_id;
			if (i == NumActions - 2 && i > 0 &&
				Actions[i - 1].kind == ACTION_DEPTH &&
				Actions[i - 1].level == Actions[i + 1].level &&
				Actions[i - 1].u.depth.slot == Actions[i + 1].u.depth.slot)
			{
				Actions[i - 1].u.depth.n += Actions[i + 1].u.depth.n;
				NumActions--;
			}
			return;
		}
	}
	message_take_credit(database);
	PG_TRY();
	{
		action = action_add(ACTION_MESSAGE, database);
	}
	PG_CATCH();
	{
		submit_ring_return_credit(&database->ring, 1);
		PG_RE_THROW();
	}
	PG_END_TRY();
	action->u.message = *message;
	NumActions++;
}

/*
 * Notes that this transaction ends tasks of the queue for good, and gives n
 * places back.
 */
void
xact_end_task(WeirDatabase *database, QueueSlot *slot, uint32 n)
{
	Action	   *action = action_add(ACTION_END_TASK, database);

	action->u.depth.slot = slot;
	action->u.depth.n = n;
	NumActions++;
}

/*
 * Has the queue take no new tasks until this transaction, which drops it, has
 * ended and told the others.
 */
void
xact_close_queue(QueueSlot *slot)
{
	Action	   *action = action_add(ACTION_CLOSE_QUEUE, NULL);

	action->u.depth.slot = slot;
	NumActions++;
	pg_atomic_fetch_add_u32(&slot->draining, 1);
}

/*
 * Notes that this transaction changes the configuration.
 */
void
xact_config_changed(WeirDatabase *database)
{
	(void) action_add(ACTION_CONFIG, database);
	NumActions++;
}

/*
 * The same for a cap, which may bind every session from then on.
 */
void
xact_cap_set(WeirDatabase *database)
{
	xact_config_changed(database);
	Actions[NumActions - 1].u.cap_set = true;
}

/*
 * Notes that after this transaction the scheduler has to start over: once, if
 * this has been noted before.
 */
void
xact_rebuild(WeirDatabase *database)
{
	for (int i = 0; i < NumActions; i++)
	{
		if (Actions[i].kind == ACTION_REBUILD &&
			Actions[i].level <= GetCurrentTransactionNestLevel())
			return;
	}
	(void) action_add(ACTION_REBUILD, database);
	NumActions++;
}

/*
 * Notes a slot whose transaction-level lock has just been taken; it is held
 * to the end of the top transaction, savepoints notwithstanding.
 */
void
xact_hold_slot(WeirDatabase *database, ResourceSlot *resource, int slot,
			   bool foreign)
{
	Action	   *action = action_add(ACTION_SLOT, database);

	action->level = 1;
	action->u.resource.resource = resource;
	action->u.resource.slot = slot;
	action->u.resource.foreign = foreign;
	NumActions++;
	resource_mark(resource, slot, true);
	if (foreign)
		pg_atomic_fetch_add_u64(&database->foreign_changed, 1);
}

/*
 * Notes that this transaction writes under the cap without a slot; an aborted
 * savepoint takes what it has written along.
 */
void
xact_write_beside(ResourceSlot *resource)
{
	Action	   *action = action_add(ACTION_BESIDE, NULL);

	action->u.resource.resource = resource;
	NumActions++;
	pg_atomic_fetch_add_u32(&resource->beside, 1);
}

/*
 * Has the worker report the completion when its transaction has committed,
 * and is on disk if that is left to a later flush.
 */
void
xact_complete(WeirWorker *worker, const Completion *completion)
{
	Action	   *action = action_add(ACTION_COMPLETE, NULL);

	action->u.complete.worker = worker;
	action->u.complete.completion = *completion;
	NumActions++;
}

/*
 * Has this transaction written tasks that are not committed yet?
 */
bool
xact_has_submitted(void)
{
	for (int i = 0; i < NumActions; i++)
	{
		if (Actions[i].kind == ACTION_DEPTH)
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
	for (int i = 0; i < NumActions; i++)
	{
		SubmitMessage *message = &Actions[i].u.message;

		if (Actions[i].kind == ACTION_MESSAGE &&
			(message->kind == MESSAGE_SUBMIT || message->kind == MESSAGE_READ ||
			 message->kind == MESSAGE_LOOKUP) &&
			task_id >= message->first_id && task_id <= message->last_id)
			return true;
	}
	return false;
}

/* Has it an action of the kind, for the resource or, with zero, for any? */
static bool
xact_has_resource(ActionKind kind, uint64 key)
{
	for (int i = 0; i < NumActions; i++)
	{
		if (Actions[i].kind == kind &&
			(key == 0 || Actions[i].u.resource.resource->key == key))
			return true;
	}
	return false;
}

/*
 * Does this transaction hold a slot of the resource?
 */
bool
xact_holds_slot(uint64 key)
{
	return xact_has_resource(ACTION_SLOT, key);
}

/* Does it write beside the slots? */
bool
xact_writes_beside(uint64 key)
{
	return xact_has_resource(ACTION_BESIDE, key);
}

bool
xact_holds_any_slot(void)
{
	return xact_has_resource(ACTION_SLOT, 0);
}

/*
 * Marks a slot as free, whose lock is gone.  A task's own is freed by its
 * completion, in the scheduler's eyes; others it must be told of.
 */
static void
action_free_slot(Action *action)
{
	resource_mark(action->u.resource.resource, action->u.resource.slot,
				  false);
	if (action->u.resource.foreign)
	{
		pg_atomic_fetch_add_u64(&action->database->foreign_changed, 1);
		database_wake(action->database);
	}
}

/*
 * Undoes an action whose (sub)transaction aborted.  Cannot fail.
 */
static void
action_undo(Action *action)
{
	switch (action->kind)
	{
		case ACTION_DEPTH:
			depth_give_back(action->u.depth.slot, action->u.depth.n);
			break;
		case ACTION_MESSAGE:
			submit_ring_return_credit(&action->database->ring, 1);
			break;
		case ACTION_SLOT:
			action_free_slot(action);
			break;
		case ACTION_BESIDE:
			pg_atomic_fetch_sub_u32(&action->u.resource.resource->beside, 1);
			break;
		case ACTION_CLOSE_QUEUE:
			pg_atomic_fetch_sub_u32(&action->u.depth.slot->draining, 1);
			break;
		case ACTION_END_TASK:
		case ACTION_CONFIG:
		case ACTION_REBUILD:
		case ACTION_COMPLETE:
			break;
	}
}

/*
 * Delivers what was promised; the transaction has committed.  Cannot fail.
 */
static void
action_deliver(Action *action)
{
	WeirDatabase *database = action->database;

	switch (action->kind)
	{
		case ACTION_DEPTH:
			return;
		case ACTION_MESSAGE:
			submit_ring_post(&database->ring, &action->u.message);
			break;
		case ACTION_END_TASK:
			if (action->u.depth.n > 0)
				depth_end(action->u.depth.slot, action->u.depth.n);
			if (pg_atomic_read_u32(&database->finish_waiters) > 0)
				ConditionVariableBroadcast(&database->finished);
			return;
		case ACTION_CLOSE_QUEUE:
			pg_atomic_fetch_sub_u32(&action->u.depth.slot->draining, 1);
			return;
		case ACTION_CONFIG:
			/* in this order: the scheduler writes and reads the other way */
			pg_atomic_fetch_add_u64(&database->config_changed, 1);
			if (action->u.cap_set)
				resource_suspect_enforcing(database);
			break;
		case ACTION_REBUILD:
			/* another ledger: ids and depths are not right any more */
			pg_atomic_write_u32(&database->seeded, 0);
			pg_atomic_write_u32(&database->rebuild_wanted, 1);
			break;
		case ACTION_SLOT:
			action_free_slot(action);
			return;
		case ACTION_BESIDE:
			pg_atomic_fetch_sub_u32(&action->u.resource.resource->beside, 1);
			return;
		case ACTION_COMPLETE:
			action->u.complete.completion.lsn = lazy_commit_lsn();
			outbox_put(action->u.complete.worker,
					   &action->u.complete.completion);
			return;
	}
	database_wake(database);
}

/*
 * Drains the list after locks have been released.
 */
static void
actions_release(ResourceReleasePhase phase, bool isCommit, bool isTopLevel,
				void *arg)
{
	EndState	ended = Ended;
	WeirWorker *reporter = NULL;

	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !isTopLevel ||
		ended == END_NONE)
		return;
	Ended = END_NONE;
	for (int i = 0; i < NumActions; i++)
	{
		/* a worker announces all that it has put into its outbox at once */
		if (Actions[i].kind == ACTION_COMPLETE && ended == END_COMMITTED)
			reporter = Actions[i].u.complete.worker;
		if (ended == END_COMMITTED)
			action_deliver(&Actions[i]);
		else
			action_undo(&Actions[i]);
	}
	if (reporter)
		outbox_announce(reporter);
	Actions = NULL;
	NumActions = MaxActions = 0;
}

static void
actions_xact(XactEvent event, void *arg)
{
	/* even a list that has become empty goes with the transaction's memory */
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			Ended = Actions != NULL ? END_COMMITTED : END_NONE;
			break;
		case XACT_EVENT_ABORT:
			Ended = Actions != NULL ? END_ABORTED : END_NONE;
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (NumActions > 0)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has used pg_weir"),
						 errdetail("It has enqueued or ended tasks, changed the configuration, or holds a slot.")));
			break;
		default:
			break;
	}
}

/*
 * Follows savepoints: what an aborted one did is undone, what a released one
 * did belongs to its parent.
 */
static void
actions_subxact(SubXactEvent event, SubTransactionId mySubid,
				SubTransactionId parentSubid, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	int			kept = 0;

	if (NumActions == 0)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = 0; i < NumActions; i++)
			Actions[i].level = Min(Actions[i].level, level - 1);
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		for (int i = 0; i < NumActions; i++)
		{
			if (Actions[i].level >= level)
				action_undo(&Actions[i]);
			else
				Actions[kept++] = Actions[i];
		}
		NumActions = kept;
	}
}

void
xact_actions_install(void)
{
	RegisterXactCallback(actions_xact, NULL);
	RegisterSubXactCallback(actions_subxact, NULL);
	RegisterResourceReleaseCallback(actions_release, NULL);
}
