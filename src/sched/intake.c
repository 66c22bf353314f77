/*-------------------------------------------------------------------------
 *
 * intake.c
 *	  Taking in what sessions and workers report.
 *
 *	  message		task waits			task runs			not known
 *	  SUBMIT		(known already)		(known already)		add
 *	  READ			(known already)		(known already)		read and add
 *	  ENDED			forget				cancel the attempt	-
 *	  CANCEL		end it				cancel the attempt	-
 *	  CHANGE		new rank			for the next one	-
 *	  LOOKUP		-					read it at its end	read and add
 *
 *	  GROUP has a group read, with a deadline or cancelled, whatever its collector
 *	  does.  FEED and NOTIFY are not about a task: backfills are to be looked
 *	  after, or listeners to be told of events.
 *
 *	  completion	what follows
 *	  FINAL			the task is gone
 *	  AGAIN			it waits for the next attempt
 *	  BOUNCED		it waits on, or a moment; look who holds slots
 *	  RETURNED		it waits on; the worker leaves
 *	  SINGLY		it waits on, and does not share a transaction then
 *	  RESOLVE		read it again: its tables have other oids or caps
 *	  LOOKUP		the ledger says what became of it
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "ledger/run_row.h"
#include "sched/adapt.h"
#include "sched/ahead.h"
#include "sched/announce.h"
#include "sched/breakers.h"
#include "sched/configure.h"
#include "sched/deadline.h"
#include "sched/dependency.h"
#include "sched/downstream.h"
#include "sched/duration.h"
#include "sched/fate.h"
#include "sched/feed.h"
#include "sched/groups.h"
#include "sched/intake.h"
#include "sched/later.h"
#include "sched/pool.h"
#include "sched/preempt.h"
#include "sched/quota.h"
#include "sched/rebuild.h"
#include "sched/shed.h"
#include "sched/singly.h"
#include "shmem/database.h"
#include "shmem/inbox.h"
#include "shmem/named_resource.h"
#include "shmem/outbox.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/submit_ring.h"
#include "shmem/worker_slot.h"

#define BATCH	256				/* messages copied out of the ring at once */

#define READ_WINDOW	INT64CONST(1000)	/* ids read in one transaction */

/* Pause before a slot is tried again that somebody holds unknown to us */
#define BOUNCE_DELAY_US	INT64CONST(10000)

/*
 * Reads a task's fate in the ledger and acts on it.  "lost" says that the
 * attempt was given to a worker, which did not or could not write its end.
 */
void
intake_lookup(Scheduler *scheduler, int64 task_id, int32 attempt, bool lost)
{
	Fate		fate;

	(void) policy_finished(scheduler->policy, task_id);
	if (!fate_look_up(scheduler, task_id, attempt, &fate))
		later_lookup(scheduler, task_id, attempt, lost);
	else if (!fate.unfinished)
		dependency_look(scheduler, task_id);
	else if (lost && !fate.ended)
	{
		RunRow		run = {0};

		run.task_id = task_id;
		run.attempt = attempt;
		run.outcome = OUTCOME_FAILED;
		run.charged = true;
		run.sqlstate = "XX000";
		run.message = "outcome of the attempt could not be recorded by its worker";
		rebuild_end_attempt(scheduler, &fate.task, &run);
	}
	else
		rebuild_add(scheduler, &fate.task);
}

/*
 * Was this task seen by the rebuild, run and forgotten, before its message
 * came?  Only possible for ids that were given out before the rebuild.
 */
static bool
intake_is_late(Scheduler *scheduler, int64 task_id)
{
	bool		any;

	if (task_id >= scheduler->horizon)
		return false;
	if (fate_any_run(scheduler, task_id, &any))
		return any;
	later_lookup(scheduler, task_id, 0, false);
	return true;
}

static void
intake_submit(Scheduler *scheduler, const SubmitMessage *message)
{
	PolicyTask	task = {0};
	PolicyQueueCounts counts;

	if (!scheduler->idle_intake)
	{
		policy_queue_counts(scheduler->policy, message->queue, &counts);
		scheduler->idle_intake = counts.shut;
	}
	task.queue = message->queue;
	task.owner = message->owner;
	task.klass = (PolicyClass) message->klass;
	task.firm = message->firm;
	task.priority = message->priority;
	task.attempt = 1;
	task.enqueued_at = message->enqueued_at;
	task.run_at = message->run_at;
	task.deadline = message->deadline;
	task.expires_at = message->expires_at;
	task.nneeds = message->nneeds;
	memcpy(task.needs, message->needs, sizeof(task.needs));
	for (int64 id = message->first_id; id <= message->last_id; id++)
	{
		if (intake_is_late(scheduler, id))
			continue;
		task.task_id = id;
		(void) policy_add(scheduler->policy, &task);
	}
}

typedef struct ReadStep
{
	int64		low;
	int64		high;
	MemoryContext context;
	List	   *tasks;			/* UnfinishedTask, in that memory */
} ReadStep;

