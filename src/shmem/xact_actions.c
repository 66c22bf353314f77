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
#include "shmem/role.h"
#include "shmem/submit_ring.h"
#include "shmem/xact_list.h"

/* The list of the current transaction; NULL when it owes nothing */
Action	   *XactActions = NULL;
int			NumXactActions = 0;
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
Action *
xact_action_add(ActionKind kind, WeirDatabase *database)
{
	Action	   *action;

	if (NumXactActions == MaxActions)
	{
		if (XactActions == NULL)
		{
			MaxActions = 8;
			XactActions = MemoryContextAlloc(TopTransactionContext,
											 MaxActions * sizeof(Action));
		}
		else
		{
			XactActions = repalloc_huge(XactActions,
										2 * MaxActions * sizeof(Action));
			MaxActions *= 2;
		}
	}
	action = &XactActions[NumXactActions];
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
	Action	   *action = xact_action_add(ACTION_DEPTH, NULL);

	if (!depth_reserve(slot, n, capacity))
		return false;
	action->u.depth.slot = slot;
	action->u.depth.n = n;
	NumXactActions++;
	return true;
}

/*
 * Reserves places for n tasks of a role; false if it may have no more.
 */
bool
xact_reserve_quota(RoleSlot *slot, uint32 n)
{
	Action	   *action = xact_action_add(ACTION_QUOTA, NULL);

	if (!role_reserve(slot, n))
		return false;
	action->u.quota.slot = slot;
	action->u.quota.n = n;
	NumXactActions++;
	return true;
}

/*
 * Gives n of the places back that were reserved last.
 */
void
xact_return_quota(RoleSlot *slot, uint32 n)
{
	for (int i = NumXactActions - 1; i >= 0 && n > 0; i--)
	{
		Action	   *action = &XactActions[i];
		uint32		some;

		if (action->kind != ACTION_QUOTA || action->u.quota.slot != slot)
			continue;
		some = Min(n, action->u.quota.n);
		action->u.quota.n -= some;
		n -= some;
		role_give_back(slot, some);
	}
}

/*
 * Notes that this transaction ends tasks of the queue for good, and gives n
 * places back.
 */
void
xact_end_task(WeirDatabase *database, QueueSlot *slot, uint32 n)
{
	Action	   *action = xact_action_add(ACTION_END_TASK, database);

	action->u.depth.slot = slot;
	action->u.depth.n = n;
	NumXactActions++;
}

/*
 * Has the queue take no new tasks until this transaction, which drops it, has
 * ended and told the others.
 */
void
xact_close_queue(QueueSlot *slot)
{
	Action	   *action = xact_action_add(ACTION_CLOSE_QUEUE, NULL);

	action->u.depth.slot = slot;
	NumXactActions++;
	pg_atomic_fetch_add_u32(&slot->draining, 1);
}

/*
 * Notes that this transaction changes the configuration.
 */
void
xact_config_changed(WeirDatabase *database)
{
	(void) xact_action_add(ACTION_CONFIG, database);
	NumXactActions++;
}

/*
 * The same for a cap, which may bind every session from then on.
 */
void
xact_cap_set(WeirDatabase *database)
{
	xact_config_changed(database);
	XactActions[NumXactActions - 1].u.cap_set = true;
}

/*
 * Notes that after this transaction the scheduler has to start over: once, if
 * this has been noted before.
 */
void
xact_rebuild(WeirDatabase *database)
{
	for (int i = 0; i < NumXactActions; i++)
	{
		if (XactActions[i].kind == ACTION_REBUILD &&
			XactActions[i].level <= GetCurrentTransactionNestLevel())
			return;
	}
	(void) xact_action_add(ACTION_REBUILD, database);
	NumXactActions++;
}

/*
 * Notes a slot whose transaction-level lock has just been taken; it is held
 * to the end of the top transaction, savepoints notwithstanding.
 */
void
xact_hold_slot(WeirDatabase *database, ResourceSlot *resource, int slot,
			   bool foreign)
{
	Action	   *action = xact_action_add(ACTION_SLOT, database);

	action->level = 1;
	action->u.resource.resource = resource;
	action->u.resource.slot = slot;
	action->u.resource.foreign = foreign;
	NumXactActions++;
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
	Action	   *action = xact_action_add(ACTION_BESIDE, NULL);

	action->u.resource.resource = resource;
	NumXactActions++;
	pg_atomic_fetch_add_u32(&resource->beside, 1);
}

