/*-------------------------------------------------------------------------
 *
 * task_row.c
 *	  Rows of weir.task: written at enqueue, read by the worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "ledger/generation.h"
#include "ledger/heap_row.h"
#include "ledger/task_row.h"

static const char *const OnFailureNames[] = {"cancel", "wait", "run"};

/*
 * Finds what becomes of a task when its parent fails by name; false if there
 * is no such thing.
 */
bool
on_failure_parse(const char *name, PolicyOnFailure *on_failure)
{
	for (int i = 0; i < lengthof(OnFailureNames); i++)
	{
		if (strcmp(name, OnFailureNames[i]) == 0)
		{
			*on_failure = (PolicyOnFailure) i;
			return true;
		}
	}
	return false;
}

static void
set_pointer(Datum *values, bool *nulls, int attnum, const void *value)
{
	nulls[attnum - 1] = value == NULL;
	values[attnum - 1] = PointerGetDatum(value);
}

/*
 * Sets a column to an array of names, or to null if there are none.
 */
static void
set_names(Datum *values, bool *nulls, int attnum, char *const *names, int n)
{
	Datum		elements[POLICY_MAX_NEEDS];

	nulls[attnum - 1] = n == 0;
	if (n == 0)
		return;
	for (int i = 0; i < n; i++)
		elements[i] = CStringGetTextDatum(names[i]);
	values[attnum - 1] =
		PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										TYPALIGN_INT));
}

/*
 * Fills in all columns of the row.
 */
static void
task_row_form(const TaskRow *task, Datum *values, bool *nulls)
{
	memset(nulls, 0, NATTS_TASK * sizeof(bool));
	values[ANUM_TASK_ID - 1] = Int64GetDatum(task->task_id);
	values[ANUM_TASK_ENQUEUED_AT - 1] = TimestampTzGetDatum(task->enqueued_at);
	values[ANUM_TASK_ENVIRONMENT_ID - 1] =
		Int32GetDatum(environment_id(&task->environment));
	values[ANUM_TASK_PRIORITY - 1] = Int32GetDatum(task->priority);
	heap_row_set_text(values, nulls, ANUM_TASK_COMMAND, task->command);
	set_pointer(values, nulls, ANUM_TASK_ARGS, task->args);
	values[ANUM_TASK_RUN_AT - 1] = TimestampTzGetDatum(task->run_at);
	nulls[ANUM_TASK_RUN_AT - 1] = !task->has_run_at;
	values[ANUM_TASK_DEADLINE - 1] = TimestampTzGetDatum(task->deadline);
	nulls[ANUM_TASK_DEADLINE - 1] = !task->has_deadline;
	set_names(values, nulls, ANUM_TASK_TABLES, task->tables, task->ntables);
	set_pointer(values, nulls, ANUM_TASK_TIMEOUT, task->timeout);
	set_pointer(values, nulls, ANUM_TASK_SETTINGS, task->settings);
	set_pointer(values, nulls, ANUM_TASK_POLICY, task->policy);
	heap_row_set_text(values, nulls, ANUM_TASK_REASON, task->reason);
	heap_row_set_text(values, nulls, ANUM_TASK_UNIQUE_KEY, task->unique_key);
	set_pointer(values, nulls, ANUM_TASK_QUEUE_TIMEOUT, task->queue_timeout);
	set_pointer(values, nulls, ANUM_TASK_AFTER, task->after);
	heap_row_set_text(values, nulls, ANUM_TASK_ON_PARENT_FAILURE,
					  task->after ? OnFailureNames[task->on_failure] : NULL);
	set_names(values, nulls, ANUM_TASK_RESOURCES, task->resources,
			  task->nresources);
	set_pointer(values, nulls, ANUM_TASK_LOCK_TIMEOUT, task->lock_timeout);
	set_pointer(values, nulls, ANUM_TASK_UNIQUE_FOR, task->unique_for);
	heap_row_set_text(values, nulls, ANUM_TASK_SERIAL_KEY, task->serial_key);
}

/*
 * When the task is to have started; POLICY_TIME_NEVER if it may wait for ever.
 * unfinished.c says the same of a task that was brought back.
 */
TimestampTz
task_row_expires_at(const TaskRow *task)
{
	TimestampTz due = task->enqueued_at;

	if (task->queue_timeout == NULL)
		return POLICY_TIME_NEVER;
	if (task->has_run_at)
		due = Max(due, task->run_at);
	return due + task->queue_timeout->time;
}

/*
 * Until when the task keeps its unique key if it succeeds; zero if it does not.
 */
TimestampTz
task_row_unique_until(const TaskRow *task)
{
	return task->unique_for ? task->enqueued_at + task->unique_for->time : 0;
}

/*
 * The generation that takes the id; there must be one, the id was given out.
 */
static const Generation *
task_row_generation(int64 task_id)
{
	const Generation *generation = generation_of(task_id);

	if (generation == NULL)
		elog(ERROR, "no generation for task " INT64_FORMAT, task_id);
	return generation;
}

