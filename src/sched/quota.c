/*-------------------------------------------------------------------------
 *
 * quota.c
 *	  The limits of roles: configured, and what they have.
 *
 * How many tasks of a role have not ended is counted by the policy.  Sessions
 * wait for that number: after a rebuild has begun it is not right until the
 * first round.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "ledger/identity.h"
#include "ledger/sql.h"
#include "sched/quota.h"
#include "shmem/role.h"

/*
 * Sets the limits of one row of the current result.
 */
static void
quota_set(Scheduler *scheduler, uint64 row, Oid role)
{
	RoleSlot   *slot = role_bind(scheduler->database, role);
	uint32		max_queued = sql_isnull(row, 4) ? 0 : sql_int4(row, 4);

	if (slot == NULL)
	{
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many roles have limits, those of role \"%s\" are not in force",
						sql_text(row, 1))));
		return;
	}
	slot->configured = true;
	pg_atomic_write_u32(&slot->max_queued, max_queued);
	policy_set_owner(scheduler->policy, role,
					 sql_isnull(row, 5) ? 0 : sql_int4(row, 5),
					 strtod(sql_text(row, 6), NULL), true);
}

/*
 * Reads the limits of all roles.
 */
void
quota_configure(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	SqlSession	session;
	uint64		n;

	for (int i = 0; i < WEIR_MAX_ROLES; i++)
		database->roles[i].configured = false;
	sql_begin(&session);
	n = sql_execute("SELECT role_name, role, limited_at, max_queued,"
					" max_running, weight::text FROM weir.role_limit", NULL);
	for (uint64 row = 0; row < n; row++)
	{
		Oid			role;

		if (identity_grantee(row, 1, &role) && OidIsValid(role))
			quota_set(scheduler, row, role);
	}
	sql_end(&session);
	for (int i = 0; i < WEIR_MAX_ROLES; i++)
	{
		RoleSlot   *slot = &database->roles[i];

		if (slot->configured || pg_atomic_read_u32(&slot->role) == InvalidOid)
			continue;
		pg_atomic_write_u32(&slot->max_queued, 0);
		policy_drop_owner(scheduler->policy, pg_atomic_read_u32(&slot->role));
	}
}

/*
 * Says how many unfinished tasks the role has, some of which have just
 * arrived.
 */
static void
quota_count(Scheduler *scheduler, RoleSlot *slot, uint32 arrived)
{
	uint32		unfinished;
	uint32		running;

	policy_owner_counts(scheduler->policy, pg_atomic_read_u32(&slot->role),
						&unfinished, &running);
	role_count(slot, arrived, unfinished, running);
}

/*
 * The tasks of a message, which have reserved their places, have been taken in.
 */
void
quota_arrived(Scheduler *scheduler, const SubmitMessage *message)
{
	RoleSlot   *slot = role_find(scheduler->database, message->owner);

	if (slot != NULL)
		quota_count(scheduler, slot, message->last_id - message->first_id + 1);
}

/*
 * The message is not taken in: its tasks will be found in the ledger.
 */
void
quota_lost(Scheduler *scheduler, const SubmitMessage *message)
{
	RoleSlot   *slot = role_find(scheduler->database, message->owner);

	if (slot != NULL)
		role_give_back(slot, message->last_id - message->first_id + 1);
}

/*
 * Before a rebuild: what was counted counts no more.
 */
void
quota_forget(Scheduler *scheduler)
{
	for (int i = 0; i < WEIR_MAX_ROLES; i++)
		pg_atomic_write_u32(&scheduler->database->roles[i].counted, 0);
}

/*
 * Says how many unfinished tasks the roles have.
 */
void
quota_publish(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;

	for (int i = 0; i < WEIR_MAX_ROLES; i++)
	{
		RoleSlot   *slot = &database->roles[i];
		bool		awaited;

		/* the others are free, too: see role.c */
		if (pg_atomic_read_u32(&slot->role) == InvalidOid)
			break;
		awaited = pg_atomic_read_u32(&slot->counted) == 0;
		quota_count(scheduler, slot, 0);
		if (awaited)
			ConditionVariableBroadcast(&database->progress);
	}
}
