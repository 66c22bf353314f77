/*-------------------------------------------------------------------------
 *
 * announce.c
 *	  Notifications of what becomes of the intervals of jobs.
 *
 * NOTIFY takes a lock of the whole server at commit, so neither a task nor a
 * session that writes events does it: they tell the scheduler which events of
 * a job they have written, and it notifies in a step of its own.  Whoever has
 * written an event of an interval has locked the job, so its ids from the first
 * to the last are those of one transaction.
 *
 * A notification is a hint that weir.events has something new.  What is under
 * way when the scheduler ends is not repeated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/sql.h"
#include "sched/announce.h"

/* Pause after they could not be made, and how many are kept meanwhile */
#define ANNOUNCE_RETRY_US	INT64CONST(1000000)
#define ANNOUNCE_MAX		1000

/* Events of one transaction */
typedef struct Announcement
{
	int32		job_id;
	int64		first;
	int64		last;
} Announcement;

/*
 * Takes note of events that are committed.
 */
void
announce_add(Scheduler *scheduler, int32 job_id, int64 first, int64 last)
{
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	Announcement *new = palloc(sizeof(Announcement));

	new->job_id = job_id;
	new->first = first;
	new->last = last;
	/* nobody can be notified for long: the oldest are not news any more */
	if (list_length(scheduler->announcements) >= ANNOUNCE_MAX)
	{
		pfree(linitial(scheduler->announcements));
		scheduler->announcements = list_delete_first(scheduler->announcements);
	}
	scheduler->announcements = lappend(scheduler->announcements, new);
	MemoryContextSwitchTo(caller);
}

static void
step_announce(Scheduler *scheduler, void *arg)
{
	ListCell   *lc;
	SqlSession	session;

	sql_begin(&session);
	foreach(lc, scheduler->announcements)
	{
		Announcement *announcement = lfirst(lc);
		SqlParams	params = {0};

		sql_add_int4(&params, announcement->job_id);
		sql_add_int8(&params, announcement->first);
		sql_add_int8(&params, announcement->last);
		sql_execute("SELECT pg_notify('weir_events', n.payload)"
					" FROM (SELECT json_build_object('event_id', e.event_id,"
					"  'kind', e.kind, 'job', e.job,"
					"  'interval_start', e.interval_start,"
					"  'due_at', e.detail -> 'due_at',"
					"  'excused_by', e.detail -> 'excused_by')::text AS payload"
					"  FROM weir.event e WHERE e.job_id = $1"
					"  AND e.interval_start IS NOT NULL"
					"  AND e.event_id BETWEEN $2 AND $3"
					"  ORDER BY e.event_id) n"
					" WHERE octet_length(n.payload) < 8000", &params);
	}
	sql_end(&session);
}

/*
 * Notifies of all that is known.
 */
void
announce(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();

	if (scheduler->announcements == NIL || now < scheduler->announce_at)
		return;
	if (!scheduler_step(scheduler, "notifying of events", step_announce, NULL))
	{
		scheduler->announce_at = now + ANNOUNCE_RETRY_US;
		return;
	}
	list_free_deep(scheduler->announcements);
	scheduler->announcements = NIL;
}

TimestampTz
announce_next_timer(Scheduler *scheduler)
{
	return scheduler->announcements == NIL ? POLICY_TIME_NEVER :
		scheduler->announce_at;
}