/*
 * Writes one task.
 */
void
task_row_insert(const TaskRow *task)
{
	Datum		values[NATTS_TASK];
	bool		nulls[NATTS_TASK];

	task_row_form(task, values, nulls);
	heap_row_insert(task_row_generation(task->task_id)->task, values, nulls);
}

/* Rows with rising ids on their way into their generations */
typedef struct TaskRows
{
	int64		high;			/* of the generation that is written */
	HeapRows   *rows;
} TaskRows;

static void
task_rows_add(TaskRows *to, int64 task_id, Datum *values, bool *nulls)
{
	if (task_id >= to->high)
	{
		const Generation *generation = task_row_generation(task_id);

		if (to->rows)
			heap_rows_end(to->rows);
		to->high = generation->high;
		to->rows = heap_rows_begin(generation->task);
	}
	values[ANUM_TASK_ID - 1] = Int64GetDatum(task_id);
	heap_rows_add(to->rows, values, nulls);
}

static void
task_rows_end(TaskRows *to)
{
	if (to->rows)
		heap_rows_end(to->rows);
}

/*
 * Writes n tasks with consecutive ids that differ in their arguments, and in
 * their keys if there are any.
 */
void
task_rows_insert(const TaskRow *task, Jsonb **args, char **keys,
				 char **serial_keys, int n)
{
	Datum		values[NATTS_TASK];
	bool		nulls[NATTS_TASK];
	TaskRows	rows = {0};

	task_row_form(task, values, nulls);
	for (int i = 0; i < n; i++)
	{
		set_pointer(values, nulls, ANUM_TASK_ARGS, args[i]);
		if (keys)
			heap_row_set_text(values, nulls, ANUM_TASK_UNIQUE_KEY, keys[i]);
		if (serial_keys)
			heap_row_set_text(values, nulls, ANUM_TASK_SERIAL_KEY,
							  serial_keys[i]);
		task_rows_add(&rows, task->task_id + i, values, nulls);
	}
	task_rows_end(&rows);
}

/*
 * Writes n tasks with rising ids.
 */
void
task_rows_insert_all(const TaskRow *const *tasks, int n)
{
	Datum		values[NATTS_TASK];
	bool		nulls[NATTS_TASK];
	TaskRows	rows = {0};

	for (int i = 0; i < n; i++)
	{
		task_row_form(tasks[i], values, nulls);
		task_rows_add(&rows, tasks[i]->task_id, values, nulls);
	}
	task_rows_end(&rows);
}

/*
 * Copies an interval out of the tuple; NULL if null.
 */
static Interval *
copy_interval(const Datum *values, const bool *nulls, int attnum)
{
	Interval   *copy;

	if (nulls[attnum - 1])
		return NULL;
	copy = palloc(sizeof(Interval));
	*copy = *DatumGetIntervalP(values[attnum - 1]);
	return copy;
}

/*
 * A copy of a possibly toasted column; NULL if null.
 */
static Jsonb *
copy_jsonb(const Datum *values, const bool *nulls, int attnum)
{
	return nulls[attnum - 1] ? NULL : DatumGetJsonbPCopy(values[attnum - 1]);
}

/*
 * Reads an array of names; returns their number.
 */
int
task_row_names(Datum value, char **names)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(DatumGetArrayTypePCopy(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &n);
	n = Min(n, POLICY_MAX_NEEDS);
	for (int i = 0; i < n; i++)
		names[i] = TextDatumGetCString(elements[i]);
	return n;
}

/*
 * Takes a row apart; all columns at once, since most of them are needed.
 */
