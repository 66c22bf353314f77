/*-------------------------------------------------------------------------
 *
 * inherit.c
 *	  Priority inheritance: tasks that hold a lock or a slot for one of a better
 *	  class.
 *
 * While a task waits for a lock, and one of a worse class is on the way from
 * it to the root of that wait (lock_watch.c), the latter inherits: until it has
 * let go, or for INHERIT_US, nothing of a worse class than that of the waiting
 * task starts on the tables that it holds slots of.  So nobody joins the line
 * for the same locks, and the chunk after the one that is in the way does not
 * start.  That is all there is to give to a task that runs: here nobody is
 * slowed down while it runs, so that there is nothing to spare it.
 *
 * A task of class backfill that holds a slot that a daily one waits for
 * inherits, too.  There the policy does the rest: it asks it to yield, and
 * gives what becomes free to no other class.
 *
 * Each grant is an event when it is over: who, for whom, how long, and whether
 * the wait had ended by then.  Slots change hands often, so that waits for them
 * are told only if they last.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/environment.h"
#include "ledger/event_row.h"
#include "sched/inherit.h"
#include "sched/lock_watch.h"
#include "shmem/inbox.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

#define INHERIT_US	INT64CONST(30000000)
#define SLOT_WAIT_US	INT64CONST(200000)	/* shorter ones are not told */

/* A task that inherits, or has, as long as the two are what they were */
typedef struct Grant
{
	LockPair	pair;			/* of a slot: no attempt, no depth */
	uint64		slot_of;		/* that is waited for; 0 if it is a lock */
	PolicyClass klass;			/* that it inherits */
	TimestampTz since;
	bool		over;			/* it has for as long as it may */
	bool		seen;			/* in this review */
	int			ntables;
	uint64		tables[POLICY_MAX_NEEDS];
} Grant;

/*
 * What the worker that executes the attempt was given with it; NULL if none
 * does.
 */
static const Assignment *
inherit_assignment(Scheduler *scheduler, int64 task_id, int32 attempt)
{
	int32		in_hand;
	WeirWorker *worker = worker_slot_holding(scheduler->database->oid,
											 task_id, &in_hand);
	const Assignment *assignment;

	for (int from = 0; worker != NULL &&
		 (assignment = inbox_in_hand(worker, &from)) != NULL;)
	{
		if (assignment->task_id == task_id && assignment->attempt == attempt)
			return assignment;
	}
	return NULL;
}

/*
 * The grant of a pair; NULL if there is none.
 */
static Grant *
grant_find(Scheduler *scheduler, const LockPair *pair)
{
	ListCell   *cell;

	foreach(cell, scheduler->grants)
	{
		Grant	   *grant = lfirst(cell);

		if (grant->pair.task_id == pair->task_id &&
			grant->pair.attempt == pair->attempt &&
			grant->pair.blocker_id == pair->blocker_id &&
			grant->pair.blocker_attempt == pair->blocker_attempt)
			return grant;
	}
	return NULL;
}

/*
 * A grant for a pair.
 */
static Grant *
grant_make(Scheduler *scheduler, const LockPair *pair, PolicyClass klass)
{
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	Grant	   *grant = palloc0(sizeof(Grant));

	grant->pair = *pair;
	grant->klass = klass;
	grant->since = scheduler->round_at;
	scheduler->grants = lappend(scheduler->grants, grant);
	MemoryContextSwitchTo(caller);
	return grant;
}

/*
 * The tables that a task holds slots of; says how many.
 */
static int
held_tables(const Assignment *blocker, uint64 *tables)
{
	int			n = 0;

	for (int i = 0; i < blocker->ngrants; i++)
	{
		if (RESOURCE_KIND(blocker->grants[i].resource) == RESOURCE_KIND_TABLE)
			tables[n++] = blocker->grants[i].resource;
	}
	return n;
}

/*
 * Looks at two tasks of which one blocks the other.  One without a slot of a
 * table has nothing to be had, and no grant.
 */
static void
inherit_pair(Scheduler *scheduler, const LockPair *pair)
{
	const Assignment *waiting = inherit_assignment(scheduler, pair->task_id,
												   pair->attempt);
	const Assignment *blocker = inherit_assignment(scheduler,
												   pair->blocker_id,
												   pair->blocker_attempt);
	Grant	   *grant = grant_find(scheduler, pair);

	if (waiting == NULL || blocker == NULL || waiting->klass >= blocker->klass)
		return;
	if (grant == NULL)
	{
		uint64		tables[POLICY_MAX_NEEDS];
		int			ntables = held_tables(blocker, tables);

		if (ntables == 0)
			return;
		grant = grant_make(scheduler, pair, (PolicyClass) waiting->klass);
		grant->ntables = ntables;
		memcpy(grant->tables, tables, ntables * sizeof(uint64));
	}
	grant->seen = true;
}

/*
 * Looks at a task that is in a worker's hands: does a daily one wait for a slot
 * of it?
 */
static void
inherit_slot(Scheduler *scheduler, const Assignment *blocker)
{
	PolicyWant	want;
	LockPair	pair = {0};
	Grant	   *grant;

	if (blocker->klass != POLICY_CLASS_BACKFILL ||
		!policy_to_yield(scheduler->policy, blocker->task_id, &want) ||
		want.resource == 0)
		return;
	pair.task_id = want.task_id;
	pair.blocker_id = blocker->task_id;
	pair.blocker_attempt = blocker->attempt;
	grant = grant_find(scheduler, &pair);
	if (grant == NULL)
		grant = grant_make(scheduler, &pair, POLICY_CLASS_DAILY);
	grant->slot_of = want.resource;
	grant->seen = true;
}