/*
 * Notes that this transaction uses the place that was reserved downstream for
 * the task in that place of the worker's hands.
 */
void
xact_use_reserved(WeirWorker *worker, int place)
{
	Action	   *action = xact_action_add(ACTION_FEED, NULL);

	action->u.feed.worker = worker;
	action->u.feed.place = place;
	NumXactActions++;
}

/*
 * Has it done so, or one before it?
 */
bool
xact_has_used_reserved(WeirWorker *worker, int place)
{
	for (int i = 0; i < NumXactActions; i++)
	{
		if (XactActions[i].kind == ACTION_FEED &&
			XactActions[i].u.feed.place == place)
			return true;
	}
	return (pg_atomic_read_u64(&worker->fed) >> place & 1) != 0;
}

/*
 * Has the worker report the completion when its transaction has committed,
 * and is on disk if that is left to a later flush.
 */
void
xact_complete(WeirWorker *worker, const Completion *completion)
{
	Action	   *action = xact_action_add(ACTION_COMPLETE, NULL);

	action->u.complete.worker = worker;
	action->u.complete.completion = *completion;
	NumXactActions++;
}

/* Has it an action of the kind, for the resource or, with zero, for any? */
static bool
xact_has_resource(ActionKind kind, uint64 key)
{
	for (int i = 0; i < NumXactActions; i++)
	{
		if (XactActions[i].kind == kind &&
			(key == 0 || XactActions[i].u.resource.resource->key == key))
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
		case ACTION_QUOTA:
			role_give_back(action->u.quota.slot, action->u.quota.n);
			break;
		case ACTION_MESSAGE:
			if (!action->shedding)
			{
				submit_ring_return_credit(&action->database->ring, 1);
				break;
			}
			/* it waits again */
			action->u.message.kind = MESSAGE_LOOKUP;
			xact_message_post(action->database, &action->u.message);
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
		case ACTION_FEED:
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
		case ACTION_QUOTA:
			return;
		case ACTION_MESSAGE:
			xact_message_post(database, &action->u.message);
			return;
		case ACTION_END_TASK:
			if (action->shedding)
				pg_atomic_fetch_add_u64(&action->u.depth.slot->shed, 1);
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
		case ACTION_FEED:
			pg_atomic_fetch_or_u64(&action->u.feed.worker->fed,
								   UINT64CONST(1) << action->u.feed.place);
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
	for (int i = 0; i < NumXactActions; i++)
	{
		/* a worker announces all that it has put into its outbox at once */
		if (XactActions[i].kind == ACTION_COMPLETE && ended == END_COMMITTED)
			reporter = XactActions[i].u.complete.worker;
		if (ended == END_COMMITTED)
			action_deliver(&XactActions[i]);
		else
			action_undo(&XactActions[i]);
	}
	if (reporter)
		outbox_announce(reporter);
	XactActions = NULL;
	NumXactActions = MaxActions = 0;
}

static void
actions_xact(XactEvent event, void *arg)
{
	/* even a list that has become empty goes with the transaction's memory */
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			Ended = XactActions != NULL ? END_COMMITTED : END_NONE;
			break;
		case XACT_EVENT_ABORT:
			Ended = XactActions != NULL ? END_ABORTED : END_NONE;
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (NumXactActions > 0)
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

	if (NumXactActions == 0)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = 0; i < NumXactActions; i++)
			XactActions[i].level = Min(XactActions[i].level, level - 1);
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		for (int i = 0; i < NumXactActions; i++)
		{
			if (XactActions[i].level >= level)
				action_undo(&XactActions[i]);
			else
				XactActions[kept++] = XactActions[i];
		}
		NumXactActions = kept;
	}
}

void
xact_actions_install(void)
{
	RegisterXactCallback(actions_xact, NULL);
	RegisterSubXactCallback(actions_subxact, NULL);
	RegisterResourceReleaseCallback(actions_release, NULL);
}
