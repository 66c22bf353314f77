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
 * however short the chunks are, nor long at once, however many there are: a
 * backfill can find all of its million chunks done by somebody else.
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

/* How long it may take at once */
#define FEED_TIME		"100 ms"

/* Time given to other work for each unit of time spent on feeding */
#define FEED_REST_FACTOR	3

/* What weir._feed() answers */
typedef enum FeedAnswer
{
	FEED_NONE,					/* there are no backfills */
	FEED_ACTIVE,				/* there are; an end may make room */
	FEED_AGAIN,					/* something was locked, or failed */
	FEED_MORE					/* its time was over */
} FeedAnswer;

typedef struct FeedStep
{
	int32		answer;
	int64		last;			/* backfill that it came to */
} FeedStep;

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
 * A task has ended, or a limit has changed, which may make room for a chunk.
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
	FeedStep   *step = arg;
	SqlSession	session;
	SqlParams	params = {0};

	sql_begin(&session);
	sql_add_int8(&params, scheduler->feed_last);
	sql_execute("SELECT answer, last FROM weir._feed($1, '" FEED_TIME "')",
				&params);
	step->answer = sql_int4(0, 1);
	step->last = sql_int8(0, 2);
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
	FeedStep	step = {FEED_AGAIN, 0};
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
	done = scheduler_step(scheduler, "feeding backfills", step_feed, &step);
	end = GetCurrentTimestamp();
	scheduler->feed_rest = end + FEED_REST_FACTOR * (end - start);
	scheduler->feed_active = step.answer != FEED_NONE;
	scheduler->feed_last = step.last;
	if (!done)
		scheduler->feed_rest = scheduler->feed_at = end + FEED_FAILED_US;
	else if (step.answer == FEED_AGAIN)
		scheduler->feed_at = end + FEED_RETRY_US;
	else if (step.answer == FEED_MORE)
		scheduler->feed_at = scheduler->feed_rest;
}

/*
 * When it is time.
 */
TimestampTz
feed_next_timer(Scheduler *scheduler)
{
	return scheduler->feed_at == 0 ? POLICY_TIME_NEVER : scheduler->feed_at;
}