static void
inherit_slots(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];
		const Assignment *assignment;

		if (worker->database != scheduler->database->oid)
			continue;
		for (int from = 0;
			 (assignment = inbox_in_hand(worker, &from)) != NULL;)
			inherit_slot(scheduler, assignment);
	}
}

/*
 * Has the wait ended?  That for a slot has when its holder is done; but while
 * that still has it another one may have become the first in line.
 */
static bool
grant_helped(Scheduler *scheduler, const Grant *grant)
{
	return !grant->over &&
		(grant->slot_of == 0 ||
		 !policy_holds(scheduler->policy, grant->pair.task_id) ||
		 policy_is_running(scheduler->policy, grant->pair.task_id) ||
		 inherit_assignment(scheduler, grant->pair.blocker_id,
							grant->pair.blocker_attempt) == NULL);
}

/*
 * Adds the name of what a slot was waited for; that of a table is returned
 * instead.
 */
static char *
grant_resource(Scheduler *scheduler, const Grant *grant, StringInfo detail)
{
	ResourceSlot *resource = resource_find(scheduler->database, grant->slot_of);
	Oid			relid = RESOURCE_ID(grant->slot_of);
	char	   *name;

	if (resource != NULL &&
		RESOURCE_KIND(grant->slot_of) == RESOURCE_KIND_NAMED)
	{
		appendStringInfoString(detail, ", \"resource\": ");
		escape_json(detail, NameStr(resource->name));
		return NULL;
	}
	name = get_rel_name(relid);
	return name == NULL ? NULL :
		quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
								   name);
}

/*
 * Records a grant that is over, and whether the wait is.
 */
static void
step_record(Scheduler *scheduler, void *arg)
{
	const Grant *grant = arg;
	char	   *relation = NULL;
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail,
					 "{\"attempt\": %d, \"for_task\": " INT64_FORMAT ","
					 " \"for_class\": \"%s\", \"seconds\": %.3f,"
					 " \"helped\": %s",
					 grant->pair.blocker_attempt, grant->pair.task_id,
					 class_name(grant->klass),
					 (scheduler->round_at - grant->since) / 1e6,
					 grant_helped(scheduler, grant) ? "true" : "false");
	if (grant->slot_of != 0)
		relation = grant_resource(scheduler, grant, &detail);
	else
		appendStringInfo(&detail, ", \"depth\": %d", grant->pair.depth);
	appendStringInfoChar(&detail, '}');
	event_write("inherit", grant->pair.blocker_id, NULL, relation, NULL,
				detail.data);
}

/*
 * Is the grant worth an event?
 */
static bool
grant_is_told(Scheduler *scheduler, const Grant *grant)
{
	return !scheduler->other_version &&
		(grant->slot_of == 0 ||
		 scheduler->round_at - grant->since >= SLOT_WAIT_US);
}

/*
 * Ends grants whose time is over, and forgets those whose pair is no more.
 * Says whether any of them has ended.
 */
static bool
inherit_end(Scheduler *scheduler)
{
	ListCell   *cell;
	bool		ended = false;

	foreach(cell, scheduler->grants)
	{
		Grant	   *grant = lfirst(cell);
		bool		gone = !grant->seen;
		bool		late = scheduler->round_at - grant->since >= INHERIT_US;

		grant->seen = false;
		if (!grant->over && (gone || late))
		{
			ended |= grant->ntables > 0;
			grant->over = !gone;
			if (grant_is_told(scheduler, grant))
				(void) scheduler_step(scheduler, "recording an inheritance",
									  step_record, grant);
		}
		if (gone)
		{
			scheduler->grants = foreach_delete_current(scheduler->grants, cell);
			pfree(grant);
		}
	}
	return ended;
}

/*
 * Leaves the tables of those that inherit to the class that they inherit from,
 * and better ones.
 */
static void
inherit_apply(Scheduler *scheduler)
{
	ListCell   *cell;

	foreach(cell, scheduler->grants)
	{
		Grant	   *grant = lfirst(cell);

		for (int i = 0; !grant->over && i < grant->ntables; i++)
		{
			ResourceSlot *resource = resource_find(scheduler->database,
												   grant->tables[i]);

			policy_leave_to(scheduler->policy, grant->tables[i], grant->klass);
			if (resource != NULL)
				pg_atomic_write_u64(&resource->left_to, grant->pair.task_id);
		}
	}
}

/*
 * Lets everybody have everything again.
 */
static void
inherit_release(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &scheduler->database->resources[i];

		if (!resource_in_use(resource) ||
			pg_atomic_read_u64(&resource->left_to) == 0)
			continue;
		policy_leave_to(scheduler->policy, resource->key, POLICY_NUM_CLASSES);
		pg_atomic_write_u64(&resource->left_to, 0);
	}
}

/*
 * Looks who blocks whom, and lets inherit; after each look at the workers.
 */
void
inherit_review(Scheduler *scheduler)
{
	LockPair	pair;

	for (int position = 0;
		 lock_watch_next_pair(scheduler, &position, &pair);)
		inherit_pair(scheduler, &pair);
	inherit_slots(scheduler);
	if (scheduler->grants == NIL)
		return;
	if (inherit_end(scheduler))
		inherit_release(scheduler);
	inherit_apply(scheduler);
}

/*
 * Nobody inherits any more: what is known of the tasks is read anew, or is not
 * looked at any more.
 */
void
inherit_forget(Scheduler *scheduler)
{
	list_free_deep(scheduler->grants);
	scheduler->grants = NIL;
	inherit_release(scheduler);
}
