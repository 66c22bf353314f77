/*-------------------------------------------------------------------------
 *
 * heap_row.h
 *	  Direct reads and writes of ledger rows, without SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_HEAP_ROW_H
#define WEIR_HEAP_ROW_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/relcache.h"

typedef struct HeapRows HeapRows;

extern void heap_row_insert(Oid relid, const Datum *values,
							const bool *nulls);
extern HeapRows *heap_rows_begin(Oid relid);
extern void heap_rows_add(HeapRows *rows, const Datum *values,
						  const bool *nulls);
extern void heap_rows_end(HeapRows *rows);

extern void heap_row_set_text(Datum *values, bool *nulls, int attnum,
							  const char *value);

/* Columns of a tuple, with a value for null */
extern char *heap_row_text(HeapTuple tuple, int attnum, TupleDesc descriptor);
extern int64 heap_row_int8(HeapTuple tuple, int attnum, TupleDesc descriptor,
						   int64 otherwise);
extern int32 heap_row_int4(HeapTuple tuple, int attnum, TupleDesc descriptor,
						   int32 otherwise);
extern bool heap_row_bool(HeapTuple tuple, int attnum, TupleDesc descriptor);

/* The primary key's index of a generation table */
extern Oid	heap_row_key_index(Relation relation);

#endif							/* WEIR_HEAP_ROW_H */
