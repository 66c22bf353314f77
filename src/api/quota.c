/*-------------------------------------------------------------------------
 *
 * quota.c
 *	  Places of new tasks among the unfinished ones of their owner.
 *
 * They are reserved before those in the queue, and given up where the queue
 * has none.  A full quota is not waited for, whatever the queue does: the
 * tasks that would have to end can be those of this very session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "api/quota.h"
#include "api/request.h"
#include "shmem/database.h"
#include "shmem/role.h"
#include "shmem/settings.h"
#include "shmem/waits.h"
#include "shmem/xact_actions.h"

/*
 * Waits until the scheduler has counted what the role has, and has read the
 * configuration up to a change.
 */
static void
quota_await_scheduler(WeirDatabase *database, RoleSlot *slot, uint64 change)
{
	TimestampTz start = GetCurrentTimestamp();

	while (pg_atomic_read_u32(&slot->counted) == 0 ||
		   pg_atomic_read_u64(&database->config_applied) < change)
	{
		if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(),
									   weir_max_wait))
		{
			ConditionVariableCancelSleep();
			ereport(ERROR,
					(errcode(ERRCODE_CANNOT_CONNECT_NOW),
					 errmsg("the scheduler has not counted the tasks of the role"),
					 errhint("Look at the view weir.status and at the server log.")));
		}
		database_wake(database);
		ConditionVariableTimedSleep(&database->progress, 100,
									wait_event(WEIR_WAIT_SCHEDULER_ANSWER));
	}
	ConditionVariableCancelSleep();
}

/*
 * Refuses: the role has as many unfinished tasks as it may.  The detail is
 * JSON for programs.
 */
static void
quota_refuse(RoleSlot *slot, Oid owner)
{
	const char *role = GetUserNameFromId(owner, false);

	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("role \"%s\" has too many unfinished tasks", role),
			 errdetail("{\"role\": %s, \"max_queued\": %u, \"unfinished\": %u, \"retry_after_ms\": %d}",
					   request_json_string(role),
					   pg_atomic_read_u32(&slot->max_queued),
					   role_unfinished(slot), 1000),
			 errhint("Try again later, or raise the limit with weir.limit_role().")));
}

/*
 * Tries again if the limit has been changed, and the scheduler does not know
 * yet.
 */
static bool
quota_hold_anew(QuotaHold *hold, WeirDatabase *database, uint32 n)
{
	uint64		change = pg_atomic_read_u64(&database->config_changed);

	if (pg_atomic_read_u64(&database->config_applied) >= change)
		return false;
	quota_await_scheduler(database, hold->slot, change);
	return xact_reserve_quota(hold->slot, n);
}

/*
 * Holds places for n tasks, those that are held already included.  False only
 * for a caller that wants to be told rather than refused.
 */
bool
quota_hold(QuotaHold *hold, WeirDatabase *database, Oid owner, uint32 n,
		   bool tell)
{
	if (hold->slot == NULL)
		hold->slot = role_find(database, owner);
	if (hold->slot == NULL)
		return true;
	if (n <= hold->n)
	{
		xact_return_quota(hold->slot, hold->n - n);
		hold->n = n;
		return true;
	}
	quota_await_scheduler(database, hold->slot, 0);
	if (!xact_reserve_quota(hold->slot, n - hold->n) &&
		!quota_hold_anew(hold, database, n - hold->n))
	{
		pg_atomic_fetch_add_u64(&hold->slot->refused, 1);
		if (!tell)
			quota_refuse(hold->slot, owner);
		return false;
	}
	pg_memory_barrier();
	if (pg_atomic_read_u32(&hold->slot->role) != owner)
	{
		/* it is another role's by now: ours has no limit any more */
		xact_return_quota(hold->slot, n);
		hold->slot = NULL;
		hold->n = 0;
		return true;
	}
	hold->n = n;
	return true;
}
