/*-------------------------------------------------------------------------
 *
 * adapt.c
 *	  The limits of tables that follow how tasks get on with one another.
 *
 * Each look at the workers (lock_watch.c) says for each table with a cap how
 * many tasks hold a slot of it, and how many of those wait for a lock.  A tick
 * is ADAPT_SAMPLES of them; the rules are in policy/adaptive.c.  Here is kept
 * what they need, and what they decide is done, shown and recorded.
 *
 * A wait counts for the table that it is about if the task holds a slot of
 * that, else for all tables that it holds slots of: of a row lock, or of a
 * partition, one cannot see where it belongs without asking the lock manager.
 *
 * The limits are lost with shared memory: then each is the cap again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "ledger/event_row.h"
#include "policy/adaptive.h"
#include "sched/adapt.h"
#include "shmem/inbox.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

#define ADAPT_SAMPLES	10

/* A table with a cap that adapts, or observes */
typedef struct Adapted
{
	uint64		key;
	Adaptive	adaptive;
	bool		seen;			/* a task ran, or waited, in this sample */
} Adapted;

/* A change, for its event */
typedef struct AdaptStep
{
	const Adapted *adapted;
	const AdaptiveDecision *decision;
	bool		acts;
} AdaptStep;

/*
 * Begins with a table: where the scheduler before this one left it, or at its
 * cap.
 */
static Adapted *
adapt_add(Scheduler *scheduler, ResourceSlot *resource)
{
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	Adapted    *adapted = palloc0(sizeof(Adapted));

	adapted->key = resource->key;
	adapted->adaptive.limit = pg_atomic_read_u32(&resource->limit);
	adapted->adaptive.backfill_limit =
		pg_atomic_read_u32(&resource->backfill_limit);
	scheduler->adapted = lappend(scheduler->adapted, adapted);
	MemoryContextSwitchTo(caller);
	return adapted;
}

/*
 * The entry of a table whose cap adapts or observes; NULL if it does neither.
 */
static Adapted *
adapt_find(Scheduler *scheduler, uint64 key)
{
	ResourceSlot *resource = resource_find(scheduler->database, key);
	Adapted    *adapted;
	ListCell   *cell;

	if (resource == NULL || resource->rule.slots == 0 ||
		resource->rule.adaptive == CAP_ADAPTIVE_OFF)
		return NULL;
	foreach(cell, scheduler->adapted)
	{
		adapted = lfirst(cell);
		if (adapted->key == key)
			return adapted;
	}
	return adapt_add(scheduler, resource);
}

/*
 * Is the wait about the table of the grant, as far as one can see?
 */
static bool
is_about(const Assignment *assignment, Oid relation, uint64 key)
{
	uint64		about = RESOURCE_KEY(RESOURCE_KIND_TABLE, relation);

	for (int i = 0; i < assignment->ngrants; i++)
	{
		if (assignment->grants[i].resource == about)
			return key == about;
	}
	return true;
}

/*
 * The task that a worker executes was looked at: does it wait for a lock, on
 * which table, and in the end for somebody else?
 */
void
adapt_note_sample(Scheduler *scheduler, const WeirWorker *worker,
				  int64 task_id, bool waiting, Oid relation, bool foreign)
{
	const Assignment *assignment;

	for (int from = 0; task_id != 0 &&
		 (assignment = inbox_in_hand((WeirWorker *) worker, &from)) != NULL;)
	{
		for (int i = 0;
			 assignment->task_id == task_id && i < assignment->ngrants; i++)
		{
			uint64		key = assignment->grants[i].resource;
			Adapted    *adapted = adapt_find(scheduler, key);

			if (adapted == NULL)
				continue;
			adapted->seen = true;
			adapted->adaptive.window.busy++;
			if (waiting && is_about(assignment, relation, key))
			{
				if (foreign)
					adapted->adaptive.window.foreign++;
				else
					adapted->adaptive.window.waiting++;
			}
		}
	}
}

/*
 * A run has ended.
 */
void
adapt_note_end(Scheduler *scheduler, const Assignment *assignment,
			   const Completion *completion)
{
	if (!completion->succeeded && !completion->lock_failed)
		return;
	for (int i = 0; i < assignment->ngrants; i++)
	{
		Adapted    *adapted = adapt_find(scheduler,
										 assignment->grants[i].resource);

		if (adapted == NULL)
			continue;
		if (completion->succeeded)
			adapted->adaptive.window.succeeded++;
		else
			adapted->adaptive.window.failed++;
	}
}

static const char *
adapt_reason(AdaptiveChange change)
{
	switch (change)
	{
		case ADAPTIVE_KEPT:
			break;
		case ADAPTIVE_LOWERED:
			return "tasks wait for one another";
		case ADAPTIVE_LOWERED_BACKFILL:
			return "tasks wait for other sessions";
		case ADAPTIVE_RAISED:
			return "more tasks can be borne";
		case ADAPTIVE_TAKEN_BACK:
			return "the last change did not pay";
	}
	return NULL;
}

