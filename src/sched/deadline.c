/*-------------------------------------------------------------------------
 *
 * deadline.c
 *	  Deadlines of daily tasks: shown, recorded, and learned from.
 *
 * The policy says how likely it is that a task misses its deadline, and what
 * follows from that.  Here it hears how long tasks waited and ran: from the
 * ledger when it asks about a kind of tasks for the first time, then as they
 * end.  What it says is shown in shared memory, as far as there is room, and
 * changes of the tier become events.
 *
 * An event that cannot be written is lost, but in the server log: the next
 * change of the tier is recorded again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "ledger/sql.h"
#include "sched/announce.h"
#include "sched/deadline.h"

/* Runs of a kind of tasks that are read */
#define DEADLINE_RUNS	"64"

/* Newest runs of all that are searched for those of a queue */
#define DEADLINE_SEARCH	"2000"

/*
 * Reads how long the last tasks of a job or queue waited and ran.
 */
static void
step_history(Scheduler *scheduler, void *arg)
{
	uint64		key = *(uint64 *) arg;
	SqlSession	session;
	SqlParams	params = {0};
	uint64		n;

	sql_begin(&session);
	sql_add_int4(&params, (int32) (uint32) key);
	if (key == (uint32) key)
		n = sql_execute("SELECT waited, ran FROM (SELECT r.task_id,"
						" (extract(epoch FROM r.started_at -"
						"  greatest(t.enqueued_at, t.run_at)) * 1000000)::bigint AS waited,"
						" (extract(epoch FROM r.finished_at - r.started_at)"
						"  * 1000000)::bigint AS ran"
						" FROM (SELECT task_id, outcome, started_at, finished_at"
						"  FROM weir.run ORDER BY task_id DESC LIMIT " DEADLINE_SEARCH ") r"
						" JOIN weir.task t ON t.task_id = r.task_id"
						" JOIN weir.environment v ON v.environment_id = t.environment_id"
						" WHERE r.outcome = 'succeeded' AND v.queue_id = $1"
						" ORDER BY r.task_id DESC LIMIT " DEADLINE_RUNS ") x"
						" ORDER BY task_id", &params);
	else
		/* a chunk of several intervals is no measure for one */
		n = sql_execute("SELECT waited, ran FROM (SELECT i.interval_start,"
						" CASE WHEN i.cause = 'schedule' THEN"
						"  (extract(epoch FROM r.started_at -"
						"   greatest(t.enqueued_at, t.run_at)) * 1000000)::bigint"
						"  ELSE 0 END AS waited,"
						" (extract(epoch FROM r.finished_at - r.started_at)"
						"  * 1000000)::bigint AS ran"
						" FROM weir.interval i"
						" JOIN weir.run r ON r.task_id = i.task_id"
						" JOIN weir.task t ON t.task_id = i.task_id"
						" WHERE i.job_id = $1 AND r.outcome = 'succeeded'"
						" AND NOT EXISTS (SELECT FROM weir.interval o"
						"  WHERE o.task_id = i.task_id"
						"  AND o.interval_start <> i.interval_start)"
						" ORDER BY i.interval_start DESC LIMIT " DEADLINE_RUNS ") x"
						" ORDER BY interval_start", &params);
	for (uint64 row = 0; row < n; row++)
		policy_note_run(scheduler->policy, key, sql_int8(row, 1),
						sql_int8(row, 2));
	sql_end(&session);
}

/*
 * A run has ended: what is known of its kind grows, and what was worked.
 */
void
deadline_note_end(Scheduler *scheduler, const Assignment *assignment,
				  const Completion *completion)
{
	if (completion->kind != COMPLETION_FINAL &&
		completion->kind != COMPLETION_AGAIN)
		return;
	pg_atomic_fetch_add_u64(&scheduler->database->worked,
							Max(completion->duration, 0));
	if (completion->kind == COMPLETION_FINAL && completion->succeeded &&
		!policy_note_end(scheduler->policy, completion->task_id,
						 completion->duration) &&
		assignment->klass == POLICY_CLASS_BACKFILL)
		policy_note_run(scheduler->policy, (uint32) assignment->queue, 0,
						completion->duration);
}

