/*-------------------------------------------------------------------------
 *
 * watermark.c
 *	  Tells when a queue has become high, and low again.
 *
 * Looked at in each round, so what goes up and comes down between two rounds
 * is not told.  An event is written for each crossing; the last one of a queue
 * says what it was, so that a new scheduler does not tell the same again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/event_row.h"
#include "ledger/sql.h"
#include "policy/watermark.h"
#include "sched/watermark.h"
#include "shmem/depth.h"

/* Pause after an event could not be written */
#define WATERMARK_RETRY_US	INT64CONST(1000000)

/* A queue that has marks, or had some when it became high */
typedef struct MarkedQueue
{
	int32		queue;
	char		name[NAMEDATALEN];
	Watermarks	marks;
	uint32		capacity;
	bool		high;
	uint32		depth;			/* now */
} MarkedQueue;

static MarkedQueue *
watermark_find(Scheduler *scheduler, int32 queue)
{
	ListCell   *lc;

	foreach(lc, scheduler->marked)
	{
		MarkedQueue *marked = lfirst(lc);

		if (marked->queue == queue)
			return marked;
	}
	return NULL;
}

/*
 * Follows the configuration.  A queue that loses its marks while it is high
 * stays, to be told low.
 */
void
watermark_configure(Scheduler *scheduler, const QueueConfig *queues, int n)
{
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	List	   *before = scheduler->marked;
	List	   *marked = NIL;

	for (int i = 0; i < n; i++)
	{
		MarkedQueue *old = watermark_find(scheduler, queues[i].queue_id);
		MarkedQueue *new;

		if (queues[i].high_watermark == 0 && (old == NULL || !old->high))
			continue;
		new = palloc0(sizeof(MarkedQueue));
		new->queue = queues[i].queue_id;
		strlcpy(new->name, queues[i].name, NAMEDATALEN);
		new->marks = watermarks_of(queues[i].high_watermark,
								   queues[i].low_watermark,
								   queues[i].capacity);
		new->capacity = queues[i].capacity;
		new->high = old != NULL && old->high;
		marked = lappend(marked, new);
	}
	scheduler->marked = marked;
	list_free_deep(before);
	MemoryContextSwitchTo(caller);
}

/*
 * Reads what queues were when it was last told.
 */
static void
step_restore(Scheduler *scheduler, void *arg)
{
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_execute("SELECT q.queue_id FROM weir.queue q CROSS JOIN LATERAL"
					" (SELECT e.kind FROM weir.event e WHERE e.queue = q.name"
					"  AND e.kind IN ('queue_high', 'queue_low', 'drop_queue')"
					"  ORDER BY e.event_id DESC LIMIT 1) l"
					" WHERE l.kind = 'queue_high'", NULL);
	for (uint64 row = 0; row < n; row++)
	{
		MarkedQueue *marked = watermark_find(scheduler, sql_int4(row, 1));

		if (marked != NULL)
			marked->high = true;
	}
	sql_end(&session);
}

/*
 * A new scheduler finds out what its predecessor has told.
 */
void
watermark_restore(Scheduler *scheduler)
{
	if (scheduler->marked != NIL)
		(void) scheduler_step(scheduler, "reading watermark events",
							  step_restore, NULL);
}

static void
step_tell(Scheduler *scheduler, void *arg)
{
	const MarkedQueue *marked = arg;

	event_write(marked->high ? "queue_low" : "queue_high", 0, marked->name,
				NULL, NULL,
				psprintf("{\"depth\": %u, \"capacity\": %u}",
						 marked->depth, marked->capacity));
}

/*
 * Tells of the queues that have crossed a mark.
 */
void
watermark_review(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *lc;

	if (now < scheduler->marked_at)
		return;
	scheduler->marked_at = 0;
	foreach(lc, scheduler->marked)
	{
		MarkedQueue *marked = lfirst(lc);
		QueueSlot  *slot = depth_find(scheduler->database, marked->queue);
		bool		high;

		marked->depth = slot ? pg_atomic_read_u32(&slot->depth) : 0;
		high = watermarks_high(marked->marks, marked->high, marked->depth);
		if (high != marked->high)
		{
			if (scheduler_step(scheduler, "telling of a watermark", step_tell,
							   marked))
				marked->high = high;
			else
				scheduler->marked_at = now + WATERMARK_RETRY_US;
		}
		if (slot != NULL)
			pg_atomic_write_u32(&slot->high, marked->high);
	}
}

/*
 * When an event is to be tried again.
 */
TimestampTz
watermark_next_timer(Scheduler *scheduler)
{
	return scheduler->marked_at == 0 ? POLICY_TIME_NEVER :
		scheduler->marked_at;
}
