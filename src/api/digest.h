/*-------------------------------------------------------------------------
 *
 * digest.h
 *	  A hash of a multiset of rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_DIGEST_H
#define WEIR_DIGEST_H

#include "access/htup.h"
#include "access/tupdesc.h"

extern char *digest_of_rows(HeapTuple *rows, uint64 n, TupleDesc descriptor);

#endif							/* WEIR_DIGEST_H */
