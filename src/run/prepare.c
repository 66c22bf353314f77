/*-------------------------------------------------------------------------
 *
 * prepare.c
 *	  Whether an attempt may begin here and now.
 *
 * All of this is done before the transaction of the attempt takes its first
 * snapshot: the task must see what the previous holders of its slots have
 * committed, and its settings may choose another isolation level.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "ledger/queue_config.h"
#include "ledger/resource_config.h"
#include "ledger/run_row.h"
#include "ledger/unfinished.h"
#include "run/authority.h"
#include "run/prepare.h"
#include "run/read_ahead.h"
#include "run/session.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/resource.h"

/*
 * Do the slots granted still fit the tables and resources that the task names?
 * A table may have been capped, recreated or renamed since it was enqueued.
 */
static bool
attempt_needs_hold(Attempt *attempt)
{
	const Assignment *assignment = attempt->assignment;
	uint64		needs[POLICY_MAX_NEEDS];
	int			fitting = 0;
	int			n;

	if (attempt->task->ntables + attempt->task->nresources == 0)
		return true;
	n = unfinished_resolve((const char *const *) attempt->task->tables,
						   attempt->task->ntables, needs);
	n += resource_config_resolve(database_mine(),
								 (const char *const *) attempt->task->resources,
								 Min(attempt->task->nresources,
									 POLICY_MAX_NEEDS - n), needs + n);
	for (int i = 0; i < n; i++)
	{
		ResourceSlot *resource = resource_find(database_mine(), needs[i]);
		bool		granted = false;

		for (int j = 0; j < assignment->ngrants && !granted; j++)
			granted = assignment->grants[j].resource == needs[i];
		if (!granted && resource != NULL && resource->rule.slots > 0)
			return false;
		fitting += granted;
	}
	/* a slot of a table that is not named any more: the name has moved */
	return fitting == assignment->ngrants;
}

/*
 * Finds what is to be executed instead of the task's command, if anything is;
 * false if the breaker does not say so any more.
 */
static bool
attempt_find_fallback(Attempt *attempt)
{
	uint64		key = attempt->assignment->fallback;
	ResourceSlot *resource;
	const ResourceConfig *config;

	attempt->fallback = NULL;
	if (key == 0)
		return true;
	resource = resource_find(database_mine(), key);
	if (resource == NULL)
		return false;
	config = resource_config_for(NameStr(resource->name));
	if (config == NULL || config->fallback == NULL)
		return false;
	attempt->fallback = pstrdup(config->fallback);
	attempt->fallback_owner = config->owner;
	return true;
}

/*
 * Reads the task and the settings of its queue, and looks whether the attempt
 * may begin.
 */
static Readiness
attempt_read(Attempt *attempt)
{
	const Assignment *assignment = attempt->assignment;
	const QueueConfig *queue;
	bool		final;
	TimestampTz retry_at;

	AcceptInvalidationMessages();
	if (!authority_holds())
		return NOT_MY_AUTHORITY;
	queue = queue_config_by_id(assignment->queue);
	attempt->queue_settings = NULL;
	attempt->grouped = queue && queue->grouped;
	attempt->batch = queue ? queue->batch : 1;
	if (queue && queue->settings)
	{
		attempt->queue_settings = palloc(VARSIZE(queue->settings));
		memcpy(attempt->queue_settings, queue->settings,
			   VARSIZE(queue->settings));
	}
	attempt->task = read_ahead(attempt->worker, assignment->task_id);
	if (attempt->task == NULL)
		elog(ERROR, "task " INT64_FORMAT " is not in the ledger",
			 assignment->task_id);
	/* its cancel may have overtaken its submit; the run row comes too late */
	if (attempt->task->environment.autocommit &&
		run_row_exists(assignment->task_id, assignment->attempt, &final,
					   &retry_at))
		return ENDED_ALREADY;
	if (!attempt_needs_hold(attempt) || !attempt_find_fallback(attempt))
		return NEEDS_CHANGED;
	return READY;
}

static bool
same_settings(const Jsonb *a, const Jsonb *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static bool
same_limit(const Interval *a, const Interval *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return session_interval_ms(a) == session_interval_ms(b);
}

/*
 * In the transaction of another attempt, which has read the settings of the
 * queue that both are of: reads the task, and says whether it may be executed
 * there.  Its settings must be those that the transaction began with.
 */
bool
attempt_may_join(Attempt *attempt, const Attempt *first)
{
	MemoryContext caller = MemoryContextSwitchTo(attempt->context);
	bool		known;

	AcceptInvalidationMessages();
	attempt->task = read_ahead(attempt->worker, attempt->assignment->task_id);
	known = attempt_find_fallback(attempt);
	MemoryContextSwitchTo(caller);
	return known && authority_holds() && attempt->task != NULL &&
		!attempt->task->environment.autocommit &&
		attempt->task->environment.owner == first->task->environment.owner &&
		same_settings(attempt->task->settings, first->task->settings) &&
		same_limit(attempt->task->lock_timeout, first->task->lock_timeout) &&
		attempt_needs_hold(attempt);
}

/*
 * In the attempt's transaction: reads the task and takes the slots.  What is
 * read by SQL, and kept, takes a snapshot: then the transaction starts anew
 * and finds it.
 */
Readiness
attempt_prepare(Attempt *attempt, uint64 *taken)
{
	MemoryContext caller;
	Readiness	readiness;

	for (;;)
	{
		caller = MemoryContextSwitchTo(attempt->context);
		readiness = attempt_read(attempt);
		MemoryContextSwitchTo(caller);
		if (readiness != READY)
			return readiness;
		if (!FirstSnapshotSet)
			break;
		CommitTransactionCommand();
		StartTransactionCommand();
	}
	MemoryContextSwitchTo(attempt->context);
	if (attempt->task->environment.autocommit)
	{
		if (slots_take_for_session(attempt->assignment, taken))
			attempt->session_slots = attempt->assignment->ngrants > 0;
		else
			readiness = SLOT_TAKEN;
	}
	else if (!slots_take_for_transaction(attempt->assignment, taken))
		readiness = SLOT_TAKEN;
	MemoryContextSwitchTo(caller);
	return readiness;
}
