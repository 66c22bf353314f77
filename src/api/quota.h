/*-------------------------------------------------------------------------
 *
 * quota.h
 *	  Places of new tasks among the unfinished ones of their owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_QUOTA_H
#define WEIR_QUOTA_H

#include "shmem/layout.h"

/* What a submission has reserved; nothing if its owner has no limit */
typedef struct QuotaHold
{
	RoleSlot   *slot;
	uint32		n;
} QuotaHold;

extern bool quota_hold(QuotaHold *hold, WeirDatabase *database, Oid owner,
					   uint32 n, bool tell);

#endif							/* WEIR_QUOTA_H */
