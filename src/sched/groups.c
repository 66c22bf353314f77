/*-------------------------------------------------------------------------
 *
 * groups.c
 *	  Groups of tasks that have to end by some time.
 *
 * Most groups need nobody: the collector waits for its members as any task
 * does for its parents.  Here are those with a deadline, and those that were
 * cancelled, which is the same with the deadline now and the collector ended,
 * too.  Then
 *
 *	1. a collector that is to end is taken out, so that it cannot start;
 *	2. members that wait are ended, those that run are cancelled;
 *	3. a member that runs on for GRACE_US has its process terminated: it has
 *	   perhaps caught the cancel;
 *	4. the collector starts as soon as all members have ended, and after step 3
 *	   at the latest; or it is ended, but not before all have: when the ledger
 *	   says that it has, nothing of the group runs.
 *
 * All that is lost with this process.  The next one finds the group in the
 * ledger, with a collector that has not ended and a time that is over, and
 * begins anew, before anything starts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/event_row.h"
#include "ledger/group_row.h"
#include "ledger/run_row.h"
#include "sched/ends.h"
#include "sched/groups.h"
#include "sched/intake.h"
#include "shmem/worker_slot.h"

/* How long a member may take to obey its cancel */
#define GRACE_US	INT64CONST(1000000)

/* Pause before something is tried again that has failed */
#define AGAIN_US	INT64CONST(1000000)

/* ... and before the ledger is asked again whether all members have ended */
#define VERIFY_US	INT64CONST(100000)

typedef struct Group
{
	int64		collector;		/* hash key */
	TimestampTz at;				/* when something is to be done */
	bool		fail;			/* the collector is ended, too */
	bool		cancelled;		/* before its deadline */
	bool		ending;			/* its members are cancelled */
	bool		taken;			/* the collector was taken out */
	PolicyEnd	end;			/* ... and is to be ended */
	TimestampTz verify_at;		/* the ledger is asked not before */
	int			n;				/* members that are left; when it is ending */
	int64	   *members;
} Group;

/* So many groups may have ended before anybody looks */
#define PRUNE_MIN	1000

static void
group_remove(Scheduler *scheduler, Group *group)
{
	if (group->members)
		pfree(group->members);
	(void) hash_search(scheduler->groups, &group->collector, HASH_REMOVE,
					   NULL);
}

/*
 * Forgets all groups: the ledger is read anew.
 */
