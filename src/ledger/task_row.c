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

static const char *const ClassNames[POLICY_NUM_CLASSES] = {
	"system", "daily", "adhoc", "backfill"
};

const char *
class_name(PolicyClass klass)
{
	return ClassNames[klass];
}

/*
 * Finds a class by name; false if there is none of that name.
 */
bool
class_parse(const char *name, PolicyClass *klass)
{
	for (int i = 0; i < POLICY_NUM_CLASSES; i++)
	{
		if (strcmp(name, ClassNames[i]) == 0)
		{
			*klass = (PolicyClass) i;
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

static Datum
tables_datum(const TaskRow *task)
{
	Datum		names[POLICY_MAX_NEEDS];

	for (int i = 0; i < task->ntables; i++)
		names[i] = CStringGetTextDatum(task->tables[i]);
	return PointerGetDatum(construct_array(names, task->ntables, TEXTOID, -1,
										   false, TYPALIGN_INT));
}

/*
 * Fills in all columns of the row.
 */
static void
task_row_form(const TaskRow *task, Datum *values, bool *nulls)
{
	memset(nulls, 0, NATTS_TASK * sizeof(bool));
	values[ANUM_TASK_ID - 1] = Int64GetDatum(task->task_id);
	values[ANUM_TASK_QUEUE_ID - 1] = Int32GetDatum(task->queue_id);
	heap_row_set_text(values, nulls, ANUM_TASK_QUEUE, task->queue);
	heap_row_set_text(values, nulls, ANUM_TASK_CLASS, class_name(task->klass));
	values[ANUM_TASK_OWNER - 1] = ObjectIdGetDatum(task->owner);
	heap_row_set_text(values, nulls, ANUM_TASK_OWNER_NAME, task->owner_name);
	values[ANUM_TASK_PRIORITY - 1] = Int32GetDatum(task->priority);
	values[ANUM_TASK_ENQUEUED_AT - 1] = TimestampTzGetDatum(task->enqueued_at);
	values[ANUM_TASK_RUN_AT - 1] = TimestampTzGetDatum(task->run_at);
	nulls[ANUM_TASK_RUN_AT - 1] = !task->has_run_at;
	values[ANUM_TASK_DEADLINE - 1] = TimestampTzGetDatum(task->deadline);
	nulls[ANUM_TASK_DEADLINE - 1] = !task->has_deadline;
	heap_row_set_text(values, nulls, ANUM_TASK_COMMAND, task->command);
	set_pointer(values, nulls, ANUM_TASK_ARGS, task->args);
	nulls[ANUM_TASK_TABLES - 1] = task->ntables == 0;
	if (task->ntables > 0)
		values[ANUM_TASK_TABLES - 1] = tables_datum(task);
	heap_row_set_text(values, nulls, ANUM_TASK_MODE,
					  task->autocommit ? "autocommit" : "transaction");
	set_pointer(values, nulls, ANUM_TASK_TIMEOUT, task->timeout);
	values[ANUM_TASK_MAX_ATTEMPTS - 1] = Int32GetDatum(task->max_attempts);
	set_pointer(values, nulls, ANUM_TASK_SETTINGS, task->settings);
	set_pointer(values, nulls, ANUM_TASK_POLICY, task->policy);
	heap_row_set_text(values, nulls, ANUM_TASK_SEARCH_PATH, task->search_path);
	heap_row_set_text(values, nulls, ANUM_TASK_TIMEZONE, task->timezone);
	heap_row_set_text(values, nulls, ANUM_TASK_SESSION_USER_NAME,
					  task->session_user_name);
	heap_row_set_text(values, nulls, ANUM_TASK_APPLICATION_NAME,
					  task->application_name);
	heap_row_set_text(values, nulls, ANUM_TASK_CLIENT_ADDR, task->client_addr);
	heap_row_set_text(values, nulls, ANUM_TASK_REASON, task->reason);
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

/*
 * Writes n tasks with consecutive ids that differ in their arguments only.
 */
void
task_rows_insert(const TaskRow *task, Jsonb **args, int n)
{
	Datum		values[NATTS_TASK];
	bool		nulls[NATTS_TASK];
	int64		high = 0;
	HeapRows   *rows = NULL;

	task_row_form(task, values, nulls);
	for (int i = 0; i < n; i++)
	{
		int64		task_id = task->task_id + i;

		if (task_id >= high)
		{
			const Generation *generation = task_row_generation(task_id);

			if (rows)
				heap_rows_end(rows);
			high = generation->high;
			rows = heap_rows_begin(generation->task);
		}
		values[ANUM_TASK_ID - 1] = Int64GetDatum(task_id);
		set_pointer(values, nulls, ANUM_TASK_ARGS, args[i]);
		heap_rows_add(rows, values, nulls);
	}
	if (rows)
		heap_rows_end(rows);
}

/*
 * Copies a possibly toasted column out of the tuple; NULL if null.
 */
static Jsonb *
copy_jsonb(HeapTuple tuple, int attnum, TupleDesc descriptor)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

static void
read_tables(TaskRow *task, HeapTuple tuple, TupleDesc descriptor)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, ANUM_TASK_TABLES, descriptor,
									 &isnull);
	Datum	   *names;
	int			n;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypePCopy(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &names, NULL, &n);
	for (int i = 0; i < n && i < POLICY_MAX_NEEDS; i++)
		task->tables[task->ntables++] = TextDatumGetCString(names[i]);
}

/*
 * Takes a row apart.
 */
static TaskRow *
task_row_deform(HeapTuple tuple, TupleDesc descriptor)
{
	TaskRow    *task = palloc0(sizeof(TaskRow));
	bool		isnull;
	Datum		value;

	task->task_id = heap_row_int8(tuple, ANUM_TASK_ID, descriptor, 0);
	task->queue_id = heap_row_int4(tuple, ANUM_TASK_QUEUE_ID, descriptor, 0);
	task->queue = heap_row_text(tuple, ANUM_TASK_QUEUE, descriptor);
	(void) class_parse(heap_row_text(tuple, ANUM_TASK_CLASS, descriptor),
					   &task->klass);
	task->owner = DatumGetObjectId(heap_getattr(tuple, ANUM_TASK_OWNER,
												descriptor, &isnull));
	task->owner_name = heap_row_text(tuple, ANUM_TASK_OWNER_NAME, descriptor);
	task->priority = heap_row_int4(tuple, ANUM_TASK_PRIORITY, descriptor, 0);
	task->enqueued_at = heap_row_int8(tuple, ANUM_TASK_ENQUEUED_AT,
									  descriptor, 0);
	task->run_at = DatumGetTimestampTz(heap_getattr(tuple, ANUM_TASK_RUN_AT,
													descriptor, &isnull));
	task->has_run_at = !isnull;
	task->deadline = DatumGetTimestampTz(heap_getattr(tuple,
													  ANUM_TASK_DEADLINE,
													  descriptor, &isnull));
	task->has_deadline = !isnull;
	task->command = heap_row_text(tuple, ANUM_TASK_COMMAND, descriptor);
	task->args = copy_jsonb(tuple, ANUM_TASK_ARGS, descriptor);
	read_tables(task, tuple, descriptor);
	task->autocommit = strcmp(heap_row_text(tuple, ANUM_TASK_MODE, descriptor),
							  "autocommit") == 0;
	value = heap_getattr(tuple, ANUM_TASK_TIMEOUT, descriptor, &isnull);
	if (!isnull)
	{
		task->timeout = palloc(sizeof(Interval));
		*task->timeout = *DatumGetIntervalP(value);
	}
	task->max_attempts = heap_row_int4(tuple, ANUM_TASK_MAX_ATTEMPTS,
									   descriptor, 1);
	task->settings = copy_jsonb(tuple, ANUM_TASK_SETTINGS, descriptor);
	task->policy = copy_jsonb(tuple, ANUM_TASK_POLICY, descriptor);
	task->search_path = heap_row_text(tuple, ANUM_TASK_SEARCH_PATH,
									  descriptor);
	task->timezone = heap_row_text(tuple, ANUM_TASK_TIMEZONE, descriptor);
	task->session_user_name = heap_row_text(tuple, ANUM_TASK_SESSION_USER_NAME,
											descriptor);
	task->application_name = heap_row_text(tuple, ANUM_TASK_APPLICATION_NAME,
										   descriptor);
	task->client_addr = heap_row_text(tuple, ANUM_TASK_CLIENT_ADDR,
									  descriptor);
	task->reason = heap_row_text(tuple, ANUM_TASK_REASON, descriptor);
	return task;
}

/*
 * Reads a committed task, or one of this transaction; NULL if there is none.
 * It takes a fresh catalog snapshot, so that it neither needs nor sets the
 * snapshot of the transaction.
 */
TaskRow *
task_row_read(int64 task_id)
{
	const Generation *generation = generation_of(task_id);
	Oid			index;
	Relation	relation;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	TaskRow    *task = NULL;

	if (generation == NULL)
		return NULL;
	relation = table_open(generation->task, AccessShareLock);
	index = heap_row_key_index(RelationGetRelid(relation));
	ScanKeyInit(&key, ANUM_TASK_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(task_id));
	scan = systable_beginscan(relation, index, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		task = task_row_deform(tuple, RelationGetDescr(relation));
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return task;
}