static void
read_visit(const UnfinishedTask *task, void *arg)
{
	ReadStep   *step = arg;
	MemoryContext caller = MemoryContextSwitchTo(step->context);

	step->tasks = lappend(step->tasks, unfinished_copy(task));
	MemoryContextSwitchTo(caller);
}

static void
step_read(Scheduler *scheduler, void *arg)
{
	ReadStep   *step = arg;

	step->low = unfinished_read(step->low, step->high, READ_WINDOW,
								read_visit, step);
}

/*
 * Takes in new tasks that wait for others: what messages have no room for is
 * in the ledger.
 */
static void
intake_read(Scheduler *scheduler, int64 first_id, int64 last_id)
{
	ReadStep	step = {first_id, last_id + 1, scheduler->round, NIL};

	while (step.low < step.high)
	{
		int64		low = step.low;

		step.tasks = NIL;
		if (!scheduler_step(scheduler, "reading new tasks", step_read, &step))
		{
			/* one by one, a little later */
			step.low = Min(low + READ_WINDOW, step.high);
			for (; low < step.low; low++)
				later_lookup(scheduler, low, 0, false);
			continue;
		}
		for (int i = 0; i < list_length(step.tasks); i++)
			rebuild_add(scheduler, list_nth(step.tasks, i));
	}
}

/*
 * Has the worker that has the task in hand cancel it; false if none has.  If
 * it lies behind another one it waits again.
 */
bool
intake_cancel_in_hand(Scheduler *scheduler, int64 task_id, CancelCause cause,
					  Oid actor)
{
	int32		attempt;
	WeirWorker *worker = worker_slot_holding(scheduler->database->oid,
											 task_id, &attempt);

	if (worker && inbox_load(worker) > 1)
		ahead_take_back(scheduler, worker);
	return worker_slot_cancel(scheduler->database->oid, task_id, cause, actor);
}

/*
 * Cancels a task.  It may have stopped running since the cancel was asked
 * for, and wait for its next attempt: then it is ended here.
 */
static void
intake_cancel(Scheduler *scheduler, int64 task_id, Oid actor)
{
	Fate		fate;
	RunRow		run = {0};

	if (intake_cancel_in_hand(scheduler, task_id, CANCEL_REQUESTED, actor) ||
		!policy_holds(scheduler->policy, task_id) ||
		policy_is_running(scheduler->policy, task_id))
		return;
	(void) policy_remove(scheduler->policy, task_id);
	if (!fate_look_up(scheduler, task_id, 0, &fate))
	{
		later_lookup(scheduler, task_id, 0, false);
		return;
	}
	if (!fate.unfinished)
	{
		dependency_look(scheduler, task_id);
		return;
	}
	run.outcome = OUTCOME_CANCELLED;
	run.final = true;
	rebuild_end_attempt(scheduler, &fate.task, &run);
}

static void
intake_message(Scheduler *scheduler, const SubmitMessage *message)
{
	Oid			database = scheduler->database->oid;

	switch (message->kind)
	{
		case MESSAGE_SUBMIT:
			intake_submit(scheduler, message);
			break;
		case MESSAGE_READ:
			intake_read(scheduler, message->first_id, message->last_id);
			break;
		case MESSAGE_ENDED:
			if (message->queue != 0)
				shed_collect(scheduler, message->queue);
			feed_note_end(scheduler);
			if (!policy_remove(scheduler->policy, message->first_id))
				(void) worker_slot_cancel(database, message->first_id,
										  CANCEL_REQUESTED, message->owner);
			dependency_look(scheduler, message->first_id);
			break;
		case MESSAGE_CANCEL:
			intake_cancel(scheduler, message->first_id, message->owner);
			break;
		case MESSAGE_CHANGE:
			{
				int32		priority = message->priority;
				TimestampTz deadline = message->deadline;

				(void) policy_change(scheduler->policy, message->first_id,
									 message->klass & CHANGE_PRIORITY ? &priority : NULL,
									 message->klass & CHANGE_DEADLINE ? &deadline : NULL,
									 NULL);
				break;
			}
		case MESSAGE_LOOKUP:
			if (message->queue != 0)
				shed_collect(scheduler, message->queue);
			/* it has ended, or there would be no message */
			if (policy_is_running(scheduler->policy, message->first_id))
				later_lookup_at_end(scheduler, message->first_id);
			else if (!policy_holds(scheduler->policy, message->first_id))
				intake_lookup(scheduler, message->first_id, 0, false);
			break;
		case MESSAGE_NOTIFY:
			announce_add(scheduler, message->queue, message->first_id,
						 message->last_id);
			break;
		case MESSAGE_GROUP:
			groups_load(scheduler, message->first_id);
			break;
		case MESSAGE_FEED:
			feed_wake(scheduler);
			break;
		case MESSAGE_RAMP:
			policy_begin_queue_ramp(scheduler->policy, message->queue,
									GetCurrentTimestamp(), -1);
			break;
	}
	if (message->quota)
		quota_arrived(scheduler, message);
}

/*
 * A slot was taken, or somebody is in line for one, or the resource is paused.
 * If it shows which, the task waits for that; else it waits a moment, and does
 * not try the same slot over and over.
 */
