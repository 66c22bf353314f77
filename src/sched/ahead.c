/*-------------------------------------------------------------------------
 *
 * ahead.c
 *	  Short tasks that are handed over before the worker is free.
 *
 * For a task of a tenth of a millisecond the way to the scheduler and back
 * costs more than the task.  So when all workers are busy, those with short
 * tasks get the next ones into their inboxes, as many as they do in about
 * AHEAD_US; how long tasks take is measured by queue.  What lies in an inbox
 * counts as running.  There are few, but more where there are plenty for every
 * worker, or where they share a flush or a transaction.
 *
 * Nothing else changes.  The policy decides what is next, as if the worker had
 * done what it has; nothing is handed over while a role or another database
 * wants a worker and has none.  When a task takes long after all, or one that waits
 * behind it is cancelled, the rest is taken back and waits as before.
 *
 * A task that needs slots is handed over with those that are free, or that the
 * task before it has, and takes their locks when its turn comes: it holds none
 * while it waits, and a session that waits for one goes before it.  But no other
 * task is given its slots meanwhile.  So when one of a better class waits for a
 * slot that a worker has in hand, the worker gives back what it has not begun,
 * and reports at the end of each.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "sched/ahead.h"
#include "sched/downstream.h"
#include "sched/intake.h"
#include "sched/pool.h"
#include "shmem/inbox.h"
#include "shmem/outbox.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

/* How much work a worker has in hand at most, and how long any of it waits */
#define AHEAD_US	4000

/* A slot goes from task to task in one worker for so long */
#define AHEAD_KEEP_US	AHEAD_US

/* How many tasks: to hide the way to the scheduler, or to share a flush */
#define AHEAD_EACH		8
#define AHEAD_GROUPED	WEIR_INBOX_SIZE

StaticAssertDecl(2 * WEIR_MAX_BATCH <= WEIR_INBOX_SIZE,
				 "a batch is handed over while another is executed");

/* How long the tasks of a queue take, and how many may be in hand */
typedef struct Pace
{
	int32		queue;			/* hash key: must be first */
	int			limit;
	double		mean;			/* us, smoothed: quick to rise, slow to fall;
								 * 0 = not known yet */
} Pace;

/*
 * Finds or makes the pace of a queue.
 */
static Pace *
ahead_pace(Scheduler *scheduler, int32 queue)
{
	Pace	   *pace;
	bool		found;

	if (scheduler->paces == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(int32);
		control.entrysize = sizeof(Pace);
		control.hcxt = scheduler->context;
		scheduler->paces = hash_create("pg_weir paces", 16, &control,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	pace = hash_search(scheduler->paces, &queue, HASH_ENTER, &found);
	if (!found)
	{
		pace->limit = AHEAD_EACH;
		pace->mean = 0;
	}
	return pace;
}

/*
 * Takes in how a queue is configured.
 */
void
ahead_set_queue(Scheduler *scheduler, const QueueConfig *queue)
{
	ahead_pace(scheduler, queue->queue_id)->limit =
		queue->grouped ? AHEAD_GROUPED : Max(AHEAD_EACH, 2 * queue->batch);
}

/*
 * Takes the duration of an attempt into the pace of its queue.
 */
void
ahead_note_end(Scheduler *scheduler, const Assignment *assignment,
			   const Completion *completion)
{
	Pace	   *pace;

	if (completion->kind != COMPLETION_FINAL &&
		completion->kind != COMPLETION_AGAIN)
		return;
	pace = ahead_pace(scheduler, assignment->queue);
	if (pace->mean == 0)
		pace->mean = Max(completion->duration, 1);
	else if (completion->duration > pace->mean)
		pace->mean += (completion->duration - pace->mean) / 2;
	else
		pace->mean += (completion->duration - pace->mean) / 16;
}

/*
 * How many tasks a worker may have in hand, if the last one is this.  Its share
 * of those that can run is no more than it would execute anyway.
 */
static int
ahead_depth(Scheduler *scheduler, const PolicyStart *start)
{
	Pace	   *pace = ahead_pace(scheduler, (int32) start->queue);
	PolicyQueueCounts counts;
	int			share;

	if (start->rated || start->solo || pace->mean == 0 ||
		pace->mean > AHEAD_US / 2)
		return 1;
	policy_queue_counts(scheduler->policy, start->queue, &counts);
	share = Min(counts.ready / weir_max_workers, WEIR_INBOX_SIZE);
	return Min(AHEAD_US / Max((int) pace->mean, 1), Max(pace->limit, share));
}

/*
 * Notes what has been handed over.
 */
void
ahead_note_start(Scheduler *scheduler, WeirWorker *worker,
				 const PolicyStart *start)
{
	PoolEntry  *entry = &scheduler->pool[worker - Weir->workers];
	int			depth = ahead_depth(scheduler, start);

	/* behind slower ones it rises with each, or it would never again */
	if (inbox_load(worker) > 0)
		depth = Min(depth, entry->depth + 1);
	else
		entry->slots_ahead = false;
	entry->depth = depth;
	entry->last_task = start->task_id;
	if (start->ngrants > 0)
		entry->slots_ahead = true;
}

/*
 * A round begins, in which each worker may get more.
 */
void
ahead_begin(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
		scheduler->pool[i].passed_over = false;
}

/*
 * The worker that is the first to get more, NULL if none is.
 */
WeirWorker *
ahead_candidate(Scheduler *scheduler)
{
	WeirWorker *found = NULL;
	int			least = INT_MAX;

	if (scheduler->nheld > 0 || pool_starving(scheduler) > 0)
		return NULL;
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];
		int			load;

		/* cheap, and enough where tasks are long */
		if (scheduler->pool[i].depth <= 1 || scheduler->pool[i].passed_over ||
			worker->database != scheduler->database->oid ||
			pg_atomic_read_u32(&worker->leave) != 0 ||
			(pg_atomic_read_u32(&worker->state) != WORKER_BUSY &&
			 pg_atomic_read_u32(&worker->state) != WORKER_IDLE))
			continue;
		load = inbox_load(worker);
		if (load == 0 || load >= Min(scheduler->pool[i].depth, least))
			continue;
		least = load;
		found = worker;
	}
	return found;
}

