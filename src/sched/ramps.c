/*-------------------------------------------------------------------------
 *
 * ramps.c
 *	  Recovery ramps: begun, shown, recorded.
 *
 * The policy decides what starts during a ramp, and begins one by itself when
 * a breaker closes, and when a queue is resumed that is to have one.  A job that
 * catches up with several intervals begins that of its queue (MESSAGE_RAMP).
 *
 * The ramp of everything begins here: when tasks may start again after shared
 * memory was lost (a start of the server, a crash, a promotion), or after
 * weir.pause_all() or weir.enabled had stopped them.  Only if more tasks are
 * ready than there are workers: fewer cannot stampede, and nobody is slowed down
 * who begins with an empty ledger.  It lasts no longer than what it follows, as
 * far as that is known.
 *
 * A ramp is in shared memory, for show, and so that the next scheduler goes on
 * with it if this process ends.  That it begins and ends is an event.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/event_row.h"
#include "ledger/queue_config.h"
#include "ledger/sql.h"
#include "sched/event_list.h"
#include "sched/ramps.h"
#include "shmem/depth.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

/*
 * A beginning or an end that has no event yet.
 */
typedef struct RampEvent
{
	RampStatus	status;
	NameData	resource;		/* empty: of everything, or of a queue */
} RampEvent;

/*
 * Tells the policy how long ramps are, if that is new to it.
 */
static void
set_length(Scheduler *scheduler)
{
	if (scheduler->ramp_up == weir_ramp_up)
		return;
	scheduler->ramp_up = weir_ramp_up;
	policy_set_ramp(scheduler->policy, weir_ramp_up * INT64CONST(1000),
					pg_prng_uint64(&pg_global_prng_state));
}

/*
 * Brings a ramp back that goes on, or forgets it if shared memory is fresh: it
 * was of another ledger, perhaps.
 */
static void
restore(Scheduler *scheduler, int32 queue, uint64 key, RampFigures *figures,
		bool fresh)
{
	TimestampTz began_at = (TimestampTz) pg_atomic_read_u64(&figures->began_at);
	TimestampTz ends_at = (TimestampTz) pg_atomic_read_u64(&figures->ends_at);

	if (fresh)
		pg_atomic_write_u64(&figures->began_at, 0);
	else if (began_at != 0 && queue != 0)
		policy_begin_queue_ramp(scheduler->policy, queue, began_at,
								ends_at - began_at);
	else if (began_at != 0)
		policy_begin_ramp(scheduler->policy, key, began_at,
						  ends_at - began_at);
}

/*
 * Begins with a new policy.  If shared memory is fresh tasks start again as
 * after a pause; if not, the ramps there were go on.
 */
void
ramps_restore(Scheduler *scheduler, bool fresh)
{
	WeirDatabase *database = scheduler->database;

	scheduler->ramp_up = -1;
	set_length(scheduler);
	scheduler->open = !fresh;
	scheduler->closed_at = 0;
	restore(scheduler, 0, 0, &database->ramp, fresh);
	for (int i = 0; i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &database->queues[i];

		if (slot->queue != 0)
			restore(scheduler, slot->queue, 0, &slot->ramp, fresh);
	}
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (resource_in_use(resource))
			restore(scheduler, 0, resource->key, &resource->ramp, fresh);
	}
}

/*
 * How many tasks could start now, if there were workers.
 */
static uint64
ready_tasks(Scheduler *scheduler)
{
	uint64		ready = 0;

	for (int i = 0; i < weir_max_queues; i++)
	{
		PolicyQueueCounts counts;

		if (scheduler->database->queues[i].queue == 0)
			continue;
		policy_queue_counts(scheduler->policy,
							scheduler->database->queues[i].queue, &counts);
		ready += counts.ready;
	}
	return ready;
}

/*
 * Begins a ramp of everything if tasks may start again.  To be asked before
 * any starts.
 */
void
ramps_review(Scheduler *scheduler, TimestampTz now)
{
	bool		open = weir_enabled && !scheduler->paused_all;
	int64		length = weir_ramp_up * INT64CONST(1000);

	set_length(scheduler);
	if (open == scheduler->open)
		return;
	scheduler->open = open;
	if (!open)
	{
		scheduler->closed_at = now;
		return;
	}
	if (scheduler->closed_at != 0)
		length = Min(length, now - scheduler->closed_at);
	if (ready_tasks(scheduler) > weir_max_workers)
		policy_begin_ramp(scheduler->policy, 0, now, length);
}

/*
 * Writes an event for each beginning and end.
 */
static void
step_events(Scheduler *scheduler, void *arg)
{
	ListCell   *lc;

	foreach(lc, (List *) arg)
	{
		RampEvent  *event = lfirst(lc);
		const RampStatus *status = &event->status;
		const QueueConfig *queue = queue_config_by_id(status->queue);
		SqlSession	session;
		SqlParams	params = {0};
		char	   *name = queue != NULL ? pstrdup(queue->name) : NULL;
		char	   *detail;

		sql_begin(&session);
		sql_add_text(&params, NameStr(event->resource)[0] == '\0' ? NULL :
					 NameStr(event->resource));
		sql_add_text(&params, status->on ? "began" : "ended");
		sql_add_int4(&params, status->total);
		sql_add(&params, TIMESTAMPTZOID,
				TimestampTzGetDatum(status->began_at + status->length),
				!status->on);
		sql_execute("SELECT jsonb_strip_nulls(jsonb_build_object("
					"'resource', $1, 'state', $2, 'tasks', $3, 'until', $4))",
					&params);
		detail = MemoryContextStrdup(scheduler->round, sql_text(0, 1));
		sql_end(&session);
		event_write("ramp", 0, name, NULL, NULL, detail);
	}
}

/*
 * Shows a ramp, and notes an event if it has begun or ended.
 */
static void
show(Scheduler *scheduler, RampFigures *figures, const char *resource,
	 const RampStatus *status)
{
	uint64		shown = pg_atomic_read_u64(&figures->began_at);
	uint64		began_at = status->on ? (uint64) status->began_at : 0;

	pg_atomic_write_u32(&figures->allowed, status->allowed);
	pg_atomic_write_u32(&figures->total, status->total);
	pg_atomic_write_u64(&figures->step_at, status->step_at);
	pg_atomic_write_u64(&figures->ends_at, status->began_at + status->length);
	pg_atomic_write_u64(&figures->began_at, began_at);
	if (began_at != shown)
	{
		RampEvent  *event = event_list_add(scheduler, &scheduler->ramp_events,
										   sizeof(RampEvent));

		event->status = *status;
		namestrcpy(&event->resource, resource);
	}
}

/*
 * Shows what has changed, and writes the events.
 */
void
ramps_publish(Scheduler *scheduler, TimestampTz now)
{
	RampStatus	status;

	while (policy_next_ramp(scheduler->policy, &status))
	{
		ResourceSlot *resource;
		QueueSlot  *queue;

		if (status.queue != 0)
		{
			queue = depth_find(scheduler->database, status.queue);
			if (queue != NULL)
				show(scheduler, &queue->ramp, "", &status);
			continue;
		}
		if (status.resource == 0)
		{
			show(scheduler, &scheduler->database->ramp, "", &status);
			continue;
		}
		resource = resource_find(scheduler->database, status.resource);
		if (resource != NULL)
			show(scheduler, &resource->ramp, NameStr(resource->name), &status);
	}
	event_list_write(scheduler, &scheduler->ramp_events, "recording ramps",
					 step_events, now);
}
