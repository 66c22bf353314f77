/*-------------------------------------------------------------------------
 *
 * capped.h
 *	  Which cap a table is under.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CAPPED_H
#define WEIR_CAPPED_H

#include "ledger/sql.h"
#include "shmem/layout.h"

extern void cap_add_names(SqlParams *params, Oid relid);
extern ResourceSlot *cap_resource_of(WeirDatabase *database, uint64 key);

#endif							/* WEIR_CAPPED_H */
