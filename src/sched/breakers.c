/*-------------------------------------------------------------------------
 *
 * breakers.c
 *	  Circuit breakers: set up, fed with results, recorded, shown.
 *
 * The policy decides.  What it has decided is in shared memory at once, for
 * show, and each change of a state becomes an event.  When the policy is made
 * anew the last event of a resource says in which state its breaker was, so
 * that a restart does not close what is open.  It says so of the breaker that it
 * was then: not of another one, which the resource was given since, nor of one
 * that was set by hand since.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/breaker_config.h"
#include "ledger/event_row.h"
#include "ledger/resource_config.h"
#include "ledger/sql.h"
#include "sched/breakers.h"
#include "sched/ends.h"
#include "sched/event_list.h"
#include "shmem/database.h"
#include "shmem/named_resource.h"
#include "shmem/resource.h"

/*
 * A change of a state that has no event yet.
 */
typedef struct BreakerEvent
{
	BreakerStatus status;
	NameData	resource;
} BreakerEvent;

/*
 * Tells the policy of the breaker of a named resource.  Within a step.
 */
void
breakers_configure(Scheduler *scheduler, ResourceSlot *resource)
{
	const ResourceConfig *config = resource_config_for(NameStr(resource->name));
	static const BreakerRule none;

	policy_set_breaker(scheduler->policy, resource->key,
					   config != NULL ? &config->breaker : &none);
}

/*
 * Brings breakers into the states in which they were: that of one resource,
 * or, for NULL, all.
 */
static void
restore(Scheduler *scheduler, const char *name)
{
	SqlSession	session;
	SqlParams	params = {0};
	uint64		n;

	sql_begin(&session);
	sql_add_text(&params, name);
	n = sql_execute("SELECT DISTINCT ON (detail ->> 'resource')"
					" detail ->> 'resource', detail ->> 'state',"
					" (detail ->> 'until')::timestamptz,"
					" (detail ->> 'breaker_since')::timestamptz"
					" FROM weir.event WHERE kind = 'breaker'"
					" AND ($1 IS NULL OR detail ->> 'resource' = $1)"
					" ORDER BY detail ->> 'resource', event_id DESC", &params);
	for (uint64 row = 0; row < n; row++)
	{
		uint64		key = named_resource_key(scheduler->database,
											 sql_text(row, 1));
		BreakerState state;

		if (key != 0 && breaker_state_parse(sql_text(row, 2), &state))
			policy_restore_breaker(scheduler->policy, key, sql_int8(row, 4),
								   state, sql_int8(row, 3));
	}
	sql_end(&session);
}

static void
step_configure_one(Scheduler *scheduler, void *arg)
{
	ResourceSlot *resource = arg;

	breakers_configure(scheduler, resource);
	restore(scheduler, NameStr(resource->name));
}

/*
 * The same, not within a step, for a resource that was made after a template.
 */
void
breakers_configure_one(Scheduler *scheduler, ResourceSlot *resource)
{
	if (resource->has_breaker)
		(void) scheduler_step(scheduler, "reading a breaker",
							  step_configure_one, resource);
}

static void
step_restore(Scheduler *scheduler, void *arg)
{
	restore(scheduler, NULL);
}

/*
 * Restores all breakers.  If that fails they begin closed.
 */
void
breakers_restore(Scheduler *scheduler)
{
	(void) scheduler_step(scheduler, "reading the states of breakers",
						  step_restore, NULL);
}

/*
 * Reports how an attempt ended, if that says something of its resources.
 */
void
breakers_report(Scheduler *scheduler, const Completion *completion,
				const Assignment *assignment)
{
	TimestampTz now = GetCurrentTimestamp();
	PolicyResult result = {0};

	if (!completion->succeeded && completion->sqlstate[0] == '\0')
		return;
	result.succeeded = completion->succeeded;
	result.sqlstate = completion->sqlstate;
	result.duration = completion->duration > 0 ? completion->duration :
		now - assignment->ready_at;
	policy_report(scheduler->policy, completion->task_id, &result, now);
}

/*
 * Takes over from the policy the tasks that are to be ended because a breaker
 * is open.
 */
void
breakers_refuse(Scheduler *scheduler)
{
	PolicyEnd	refused;
	uint64		resource;

	while (policy_next_refused(scheduler->policy, &refused, &resource))
		ends_add(scheduler, &refused, END_REFUSED, (int64) resource);
}

/*
 * Writes an event for each change of a state.
 */
static void
step_events(Scheduler *scheduler, void *arg)
{
	ListCell   *lc;

	foreach(lc, (List *) arg)
	{
		BreakerEvent *event = lfirst(lc);
		const BreakerStatus *status = &event->status;
		SqlSession	session;
		SqlParams	params = {0};
		char	   *detail;

		sql_begin(&session);
		sql_add_text(&params, NameStr(event->resource));
		sql_add_text(&params, breaker_state_name(status->from));
		sql_add_text(&params, breaker_state_name(status->state));
		sql_add_int4(&params, status->counts.calls);
		sql_add_int4(&params, status->counts.failures);
		sql_add_int4(&params, status->counts.slow);
		sql_add(&params, TIMESTAMPTZOID, TimestampTzGetDatum(status->until),
				status->state != BREAKER_OPEN);
		sql_add(&params, TIMESTAMPTZOID, TimestampTzGetDatum(status->made),
				false);
		sql_execute("SELECT jsonb_strip_nulls(jsonb_build_object("
					"'resource', $1, 'from', $2, 'state', $3, 'calls', $4,"
					" 'failures', $5, 'slow_calls', $6, 'until', $7,"
					" 'breaker_since', $8))",
					&params);
		detail = MemoryContextStrdup(scheduler->round, sql_text(0, 1));
		sql_end(&session);
		event_write("breaker", 0, NULL, NULL, NULL, detail);
	}
}

/*
 * Notes a change of a state, for its event.
 */
static void
note_event(Scheduler *scheduler, const BreakerStatus *status,
		   const ResourceSlot *resource)
{
	BreakerEvent *event = event_list_add(scheduler,
										 &scheduler->breaker_events,
										 sizeof(BreakerEvent));

	event->status = *status;
	event->resource = resource->name;
}

/*
 * Shows the figures of a breaker.
 */
static void
show(ResourceSlot *resource, const BreakerStatus *status)
{
	BreakerFigures *figures = &resource->breaker;

	pg_atomic_write_u32(&figures->state, status->state);
	pg_atomic_write_u64(&figures->since,
						status->since == POLICY_TIME_ALWAYS ? 0 : status->since);
	pg_atomic_write_u64(&figures->until,
						status->state == BREAKER_OPEN ? status->until : 0);
	pg_atomic_write_u32(&figures->calls, status->counts.calls);
	pg_atomic_write_u32(&figures->failures, status->counts.failures);
	pg_atomic_write_u32(&figures->slow, status->counts.slow);
	pg_atomic_write_u32(&figures->probing, status->probing);
}

/*
 * Shows what has changed, and writes the events.
 */
void
breakers_publish(Scheduler *scheduler, TimestampTz now)
{
	BreakerStatus status;

	while (policy_next_breaker(scheduler->policy, &status))
	{
		ResourceSlot *resource = resource_find(scheduler->database,
											   status.resource);

		if (resource == NULL)
			continue;
		show(resource, &status);
		if (status.turned)
			note_event(scheduler, &status, resource);
	}
	event_list_write(scheduler, &scheduler->breaker_events,
					 "recording breakers", step_events, now);
}
