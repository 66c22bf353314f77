/*-------------------------------------------------------------------------
 *
 * feed.c
 *	  Feeding the backfills' chunks to their queues.
 *
 * The chunks of a backfill wait in a table of their own and are enqueued as
 * room comes: which and how many is the rule of the SQL function
 * weir._feed().  The scheduler calls it when that may have changed: when a
 * backfill was submitted, when a task has ended, after a rebuild.  It sees
 * every end, whoever caused it, so that a chunk that is cancelled or that dies
 * with the server is followed by the next like any other.
 *
 * It waits for nobody's lock: what is locked is tried again a little later.
 * It also takes care not to spend more than a quarter of its time on this,
 * however short the chunks are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "ledger/sql.h"
#include "sched/feed.h"

/* Pause before what was locked is tried again, and what has failed */
#define FEED_RETRY_US	INT64CONST(1000000)
#define FEED_FAILED_US	INT64CONST(10000000)

/* Time given to other work for each unit of time spent on feeding */
#define FEED_REST_FACTOR	3

/* What weir._feed() answers */
typedef enum FeedAnswer
{
	FEED_NONE,					/* there are no backfills */
	FEED_ACTIVE,				/* there are; an end may make room */
	FEED_AGAIN					/* something was locked, or failed */
} FeedAnswer;

/*
 * There is a backfill, or may be one.
 */
void
feed_wake(Scheduler *scheduler)
{
	scheduler->feed_active = true;
	feed_note_end(scheduler);
}

/*
 * A task has ended, which may make room for a chunk.
 */
void
feed_note_end(Scheduler *scheduler)
{
	if (scheduler->feed_active)
		scheduler->feed_at = scheduler->feed_rest > 0 ? scheduler->feed_rest : 1;
}

static void
step_feed(Scheduler *scheduler, void *arg)
{
	SqlSession	session;

	sql_begin(&session);
	sql_execute("SELECT weir._feed()", NULL);
	*(int32 *) arg = sql_int4(0, 1);
	sql_end(&session);
}

/*
 * Feeds the backfills, if it is time.
 */
void
feed(Scheduler *scheduler)
{
	TimestampTz start = GetCurrentTimestamp();
	TimestampTz end;
	int32		answer = FEED_AGAIN;
	bool		done;

	if (scheduler->feed_at == 0 || start < scheduler->feed_at)
		return;
	scheduler->feed_at = 0;
	/* the functions of another version may be others */
	if (scheduler->other_version)
	{
		scheduler->feed_at = start + FEED_FAILED_US;
		return;
	}
	done = scheduler_step(scheduler, "feeding backfills", step_feed, &answer);
	end = GetCurrentTimestamp();
	scheduler->feed_rest = end + FEED_REST_FACTOR * (end - start);
	scheduler->feed_active = answer != FEED_NONE;
	if (!done)
		scheduler->feed_rest = scheduler->feed_at = end + FEED_FAILED_US;
	else if (answer == FEED_AGAIN)
		scheduler->feed_at = end + FEED_RETRY_US;
}

/*
 * When it is time.
 */
TimestampTz
feed_next_timer(Scheduler *scheduler)
{
	return scheduler->feed_at == 0 ? POLICY_TIME_NEVER : scheduler->feed_at;
}