static TaskRow *
task_row_deform(HeapTuple tuple, TupleDesc descriptor)
{
	TaskRow    *task = palloc0(sizeof(TaskRow));
	Datum		values[NATTS_TASK];
	bool		nulls[NATTS_TASK];

	heap_deform_tuple(tuple, descriptor, values, nulls);
	task->task_id = DatumGetInt64(values[ANUM_TASK_ID - 1]);
	task->enqueued_at = DatumGetTimestampTz(values[ANUM_TASK_ENQUEUED_AT - 1]);
	environment_read(DatumGetInt32(values[ANUM_TASK_ENVIRONMENT_ID - 1]),
					 &task->environment);
	task->priority = DatumGetInt32(values[ANUM_TASK_PRIORITY - 1]);
	task->command = TextDatumGetCString(values[ANUM_TASK_COMMAND - 1]);
	task->args = copy_jsonb(values, nulls, ANUM_TASK_ARGS);
	task->has_run_at = !nulls[ANUM_TASK_RUN_AT - 1];
	if (task->has_run_at)
		task->run_at = DatumGetTimestampTz(values[ANUM_TASK_RUN_AT - 1]);
	task->has_deadline = !nulls[ANUM_TASK_DEADLINE - 1];
	if (task->has_deadline)
		task->deadline = DatumGetTimestampTz(values[ANUM_TASK_DEADLINE - 1]);
	if (!nulls[ANUM_TASK_TABLES - 1])
		task->ntables = task_row_names(values[ANUM_TASK_TABLES - 1],
									   task->tables);
	task->timeout = copy_interval(values, nulls, ANUM_TASK_TIMEOUT);
	task->queue_timeout = copy_interval(values, nulls,
										ANUM_TASK_QUEUE_TIMEOUT);
	task->settings = copy_jsonb(values, nulls, ANUM_TASK_SETTINGS);
	task->policy = copy_jsonb(values, nulls, ANUM_TASK_POLICY);
	if (!nulls[ANUM_TASK_REASON - 1])
		task->reason = TextDatumGetCString(values[ANUM_TASK_REASON - 1]);
	if (!nulls[ANUM_TASK_UNIQUE_KEY - 1])
		task->unique_key = TextDatumGetCString(values[ANUM_TASK_UNIQUE_KEY - 1]);
	if (!nulls[ANUM_TASK_RESOURCES - 1])
		task->nresources = task_row_names(values[ANUM_TASK_RESOURCES - 1],
										  task->resources);
	task->lock_timeout = copy_interval(values, nulls, ANUM_TASK_LOCK_TIMEOUT);
	task->unique_for = copy_interval(values, nulls, ANUM_TASK_UNIQUE_FOR);
	return task;
}

/*
 * A scan of the rows whose ids are from low to high, within the generation of
 * low.  It takes a fresh catalog snapshot, so that it neither needs nor sets
 * the snapshot of the transaction.
 */
typedef struct TaskScan
{
	Relation	relation;
	SysScanDesc scan;
} TaskScan;

/*
 * Begins a scan; false if there is nothing to be scanned.
 */
static bool
task_scan_begin(TaskScan *scan, int64 low, int64 high)
{
	const Generation *generation = generation_of(low);
	ScanKeyData keys[2];

	if (generation == NULL)
		return false;
	scan->relation = table_open(generation->task, AccessShareLock);
	ScanKeyInit(&keys[0], ANUM_TASK_ID, BTGreaterEqualStrategyNumber,
				F_INT8GE, Int64GetDatum(low));
	ScanKeyInit(&keys[1], ANUM_TASK_ID, BTLessEqualStrategyNumber, F_INT8LE,
				Int64GetDatum(high));
	scan->scan = systable_beginscan(scan->relation,
									heap_row_key_index(scan->relation), true,
									NULL, 2, keys);
	return true;
}

static void
task_scan_end(TaskScan *scan)
{
	systable_endscan(scan->scan);
	table_close(scan->relation, AccessShareLock);
}

/*
 * Reads a committed task, or one of this transaction; NULL if there is none.
 */
TaskRow *
task_row_read(int64 task_id)
{
	TaskScan	scan;
	HeapTuple	tuple;
	TaskRow    *task = NULL;

	if (!task_scan_begin(&scan, task_id, task_id))
		return NULL;
	tuple = systable_getnext(scan.scan);
	if (HeapTupleIsValid(tuple))
		task = task_row_deform(tuple, RelationGetDescr(scan.relation));
	task_scan_end(&scan);
	return task;
}

/* The rows are taken apart one by one, when they are wanted */
struct TaskRange
{
	int64		low;
	int64		high;
	TupleDesc	descriptor;
	HeapTuple	tuples[FLEXIBLE_ARRAY_MEMBER];	/* by id; NULL = not here */
};

/*
 * Reads the committed tasks with ids from low to high at once, but for those
 * whose values are partly out of line, and those that are not in the
 * generation of low.
 */
TaskRange *
task_range_read(int64 low, int64 high)
{
	TaskRange  *range = palloc0(offsetof(TaskRange, tuples) +
								(high - low + 1) * sizeof(HeapTuple));
	TaskScan	scan;
	HeapTuple	tuple;

	range->low = low;
	range->high = high;
	if (!task_scan_begin(&scan, low, high))
		return range;
	range->descriptor = CreateTupleDescCopy(RelationGetDescr(scan.relation));
	while (HeapTupleIsValid(tuple = systable_getnext(scan.scan)))
	{
		int64		id = heap_row_int8(tuple, ANUM_TASK_ID, range->descriptor, 0);

		if (!HeapTupleHasExternal(tuple))
			range->tuples[id - low] = heap_copytuple(tuple);
	}
	task_scan_end(&scan);
	return range;
}

/*
 * One of the rows, in the current memory context; NULL if it is not among
 * them.
 */
TaskRow *
task_range_get(const TaskRange *range, int64 task_id)
{
	if (task_id < range->low || task_id > range->high ||
		range->tuples[task_id - range->low] == NULL)
		return NULL;
	return task_row_deform(range->tuples[task_id - range->low],
						   range->descriptor);
}
