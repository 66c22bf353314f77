/*-------------------------------------------------------------------------
 *
 * heap_row.c
 *	  Direct reads and writes of ledger rows, without SQL.
 *
 * The hot path of the ledger: a row goes straight into the heap and the
 * indexes of its generation.  No user is switched, no search path matters, no
 * trigger or default fires.  What SQL would check is therefore the caller's:
 * the range of the generation and the nulls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "ledger/heap_row.h"

#define BATCH	256				/* rows per multi-insert */

struct HeapRows
{
	Relation	relation;
	EState	   *estate;
	ResultRelInfo *result;
	TupleTableSlot *slots[BATCH];
	int			n;
};

/*
 * Opens a table and its indexes.  The executor's own way is taken to insert
 * into indexes, since an administrator may add some, on expressions, partial,
 * or concurrently.
 */
HeapRows *
heap_rows_begin(Oid relid)
{
	HeapRows   *rows = palloc0(sizeof(HeapRows));

	rows->relation = table_open(relid, RowExclusiveLock);
	rows->estate = CreateExecutorState();
	rows->result = makeNode(ResultRelInfo);
	InitResultRelInfo(rows->result, rows->relation, 1, NULL, 0);
	ExecOpenIndices(rows->result, false);
	return rows;
}

/*
 * Writes the rows that were added.
 */
static void
heap_rows_flush(HeapRows *rows)
{
	if (rows->n == 0)
		return;
	PushActiveSnapshot(GetLatestSnapshot());
	table_multi_insert(rows->relation, rows->slots, rows->n,
					   GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < rows->n; i++)
	{
		if (rows->result->ri_NumIndices > 0)
			list_free(weir_ExecInsertIndexTuples(rows->result, rows->slots[i],
												 rows->estate));
		ResetPerTupleExprContext(rows->estate);
		ExecClearTuple(rows->slots[i]);
	}
	PopActiveSnapshot();
	rows->n = 0;
}

/*
 * Adds one row.
 */
void
heap_rows_add(HeapRows *rows, const Datum *values, const bool *nulls)
{
	TupleDesc	descriptor = RelationGetDescr(rows->relation);
	TupleTableSlot *slot = rows->slots[rows->n];
	HeapTuple	tuple;

	if (slot == NULL)
		slot = rows->slots[rows->n] =
			MakeSingleTupleTableSlot(descriptor, &TTSOpsHeapTuple);
	tuple = heap_form_tuple(descriptor, (Datum *) values, (bool *) nulls);
	ExecStoreHeapTuple(tuple, slot, true);
	rows->n++;
	if (rows->n == BATCH)
		heap_rows_flush(rows);
}

/*
 * Writes the rest and closes.  The lock stays to the end of the transaction,
 * as after any insert.
 */
void
heap_rows_end(HeapRows *rows)
{
	heap_rows_flush(rows);
	for (int i = 0; i < BATCH && rows->slots[i]; i++)
		ExecDropSingleTupleTableSlot(rows->slots[i]);
	ExecCloseIndices(rows->result);
	FreeExecutorState(rows->estate);
	table_close(rows->relation, NoLock);
	pfree(rows->result);
	pfree(rows);
}

/*
 * Inserts one row.
 */
void
heap_row_insert(Oid relid, const Datum *values, const bool *nulls)
{
	HeapRows   *rows = heap_rows_begin(relid);

	heap_rows_add(rows, values, nulls);
	heap_rows_end(rows);
}

/*
 * Sets a text column of a row to be inserted; NULL is null.
 */
void
heap_row_set_text(Datum *values, bool *nulls, int attnum, const char *value)
{
	nulls[attnum - 1] = value == NULL;
	if (value)
		values[attnum - 1] = CStringGetTextDatum(value);
}

/*
 * A text column, copied; NULL if null.
 */
char *
heap_row_text(HeapTuple tuple, int attnum, TupleDesc descriptor)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

int64
heap_row_int8(HeapTuple tuple, int attnum, TupleDesc descriptor,
			  int64 otherwise)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);

	return isnull ? otherwise : DatumGetInt64(value);
}

int32
heap_row_int4(HeapTuple tuple, int attnum, TupleDesc descriptor,
			  int32 otherwise)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);

	return isnull ? otherwise : DatumGetInt32(value);
}

bool
heap_row_bool(HeapTuple tuple, int attnum, TupleDesc descriptor)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);

	return !isnull && DatumGetBool(value);
}

/*
 * The index of the table's primary key; InvalidOid if it has none.
 */
Oid
heap_row_key_index(Relation relation)
{
	/* the list of indexes is made, and thrown away, only if it is not known */
	if (!relation->rd_indexvalid)
		list_free(RelationGetIndexList(relation));
	return relation->rd_pkindex;
}
