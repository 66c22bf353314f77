/*-------------------------------------------------------------------------
 *
 * checkpoint_row.c
 *	  Rows of weir.task_checkpoint: what a task notes for its next attempt.
 *
 * In mode autocommit a checkpoint is written into the transaction of the work
 * that it speaks of, and is as good as that.  In mode transaction an attempt
 * that fails is rolled back, so its last checkpoint is written beside its run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "ledger/checkpoint_row.h"
#include "ledger/heap_row.h"
#include "ledger/sql.h"

/* Columns of weir.task_checkpoint, in their order */
enum
{
	ANUM_CHECKPOINT_TASK_ID = 1,
	ANUM_CHECKPOINT_ATTEMPT,
	ANUM_CHECKPOINT_NUMBER,
	ANUM_CHECKPOINT_WRITTEN_AT,
	ANUM_CHECKPOINT_CHECKPOINT,
	NATTS_CHECKPOINT = ANUM_CHECKPOINT_CHECKPOINT
};

static Oid
checkpoint_relation(void)
{
	return get_relname_relid("task_checkpoint", ledger_namespace());
}

/*
 * Writes a checkpoint into this transaction.
 */
void
checkpoint_row_insert(int64 task_id, int32 attempt, int32 number,
					  const Jsonb *checkpoint)
{
	Datum		values[NATTS_CHECKPOINT];
	bool		nulls[NATTS_CHECKPOINT] = {0};

	values[ANUM_CHECKPOINT_TASK_ID - 1] = Int64GetDatum(task_id);
	values[ANUM_CHECKPOINT_ATTEMPT - 1] = Int32GetDatum(attempt);
	values[ANUM_CHECKPOINT_NUMBER - 1] = Int32GetDatum(number);
	values[ANUM_CHECKPOINT_WRITTEN_AT - 1] =
		TimestampTzGetDatum(GetCurrentTimestamp());
	values[ANUM_CHECKPOINT_CHECKPOINT - 1] = PointerGetDatum(checkpoint);
	heap_row_insert(checkpoint_relation(), values, nulls);
	/* who asks for the last one in the same command must see it */
	CommandCounterIncrement();
}

/*
 * The last checkpoint of a task, committed or of this transaction; NULL if
 * there is none.  Like task_row_read() it takes a fresh snapshot.
 */
Jsonb *
checkpoint_row_last(int64 task_id)
{
	Relation	relation = table_open(checkpoint_relation(), AccessShareLock);
	Relation	index = index_open(heap_row_key_index(relation),
								   AccessShareLock);
	Jsonb	   *checkpoint = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, ANUM_CHECKPOINT_TASK_ID, BTEqualStrategyNumber,
				F_INT8EQ, Int64GetDatum(task_id));
	scan = systable_beginscan_ordered(relation, index, NULL, 1, &key);
	tuple = systable_getnext_ordered(scan, BackwardScanDirection);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, ANUM_CHECKPOINT_CHECKPOINT,
										 RelationGetDescr(relation), &isnull);

		checkpoint = DatumGetJsonbPCopy(value);
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(relation, AccessShareLock);
	return checkpoint;
}