void
groups_forget(Scheduler *scheduler)
{
	HASHCTL		control = {0};
	HASH_SEQ_STATUS sequence;
	Group	   *group;

	if (scheduler->groups)
	{
		hash_seq_init(&sequence, scheduler->groups);
		while ((group = hash_seq_search(&sequence)) != NULL)
			group_remove(scheduler, group);
		hash_destroy(scheduler->groups);
	}
	control.keysize = sizeof(int64);
	control.entrysize = sizeof(Group);
	control.hcxt = scheduler->context;
	scheduler->groups = hash_create("pg_weir groups", 64, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	scheduler->groups_prune_at = PRUNE_MIN;
	scheduler->groups_at = POLICY_TIME_NEVER;
	scheduler->groups_load_at = 0;
	scheduler->groups_ending = false;
}

/*
 * Notes a group that the ledger has, or what has become of it.
 */
static void
visit_due(const GroupDue *due, void *arg)
{
	Scheduler  *scheduler = arg;
	bool		found;
	Group	   *group = hash_search(scheduler->groups, &due->collector,
									HASH_ENTER, &found);

	if (!found)
	{
		memset(group, 0, sizeof(Group));
		group->collector = due->collector;
		group->at = due->deadline;
		group->fail = due->fail;
	}
	if (due->cancelled && !group->cancelled)
	{
		group->cancelled = group->fail = true;
		group->ending = false;
		group->at = POLICY_TIME_ALWAYS;
	}
	scheduler->groups_at = Min(scheduler->groups_at, group->at);
}

static void
step_load(Scheduler *scheduler, void *arg)
{
	group_rows_due(*(int64 *) arg, visit_due, scheduler);
}

/*
 * Reads the group of a collector from the ledger, or all of them; if that
 * fails, all of them a little later.
 */
void
groups_load(Scheduler *scheduler, int64 collector)
{
	scheduler->groups_load_at = scheduler_step(scheduler, "reading groups",
											   step_load, &collector) ? 0 :
		GetCurrentTimestamp() + AGAIN_US;
}

typedef struct BeginStep
{
	Group	   *group;
	bool		ended;			/* the collector has */
} BeginStep;

/*
 * Reads the members that have not ended, in a step; returns the number of all.
 */
static int
group_read_members(Scheduler *scheduler, Group *group)
{
	GroupRow	row = {0};
	RunEnd		end;

	(void) group_row_read(group->collector, &row);
	if (group->members == NULL)
		group->members = MemoryContextAllocHuge(scheduler->context,
												Max(row.n, 1) * sizeof(int64));
	group->n = 0;
	for (int i = 0; i < row.n; i++)
	{
		if (!run_row_ended(row.members[i], &end))
			group->members[group->n++] = row.members[i];
	}
	return row.n;
}

/*
 * Finds out what is to be ended, and writes that the time is over.
 */
static void
step_begin(Scheduler *scheduler, void *arg)
{
	BeginStep  *step = arg;
	Group	   *group = step->group;
	RunEnd		end;
	int			all;

	step->ended = run_row_ended(group->collector, &end);
	if (step->ended)
		return;
	all = group_read_members(scheduler, group);
	if (!group->cancelled && (group->n > 0 || group->fail))
		event_write("group_deadline", group->collector, NULL, NULL,
					group->fail ? "fail" : "partial",
					psprintf("{\"members\": %d, \"unfinished\": %d}",
							 all, group->n));
}

static void
step_verify(Scheduler *scheduler, void *arg)
{
	(void) group_read_members(scheduler, arg);
}

/*
 * Have all members ended?  The ledger says so, not too often; the policy does
 * not hold those that could not be read yet.
 */
static bool
group_has_ended(Scheduler *scheduler, Group *group, TimestampTz now)
{
	if (now < group->verify_at)
		return false;
	group->verify_at = now + VERIFY_US;
	return scheduler_step(scheduler, "looking whether a group has ended",
						  step_verify, group) && group->n == 0;
}

/*
 * Keeps a collector that is to end from starting; one that runs is cancelled.
 * False if it is nowhere to be found just now.
 */
static bool
group_stop_collector(Scheduler *scheduler, Group *group)
{
	if (!group->fail || group->taken)
		return true;
	if (policy_is_running(scheduler->policy, group->collector))
	{
		(void) intake_cancel_in_hand(scheduler, group->collector,
									 CANCEL_GROUP, InvalidOid);
		/* it may have been taken back */
		if (policy_is_running(scheduler->policy, group->collector))
			return true;
	}
	group->taken = policy_take_out(scheduler->policy, group->collector,
								   &group->end);
	return group->taken;
}

/*
 * The time of a group is over; false if there is nothing to be done any more.
 */
static bool
group_begin(Scheduler *scheduler, Group *group, TimestampTz now)
{
	BeginStep	step = {group};

	if (!scheduler_step(scheduler, "ending a group", step_begin, &step))
	{
		group->at = now + AGAIN_US;
		return true;
	}
	if (step.ended)
		return false;
	/* it has all that it waits for */
	if (!group->fail && policy_is_running(scheduler->policy, group->collector))
		return false;
	if (!group_stop_collector(scheduler, group))
	{
		group->at = now + AGAIN_US;
		return true;
	}
	for (int i = 0; i < group->n; i++)
	{
		if (policy_is_running(scheduler->policy, group->members[i]))
			(void) intake_cancel_in_hand(scheduler, group->members[i],
										 CANCEL_GROUP, InvalidOid);
	}
	group->ending = true;
	group->at = now + GRACE_US;
	return true;
}

/*
 * Ends the members that wait, also those that have come back to that; how many
 * are left.  Those that are not held any more need not be looked at again.
 */
static int
group_end_members(Scheduler *scheduler, Group *group)
{
	Policy	   *policy = scheduler->policy;
	PolicyEnd	end;
	int			running = 0;

	for (int i = 0; i < group->n; i++)
	{
		if (policy_is_running(policy, group->members[i]))
			group->members[running++] = group->members[i];
		else if (policy_take_out(policy, group->members[i], &end))
			ends_add(scheduler, &end, END_GROUP, group->collector);
	}
	group->n = running;
	/* what is still to be written has not ended: no need to ask the ledger */
	return running + scheduler->nends;
}

/*
 * Goes on with a group that is ending; false when that is done.
 */
static bool
group_review(Scheduler *scheduler, Group *group, TimestampTz now)
{
	Policy	   *policy = scheduler->policy;
	int			left = group_end_members(scheduler, group);

	/* it may have come back, too */
	if (group->fail && !group->taken)
	{
		(void) group_stop_collector(scheduler, group);
		left += policy_is_running(policy, group->collector);
	}
	if (left == 0 && group_has_ended(scheduler, group, now))
	{
		if (group->taken)
			ends_add(scheduler, &group->end, END_GROUP, group->collector);
		return false;
	}
	if (now < group->at)
		return true;
	for (int i = 0; i < group->n; i++)
	{
		if (policy_is_running(policy, group->members[i]))
			worker_slot_terminate(scheduler->database->oid, group->members[i]);
	}
	if (!group->fail)
	{
		(void) policy_unblock(policy, group->collector, now);
		return false;
	}
	if (!group->taken)
		worker_slot_terminate(scheduler->database->oid, group->collector);
	group->at = now + GRACE_US;
	return true;
}

static void
step_prune(Scheduler *scheduler, void *arg)
{
	HASH_SEQ_STATUS sequence;
	Group	   *group;
	RunEnd		end;

	hash_seq_init(&sequence, scheduler->groups);
	while ((group = hash_seq_search(&sequence)) != NULL)
	{
		if (!group->ending &&
			!policy_holds(scheduler->policy, group->collector) &&
			run_row_ended(group->collector, &end))
			group_remove(scheduler, group);
	}
}

/*
 * Forgets groups whose collectors have ended before the deadline: when there
 * are twice as many groups as the last time, so that it costs little.
 */
static void
groups_prune(Scheduler *scheduler)
{
	if (hash_get_num_entries(scheduler->groups) < scheduler->groups_prune_at)
		return;
	(void) scheduler_step(scheduler, "forgetting groups", step_prune, NULL);
	scheduler->groups_prune_at =
		Max(PRUNE_MIN, 2 * hash_get_num_entries(scheduler->groups));
}

/*
 * Goes on with a group as far as that is possible now; false when nothing is
 * left to be done.
 */
static bool
group_go_on(Scheduler *scheduler, Group *group, TimestampTz now)
{
	if (!group->ending && group->at <= now &&
		!group_begin(scheduler, group, now))
		return false;
	return !group->ending || group_review(scheduler, group, now);
}

/*
 * Does what is due: looks at each group that is ending, and at the others when
 * the time of one of them is over.
 */
void
groups(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = POLICY_TIME_NEVER;
	HASH_SEQ_STATUS sequence;
	List	   *due = NIL;
	ListCell   *lc;
	Group	   *group;

	if (scheduler->groups_load_at != 0 && now >= scheduler->groups_load_at)
		groups_load(scheduler, 0);
	groups_prune(scheduler);
	if (now < scheduler->groups_at && !scheduler->groups_ending)
		return;
	/* a scan of the table does not outlive a transaction: first who is due */
	hash_seq_init(&sequence, scheduler->groups);
	while ((group = hash_seq_search(&sequence)) != NULL)
	{
		if (group->ending || group->at <= now)
			due = lappend(due, group);
		else
			next = Min(next, group->at);
	}
	scheduler->groups_ending = false;
	foreach(lc, due)
	{
		group = lfirst(lc);
		if (!group_go_on(scheduler, group, now))
		{
			group_remove(scheduler, group);
			continue;
		}
		next = Min(next, group->at);
		scheduler->groups_ending |= group->ending;
	}
	scheduler->groups_at = next;
}

/*
 * When there is something to be done about a group.
 */
TimestampTz
groups_next_timer(Scheduler *scheduler)
{
	TimestampTz next = scheduler->groups_at;

	if (scheduler->groups_load_at != 0)
		next = Min(next, scheduler->groups_load_at);
	return next;
}
