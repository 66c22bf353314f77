/*-------------------------------------------------------------------------
 *
 * role.c
 *	  Roles with limits, and how many unfinished tasks they have.
 *
 * The unfinished tasks of a role are those that the scheduler knows of, which
 * it alone counts, and those on their way to it, uncommitted ones included,
 * for which sessions reserve.  Both numbers are in one word: a task that
 * arrives passes from the one to the other in one step, so that it is neither
 * forgotten nor counted twice.
 *
 * Slots are taken from the first one on, and none is free again: who looks for
 * a role looks as far as the first free one.  Where no role has limits, as in
 * most databases, that is none, and each submission looks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "shmem/role.h"

#define PLACES(reserved, known)	((uint64) (reserved) << 32 | (known))
#define RESERVED(places)		((uint32) ((places) >> 32))
#define KNOWN(places)			((uint32) (places))

void
role_init(WeirDatabase *database)
{
	for (int i = 0; i < WEIR_MAX_ROLES; i++)
	{
		RoleSlot   *slot = &database->roles[i];

		pg_atomic_init_u32(&slot->role, InvalidOid);
		pg_atomic_init_u32(&slot->max_queued, 0);
		pg_atomic_init_u32(&slot->counted, 0);
		pg_atomic_init_u32(&slot->running, 0);
		pg_atomic_init_u64(&slot->places, 0);
		pg_atomic_init_u64(&slot->refused, 0);
	}
}

/*
 * The slot of a role; NULL if it has none.
 */
RoleSlot *
role_find(WeirDatabase *database, Oid role)
{
	for (int i = 0; i < WEIR_MAX_ROLES; i++)
	{
		Oid			found = pg_atomic_read_u32(&database->roles[i].role);

		if (found == role)
			return &database->roles[i];
		if (!OidIsValid(found))
			break;
	}
	return NULL;
}

/*
 * The slot of a role; a free one, or one without a limit that nobody has
 * reserved in, if it has none.  NULL if all are in use.  The scheduler's alone.
 * Who reserves at the same time looks at the role after that, as we look for
 * reservations after the role, so that not both go on.
 */
RoleSlot *
role_bind(WeirDatabase *database, Oid role)
{
	RoleSlot   *slot = role_find(database, role);

	if (slot != NULL)
		return slot;
	for (int i = 0; i < WEIR_MAX_ROLES; i++)
	{
		uint32		before;

		slot = &database->roles[i];
		before = pg_atomic_read_u32(&slot->role);

		if (slot->configured)
			continue;
		pg_atomic_write_u32(&slot->role, role);
		pg_memory_barrier();
		if (RESERVED(pg_atomic_read_u64(&slot->places)) == 0)
		{
			pg_atomic_write_u32(&slot->counted, 0);
			pg_atomic_write_u64(&slot->refused, 0);
			return slot;
		}
		pg_atomic_write_u32(&slot->role, before);
	}
	return NULL;
}

/*
 * The unfinished tasks of the role, those on their way included.
 */
uint32
role_unfinished(RoleSlot *slot)
{
	uint64		places = pg_atomic_read_u64(&slot->places);

	return RESERVED(places) + KNOWN(places);
}

/*
 * Reserves places for n tasks, unless that would exceed the limit.
 */
bool
role_reserve(RoleSlot *slot, uint32 n)
{
	uint64		places = pg_atomic_read_u64(&slot->places);

	for (;;)
	{
		uint32		limit = pg_atomic_read_u32(&slot->max_queued);
		uint64		unfinished = (uint64) RESERVED(places) + KNOWN(places);

		if (limit > 0 && unfinished + n > limit)
			return false;
		if (pg_atomic_compare_exchange_u64(&slot->places, &places,
										   places + PLACES(n, 0)))
			return true;
	}
}

/*
 * Moves n tasks from those that are reserved to nowhere.  Called at the end of
 * transactions: it cannot fail.
 */
void
role_give_back(RoleSlot *slot, uint32 n)
{
	uint64		places = pg_atomic_read_u64(&slot->places);

	while (!pg_atomic_compare_exchange_u64(&slot->places, &places,
										   places - PLACES(Min(n, RESERVED(places)), 0)))
		;
}

/*
 * Says how many the scheduler knows of by now, and that some of those have
 * arrived for which there were reservations.
 */
void
role_count(RoleSlot *slot, uint32 arrived, uint32 unfinished, uint32 running)
{
	uint64		places = pg_atomic_read_u64(&slot->places);
	uint64		counted;

	do
	{
		uint32		reserved = RESERVED(places);

		counted = PLACES(reserved - Min(arrived, reserved), unfinished);
	} while (!pg_atomic_compare_exchange_u64(&slot->places, &places, counted));
	pg_atomic_write_u32(&slot->running, running);
	pg_atomic_write_u32(&slot->counted, 1);
}
