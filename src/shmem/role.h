/*-------------------------------------------------------------------------
 *
 * role.h
 *	  Roles with limits, and how many unfinished tasks they have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ROLE_H
#define WEIR_ROLE_H

#include "shmem/layout.h"

extern void role_init(WeirDatabase *database);
extern RoleSlot *role_find(WeirDatabase *database, Oid role);
extern RoleSlot *role_bind(WeirDatabase *database, Oid role);
extern uint32 role_unfinished(RoleSlot *slot);
extern bool role_reserve(RoleSlot *slot, uint32 n);
extern void role_give_back(RoleSlot *slot, uint32 n);
extern void role_count(RoleSlot *slot, uint32 arrived, uint32 unfinished,
					   uint32 running);

#endif							/* WEIR_ROLE_H */
