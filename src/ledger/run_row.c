/*-------------------------------------------------------------------------
 *
 * run_row.c
 *	  Rows of weir.run: one per attempt, in the transaction of its effects.
 *
 * The key (task_id, attempt) is what makes an attempt happen at most once:
 * whoever commits the row first has executed it, and everybody else's effects
 * are rolled back by the unique violation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/heaptoast.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "funcapi.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/xid8.h"

#include "ledger/generation.h"
#include "ledger/heap_row.h"
#include "ledger/run_row.h"
#include "ledger/sql.h"
#include "ledger/unique_key.h"
#include "policy/retry.h"

static const char *const OutcomeNames[] = {
	"succeeded", "failed", "crashed", "timed_out", "cancelled", "interrupted",
	"retried", "expired", "snoozed", "shed", "preempted"
};

const char *
outcome_name(Outcome outcome)
{
	return OutcomeNames[outcome];
}

static Outcome
outcome_parse(const char *name)
{
	for (int i = 0; i < lengthof(OutcomeNames); i++)
	{
		if (strcmp(name, OutcomeNames[i]) == 0)
			return (Outcome) i;
	}
	return OUTCOME_FAILED;
}

static void
set_time(Datum *values, bool *nulls, int attnum, TimestampTz value)
{
	nulls[attnum - 1] = value == 0;
	values[attnum - 1] = TimestampTzGetDatum(value);
}

/*
 * Fills in all columns of the row.
 */
static void
run_row_form(const RunRow *run, Datum *values, bool *nulls)
{
	memset(nulls, 0, NATTS_RUN * sizeof(bool));
	values[ANUM_RUN_TASK_ID - 1] = Int64GetDatum(run->task_id);
	values[ANUM_RUN_ATTEMPT - 1] = Int32GetDatum(run->attempt);
	heap_row_set_text(values, nulls, ANUM_RUN_OUTCOME, outcome_name(run->outcome));
	values[ANUM_RUN_FINAL - 1] = BoolGetDatum(run->final);
	values[ANUM_RUN_CHARGED - 1] = BoolGetDatum(run->charged);
	set_time(values, nulls, ANUM_RUN_RETRY_AT, run->retry_at);
	values[ANUM_RUN_WORKER_PID - 1] = Int32GetDatum(run->worker_pid);
	nulls[ANUM_RUN_WORKER_PID - 1] = run->worker_pid == 0;
	set_time(values, nulls, ANUM_RUN_READY_AT, run->ready_at);
	set_time(values, nulls, ANUM_RUN_STARTED_AT, run->started_at);
	set_time(values, nulls, ANUM_RUN_FINISHED_AT, run->finished_at);
	heap_row_set_text(values, nulls, ANUM_RUN_SQLSTATE, run->sqlstate);
	heap_row_set_text(values, nulls, ANUM_RUN_MESSAGE, run->message);
	heap_row_set_text(values, nulls, ANUM_RUN_DETAIL, run->detail);
	heap_row_set_text(values, nulls, ANUM_RUN_HINT, run->hint);
	heap_row_set_text(values, nulls, ANUM_RUN_CONTEXT, run->context);
	values[ANUM_RUN_ROWS - 1] = Int64GetDatum(run->rows);
	nulls[ANUM_RUN_ROWS - 1] = !run->has_rows;
	values[ANUM_RUN_RESULT - 1] = PointerGetDatum(run->result);
	nulls[ANUM_RUN_RESULT - 1] = run->result == NULL;
	heap_row_set_text(values, nulls, ANUM_RUN_ACTOR, run->actor);
	heap_row_set_text(values, nulls, ANUM_RUN_REASON, run->reason);
	heap_row_set_text(values, nulls, ANUM_RUN_FALLBACK, run->fallback);
	values[ANUM_RUN_XID - 1] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
}

/*
 * Writes runs into this transaction.  Their keys come first: who loses the race
 * for an attempt must not release what the task holds.
 */
void
run_rows_insert(const RunRow *runs, int n)
{
	Datum		values[NATTS_RUN];
	bool		nulls[NATTS_RUN];
	const Generation *generation;
	Oid			relid = InvalidOid;
	HeapRows   *rows = NULL;

	for (int i = 0; i < n; i++)
	{
		generation = generation_of(runs[i].task_id);
		if (generation == NULL)
			elog(ERROR, "no generation for task " INT64_FORMAT,
				 runs[i].task_id);
		if (generation->run != relid)
		{
			if (rows)
				heap_rows_end(rows);
			relid = generation->run;
			rows = heap_rows_begin(relid);
		}
		run_row_form(&runs[i], values, nulls);
		heap_rows_add(rows, values, nulls);
	}
	if (rows)
		heap_rows_end(rows);
	for (int i = 0; i < n; i++)
	{
		if (runs[i].final && !runs[i].keyless)
			unique_key_release(runs[i].task_id,
							   runs[i].outcome == OUTCOME_SUCCEEDED);
	}
}

