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

extern void capped_install(void);
extern void cap_add_names(SqlParams *params, Oid relid);
extern ResourceSlot *cap_resource_of(WeirDatabase *database, uint64 key);
extern ResourceSlot *cap_over_writes(WeirDatabase *database, Oid relid);
extern char *cap_name(const ResourceSlot *resource);
extern char *cap_title(const ResourceSlot *resource);

#endif							/* WEIR_CAPPED_H */
