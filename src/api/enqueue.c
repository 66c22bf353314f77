/*-------------------------------------------------------------------------
 *
 * enqueue.c
 *	  Submitting tasks: weir.enqueue(), try_enqueue() and enqueue_many().
 *
 * The three take the same arguments, which request.c reads, and submission.c
 * does what they ask for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/enqueue.h"
#include "api/submission.h"
#include "run/command.h"
#include "shmem/depth.h"

PG_FUNCTION_INFO_V1(weir_enqueue);
PG_FUNCTION_INFO_V1(weir_try_enqueue);
PG_FUNCTION_INFO_V1(weir_enqueue_many);

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
	submission_submit(&submission);
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
 * Splits '[[1],[2]]' into the arguments of each task.
 */
static Jsonb **
split_args(EnqueueRequest *request, int *n)
{
	Jsonb	   *args = request->many_args;
	Jsonb	  **split;

	*n = args_count(args);
	if (args == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "args"),
				 errhint("It is an array of argument arrays, for example '[[1], [2]]'.")));
	split = palloc(Max(*n, 1) * sizeof(Jsonb *));
	for (int i = 0; i < *n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(&args->root, i);

		if (element->type != jbvBinary ||
			!JsonContainerIsArray(element->val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("element %d of argument \"%s\" is not an array",
							i + 1, "args"),
					 errhint("It is an array of argument arrays, for example '[[1], [2]]'.")));
		split[i] = JsonbValueToJsonb(element);
	}
	for (int i = 0; i < *n; i++)
		command_check_args(request->nparams, args_count(split[i]));
	return split;
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
	submission.args = split_args(&request, &submission.n);
	if (submission.n > 0)
		submission_submit(&submission);
	values[0] = Int64GetDatum(submission.first_id);
	values[1] = Int64GetDatum(submission.first_id + submission.n - 1);
	nulls[0] = nulls[1] = submission.n == 0;
	values[2] = Int32GetDatum(submission.n);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor),
													  values, nulls)));
}
