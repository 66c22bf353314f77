/*-------------------------------------------------------------------------
 *
 * checkpoint.c
 *	  weir.checkpoint(): what a task notes for its next attempt.
 *
 * In mode autocommit it is written at once, into the transaction of the work
 * that it speaks of: it stays when that does, whatever becomes of the attempt.
 * In mode transaction it is kept in memory, since an attempt that fails takes
 * what it has written along, and is written beside the run of the failure; it
 * goes with the process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/jsonb.h"

#include "api/arguments.h"
#include "ledger/checkpoint_row.h"
#include "run/attempt.h"

#define MAX_CHECKPOINT	65536	/* bytes of the jsonb value */

PG_FUNCTION_INFO_V1(weir_checkpoint);

/*
 * Keeps a checkpoint with the attempt, in place of the one before.
 */
static void
attempt_keep(Attempt *attempt, const Jsonb *checkpoint)
{
	Jsonb	   *copy = MemoryContextAlloc(attempt->context,
										  VARSIZE(checkpoint));

	memcpy(copy, checkpoint, VARSIZE(checkpoint));
	if (attempt->checkpoint)
		pfree(attempt->checkpoint);
	attempt->checkpoint = copy;
}

/*
 * Notes how far the task has come.
 */
static void
checkpoint_note(Attempt *attempt, const Jsonb *checkpoint)
{
	if (VARSIZE(checkpoint) > MAX_CHECKPOINT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("checkpoint is too large"),
				 errdetail("It has %u bytes, and can have %d.",
						   VARSIZE(checkpoint), MAX_CHECKPOINT),
				 errhint("Keep the data in a table, and where to go on in the checkpoint.")));
	attempt->checkpoints++;
	if (!attempt->task->environment.autocommit)
	{
		attempt_keep(attempt, checkpoint);
		return;
	}
	PreventCommandIfReadOnly("weir.checkpoint()");
	checkpoint_row_insert(attempt->assignment->task_id,
						  attempt->assignment->attempt, attempt->checkpoints,
						  checkpoint);
}

/*
 * weir.checkpoint(): notes a checkpoint, if one is given; the last one that was
 * noted, by this attempt or an earlier one.
 */
Datum
weir_checkpoint(PG_FUNCTION_ARGS)
{
	Jsonb	   *last;

	require_task("weir.checkpoint()");
	if (!PG_ARGISNULL(0))
	{
		checkpoint_note(CurrentAttempt, PG_GETARG_JSONB_P(0));
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	last = CurrentAttempt->checkpoint;
	if (last == NULL)
		last = checkpoint_row_last(CurrentAttempt->assignment->task_id);
	if (last == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(last);
}
