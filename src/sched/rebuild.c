/*-------------------------------------------------------------------------
 *
 * rebuild.c
 *	  Rebuilding the scheduler's memory from the ledger.
 *
 * Read in the order of the flow - workers' hands, then the ring, then the
 * ledger - nothing can slip past: a task that moves on while we read is met
 * further down.  What a worker still has in hand from our predecessor counts
 * as running, on the slots that it was given, until its completion is taken
 * in; if it has ended in the ledger by then its slots count as somebody
 * else's for that moment.
 *
 * Some tasks must not simply run: those suspected of having crashed the
 * server, those whose attempt in mode autocommit had begun, those that were
 * to be cancelled, those whose role is gone.  Their attempt is ended in the
 * ledger first.
 *
 * Depths and the next id are set here when shared memory is fresh.
 * Otherwise they live on and are right.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/generation.h"
#include "ledger/queue_config.h"
#include "policy/retry.h"
#include "sched/breakers.h"
#include "sched/configure.h"
#include "sched/deadline.h"
#include "sched/dependency.h"
#include "sched/downstream.h"
#include "sched/ends.h"
#include "sched/feed.h"
#include "sched/groups.h"
#include "sched/health.h"
#include "sched/intake.h"
#include "sched/later.h"
#include "sched/pool.h"
#include "sched/preempt.h"
#include "sched/quota.h"
#include "sched/ramps.h"
#include "sched/rebuild.h"
#include "sched/shed.h"
#include "sched/watermark.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inbox.h"
#include "shmem/overrun.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"
#include "shmem/xact_actions.h"

#define WINDOW			INT64CONST(50000)	/* task ids read per transaction */

/* A task whose worker is terminated so often may be what terminates it */
#define MAX_GIVEN_BACK	3

#define MAX_IN_HAND		(weir_max_workers * WEIR_INBOX_SIZE)

/* What a worker has in hand, by our predecessor */
typedef struct InHand
{
	WeirWorker *worker;
	Assignment	assignment;
} InHand;

typedef struct RebuildState
{
	Scheduler  *scheduler;
	bool		count;			/* depths are to be counted */
	int			nin_hand;
	InHand	   *in_hand;		/* by task id */
	List	   *repairs;		/* UnfinishedTask that must not simply run */
	int64		low;
	int64		high;
	int64		next_id;
	int64		id_limit;
} RebuildState;

static void *
memory_alloc(void *context, size_t size)
{
	return MemoryContextAllocHuge((MemoryContext) context, size);
}

static void *
memory_resize(void *context, void *pointer, size_t size)
{
	return pointer ? repalloc_huge(pointer, size) :
		MemoryContextAllocHuge((MemoryContext) context, size);
}

static void
memory_release(void *context, void *pointer)
{
	if (pointer)
		pfree(pointer);
}

/*
 * Starts with an empty policy.
 */
static void
rebuild_policy(Scheduler *scheduler)
{
	PolicyAllocator allocator = {memory_alloc, memory_resize, memory_release, NULL};

	allocator.context = scheduler->context;
	if (scheduler->policy)
		policy_destroy(scheduler->policy);
	scheduler->policy = policy_create(&allocator);
	policy_set_workers(scheduler->policy, weir_max_workers);
	policy_set_now(scheduler->policy, GetCurrentTimestamp());
}

static int
in_hand_compare(const void *a, const void *b)
{
	int64		left = ((const InHand *) a)->assignment.task_id;
	int64		right = ((const InHand *) b)->assignment.task_id;

	return left < right ? -1 : left > right;
}

/*
 * Notes what workers have in hand.
 */
static void
rebuild_in_hand(RebuildState *state)
{
	const Assignment *assignment;

	state->in_hand = palloc(MAX_IN_HAND * sizeof(InHand));
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database != state->scheduler->database->oid)
			continue;
		for (int from = 0; (assignment = inbox_in_hand(worker, &from)) != NULL;)
		{
			InHand	   *in_hand = &state->in_hand[state->nin_hand++];

			in_hand->worker = worker;
			in_hand->assignment = *assignment;
		}
		/* our predecessor may not have come to that */
		inbox_hand_over(worker);
	}
	qsort(state->in_hand, state->nin_hand, sizeof(InHand), in_hand_compare);
}

/*
 * What a worker has of this task; NULL if nothing.
 */
static const InHand *
rebuild_find_in_hand(RebuildState *state, int64 task_id)
{
	InHand		key = {0};

	key.assignment.task_id = task_id;
	return bsearch(&key, state->in_hand, state->nin_hand, sizeof(InHand),
				   in_hand_compare);
}

