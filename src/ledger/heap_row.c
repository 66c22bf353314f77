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

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "ledger/heap_row.h"

#define BATCH	256				/* rows per multi-insert */

struct HeapRows
{
	Relation	relation;
	CatalogIndexState indexes;
	TupleTableSlot *slots[BATCH];
	int			n;
};

/*
 * Inserts one row.
 */
void
heap_row_insert(Oid relid, const Datum *values, const bool *nulls)
{
	Relation	relation = table_open(relid, RowExclusiveLock);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(relation),
										(Datum *) values, (bool *) nulls);

	PushActiveSnapshot(GetLatestSnapshot());
	CatalogTupleInsert(relation, tuple);
	PopActiveSnapshot();
	heap_freetuple(tuple);
	/* the lock stays to the end of the transaction, as after any insert */
	table_close(relation, NoLock);
}

/*
 * Starts to insert many rows into one table.
 */
HeapRows *
heap_rows_begin(Oid relid)
{
	HeapRows   *rows = palloc0(sizeof(HeapRows));

	rows->relation = table_open(relid, RowExclusiveLock);
	rows->indexes = CatalogOpenIndexes(rows->relation);
	return rows;
}

static void
heap_rows_flush(HeapRows *rows)
{
	if (rows->n == 0)
		return;
	PushActiveSnapshot(GetLatestSnapshot());
	CatalogTuplesMultiInsertWithInfo(rows->relation, rows->slots, rows->n,
									 rows->indexes);
	PopActiveSnapshot();
	for (int i = 0; i < rows->n; i++)
		ExecClearTuple(rows->slots[i]);
	rows->n = 0;
}

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

void
heap_rows_end(HeapRows *rows)
{
	heap_rows_flush(rows);
	for (int i = 0; i < BATCH && rows->slots[i]; i++)
		ExecDropSingleTupleTableSlot(rows->slots[i]);
	CatalogCloseIndexes(rows->indexes);
	table_close(rows->relation, NoLock);
	pfree(rows);
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
heap_row_key_index(Oid relid)
{
	Relation	relation = table_open(relid, AccessShareLock);
	Oid			index;

	(void) RelationGetIndexList(relation);
	index = relation->rd_pkindex;
	table_close(relation, AccessShareLock);
	return index;
}
