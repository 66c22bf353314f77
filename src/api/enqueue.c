/*-------------------------------------------------------------------------
 *
 * enqueue.c
 *	  Submitting tasks: weir.enqueue(), try_enqueue() and enqueue_many().
 *
 * Everything that can be refused is refused before anything changes; then
 * room is reserved, ids are taken, the rows are written and the message to
 * the scheduler is promised.  All of it follows the caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/enqueue.h"
#include "api/room.h"
#include "api/unique.h"
#include "ledger/task_row.h"
#include "shmem/depth.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_enqueue);
PG_FUNCTION_INFO_V1(weir_try_enqueue);
PG_FUNCTION_INFO_V1(weir_enqueue_many);

/*
 * Promises the message about n tasks.
 */
static void
promise(const EnqueueRequest *request, int64 first, int64 n)
{
	const TaskRow *task = &request->task;
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	message.first_id = first;
	message.last_id = first + n - 1;
	if (task->after)
	{
		/* the parents are in the ledger */
		message.kind = MESSAGE_READ;
		xact_submit(request->database, &message);
		return;
	}
	message.kind = MESSAGE_SUBMIT;
	message.queue = task->environment.queue_id;
	message.owner = task->environment.owner;
	message.klass = task->environment.klass;
	message.priority = task->priority;
	message.enqueued_at = task->enqueued_at;
	message.run_at = task->has_run_at ? task->run_at : POLICY_TIME_ALWAYS;
	message.deadline = task->has_deadline ? task->deadline : POLICY_TIME_NEVER;
	message.expires_at = task_row_expires_at(task);
	message.nneeds = request->nneeds;
	memcpy(message.needs, request->needs,
		   request->nneeds * sizeof(uint64));
	xact_submit(request->database, &message);
}

/*
 * Submits the tasks, those of them that there is room for and that do not
 * exist already.
 */
static void
submit(Submission *submission)
{
	EnqueueRequest *request = submission->request;
	TaskRow    *task = &request->task;

	if (request->unique_key)
		unique_take(submission);
	else
	{
		submission->first_id = room_reserve(request, submission->n,
											submission->n, submission->tell);
		submission->outcome = submission->first_id == 0 ? SUBMIT_REJECTED :
			SUBMIT_ACCEPTED;
	}
	if (submission->n == 0 || submission->outcome == SUBMIT_REJECTED)
		return;
	task->task_id = submission->first_id;
	if (submission->n > 1)
		task_rows_insert(task, submission->args, submission->keys,
						 submission->n);
	else
	{
		task->args = submission->args[0];
		task->unique_key = submission->keys ? submission->keys[0] : NULL;
		task_row_insert(task);
	}
	/* who comes with the same key in the same command must see it */
	if (submission->keys)
		CommandCounterIncrement();
	promise(request, submission->first_id, submission->n);
}

/*
 * Submits one task; its id, that of the one which has its key, or zero if
 * there is no room.
 */
static int64
submit_one(FunctionCallInfo fcinfo, EnqueueRequest *request, bool tell,
		   SubmitOutcome *outcome)
{
	Submission	submission = {0};

	request_read(fcinfo, request, false);
	submission.request = request;
	submission.tell = tell;
	submission.n = 1;
	submission.args = &request->task.args;
	submit(&submission);
	*outcome = submission.outcome;
	return submission.n > 0 ? submission.first_id : submission.holder;
}

/*
 * weir.enqueue(): submits a task.
 */
Datum
weir_enqueue(PG_FUNCTION_ARGS)
{
	EnqueueRequest request;
	SubmitOutcome outcome;

	PG_RETURN_INT64(submit_one(fcinfo, &request, false, &outcome));
}

/*
 * weir.try_enqueue(): submits a task, or tells why not.
 */
Datum
weir_try_enqueue(PG_FUNCTION_ARGS)
{
	static const char *const outcomes[] = {
		"accepted", "rejected", "duplicate", "joined", "replaced"
	};
	EnqueueRequest request;
	SubmitOutcome outcome;
	TupleDesc	descriptor;
	Datum		values[3];
	bool		nulls[3] = {0};
	int64		task_id;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	task_id = submit_one(fcinfo, &request, true, &outcome);
	values[0] = Int64GetDatum(task_id);
	nulls[0] = task_id == 0;
	values[1] = CStringGetTextDatum(outcomes[outcome]);
	nulls[2] = outcome != SUBMIT_REJECTED;
	if (outcome == SUBMIT_REJECTED)
	{
		Interval   *after = palloc0(sizeof(Interval));

		after->time = depth_retry_after(depth_slot(request.database,
												   request.task.environment.queue_id)) * 1000;
		values[2] = IntervalPGetDatum(after);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor),
													  values, nulls)));
}

/*
 * weir.enqueue_many(): submits one task per element of an array of argument
 * arrays, all or none but those whose unique key another task has.
 */
Datum
weir_enqueue_many(PG_FUNCTION_ARGS)
{
	EnqueueRequest request;
	Submission	submission = {0};
	TupleDesc	descriptor;
	Datum		values[3];
	bool		nulls[3] = {0};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	request_read(fcinfo, &request, true);
	submission.request = &request;
	submission.args = request_split_args(&request, &submission.n);
	if (submission.n > 0)
		submit(&submission);
	values[0] = Int64GetDatum(submission.first_id);
	values[1] = Int64GetDatum(submission.first_id + submission.n - 1);
	nulls[0] = nulls[1] = submission.n == 0;
	values[2] = Int32GetDatum(submission.n);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor),
													  values, nulls)));
}
