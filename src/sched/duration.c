/*-------------------------------------------------------------------------
 *
 * duration.c
 *	  How long the last runs of each queue took.
 *
 * The scheduler is told when a run ends.  What was before it started is read
 * from the newest rows of the ledger, so that a restart forgets little.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"

#include "ledger/sql.h"
#include "policy/duration.h"
#include "sched/duration.h"
#include "shmem/depth.h"

typedef struct QueueDurations
{
	int32		queue;			/* hash key: must be first */
	Durations	durations;
} QueueDurations;

/*
 * Tells the policy and everybody what the last runs of a queue come to.
 */
static void
duration_publish(Scheduler *scheduler, const QueueDurations *entry)
{
	int64		likely = policy_duration_quantile(&entry->durations, 0.9);
	QueueSlot  *slot = depth_find(scheduler->database, entry->queue);

	policy_set_duration(scheduler->policy, entry->queue, likely);
	if (slot == NULL)
		return;
	pg_atomic_write_u64(&slot->likely, likely);
	pg_atomic_write_u64(&slot->longest,
						policy_duration_quantile(&entry->durations, 1.0));
}

/*
 * Tells what is known of all queues, when the policy may not know it.
 */
void
duration_tell(Scheduler *scheduler)
{
	HASH_SEQ_STATUS status;
	QueueDurations *entry;

	if (scheduler->durations == NULL)
		return;
	hash_seq_init(&status, scheduler->durations);
	while ((entry = hash_seq_search(&status)) != NULL)
		duration_publish(scheduler, entry);
}

/*
 * Takes a run of a queue into account, and publishes what follows from it.
 */
static void
duration_add(Scheduler *scheduler, int32 queue, int64 duration)
{
	QueueDurations *entry;
	bool		found;

	if (scheduler->durations == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(int32);
		control.entrysize = sizeof(QueueDurations);
		control.hcxt = scheduler->context;
		scheduler->durations = hash_create("pg_weir durations", 16, &control,
										   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(scheduler->durations, &queue, HASH_ENTER, &found);
	if (!found)
		memset(&entry->durations, 0, sizeof(Durations));
	if (!policy_duration_add(&entry->durations, duration))
		return;
	duration_publish(scheduler, entry);
}

/*
 * A run has ended.  Those that were cut short tell nothing.
 */
void
duration_note_end(Scheduler *scheduler, const Assignment *assignment,
				  const Completion *completion)
{
	if (completion->kind == COMPLETION_FINAL && completion->succeeded)
		duration_add(scheduler, assignment->queue, completion->duration);
}

static void
step_read(Scheduler *scheduler, void *arg)
{
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_execute("SELECT v.queue_id,"
					" (extract(epoch FROM r.finished_at - r.started_at)"
					"  * 1000000)::bigint"
					" FROM (SELECT task_id, outcome, started_at, finished_at"
					"  FROM weir.run ORDER BY task_id DESC LIMIT 1000) r"
					" JOIN weir.task t USING (task_id)"
					" JOIN weir.environment v USING (environment_id)"
					" WHERE r.outcome = 'succeeded'"
					" ORDER BY r.finished_at", NULL);
	for (uint64 row = 0; row < n; row++)
		duration_add(scheduler, sql_int4(row, 1), sql_int8(row, 2));
	sql_end(&session);
}

/*
 * Starts with what the ledger tells.  Without it nothing is known, which is
 * no reason not to start.
 */
void
duration_read(Scheduler *scheduler)
{
	if (scheduler->durations)
		hash_destroy(scheduler->durations);
	scheduler->durations = NULL;
	(void) scheduler_step(scheduler, "reading how long runs took", step_read,
						  NULL);
}
