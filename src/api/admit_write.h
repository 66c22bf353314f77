/*-------------------------------------------------------------------------
 *
 * admit_write.h
 *	  Whether a statement may write tables whose caps bind every session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ADMIT_WRITE_H
#define WEIR_ADMIT_WRITE_H

#include "nodes/pg_list.h"
#include "shmem/layout.h"

extern ResourceSlot *admit_write(WeirDatabase *database, const List *resources);
extern void admit_wait(WeirDatabase *database, ResourceSlot *resource);

#endif							/* WEIR_ADMIT_WRITE_H */
