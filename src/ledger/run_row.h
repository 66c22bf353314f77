/*-------------------------------------------------------------------------
 *
 * run_row.h
 *	  Rows of weir.run, and of weir.claim.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RUN_ROW_H
#define WEIR_RUN_ROW_H

#include "access/htup.h"
#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/* Columns of weir.run, in their order */
enum
{
	ANUM_RUN_TASK_ID = 1,
	ANUM_RUN_ATTEMPT,
	ANUM_RUN_WORKER_PID,
	ANUM_RUN_READY_AT,
	ANUM_RUN_STARTED_AT,
	ANUM_RUN_FINISHED_AT,
	ANUM_RUN_XID,
	ANUM_RUN_ROWS,
	ANUM_RUN_FINAL,
	ANUM_RUN_CHARGED,
	ANUM_RUN_OUTCOME,
	ANUM_RUN_RESULT,
	ANUM_RUN_RETRY_AT,
	ANUM_RUN_SQLSTATE,
	ANUM_RUN_MESSAGE,
	ANUM_RUN_DETAIL,
	ANUM_RUN_HINT,
	ANUM_RUN_CONTEXT,
	ANUM_RUN_ACTOR,
	ANUM_RUN_REASON,
	ANUM_RUN_FALLBACK,
	NATTS_RUN = ANUM_RUN_FALLBACK
};

typedef enum Outcome
{
	OUTCOME_SUCCEEDED,
	OUTCOME_FAILED,
	OUTCOME_CRASHED,
	OUTCOME_TIMED_OUT,
	OUTCOME_CANCELLED,
	OUTCOME_INTERRUPTED,
	OUTCOME_RETRIED,
	OUTCOME_EXPIRED,
	OUTCOME_SNOOZED,
	OUTCOME_SHED,
	OUTCOME_PREEMPTED
} Outcome;

/* A run in memory; pointers are NULL and times zero for SQL nulls */
typedef struct RunRow
{
	int64		task_id;
	int32		attempt;
	Outcome		outcome;
	bool		final;
	bool		charged;
	TimestampTz retry_at;
	int32		worker_pid;
	TimestampTz ready_at;
	TimestampTz started_at;
	TimestampTz finished_at;
	const char *sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
	const char *context;
	bool		has_rows;
	int64		rows;
	Jsonb	   *result;
	const char *actor;
	const char *reason;
	const char *fallback;		/* command executed instead of the task's */
	bool		keyless;		/* the task is known to have no unique key */
} RunRow;

/* How a task has ended */
typedef struct RunEnd
{
	Outcome		outcome;
	TimestampTz finished_at;
} RunEnd;

/* What the rows of a task's runs add up to */
typedef struct RunSummary
{
	int32		attempts;		/* number of the last one */
	int32		charged;
	int32		crashed;
	int32		contention;		/* uncharged contention retries in a row */
	bool		final;
	Outcome		outcome;		/* of the last one */
	TimestampTz retry_at;		/* of the last one, or zero */
	TimestampTz back_at;		/* brought back the last time, or zero */
} RunSummary;

extern const char *outcome_name(Outcome outcome);
extern void run_row_insert(const RunRow *run);
extern void run_rows_insert(const RunRow *runs, int n);
extern bool run_row_exists(int64 task_id, int32 attempt, bool *final,
						   TimestampTz *retry_at);
extern bool run_row_written(int64 task_id, int32 attempt);
extern void run_row_summary(int64 task_id, RunSummary *summary);
extern bool run_row_ended(int64 task_id, RunEnd *end);
extern HeapTuple run_row_last(int64 task_id, bool final_only);
extern void run_row_flush(HeapTuple tuple);
extern Datum run_row_datum(HeapTuple tuple);
extern void run_row_values(HeapTuple tuple, Datum *values, bool *nulls);
extern Datum run_row_result(HeapTuple tuple, bool *isnull);
extern void claim_row_insert(int64 task_id, int32 attempt);

#endif							/* WEIR_RUN_ROW_H */
