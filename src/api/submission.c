/*-------------------------------------------------------------------------
 *
 * submission.c
 *	  Tasks on the way into the ledger.
 *
 * Everything that can be refused has been refused before anything changes; now
 * room is reserved, ids are taken, the rows are written and the message to the
 * scheduler is promised.  All of it follows the caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "api/key.h"
#include "api/room.h"
#include "api/submission.h"
#include "api/unique.h"
#include "ledger/task_row.h"
#include "shmem/xact_actions.h"

/*
 * Promises the message about n tasks that the scheduler is to read, since there
 * is no room in a message for what it has to know of them.
 */
void
submission_promise_read(WeirDatabase *database, int64 first_id, int64 n,
						bool quota)
{
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_READ;
	message.first_id = first_id;
	message.last_id = first_id + n - 1;
	message.owner = GetUserId();
	message.quota = quota;
	xact_submit(database, &message);
}

/*
 * Promises the message about the tasks.
 */
static void
promise(const Submission *submission)
{
	const EnqueueRequest *request = submission->request;
	const TaskRow *task = &request->task;
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	/* what a forecast is made of is in the ledger, too */
	if (task->after || task->serial_key || request->serial_key ||
		submission->graph ||
		(task->environment.klass == POLICY_CLASS_DAILY && task->has_deadline))
	{
		submission_promise_read(request->database, submission->first_id,
								submission->n, request->quota.n > 0);
		return;
	}
	message.first_id = submission->first_id;
	message.last_id = submission->first_id + submission->n - 1;
	message.kind = MESSAGE_SUBMIT;
	message.queue = task->environment.queue_id;
	message.owner = task->environment.owner;
	message.klass = task->environment.klass;
	message.firm = task->environment.autocommit;
	message.priority = task->priority;
	message.enqueued_at = task->enqueued_at;
	message.run_at = task->has_run_at ? task->run_at : POLICY_TIME_ALWAYS;
	message.deadline = task->has_deadline ? task->deadline : POLICY_TIME_NEVER;
	message.expires_at = task_row_expires_at(task);
	message.quota = request->quota.n > 0;
	message.nneeds = request->nneeds;
	memcpy(message.needs, request->needs,
		   request->nneeds * sizeof(uint64));
	xact_submit(request->database, &message);
}

/*
 * Makes the serial keys of many tasks.
 */
static void
expand_serial_keys(Submission *submission)
{
	submission->serial_keys = palloc(submission->n * sizeof(char *));
	for (int i = 0; i < submission->n; i++)
		submission->serial_keys[i] = key_expand("serial_key",
												submission->request->serial_key,
												submission->args[i]);
}

/*
 * Holds places for the tasks among those of their owner; false, and they are
 * rejected, if there are none.
 */
bool
submission_hold_quota(Submission *submission)
{
	EnqueueRequest *request = submission->request;

	if (quota_hold(&request->quota, request->database, GetUserId(),
				   submission->n, submission->tell))
		return true;
	submission->outcome = SUBMIT_REJECTED;
	return false;
}

/*
 * Submits the tasks, those of them that there is room for and that do not
 * exist already.
 */
void
submission_submit(Submission *submission)
{
	EnqueueRequest *request = submission->request;
	TaskRow    *task = &request->task;

	if (request->serial_key)
		expand_serial_keys(submission);
	if (request->unique_key)
		unique_take(submission);
	else if (!submission_hold_quota(submission))
		return;
	else
	{
		submission->first_id = room_reserve(request, submission->n,
											submission->n, submission->tell);
		submission->outcome = submission->first_id == 0 ? SUBMIT_REJECTED :
			SUBMIT_ACCEPTED;
	}
	if (submission->n == 0 || submission->outcome == SUBMIT_REJECTED)
	{
		(void) quota_hold(&request->quota, request->database, GetUserId(), 0,
						  true);
		return;
	}
	task->task_id = submission->first_id;
	if (submission->n > 1)
		task_rows_insert(task, submission->args, submission->keys,
						 submission->serial_keys, submission->n);
	else
	{
		task->args = submission->args[0];
		task->unique_key = submission->keys ? submission->keys[0] : NULL;
		if (submission->serial_keys)
			task->serial_key = submission->serial_keys[0];
		task_row_insert(task);
	}
	/* who comes with the same key in the same command must see it */
	if (submission->keys)
		CommandCounterIncrement();
	promise(submission);
}