/*
 * Adds a task that a worker has in hand, as the worker was told of it.  It
 * also needs what it has slots of: its tables may have other oids by now.
 */
static void
rebuild_add_running(Scheduler *scheduler, const UnfinishedTask *unfinished,
					const InHand *in_hand)
{
	const Assignment *assignment = &in_hand->assignment;
	PolicyTask	task = unfinished->task;

	task.attempt = assignment->attempt;
	task.queue = assignment->queue;
	task.klass = (PolicyClass) assignment->klass;
	task.owner = in_hand->worker->role;
	task.solo = assignment->solo;
	for (int i = 0; i < assignment->ngrants; i++)
	{
		bool		needed = false;

		for (int j = 0; j < task.nneeds && !needed; j++)
			needed = task.needs[j] == assignment->grants[i].resource;
		if (!needed && task.nneeds < POLICY_MAX_NEEDS)
			task.needs[task.nneeds++] = assignment->grants[i].resource;
	}
	(void) policy_add_running(scheduler->policy, &task, assignment->grants,
							  assignment->ngrants);
}

/*
 * Several tasks in the hands of one worker use one worker.
 */
static void
rebuild_count_workers(RebuildState *state)
{
	for (int i = 0; i < state->nin_hand; i++)
	{
		bool		counted = false;

		for (int j = 0; j < i && !counted; j++)
			counted = state->in_hand[j].worker == state->in_hand[i].worker &&
				policy_is_running(state->scheduler->policy,
								  state->in_hand[j].assignment.task_id);
		if (counted)
			(void) policy_set_ending(state->scheduler->policy,
									 state->in_hand[i].assignment.task_id,
									 true);
	}
}

/*
 * Was the next attempt of this task running in a process that died by itself?
 */
static bool
rebuild_is_suspect(const UnfinishedTask *unfinished, Oid database)
{
	for (int i = 0; i < Weir->nsuspects; i++)
	{
		Suspect    *suspect = &Weir->suspects[i];

		if (suspect->database == database &&
			suspect->task_id == unfinished->task.task_id &&
			suspect->attempt == unfinished->task.attempt)
			return true;
	}
	return false;
}

/*
 * Visits one unfinished task.
 */
static void
rebuild_visit(const UnfinishedTask *unfinished, void *arg)
{
	RebuildState *state = arg;
	Scheduler  *scheduler = state->scheduler;
	const InHand *in_hand = rebuild_find_in_hand(state,
												 unfinished->task.task_id);
	MemoryContext caller;

	if (state->count)
		pg_atomic_fetch_add_u32(&depth_slot(scheduler->database,
											unfinished->task.queue)->depth, 1);
	if (in_hand)
	{
		rebuild_add_running(scheduler, unfinished, in_hand);
		return;
	}
	if (!rebuild_is_suspect(unfinished, scheduler->database->oid) &&
		!unfinished->claimed && !unfinished->cancel_wanted &&
		unfinished->failed_parent == 0 && OidIsValid(unfinished->task.owner))
	{
		(void) policy_add(scheduler->policy, &unfinished->task);
		return;
	}
	/* until it has ended, or goes on, it keeps its place in line */
	if (OidIsValid(unfinished->task.owner) &&
		policy_add(scheduler->policy, &unfinished->task))
		(void) policy_remove(scheduler->policy, unfinished->task.task_id);
	caller = MemoryContextSwitchTo(scheduler->round);
	state->repairs = lappend(state->repairs, unfinished_copy(unfinished));
	MemoryContextSwitchTo(caller);
}

static void
step_read_window(Scheduler *scheduler, void *arg)
{
	RebuildState *state = arg;

	state->low = unfinished_read(state->low, state->high, WINDOW,
								 rebuild_visit, state);
}

/*
 * Finds where ids go on, and up to where there are tables for them.
 */
static void
step_read_ids(Scheduler *scheduler, void *arg)
{
	RebuildState *state = arg;
	int			n;
	const Generation *list;

	state->next_id = generation_next_id();
	list = generation_list(&n);
	state->low = state->high = state->next_id;
	state->id_limit = 1;
	for (int i = 0; i < n; i++)
	{
		if (list[i].open)
			state->low = Min(state->low, list[i].low);
		state->high = Max(state->high, list[i].high);
		if (list[i].open)
			state->id_limit = Max(state->id_limit, list[i].high);
	}
}

typedef struct EndStep
{
	const UnfinishedTask *task;
	RunRow	   *run;
	bool		written;		/* by somebody else */
} EndStep;

/*
 * Writes the end of an attempt that no worker has written.  A session that is
 * ending it, in a transaction that may last, is not waited for.
 */