/*
 * Writes a run into this transaction.
 */
void
run_row_insert(const RunRow *run)
{
	run_rows_insert(run, 1);
}

typedef bool (*RunVisit) (HeapTuple tuple, TupleDesc descriptor, void *arg);

/*
 * Calls "visit" for the runs of a task that the snapshot shows, from the last
 * one back, until it says false.
 */
static void
run_rows_scan(int64 task_id, Snapshot snapshot, RunVisit visit, void *arg)
{
	const Generation *generation = generation_of(task_id);
	Relation	relation;
	Relation	index;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (generation == NULL)
		return;
	relation = table_open(generation->run, AccessShareLock);
	index = index_open(heap_row_key_index(relation),
					   AccessShareLock);
	ScanKeyInit(&key, ANUM_RUN_TASK_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(task_id));
	scan = systable_beginscan_ordered(relation, index, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, BackwardScanDirection)))
	{
		if (!visit(tuple, RelationGetDescr(relation), arg))
			break;
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(relation, AccessShareLock);
}

/*
 * The same for those that are committed.
 */
static void
run_rows_visit(int64 task_id, RunVisit visit, void *arg)
{
	run_rows_scan(task_id, NULL, visit, arg);
}

typedef struct ExistsSearch
{
	int32		attempt;
	bool		found;
	bool		final;
	TimestampTz retry_at;
} ExistsSearch;

static bool
visit_exists(HeapTuple tuple, TupleDesc descriptor, void *arg)
{
	ExistsSearch *search = arg;

	if (heap_row_int4(tuple, ANUM_RUN_ATTEMPT, descriptor, 0) !=
		search->attempt)
		return true;
	search->found = true;
	search->final = heap_row_bool(tuple, ANUM_RUN_FINAL, descriptor);
	search->retry_at = heap_row_int8(tuple, ANUM_RUN_RETRY_AT, descriptor, 0);
	return false;
}

/*
 * Is there a committed run of that attempt, and what did it say?
 */
bool
run_row_exists(int64 task_id, int32 attempt, bool *final,
			   TimestampTz *retry_at)
{
	ExistsSearch search = {0};

	search.attempt = attempt;
	run_rows_visit(task_id, visit_exists, &search);
	*final = search.final;
	*retry_at = search.retry_at;
	return search.found;
}

typedef struct WrittenSearch
{
	int32		attempt;
	bool		found;
} WrittenSearch;

static bool
visit_written(HeapTuple tuple, TupleDesc descriptor, void *arg)
{
	WrittenSearch *search = arg;

	search->found = heap_row_int4(tuple, ANUM_RUN_ATTEMPT, descriptor, 0) ==
		search->attempt;
	return !search->found;
}

/*
 * Has somebody written the run of that attempt, or is another transaction about
 * to, which has not ended?  Who writes it, too, waits for that one, and fails if
 * it commits.
 */
bool
run_row_written(int64 task_id, int32 attempt)
{
	WrittenSearch search = {attempt, false};
	SnapshotData snapshot;

	/* sees what is not committed, too */
	InitDirtySnapshot(snapshot);
	run_rows_scan(task_id, &snapshot, visit_written, &search);
	return search.found;
}

static bool
visit_summary(HeapTuple tuple, TupleDesc descriptor, void *arg)
{
	RunSummary *summary = arg;
	bool		charged = heap_row_bool(tuple, ANUM_RUN_CHARGED, descriptor);
	char	   *sqlstate = heap_row_text(tuple, ANUM_RUN_SQLSTATE, descriptor);
	Outcome		outcome = outcome_parse(heap_row_text(tuple, ANUM_RUN_OUTCOME, descriptor));

	if (summary->attempts == 0)
	{
		summary->attempts = heap_row_int4(tuple, ANUM_RUN_ATTEMPT, descriptor, 0);
		summary->outcome = outcome;
		summary->retry_at = heap_row_int8(tuple, ANUM_RUN_RETRY_AT, descriptor, 0);
		summary->final = heap_row_bool(tuple, ANUM_RUN_FINAL, descriptor);
	}
	/* what was before weir.retry() does not count any more */
	if (outcome == OUTCOME_RETRIED)
	{
		summary->back_at = heap_row_int8(tuple, ANUM_RUN_FINISHED_AT,
										 descriptor, 0);
		return false;
	}
	summary->charged += charged;
	summary->crashed += outcome == OUTCOME_CRASHED;
	summary->contention += !charged && sqlstate &&
		retry_classify(sqlstate) == RETRY_KIND_CONTENTION;
	return true;
}

