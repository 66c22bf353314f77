/*-------------------------------------------------------------------------
 *
 * unique.c
 *	  Submitting tasks under unique keys.
 *
 * Who has a key is looked up first: a task that exists already needs no room.
 * Then room is reserved, tasks that are to be replaced are ended, and the keys
 * are taken, which waits for transactions under way that have them.  If one
 * has gone to somebody else meanwhile, we look again.  Places that we have by
 * then are kept, and those too many are given back with the commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "api/arguments.h"
#include "api/control.h"
#include "api/key.h"
#include "api/room.h"
#include "api/unique.h"
#include "ledger/unique_key.h"
#include "shmem/depth.h"
#include "shmem/worker_slot.h"
#include "shmem/xact_actions.h"

static void
refuse_conflict(const char *key, int64 holder, bool ended)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 ended ? errmsg("a task with unique key \"%s\" has succeeded already",
							key) :
			 errmsg("an unfinished task with unique key \"%s\" exists already",
					key),
			 errdetail("It is task " INT64_FORMAT ".", holder),
			 errhint("With on_conflict => 'skip' its id is returned, with 'replace' it is cancelled if it waits.")));
}

/*
 * Moves the i-th task to a place before it.
 */
static void
keep_as(Submission *submission, int i, int place)
{
	submission->keys[place] = submission->keys[i];
	submission->args[place] = submission->args[i];
	if (submission->serial_keys)
		submission->serial_keys[place] = submission->serial_keys[i];
}

/*
 * Leaves out all but one of the tasks with equal keys, which exist as little
 * as one whose key another task has: the last one where the later replaces the
 * earlier, otherwise the first one.
 */
static void
leave_out_equal(Submission *submission)
{
	bool		last = submission->request->on_conflict == CONFLICT_REPLACE;
	HASHCTL		control = {0};
	HTAB	   *seen;
	bool	   *keep = palloc0(submission->n * sizeof(bool));
	int			kept = 0;

	control.keysize = MAX_KEY_LENGTH + 1;
	control.entrysize = MAX_KEY_LENGTH + 1;
	control.hcxt = CurrentMemoryContext;
	seen = hash_create("pg_weir unique keys", submission->n, &control,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	for (int i = 0; i < submission->n; i++)
	{
		int			at = last ? submission->n - 1 - i : i;
		bool		found;

		(void) hash_search(seen, submission->keys[at], HASH_ENTER, &found);
		keep[at] = !found;
		if (found && submission->request->on_conflict == CONFLICT_ERROR)
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("two tasks of one call have unique key \"%s\"",
							submission->keys[at]),
					 errhint("Refer to the arguments in the key, as in 'load:$1'.")));
	}
	hash_destroy(seen);
	for (int i = 0; i < submission->n; i++)
	{
		if (keep[i])
			keep_as(submission, i, kept++);
	}
	submission->n = kept;
}

/*
 * The task that has the key does what is asked for, and the caller may see its
 * result?
 */
static void
check_join(const Submission *submission, int i, const TaskRow *task)
{
	const Jsonb *args = submission->args[i];
	bool		same = strcmp(task->command, submission->request->task.command) == 0;

	if (!may_see(task->environment.owner, task->environment.owner_name,
				 task->enqueued_at))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of task " INT64_FORMAT, task->task_id),
				 errdetail("It has unique key \"%s\", and its result cannot be shared.",
						   submission->keys[i])));
	if (args == NULL || task->args == NULL)
		same = same && (args == NULL) == (task->args == NULL);
	else
		same = same && compareJsonbContainers(unconstify(JsonbContainer *, &args->root),
											  &task->args->root) == 0;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("an unfinished task with unique key \"%s\" exists already, and does something else",
						submission->keys[i]),
				 errdetail("Task " INT64_FORMAT " has another command or other arguments: its result cannot be shared.",
						   task->task_id),
				 errhint("Use another key, or another on_conflict.")));
}

/*
 * The task with the key of the i-th one, if that is to be cancelled in favour
 * of it; NULL if it stays.
 */
