/*-------------------------------------------------------------------------
 *
 * starvation.c
 *	  Events of tasks that wait for longer than they should.
 *
 * A task that is due and has not started for weir.max_starvation is recorded
 * once, with the cause that holds at that time.  Of tasks that wait for the
 * same it is the first: those behind it are counted with it, so that a queue
 * that is paused over night is one event, not as many as it has tasks.
 *
 * The policy says who was enqueued that long ago; since when it has been due
 * (run_at, a retry, the end of a parent) is looked up in the ledger, as is
 * whether it was told before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "ledger/event_row.h"
#include "ledger/queue_config.h"
#include "ledger/sql.h"
#include "ledger/task_row.h"
#include "sched/starvation.h"
#include "shmem/settings.h"

/* Pause between two looks: a part of the limit, within bounds */
#define LOOKS_PER_LIMIT		10
#define MIN_PAUSE_US		INT64CONST(100000)
#define MAX_PAUSE_US		INT64CONST(600000000)

/* How many tasks are looked up in a round */
#define STARVED_PER_ROUND	16

/*
 * How long it has been due, and why it waits, unless that was told; says
 * whether it is to be told now.
 */
static bool
starvation_look_up(int64 task_id, char **waited, char **cause, char **why)
{
	MemoryContext context = CurrentMemoryContext;
	SqlSession	session;
	SqlParams	params = {0};
	bool		found;

	sql_add_int8(&params, task_id);
	sql_add_int4(&params, weir_max_starvation);
	sql_begin(&session);
	sql_execute("SELECT extract(epoch FROM clock_timestamp() - d.due),"
				" c.cause, c.detail"
				" FROM (SELECT t.task_id, greatest(t.enqueued_at, t.run_at,"
				"   (SELECT greatest(r.finished_at, r.retry_at)"
				"    FROM weir.run r WHERE r.task_id = t.task_id"
				"    ORDER BY r.attempt DESC LIMIT 1),"
				"   (SELECT max(r.finished_at) FROM weir.run r"
				"    WHERE r.task_id = ANY (t.after))) AS due"
				"  FROM weir.task t WHERE t.task_id = $1) d"
				" LEFT JOIN LATERAL (SELECT w.cause, w.detail"
				"  FROM weir._causes(ARRAY[d.task_id]) w LIMIT 1) c ON true"
				" WHERE d.due < clock_timestamp()"
				"  - $2 * interval '1 millisecond'"
				" AND NOT EXISTS (SELECT FROM weir.event e"
				"  WHERE e.task_id = d.task_id AND e.kind = 'starvation')",
				&params);
	found = SPI_processed == 1;
	if (found)
	{
		*waited = MemoryContextStrdup(context, sql_text(0, 1));
		*cause = MemoryContextStrdup(context, sql_isnull(0, 2) ? "none" :
									 sql_text(0, 2));
		*why = sql_isnull(0, 3) ? NULL :
			MemoryContextStrdup(context, sql_text(0, 3));
	}
	sql_end(&session);
	return found;
}

/*
 * Looks at the next tasks that may starve.
 */
static void
step_starvation(Scheduler *scheduler, void *arg)
{
	TimestampTz since = GetCurrentTimestamp() -
	weir_max_starvation * INT64CONST(1000);
	PolicyStarved starved;

	for (int i = 0; i < STARVED_PER_ROUND; i++)
	{
		const QueueConfig *queue;
		char	   *waited;
		char	   *cause;
		char	   *why;

		if (!policy_next_starved(scheduler->policy, since,
								 &scheduler->starvation_next, &starved))
		{
			scheduler->starvation_next = 0;
			return;
		}
		if (!starvation_look_up(starved.task_id, &waited, &cause, &why))
			continue;
		queue = queue_config_by_id(starved.queue);
		event_write("starvation", starved.task_id,
					queue ? pstrdup(queue->name) : NULL, NULL, why,
					psprintf("{\"cause\": \"%s\", \"class\": \"%s\", \"waited_s\": %s, \"max_starvation_ms\": %d, \"behind\": %u}",
							 cause, class_name(starved.klass), waited,
							 weir_max_starvation, starved.behind));
	}
}

/*
 * Does nobody wait, or is nobody to be told of?
 */
static bool
starvation_is_off(Scheduler *scheduler)
{
	return weir_max_starvation == 0 ||
		policy_num_tasks(scheduler->policy) == 0;
}

/*
 * Looks who starves, when it is time.
 */
void
starvation(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		pause = weir_max_starvation * INT64CONST(1000) / LOOKS_PER_LIMIT;

	if (starvation_is_off(scheduler) || now < scheduler->starvation_at)
		return;
	if (!scheduler_step(scheduler, "looking who starves", step_starvation,
						NULL))
		scheduler->starvation_next = 0;
	scheduler->starvation_at = now;
	if (scheduler->starvation_next == 0)
		scheduler->starvation_at += Min(Max(pause, MIN_PAUSE_US), MAX_PAUSE_US);
}

TimestampTz
starvation_next_timer(Scheduler *scheduler)
{
	return starvation_is_off(scheduler) ? POLICY_TIME_NEVER :
		scheduler->starvation_at;
}