/*
 * Records a change with what it was based on.
 */
static void
step_record(Scheduler *scheduler, void *arg)
{
	AdaptStep  *step = arg;
	const AdaptiveDecision *decision = step->decision;
	const Adaptive *adaptive = &step->adapted->adaptive;
	Oid			relid = RESOURCE_ID(step->adapted->key);
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		return;
	event_write("adaptive_limit", 0, NULL,
				quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
										   name),
				adapt_reason(decision->change),
				psprintf("{\"mode\": \"%s\", \"from\": %d, \"to\": %d,"
						 " \"backfill_from\": %d, \"backfill_to\": %d,"
						 " \"lock_share\": %.4f, \"foreign_share\": %.4f,"
						 " \"lock_failures\": %u, \"succeeded\": %u,"
						 " \"rate\": %.2f, \"rate_before\": %.2f,"
						 " \"seconds\": %.2f}",
						 step->acts ? "act" : "observe",
						 decision->from, adaptive->limit,
						 decision->backfill_from, adaptive->backfill_limit,
						 decision->share, decision->foreign_share,
						 decision->window.failed, decision->window.succeeded,
						 decision->rate, decision->rate_before,
						 decision->window.time / 1e6));
}

/*
 * Puts the limits in force, and shows them.
 */
static void
adapt_enforce(Scheduler *scheduler, ResourceSlot *resource,
			  Adapted *adapted)
{
	Adaptive   *adaptive = &adapted->adaptive;
	bool		acts = resource->rule.adaptive == CAP_ADAPTIVE_ACT;

	adaptive_bound(adaptive, resource->rule.slots, resource->rule.reserved);
	policy_set_limit(scheduler->policy, adapted->key,
					 acts ? adaptive->limit : 0,
					 acts ? adaptive->backfill_limit : 0);
	pg_atomic_write_u32(&resource->limit, adaptive->limit);
	pg_atomic_write_u32(&resource->backfill_limit, adaptive->backfill_limit);
}

/*
 * A tick of one table.
 */
static void
adapt_tick(Scheduler *scheduler, ResourceSlot *resource, Adapted *adapted)
{
	AdaptiveDecision decision;
	AdaptStep	step = {adapted, &decision};

	step.acts = resource->rule.adaptive == CAP_ADAPTIVE_ACT;
	if (adapted->adaptive.window.busy > 0)
		pg_atomic_write_u32(&resource->lock_share,
							UINT64CONST(1000000) *
							adapted->adaptive.window.waiting /
							adapted->adaptive.window.busy);
	if (!adaptive_tick(&adapted->adaptive, resource->rule.slots,
					   resource->rule.reserved, step.acts, &decision))
		return;
	adapt_enforce(scheduler, resource, adapted);
	if (!scheduler->other_version)
		(void) scheduler_step(scheduler, "recording a limit", step_record,
							  &step);
}

/*
 * Forgets tables that do not adapt any more.
 */
static void
adapt_forget(Scheduler *scheduler)
{
	ListCell   *cell;

	foreach(cell, scheduler->adapted)
	{
		Adapted    *adapted = lfirst(cell);

		if (adapt_find(scheduler, adapted->key) == NULL)
		{
			scheduler->adapted = foreach_delete_current(scheduler->adapted,
														cell);
			pfree(adapted);
		}
	}
}

/*
 * All limits are as they are configured and were decided upon; those of tables
 * that do not adapt any more are gone.
 */
void
adapt_apply(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &scheduler->database->resources[i];
		Adapted    *adapted;

		if (!resource_in_use(resource) ||
			pg_atomic_read_u32(&resource->limit) == 0)
			continue;
		adapted = adapt_find(scheduler, resource->key);
		if (adapted != NULL)
		{
			adapt_enforce(scheduler, resource, adapted);
			continue;
		}
		policy_set_limit(scheduler->policy, resource->key, 0, 0);
		pg_atomic_write_u32(&resource->limit, 0);
	}
	adapt_forget(scheduler);
}

/*
 * All workers have been looked at, so long after the last time: ends the
 * sample, and if it is time the tick.
 */
void
adapt(Scheduler *scheduler, int64 elapsed)
{
	ListCell   *cell;
	bool		tick = ++scheduler->adapt_samples >= ADAPT_SAMPLES;

	if (tick)
		scheduler->adapt_samples = 0;
	foreach(cell, scheduler->adapted)
	{
		Adapted    *adapted = lfirst(cell);
		ResourceSlot *resource = resource_find(scheduler->database,
											   adapted->key);
		AdaptiveWindow *window = &adapted->adaptive.window;

		if (resource == NULL || resource->rule.slots == 0)
			continue;
		if (adapted->seen)
			window->time += elapsed;
		adapted->seen = false;
		window->wanted |= policy_slot_wanted(scheduler->policy, adapted->key,
											 POLICY_NUM_CLASSES);
		if (tick)
			adapt_tick(scheduler, resource, adapted);
	}
}