static void
intake_bounced(Scheduler *scheduler, const Completion *completion,
			   const Assignment *assignment)
{
	ResourceSlot *resource = resource_find(scheduler->database,
										   completion->resource);
	uint64		held = resource ? resource_held(resource) : 0;
	bool		shown = resource &&
	(named_resource_is_paused(resource) ||
	 resource_line_first(resource, assignment));

	for (int i = 0; i < assignment->ngrants; i++)
	{
		if (assignment->grants[i].resource == completion->resource)
			shown |= (held >> assignment->grants[i].slot & 1) != 0;
	}
	scheduler->slots_changed = true;
	if (shown)
		(void) policy_put_back(scheduler->policy, completion->task_id);
	else
		(void) policy_again(scheduler->policy, completion->task_id,
							completion->attempt,
							GetCurrentTimestamp() + BOUNCE_DELAY_US,
							assignment->solo);
}

/*
 * Takes in one completion.
 */
static void
intake_completion(Scheduler *scheduler, const Completion *completion,
				  const Assignment *assignment)
{
	Policy	   *policy = scheduler->policy;
	int64		task_id = completion->task_id;

	/* started by a predecessor, and ended in the ledger before we read it */
	if (!policy_is_running(policy, task_id))
	{
		if (completion->kind != COMPLETION_FINAL)
			intake_lookup(scheduler, task_id, completion->attempt, false);
		else
			dependency_look(scheduler, task_id);
		return;
	}
	breakers_report(scheduler, completion, assignment);
	switch (completion->kind)
	{
		case COMPLETION_FINAL:
			if (assignment->singly)
				singly_remove(scheduler, task_id);
			(void) policy_finished(policy, task_id);
			if (completion->succeeded)
				dependency_ended(scheduler, task_id, true);
			else
				dependency_look(scheduler, task_id);
			break;
		case COMPLETION_AGAIN:
			(void) (completion->retry ? policy_retry : policy_again)
				(policy, task_id, completion->attempt + 1, completion->run_at,
				 assignment->solo);
			break;
		case COMPLETION_BOUNCED:
			intake_bounced(scheduler, completion, assignment);
			break;
		case COMPLETION_RETURNED:
			(void) policy_put_back(policy, task_id);
			break;
		case COMPLETION_SINGLY:
			singly_add(scheduler, task_id);
			(void) policy_put_back(policy, task_id);
			break;
		case COMPLETION_RESOLVE:
			(void) configure(scheduler);
			intake_lookup(scheduler, task_id, completion->attempt, false);
			break;
		case COMPLETION_LOOKUP:
			intake_lookup(scheduler, task_id, completion->attempt, true);
			break;
	}
}

static void
intake_completions(Scheduler *scheduler)
{
	Completion	completion;
	Assignment	assignment;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database != scheduler->database->oid)
			continue;
		while (outbox_take(worker, &completion))
		{
			downstream_forget(scheduler, worker, completion.place, &assignment);
			ahead_note_end(scheduler, &assignment, &completion);
			duration_note_end(scheduler, &assignment, &completion);
			adapt_note_end(scheduler, &assignment, &completion);
			deadline_note_end(scheduler, &assignment, &completion);
			preempt_note_end(scheduler, &completion);
			intake_completion(scheduler, &completion, &assignment);
			feed_note_end(scheduler);
			if (completion.kind != COMPLETION_FINAL &&
				worker->cancel_cause == CANCEL_REQUESTED &&
				worker->cancel_task == completion.task_id &&
				worker->cancel_attempt == completion.attempt)
				intake_cancel(scheduler, completion.task_id,
							  worker->cancel_actor);
		}
	}
}

/*
 * Takes in everything that has arrived: completions, the vanished, the
 * configuration as it was before the messages, the messages.
 */
void
intake(Scheduler *scheduler)
{
	SubmitMessage *messages = palloc(BATCH * sizeof(SubmitMessage));
	int			n;

	intake_completions(scheduler);
	pool_reap(scheduler);
	ahead_review(scheduler);
	do
	{
		n = submit_ring_read(&scheduler->database->ring, messages, BATCH);
		configure_if_changed(scheduler);
		for (int i = 0; i < n; i++)
			intake_message(scheduler, &messages[i]);
	} while (n == BATCH);
	pfree(messages);
	later(scheduler);
}

/*
 * Empties the ring before a rebuild, which will see the tasks in the ledger.
 * Cancellations of what runs are obeyed.
 */
void
intake_cancels(Scheduler *scheduler)
{
	SubmitMessage *messages = palloc(BATCH * sizeof(SubmitMessage));
	int			n;

	do
	{
		n = submit_ring_read(&scheduler->database->ring, messages, BATCH);
		for (int i = 0; i < n; i++)
		{
			if (messages[i].quota)
				quota_lost(scheduler, &messages[i]);
			if (messages[i].kind == MESSAGE_CANCEL ||
				messages[i].kind == MESSAGE_ENDED)
				(void) worker_slot_cancel(scheduler->database->oid,
										  messages[i].first_id,
										  CANCEL_REQUESTED,
										  messages[i].owner);
		}
	} while (n == BATCH);
	pfree(messages);
}