static void
step_end_attempt(Scheduler *scheduler, void *arg)
{
	EndStep    *end = arg;
	RunRow	   *run = end->run;

	end->written = run_row_written(run->task_id, run->attempt);
	if (end->written)
		return;
	run_row_insert(run);
	if (run->final)
		xact_end_task(scheduler->database,
					  depth_slot(scheduler->database, end->task->task.queue),
					  1);
}

/*
 * Puts an unfinished task into the policy, or ends it if it was to be
 * cancelled or its role is gone.
 */
void
rebuild_add(Scheduler *scheduler, const UnfinishedTask *unfinished)
{
	if (unfinished->cancel_wanted)
	{
		RunRow		run = {0};

		run.outcome = OUTCOME_CANCELLED;
		run.final = true;
		rebuild_end_attempt(scheduler, unfinished, &run);
	}
	else if (unfinished->failed_parent != 0)
	{
		RunRow		run = {0};

		dependency_run(unfinished->failed_parent, &run);
		run.final = true;
		rebuild_end_attempt(scheduler, unfinished, &run);
	}
	else if (OidIsValid(unfinished->task.owner))
		(void) policy_add(scheduler->policy, &unfinished->task);
	else
	{
		RunRow		run = {0};

		run.outcome = OUTCOME_FAILED;
		run.final = true;
		run.charged = true;
		run.sqlstate = "28000";
		run.message = "role of the task does not exist any more";
		rebuild_end_attempt(scheduler, unfinished, &run);
	}
}

/*
 * Ends the next attempt of a task as the run says; the retry policy decides
 * whether that is final, unless the run already says so.  The task goes on
 * waiting otherwise.
 */
void
rebuild_end_attempt(Scheduler *scheduler, const UnfinishedTask *unfinished,
					RunRow *run)
{
	EndStep		end = {unfinished, run, false};
	PolicyTask	task = unfinished->task;

	run->task_id = task.task_id;
	run->attempt = task.attempt;
	if (run->finished_at == 0)
		run->finished_at = GetCurrentTimestamp();
	if (run->outcome == OUTCOME_CRASHED)
		run->final = unfinished->crashed + 1 >= weir_max_crashes ||
			unfinished->charged + 1 >= unfinished->max_attempts;
	else if (!run->final && run->charged)
	{
		RetryPolicy policy = {0};
		RetryVerdict verdict;

		policy.max_attempts = unfinished->max_attempts;
		policy.base_us = 1000000;
		policy.cap_us = INT64CONST(300000000);
		verdict = retry_decide(&policy, RETRY_KIND_OTHER,
							   unfinished->charged, 0, 0.5);
		run->final = !verdict.again;
		if (verdict.again)
			run->retry_at = run->finished_at + verdict.delay_us;
	}
	if (!scheduler_step(scheduler, "ending an attempt", step_end_attempt,
						&end) || end.written)
	{
		/* not to be run again for that; perhaps somebody else has ended it */
		later_end_attempt(scheduler, run);
		return;
	}
	if (run->final)
	{
		dependency_ended(scheduler, run->task_id, false);
		feed_note_end(scheduler);
		return;
	}
	task.attempt++;
	task.retry = run->charged;
	task.begun = true;
	/* as unfinished.c sees it */
	if (run->started_at != 0 || run->charged)
		task.expires_at = POLICY_TIME_NEVER;
	task.solo = task.solo || run->outcome == OUTCOME_CRASHED;
	task.run_at = Max(task.run_at, run->retry_at);
	(void) policy_add(scheduler->policy, &task);
}

/*
 * When an interrupted attempt may be repeated: at once for the first time,
 * then later and later, since a command may end its own worker each time.
 */
static TimestampTz
interrupt_retry_at(const UnfinishedTask *unfinished, TimestampTz finished_at)
{
	int			before = unfinished->given_back;

	if (before <= 0)
		return 0;
	return finished_at +
		Min(INT64CONST(1000000) << Min(before, 6), INT64CONST(60000000));
}

/*
 * Was the attempt to end, so that it is not given back: cancelled, or
 * terminated for the time that it took?
 */
static bool
interrupt_wanted(const UnfinishedTask *unfinished, const WeirWorker *worker,
				 RunRow *run)
{
	if (!unfinished->cancel_wanted && !overrun_stopped(worker, unfinished->task.task_id))
		return false;
	run->outcome = unfinished->cancel_wanted ? OUTCOME_CANCELLED : OUTCOME_TIMED_OUT;
	run->final = unfinished->cancel_wanted;
	run->charged = true;
	run->sqlstate = "57014";
	run->message = unfinished->cancel_wanted ?
		"worker ended while the task was being canceled" :
		"task ran longer than its timeout";
	if (overrun_stopped(worker, unfinished->task.task_id))
		run->detail = "It went on when it was canceled, and its worker was terminated.";
	return true;
}

