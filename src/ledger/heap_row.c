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

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
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
	ResultRelInfo *indexes;
	EState	   *estate;			/* NULL if all is simple */
	TupleDesc	descriptor;		/* of the columns up to the last value of a
								 * row */
	TupleTableSlot *slots[BATCH];
	int			n;
};

/*
 * Are table and indexes such as a catalog has them?  Ours are, but an
 * administrator may add indexes, on expressions, partial or deferrable, and
 * have another default for the access method.
 */
static bool
is_simple(Relation relation, const ResultRelInfo *indexes)
{
	if (relation->rd_rel->relam != HEAP_TABLE_AM_OID)
		return false;
	for (int i = 0; i < indexes->ri_NumIndices; i++)
	{
		const IndexInfo *info = indexes->ri_IndexRelationInfo[i];

		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL ||
			info->ii_ExclusionOps != NULL ||
			!indexes->ri_IndexRelationDescs[i]->rd_index->indimmediate)
			return false;
	}
	return true;
}

/*
 * Opens a table and its indexes.  Simple ones are written as a catalog is; for
 * others it takes the executor's way, which costs as much again.
 */
HeapRows *
heap_rows_begin(Oid relid)
{
	HeapRows   *rows = palloc0(sizeof(HeapRows));

	rows->relation = table_open(relid, RowExclusiveLock);
	rows->indexes = CatalogOpenIndexes(rows->relation);
	if (is_simple(rows->relation, rows->indexes))
		return rows;
	CatalogCloseIndexes(rows->indexes);
	rows->estate = CreateExecutorState();
	rows->indexes = makeNode(ResultRelInfo);
	InitResultRelInfo(rows->indexes, rows->relation, 1, NULL, 0);
	ExecOpenIndices(rows->indexes, false);
	return rows;
}

/*
 * Writes the rows that were added, and has the executor see to the indexes.
 */
static void
heap_rows_execute(HeapRows *rows)
{
	table_multi_insert(rows->relation, rows->slots, rows->n,
					   GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < rows->n; i++)
	{
		list_free(weir_ExecInsertIndexTuples(rows->indexes, rows->slots[i],
											 rows->estate));
		ResetPerTupleExprContext(rows->estate);
	}
}

/*
 * Writes the rows that were added.  Who writes a row that may have values out
 * of line must have a snapshot.
 */
static void
heap_rows_flush(HeapRows *rows)
{
	if (rows->n == 0)
		return;
	PushActiveSnapshot(GetLatestSnapshot());
	if (rows->estate != NULL)
		heap_rows_execute(rows);
	else if (rows->n == 1)
		CatalogTupleInsertWithInfo(rows->relation,
								   ExecFetchSlotHeapTuple(rows->slots[0],
														  false, NULL),
								   rows->indexes);
	else
		CatalogTuplesMultiInsertWithInfo(rows->relation, rows->slots, rows->n,
										 rows->indexes);
	PopActiveSnapshot();
	for (int i = 0; i < rows->n; i++)
		ExecClearTuple(rows->slots[i]);
	rows->n = 0;
}

/*
 * Makes a tuple that ends with the last column which is not null, as if the
 * others had been added to the table later: what most rows do not have takes
 * no bitmap of nulls.
 */
static HeapTuple
heap_rows_form(HeapRows *rows, const Datum *values, const bool *nulls)
{
	TupleDesc	whole = RelationGetDescr(rows->relation);
	int			natts = whole->natts;

	while (natts > 1 && nulls[natts - 1])
		natts--;
	if (rows->descriptor == NULL || rows->descriptor->natts != natts)
	{
		if (rows->descriptor)
			FreeTupleDesc(rows->descriptor);
		rows->descriptor = CreateTemplateTupleDesc(natts);
		for (AttrNumber i = 1; i <= natts; i++)
			TupleDescCopyEntry(rows->descriptor, i, whole, i);
	}
	return heap_form_tuple(rows->descriptor, (Datum *) values,
						   (bool *) nulls);
}

/*
 * Adds one row.  One with values that go out of line is written by itself: the
 * function that inserts many rows into a catalog does not learn where such a
 * one has gone, since few catalogs have any, and its index entries would lead
 * nowhere.
 */
void
heap_rows_add(HeapRows *rows, const Datum *values, const bool *nulls)
{
	HeapTuple	tuple = heap_rows_form(rows, values, nulls);
	bool		alone = HeapTupleHasExternal(tuple) ||
	tuple->t_len > TOAST_TUPLE_THRESHOLD;
	TupleTableSlot *slot;

	if (alone)
		heap_rows_flush(rows);
	slot = rows->slots[rows->n];
	if (slot == NULL)
		slot = rows->slots[rows->n] =
			MakeSingleTupleTableSlot(RelationGetDescr(rows->relation),
									 &TTSOpsHeapTuple);
	ExecStoreHeapTuple(tuple, slot, true);
	rows->n++;
	if (alone || rows->n == BATCH)
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
	CatalogCloseIndexes(rows->indexes);
	if (rows->estate)
		FreeExecutorState(rows->estate);
	table_close(rows->relation, NoLock);
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
