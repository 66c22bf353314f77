/*-------------------------------------------------------------------------
 *
 * unique_key.c
 *	  Who has which unique key.
 *
 * weir.unique_key has a row for each unfinished task with a key.  It is
 * written with the task and deleted with its final run, in the same
 * transactions, so the table is as right as the ledger, after a crash and in a
 * dump too.  Its primary key makes keys unique: who takes one that a
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

#include "ledger/heap_row.h"
#include "ledger/sql.h"
#include "ledger/unique_key.h"

/* Columns of weir.unique_key */
#define ANUM_UNIQUE_KEY_KEY		1
#define ANUM_UNIQUE_KEY_TASK_ID	2

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
 * The unfinished task that has the key, of this transaction or committed; 0 if
 * there is none.
 */
int64
unique_key_holder(const char *key)
{
	Relation	relation = table_open(get_relname_relid("unique_key",
														ledger_namespace()),
									  AccessShareLock);
	SysScanDesc scan = scan_begin(relation, "unique_key_pkey",
								  ANUM_UNIQUE_KEY_KEY, F_TEXTEQ,
								  CStringGetTextDatum(key));
	HeapTuple	tuple = systable_getnext(scan);
	int64		holder = 0;

	if (HeapTupleIsValid(tuple))
		holder = heap_row_int8(tuple, ANUM_UNIQUE_KEY_TASK_ID,
							   RelationGetDescr(relation), 0);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return holder;
}

/*
 * Takes the keys for n tasks with consecutive ids; false, and nothing is
 * changed, if one of them has been taken meanwhile.  All take their keys in
 * one order, so that two who want the same ones do not wait for each other.
 */
bool
unique_keys_take(char **keys, int n, int64 first_id)
{
	Datum	   *values = palloc(n * sizeof(Datum));
	SqlSession	session;
	SqlParams	params = {0};
	bool		all;

	for (int i = 0; i < n; i++)
		values[i] = CStringGetTextDatum(keys[i]);
	sql_begin(&session);
	sql_add(&params, TEXTARRAYOID,
			PointerGetDatum(construct_array(values, n, TEXTOID, -1, false,
											TYPALIGN_INT)), false);
	sql_add_int8(&params, first_id);
	all = sql_execute("INSERT INTO weir.unique_key (unique_key, task_id) "
					  "SELECT k.unique_key, $2 + k.ordinality - 1 "
					  "FROM unnest($1) WITH ORDINALITY k(unique_key) "
					  "ORDER BY k.unique_key COLLATE \"C\" "
					  "ON CONFLICT (unique_key) DO NOTHING", &params) == n;
	if (!all)
		sql_execute("DELETE FROM weir.unique_key WHERE task_id >= $2 "
					"AND task_id < $2 + cardinality($1)", &params);
	sql_end(&session);
	return all;
}

/*
 * Releases the key of a task, if it has one: called with its final run.
 */
void
unique_key_release(int64 task_id)
{
	Relation	relation = table_open(get_relname_relid("unique_key",
														ledger_namespace()),
									  RowExclusiveLock);
	SysScanDesc scan = scan_begin(relation, "unique_key_task_id_key",
								  ANUM_UNIQUE_KEY_TASK_ID, F_INT8EQ,
								  Int64GetDatum(task_id));
	HeapTuple	tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
		simple_heap_delete(relation, &tuple->t_self);
	systable_endscan(scan);
	/* as after any write; and who looks next in this command must see it */
	table_close(relation, NoLock);
	CommandCounterIncrement();
}