/*
 * Ends an attempt whose worker went away in the middle of it.  In mode
 * transaction nothing of it is left; it is given back, unless the command
 * itself brought the process to its end, or may well have done so: a task can
 * terminate its own worker, and would do so for ever.  The worker is NULL if it
 * went with the whole server; it was told to leave if the database had to be
 * cleared.
 */
void
rebuild_interrupt(Scheduler *scheduler, const UnfinishedTask *unfinished,
				  const WeirWorker *worker)
{
	bool		terminated = worker == NULL || worker->terminated;
	bool		evicted = false;
	RunRow		run = {0};

	if (worker && terminated)
		evicted = pg_atomic_read_u32(unconstify(pg_atomic_uint32 *,
												&worker->leave)) != 0;
	if (worker && worker->pid != 0)
	{
		run.worker_pid = worker->pid;
		run.started_at = worker->started_at;
		/* before the slot can be given to somebody else */
		run.finished_at = worker->since;
	}
	else
		run.finished_at = GetCurrentTimestamp();
	if (interrupt_wanted(unfinished, worker, &run))
	{
		rebuild_end_attempt(scheduler, unfinished, &run);
		return;
	}
	run.outcome = OUTCOME_INTERRUPTED;
	run.charged = unfinished->autocommit || !terminated ||
		(worker && !evicted && unfinished->given_back >= MAX_GIVEN_BACK);
	run.sqlstate = terminated ? "57P01" : "XX000";
	if (evicted)
		run.message = "worker was stopped for a command that needs the database to itself";
	else if (terminated)
		run.message = "worker was terminated";
	else if (!worker->never_ready)
		run.message = "worker ended without a result";
	else
		run.message = worker->pid == 0 ? "worker did not start" :
			"worker could not connect as the role of the task";
	if (!run.charged && !evicted)
		run.retry_at = interrupt_retry_at(unfinished, run.finished_at);
	rebuild_end_attempt(scheduler, unfinished, &run);
}

/*
 * Ends the attempts that must not simply be run.
 */
static void
rebuild_repair(Scheduler *scheduler, const UnfinishedTask *unfinished)
{
	RunRow		run = {0};

	if (unfinished->cancel_wanted)
	{
		run.outcome = OUTCOME_CANCELLED;
		run.final = true;
		rebuild_end_attempt(scheduler, unfinished, &run);
	}
	else if (rebuild_is_suspect(unfinished, scheduler->database->oid))
	{
		run.outcome = OUTCOME_CRASHED;
		run.charged = true;
		run.sqlstate = "57P02";
		run.message = "server crashed while the process of this task died";
		rebuild_end_attempt(scheduler, unfinished, &run);
	}
	else if (unfinished->claimed)
		rebuild_interrupt(scheduler, unfinished, NULL);
	else
		rebuild_add(scheduler, unfinished);
}

/*
 * Makes the policy anew.
 */
void
rebuild(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	RebuildState state = {0};
	ListCell   *lc;

	state.scheduler = scheduler;
	state.count = pg_atomic_read_u32(&database->seeded) == 0;
	rebuild_policy(scheduler);
	later_forget(scheduler);
	preempt_forget(scheduler);
	deadline_clear(scheduler);
	ends_forget(scheduler);
	groups_forget(scheduler);
	rebuild_in_hand(&state);
	quota_forget(scheduler);
	intake_cancels(scheduler);
	shed_forget(scheduler);
	if (state.count)
	{
		depth_clear(database);
		downstream_restore(scheduler);
		database->counted_at = GetCurrentTimestamp();
	}
	/* nothing may run without its cap */
	if (!configure(scheduler) ||
		!scheduler_step(scheduler, "reading the ledger", step_read_ids, &state))
		proc_exit(1);
	watermark_restore(scheduler);
	breakers_restore(scheduler);
	ramps_restore(scheduler, state.count);
	health_restore(scheduler);
	while (state.low < state.high)
	{
		if (!scheduler_step(scheduler, "reading the ledger",
							step_read_window, &state))
			proc_exit(1);
	}
	rebuild_count_workers(&state);
	if (state.count)
	{
		pg_atomic_write_u64(&database->next_id, state.next_id);
		pg_atomic_write_u64(&database->id_limit, state.id_limit);
		pg_atomic_write_u32(&database->seeded, 1);
	}
	/* what was read last may have been enqueued while we read */
	scheduler->horizon = (int64) pg_atomic_read_u64(&database->next_id);
	foreach(lc, state.repairs)
		rebuild_repair(scheduler, lfirst(lc));
	groups_load(scheduler, 0);
}