/*
 * The slot of a task, or a free one; NULL if there is none.
 */
static DeadlineSlot *
deadline_slot(WeirDatabase *database, int64 task_id)
{
	DeadlineSlot *found = NULL;

	for (int i = 0; i < WEIR_MAX_DEADLINES; i++)
	{
		DeadlineSlot *slot = &database->deadlines[i];

		if (slot->task_id == task_id)
			return slot;
		if (slot->task_id == 0 && found == NULL)
			found = slot;
	}
	return found;
}

/*
 * Shows what is known of a task, or nothing any more.
 */
static void
deadline_show(WeirDatabase *database, const PolicyRiskInfo *info)
{
	DeadlineSlot *slot;

	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	slot = deadline_slot(database, info->task_id);
	if (slot != NULL && info->gone)
		slot->task_id = 0;
	else if (slot != NULL)
	{
		slot->task_id = info->task_id;
		slot->deadline = info->deadline;
		slot->latest_start = info->latest_start;
		slot->on_time = info->on_time;
		slot->tier = info->tier;
		slot->missed = info->missed;
	}
	LWLockRelease(database->lock);
}

/*
 * The kind of the event that tells what is new; NULL if there is none.
 */
static const char *
deadline_event(const PolicyRiskInfo *info)
{
	if (info->gone)
		return info->was_at_risk && !info->missed ? "met" : NULL;
	if (!info->news)
		return NULL;
	if (info->missed)
		return "missed";
	switch (info->tier)
	{
		case POLICY_TIER_ON_TIME:
			return "on_time";
		case POLICY_TIER_AT_RISK:
			return "at_risk";
		case POLICY_TIER_CRITICAL:
			return "critical";
	}
	return NULL;
}

static void
step_record(Scheduler *scheduler, void *arg)
{
	ListCell   *lc;

	foreach(lc, (List *) arg)
	{
		const PolicyRiskInfo *info = lfirst(lc);
		SqlSession	session;
		SqlParams	params = {0};

		sql_begin(&session);
		sql_add_text(&params, deadline_event(info));
		sql_add_int8(&params, info->task_id);
		sql_add(&params, FLOAT8OID, Float8GetDatum(info->on_time), false);
		sql_add(&params, TIMESTAMPTZOID,
				TimestampTzGetDatum(info->latest_start), false);
		sql_add(&params, TIMESTAMPTZOID, TimestampTzGetDatum(info->deadline),
				false);
		if (sql_execute("SELECT e.job_id, e.event_id"
						" FROM weir._deadline_event($1, $2, $3, $4, $5) e"
						" WHERE e.job_id IS NOT NULL", &params) > 0)
			announce_add(scheduler, sql_int4(0, 1), sql_int8(0, 2),
						 sql_int8(0, 2));
		sql_end(&session);
	}
}

/*
 * Forgets what is shown: a new policy says it anew.
 */
void
deadline_clear(Scheduler *scheduler)
{
	LWLockAcquire(scheduler->database->lock, LW_EXCLUSIVE);
	memset(scheduler->database->deadlines, 0,
		   sizeof(scheduler->database->deadlines));
	LWLockRelease(scheduler->database->lock);
}

/*
 * Tells the policy what it asks for, before it judges by it.
 */
void
deadline_learn(Scheduler *scheduler)
{
	uint64		key;

	while (policy_next_history(scheduler->policy, &key))
		(void) scheduler_step(scheduler, "reading how long tasks took",
							  step_history, &key);
}

/*
 * Shows and records what the policy says.
 */
void
deadline_review(Scheduler *scheduler)
{
	PolicyRiskInfo info;
	List	   *events = NIL;

	while (policy_next_risk(scheduler->policy, &info))
	{
		deadline_show(scheduler->database, &info);
		if (deadline_event(&info) != NULL)
		{
			PolicyRiskInfo *copy = palloc(sizeof(PolicyRiskInfo));

			*copy = info;
			events = lappend(events, copy);
		}
	}
	if (events != NIL)
		(void) scheduler_step(scheduler, "recording deadlines", step_record,
							  events);
}
