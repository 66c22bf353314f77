/*-------------------------------------------------------------------------
 *
 * slots.c
 *	  Slots: advisory locks as caps.
 *
 * A slot is the lock tag (database, oid or number of the resource, slot,
 * kind of the resource).  Users' advisory locks have the kinds 1 and 2 and
 * cannot meet ours.  Whoever holds the lock holds the slot, and nobody holds
 * it longer than its process lives.
 *
 * In mode transaction the locks belong to the top transaction: they go with
 * the commit, and neither savepoints nor pg_advisory_unlock_all() touch them.
 * In mode autocommit they belong to the session, for they must survive the
 * commits of the command; guard.c refuses what would release them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "run/attempt.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/named_resource.h"
#include "shmem/resource.h"
#include "shmem/xact_actions.h"

/* What this session holds slots for, in mode autocommit */
static const Assignment *SessionHolds = NULL;

void
slot_tag(LOCKTAG *tag, uint64 resource, uint32 slot)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, RESOURCE_ID(resource), slot,
						 RESOURCE_KIND(resource));
}

/*
 * Takes a lock for the top transaction, whatever savepoint we are in.
 */
static bool
slot_lock_transaction(const LOCKTAG *tag)
{
	ResourceOwner owner = CurrentResourceOwner;
	LockAcquireResult result = LOCKACQUIRE_NOT_AVAIL;

	CurrentResourceOwner = TopTransactionResourceOwner;
	PG_TRY();
	{
		result = weir_LockTry(tag, ExclusiveLock, false);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	return result != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Does this process hold a slot of the resource, for its transaction or for
 * its task in mode autocommit?
 */
bool
slots_holds(uint64 resource)
{
	if (xact_holds_slot(resource))
		return true;
	if (CurrentAttempt == NULL || !CurrentAttempt->session_slots)
		return false;
	for (int i = 0; i < CurrentAttempt->assignment->ngrants; i++)
	{
		if (CurrentAttempt->assignment->grants[i].resource == resource)
			return true;
	}
	return false;
}

/*
 * Does it hold any?
 */
bool
slots_holds_any(void)
{
	return xact_holds_any_slot() ||
		(CurrentAttempt != NULL && CurrentAttempt->session_slots);
}

/*
 * Tries to take one slot of the resource for this transaction.
 */
bool
slot_try(ResourceSlot *resource, int slot, bool foreign)
{
	LOCKTAG		tag;

	slot_tag(&tag, resource->key, slot);
	if (!slot_lock_transaction(&tag))
		return false;
	xact_hold_slot(database_mine(), resource, slot, foreign);
	return true;
}

/*
 * The resource of which the task may take the slot that it was given; NULL if
 * it may not, or there is no such resource any more.  Since then another task
 * may have paused the resource, or sessions have come to wait in line: they go
 * before it, unless it is of class daily.
 */
static ResourceSlot *
slot_open_to(const Assignment *assignment, const PolicyGrant *grant)
{
	ResourceSlot *resource = resource_find(database_mine(), grant->resource);

	if (resource == NULL || named_resource_is_paused(resource) ||
		resource_line_first(resource, assignment))
		return NULL;
	return resource;
}

/*
 * Takes all slots of the assignment for this transaction.  If one is taken by
 * somebody else says which; the caller aborts the transaction, and with it go
 * the others.
 */
bool
slots_take_for_transaction(const Assignment *assignment,
						   uint64 *taken_by_other)
{
	Assert(!FirstSnapshotSet);
	for (int i = 0; i < assignment->ngrants; i++)
	{
		const PolicyGrant *grant = &assignment->grants[i];
		ResourceSlot *resource = slot_open_to(assignment, grant);

		if (resource == NULL || !slot_try(resource, grant->slot, false))
		{
			*taken_by_other = grant->resource;
			return false;
		}
	}
	return true;
}

/*
 * Says that the first n slots of the assignment are free.
 */
static void
slots_unmark(const Assignment *assignment, int n)
{
	WeirDatabase *database = database_mine();

	for (int i = 0; i < n && database != NULL; i++)
	{
		const PolicyGrant *grant = &assignment->grants[i];
		ResourceSlot *resource = resource_find(database, grant->resource);

		if (resource != NULL)
			resource_mark(resource, grant->slot, false);
	}
}

/*
 * Releases the first n slots of the assignment.
 */
static void
slots_release(const Assignment *assignment, int n)
{
	LOCKTAG		tag;

	for (int i = 0; i < n; i++)
	{
		slot_tag(&tag, assignment->grants[i].resource,
				 assignment->grants[i].slot);
		(void) LockRelease(&tag, ExclusiveLock, true);
	}
	slots_unmark(assignment, n);
}

/*
 * Takes all slots of the assignment, or none, for this session.
 */
bool
slots_take_for_session(const Assignment *assignment, uint64 *taken_by_other)
{
	LOCKTAG		tag;

	for (int i = 0; i < assignment->ngrants; i++)
	{
		const PolicyGrant *grant = &assignment->grants[i];
		ResourceSlot *resource = slot_open_to(assignment, grant);

		slot_tag(&tag, grant->resource, grant->slot);
		if (resource == NULL ||
			weir_LockTry(&tag, ExclusiveLock, true) == LOCKACQUIRE_NOT_AVAIL)
		{
			slots_release(assignment, i);
			*taken_by_other = grant->resource;
			return false;
		}
		resource_mark(resource, grant->slot, true);
	}
	SessionHolds = assignment;
	return true;
}

void
slots_release_for_session(const Assignment *assignment)
{
	SessionHolds = NULL;
	slots_release(assignment, assignment->ngrants);
}

/*
 * This process ends, and the server has released the locks of its session:
 * says so for the slots that it had.  Transactions do so by themselves.
 */
void
slots_session_ended(void)
{
	if (SessionHolds != NULL)
		slots_unmark(SessionHolds, SessionHolds->ngrants);
	SessionHolds = NULL;
}