/*
 * Adds up the committed runs of a task.
 */
void
run_row_summary(int64 task_id, RunSummary *summary)
{
	memset(summary, 0, sizeof(RunSummary));
	run_rows_visit(task_id, visit_summary, summary);
}

typedef struct LastSearch
{
	bool		final_only;
	HeapTuple	tuple;
} LastSearch;

static bool
visit_last(HeapTuple tuple, TupleDesc descriptor, void *arg)
{
	LastSearch *search = arg;

	if (!search->final_only ||
		heap_row_bool(tuple, ANUM_RUN_FINAL, descriptor))
		search->tuple = toast_flatten_tuple(tuple, descriptor);
	return false;
}

/*
 * A copy of the last committed run of a task, or of its last one if that is
 * final; NULL if there is none.
 */
HeapTuple
run_row_last(int64 task_id, bool final_only)
{
	LastSearch	search = {final_only, NULL};

	run_rows_visit(task_id, visit_last, &search);
	return search.tuple;
}

/*
 * Makes sure that a committed run is on disk: what is seen need not be, after
 * a commit that did not flush.
 */
void
run_row_flush(HeapTuple tuple)
{
	XLogRecPtr	lsn = TransactionIdGetCommitLSN(HeapTupleHeaderGetXmin(tuple->t_data));

	if (lsn != InvalidXLogRecPtr && !RecoveryInProgress())
		XLogFlush(lsn);
}

typedef struct EndSearch
{
	bool		ended;
	RunEnd	   *end;
} EndSearch;

static bool
visit_end(HeapTuple tuple, TupleDesc descriptor, void *arg)
{
	EndSearch  *search = arg;

	search->ended = heap_row_bool(tuple, ANUM_RUN_FINAL, descriptor);
	search->end->outcome = outcome_parse(heap_row_text(tuple, ANUM_RUN_OUTCOME, descriptor));
	search->end->finished_at = heap_row_int8(tuple, ANUM_RUN_FINISHED_AT,
											 descriptor, 0);
	if (search->ended)
		run_row_flush(tuple);
	return false;
}

/*
 * Has the task ended, and how?  What is said to have ended is on disk.  Only
 * the task's own generation is touched: others may be locked by anybody.
 */
bool
run_row_ended(int64 task_id, RunEnd *end)
{
	EndSearch	search = {false, end};

	memset(end, 0, sizeof(RunEnd));
	run_rows_visit(task_id, visit_end, &search);
	return search.ended;
}

/*
 * The row type of weir.run; its children have the same columns.
 */
static TupleDesc
run_row_descriptor(void)
{
	Oid			relid = get_relname_relid("run", ledger_namespace());

	return lookup_rowtype_tupdesc_copy(get_rel_type_id(relid), -1);
}

/*
 * A run as a value of the row type of weir.run.
 */
Datum
run_row_datum(HeapTuple tuple)
{
	TupleDesc	descriptor = run_row_descriptor();
	Datum		values[NATTS_RUN];
	bool		nulls[NATTS_RUN];

	heap_deform_tuple(tuple, descriptor, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

/*
 * The result that is stored with a run.
 */
Datum
run_row_result(HeapTuple tuple, bool *isnull)
{
	return heap_getattr(tuple, ANUM_RUN_RESULT, run_row_descriptor(), isnull);
}

/*
 * What a run says of how it ended: outcome, result, SQLSTATE, message and time.
 */
void
run_row_values(HeapTuple tuple, Datum *values, bool *nulls)
{
	static const int columns[] = {
		ANUM_RUN_OUTCOME, ANUM_RUN_RESULT, ANUM_RUN_SQLSTATE,
		ANUM_RUN_MESSAGE, ANUM_RUN_FINISHED_AT
	};
	TupleDesc	descriptor = run_row_descriptor();

	for (int i = 0; i < lengthof(columns); i++)
		values[i] = heap_getattr(tuple, columns[i], descriptor, &nulls[i]);
}

/*
 * Claims an attempt in mode autocommit: it is going to start.
 */
void
claim_row_insert(int64 task_id, int32 attempt)
{
	Datum		values[4];
	bool		nulls[4] = {0};

	values[0] = Int64GetDatum(task_id);
	values[1] = Int32GetDatum(attempt);
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[3] = Int32GetDatum(MyProcPid);
	heap_row_insert(get_relname_relid("claim", ledger_namespace()), values,
					nulls);
}
