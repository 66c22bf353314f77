/*-------------------------------------------------------------------------
 *
 * unique_key.c
 *	  Who has which unique key.
 *
 * weir.unique_key has a row for each unfinished task with a key.  It is
 * written with the task and deleted with its final run, in the same
 * transactions, so the table is as right as the ledger, after a crash and in a
 * dump too.  A task that has asked for it keeps its key for a while when it
 * succeeds: then the run marks the row with the time when the key is free, and
 * who wants it after that takes the row away; the scheduler clears what nobody
 * wants.  Its primary key makes keys unique: who takes one that a
 * transaction under way has taken, or is about to release, waits for that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "ledger/heap_row.h"
#include "ledger/sql.h"
#include "ledger/unique_key.h"

/* Columns of weir.unique_key */
#define ANUM_UNIQUE_KEY_KEY		1
#define ANUM_UNIQUE_KEY_TASK_ID	2
#define ANUM_UNIQUE_KEY_UNTIL	3
#define ANUM_UNIQUE_KEY_FREE_AT	4

/*
 * Begins to look for rows of the table by a column that has an index of that
 * name.  Like task_row_read() it takes a fresh snapshot.
 */
static SysScanDesc
scan_begin(Relation relation, const char *index, int attnum, Oid equal,
		   Datum value)
{
	ScanKeyData key;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, equal, value);
	return systable_beginscan(relation,
							  get_relname_relid(index, ledger_namespace()),
							  true, NULL, 1, &key);
}

/*
 * The task that has the key, of this transaction or committed; 0 if there is
 * none.  It has perhaps ended and keeps the key.
 */
int64
unique_key_holder(const char *key, bool *ended)
{
	Relation	relation = table_open(get_relname_relid("unique_key",
														ledger_namespace()),
									  AccessShareLock);
	SysScanDesc scan = scan_begin(relation, "unique_key_pkey",
								  ANUM_UNIQUE_KEY_KEY, F_TEXTEQ,
								  CStringGetTextDatum(key));
	HeapTuple	tuple = systable_getnext(scan);
	int64		holder = 0;

	*ended = false;
	if (HeapTupleIsValid(tuple))
	{
		TupleDesc	descriptor = RelationGetDescr(relation);
		int64		free_at = heap_row_int8(tuple, ANUM_UNIQUE_KEY_FREE_AT,
											descriptor, 0);

		*ended = free_at != 0;
		if (free_at == 0 || free_at > GetCurrentTimestamp())
			holder = heap_row_int8(tuple, ANUM_UNIQUE_KEY_TASK_ID,
								   descriptor, 0);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return holder;
}

/*
 * Takes away those of the keys that tasks have kept and whose time is over; how
 * many there were.  In one order, as they are taken.
 */
static uint64
keys_outlived(Datum keys)
{
	SqlParams	params = {0};

	sql_add(&params, TEXTARRAYOID, keys, false);
	return sql_execute("DELETE FROM weir.unique_key WHERE unique_key IN"
					   " (SELECT k.unique_key FROM weir.unique_key k"
					   "  WHERE k.unique_key = ANY ($1)"
					   "  AND k.free_at <= clock_timestamp()"
					   "  ORDER BY k.unique_key FOR UPDATE)", &params);
}

/*
 * Takes away all keys that tasks have kept and whose time is over.
 */
void
unique_keys_forget(void)
{
	SqlSession	session;

	sql_begin(&session);
	sql_execute("DELETE FROM weir.unique_key"
				" WHERE free_at <= clock_timestamp()", NULL);
	sql_end(&session);
}

/*
 * Inserts the keys; false if one of them is there.
 */
static bool
keys_insert(Datum keys, int n, int64 first_id, TimestampTz until)
{
	SqlParams	params = {0};

	sql_add(&params, TEXTARRAYOID, keys, false);
	sql_add_int8(&params, first_id);
	sql_add(&params, TIMESTAMPTZOID, TimestampTzGetDatum(until), until == 0);
	if (sql_execute("INSERT INTO weir.unique_key (unique_key, task_id, until) "
					"SELECT k.unique_key, $2 + k.ordinality - 1, $3 "
					"FROM unnest($1) WITH ORDINALITY k(unique_key) "
					"ORDER BY k.unique_key COLLATE \"C\" "
					"ON CONFLICT (unique_key) DO NOTHING", &params) == n)
		return true;
	params.n = 2;
	sql_execute("DELETE FROM weir.unique_key WHERE task_id >= $2 "
				"AND task_id < $2 + cardinality($1)", &params);
	return false;
}

/*
 * Takes the keys for n tasks with consecutive ids; false, and nothing is
 * changed, if one of them has been taken meanwhile.  All take their keys in
 * one order, so that two who want the same ones do not wait for each other.
 */
bool
unique_keys_take(char **keys, int n, int64 first_id, TimestampTz until)
{
	Datum	   *values = palloc(n * sizeof(Datum));
	SqlSession	session;
	Datum		array;
	bool		all;

	for (int i = 0; i < n; i++)
		values[i] = CStringGetTextDatum(keys[i]);
	array = PointerGetDatum(construct_array(values, n, TEXTOID, -1, false,
											TYPALIGN_INT));
	sql_begin(&session);
	all = keys_insert(array, n, first_id, until) ||
		(keys_outlived(array) > 0 && keys_insert(array, n, first_id, until));
	sql_end(&session);
	return all;
}

/*
 * Has a task that has succeeded keep its key until it is free.
 */
static void
key_keep(int64 task_id)
{
	SqlSession	session;
	SqlParams	params = {0};

	sql_begin(&session);
	sql_add_int8(&params, task_id);
	sql_execute("UPDATE weir.unique_key SET free_at = until WHERE task_id = $1",
				&params);
	sql_end(&session);
}

/*
 * Releases the key of a task, if it has one, or has it kept: called with its
 * final run.
 */
void
unique_key_release(int64 task_id, bool succeeded)
{
	Relation	relation = table_open(get_relname_relid("unique_key",
														ledger_namespace()),
									  RowExclusiveLock);
	SysScanDesc scan = scan_begin(relation, "unique_key_task_id_key",
								  ANUM_UNIQUE_KEY_TASK_ID, F_INT8EQ,
								  Int64GetDatum(task_id));
	HeapTuple	tuple = systable_getnext(scan);
	bool		keep = succeeded && HeapTupleIsValid(tuple) &&
	heap_row_int8(tuple, ANUM_UNIQUE_KEY_UNTIL, RelationGetDescr(relation),
				  0) > GetCurrentTimestamp();

	if (HeapTupleIsValid(tuple) && !keep)
		simple_heap_delete(relation, &tuple->t_self);
	systable_endscan(scan);
	/* as after any write; and who looks next in this command must see it */
	table_close(relation, NoLock);
	CommandCounterIncrement();
	if (keep)
		key_keep(task_id);
}