/*
 * There is nothing for this worker: nor for others, but for those that would
 * bring slots along.
 */
static void
ahead_pass_over(Scheduler *scheduler, WeirWorker *worker)
{
	scheduler->pool[worker - Weir->workers].passed_over = true;
	for (int i = 0; i < weir_max_workers; i++)
	{
		if (!scheduler->pool[i].slots_ahead)
			scheduler->pool[i].passed_over = true;
	}
}

/*
 * May the worker have this one behind what it has?
 */
static bool
ahead_suits(Scheduler *scheduler, WeirWorker *worker,
			const PolicyStart *start)
{
	return start->owner == worker->role &&
		inbox_load(worker) < ahead_depth(scheduler, start);
}

/*
 * The next task behind what the worker has, if it may get one more, and the
 * choice is one for this worker.
 */
bool
ahead_next(Scheduler *scheduler, WeirWorker *worker, TimestampTz now,
		   PolicyStart *start)
{
	PoolEntry  *entry = &scheduler->pool[worker - Weir->workers];

	if (inbox_load(worker) >= entry->depth)
		return false;
	if (policy_next_behind(scheduler->policy, now, entry->last_task,
						   AHEAD_KEEP_US, start))
	{
		if (ahead_suits(scheduler, worker, start))
			return true;
		(void) policy_put_back(scheduler->policy, start->task_id);
		(void) policy_set_ending(scheduler->policy, entry->last_task, false);
	}
	ahead_pass_over(scheduler, worker);
	return false;
}

/*
 * Takes back what the worker has not begun.
 */
void
ahead_take_back(Scheduler *scheduler, WeirWorker *worker)
{
	Assignment	assignment;
	const Assignment *left;

	while (inbox_next(worker, &assignment))
	{
		downstream_forget(scheduler, worker, assignment.place, NULL);
		/* a predecessor has handed it over: the policy does not hold it */
		if (!policy_put_back(scheduler->policy, assignment.task_id))
			intake_lookup(scheduler, assignment.task_id, assignment.attempt,
						  false);
	}
	for (int from = 0; (left = inbox_in_hand(worker, &from)) != NULL;)
		(void) policy_set_ending(scheduler->policy, left->task_id, false);
	scheduler->pool[worker - Weir->workers].depth = 1;
}

/*
 * Does a task of a better class wait for a slot that the worker has in hand?
 */
static bool
ahead_is_wanted(Scheduler *scheduler, WeirWorker *worker)
{
	const Assignment *assignment;

	for (int from = 0; (assignment = inbox_in_hand(worker, &from)) != NULL;)
	{
		for (int i = 0; i < assignment->ngrants; i++)
		{
			if (policy_slot_wanted(scheduler->policy,
								   assignment->grants[i].resource,
								   (PolicyClass) assignment->klass))
				return true;
		}
	}
	return false;
}

/*
 * Takes back what keeps slots from tasks of a better class, and adds nothing
 * to it.
 */
void
ahead_yield(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (scheduler->pool[i].depth > 1 && scheduler->pool[i].slots_ahead &&
			worker->database == scheduler->database->oid &&
			ahead_is_wanted(scheduler, worker))
			ahead_take_back(scheduler, worker);
	}
}

/*
 * Behind a task that takes long: takes back what waits, and announces what
 * waits for a flush.
 */
void
ahead_review(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];
		TimestampTz since;

		if (worker->database != scheduler->database->oid ||
			(inbox_unread(worker) == 0 && outbox_held_back(worker) == 0))
			continue;
		since = worker_slot_busy_since(worker);
		if (since == 0 || GetCurrentTimestamp() - since <= AHEAD_US)
			continue;
		ahead_take_back(scheduler, worker);
		outbox_flush(worker);
	}
}

/*
 * When inboxes have to be looked at again without being woken.
 */
TimestampTz
ahead_next_timer(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		if (Weir->workers[i].database == scheduler->database->oid &&
			inbox_load(&Weir->workers[i]) > 1)
			return GetCurrentTimestamp() + AHEAD_US;
	}
	return POLICY_TIME_NEVER;
}