static TaskRow *
judge_holder(Submission *submission, int i, int64 holder, bool ended)
{
	ConflictAction action = submission->request->on_conflict;
	TaskRow    *task;
	int32		attempt;

	submission->outcome = SUBMIT_DUPLICATE;
	submission->holder = holder;
	if (action == CONFLICT_SKIP)
		return NULL;
	if (action == CONFLICT_ERROR)
		refuse_conflict(submission->keys[i], holder, ended);
	task = task_row_read(holder);
	if (task == NULL)
		elog(ERROR, "task " INT64_FORMAT " is not in the ledger", holder);
	if (action == CONFLICT_JOIN)
	{
		check_join(submission, i, task);
		submission->outcome = SUBMIT_JOINED;
		return NULL;
	}
	/* what is done cannot be done without */
	if (ended)
		return NULL;
	if (!may_act_on(task->environment.owner, task->environment.owner_name,
					task->enqueued_at))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of task " INT64_FORMAT, holder),
				 errdetail("It has unique key \"%s\", and would be replaced.",
						   submission->keys[i])));
	if (worker_slot_holding(submission->request->database->oid, holder,
							&attempt) != NULL)
		return NULL;
	submission->outcome = SUBMIT_REPLACED;
	return task;
}

/*
 * Looks who has the keys.  Tasks that somebody's stands for are left out, for
 * good: it did so when we looked.  "replaced" gets who has to go for the
 * others; returns how many of those are in the same queue.
 */
static int
look_at_holders(Submission *submission, TaskRow **replaced)
{
	int			inherited = 0;
	int			n = submission->n;

	submission->n = 0;
	for (int i = 0; i < n; i++)
	{
		bool		ended;
		int64		holder = unique_key_holder(submission->keys[i], &ended);
		TaskRow    *task = NULL;

		if (holder == 0)
			submission->outcome = SUBMIT_ACCEPTED;
		else if ((task = judge_holder(submission, i, holder, ended)) == NULL)
			continue;
		else
			inherited += task->environment.queue_id == submission->request->task.environment.queue_id;
		keep_as(submission, i, submission->n);
		replaced[submission->n++] = task;
	}
	return inherited;
}

/*
 * Ends those that are to be replaced; false if one has ended or begun by
 * itself.  Their places are ours, if they are in the same queue.
 */
static bool
end_replaced(const Submission *submission, TaskRow **replaced, int *places)
{
	WeirDatabase *database = submission->request->database;

	for (int i = 0; i < submission->n; i++)
	{
		TaskRow    *task = replaced[i];
		bool		inherit;

		if (task == NULL)
			continue;
		inherit = task->environment.queue_id == submission->request->task.environment.queue_id;
		if (control_end_waiting(database, task,
								psprintf("replaced by task " INT64_FORMAT,
										 submission->first_id + i),
								inherit ? 0 : 1) != END_DONE)
			return false;
		*places += inherit;
	}
	return true;
}

/*
 * Takes ids, and the places that are missing in the queue; false if there is
 * no room, for a caller that wants to be told.
 */
static bool
take_places(Submission *submission, int missing, QueueSlot *slot, int *places)
{
	EnqueueRequest *request = submission->request;

	if (missing > 0)
	{
		submission->first_id = room_reserve(request, missing, submission->n,
											submission->tell);
		*places += missing;
	}
	else
	{
		require_queue_open(request->task.environment.queue_id, request->task.environment.queue, slot);
		submission->first_id = room_take_ids(request->database,
											 submission->n);
	}
	return submission->first_id != 0;
}

/*
 * Takes keys, places and ids for the tasks of a submission whose keys are
 * free, or can be made so; leaves out the others.
 */
void
unique_take(Submission *submission)
{
	EnqueueRequest *request = submission->request;
	QueueSlot  *slot = depth_slot(request->database, request->task.environment.queue_id);
	TaskRow   **replaced = palloc(submission->n * sizeof(TaskRow *));
	int			places = 0;
	int			inherited;

	submission->keys = palloc(submission->n * sizeof(char *));
	for (int i = 0; i < submission->n; i++)
		submission->keys[i] = key_expand("unique_key", request->unique_key,
										 submission->args[i]);
	if (submission->n > 1)
		leave_out_equal(submission);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		inherited = look_at_holders(submission, replaced);
		if (submission->n == 0)
			break;
		if (!submission_hold_quota(submission))
			return;
		if (!take_places(submission, submission->n - inherited - places, slot,
						 &places))
		{
			submission->outcome = SUBMIT_REJECTED;
			return;
		}
		if (end_replaced(submission, replaced, &places) &&
			unique_keys_take(submission->keys, submission->n,
							 submission->first_id,
							 task_row_unique_until(&request->task)))
			break;
	}
	if (places > submission->n)
		xact_end_task(request->database, slot, places - submission->n);
}
