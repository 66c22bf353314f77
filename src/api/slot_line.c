/*-------------------------------------------------------------------------
 *
 * slot_line.c
 *	  Getting a slot in any session, at once or in line.
 *
 * Sessions take the slots that are not reserved.  Only who has empty hands
 * waits: a transaction that has written, or holds a slot, may hold what the
 * holders of the slots need.  What else it may hold, such as the lock on the
 * table that its statement is about to write, the head of the line looks for
 * itself (holders.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "api/capped.h"
#include "api/gate.h"
#include "api/holders.h"
#include "api/slot_line.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/named_resource.h"
#include "shmem/resource.h"

/* What a session in line for a slot tries */
typedef struct SlotRequest
{
	ResourceSlot *resource;
	bool		hard;			/* never beside the slots */
	SlotBinds	binds;
	TimestampTz arrived;
} SlotRequest;

/*
 * How many of the slots that are not reserved are free for sessions.  Slots
 * beyond a cap that was lowered count as held, until they are given back; those
 * that are handed to a daily task, until it has them.
 */
int
slot_count_free(const ResourceSlot *resource, uint64 held)
{
	int			reserved = Min(resource->rule.reserved, resource->rule.slots);

	if (reserved == resource->rule.slots)
		return 0;
	return resource->rule.slots - reserved -
		__builtin_popcountll(held >> reserved) -
		(int) pg_atomic_read_u32(unconstify(pg_atomic_uint32 *,
											&resource->handed));
}

/*
 * Tries each slot that is not reserved and not known to be held; none while
 * the resource is paused.
 */
bool
slot_try_any(ResourceSlot *resource)
{
	uint64		held = resource_held(resource);

	if (slot_count_free(resource, held) <= 0 ||
		named_resource_is_paused(resource))
		return false;
	for (int i = resource->rule.reserved; i < resource->rule.slots; i++)
	{
		if ((held & (UINT64CONST(1) << i)) == 0 && slot_try(resource, i, true))
			return true;
	}
	return false;
}

/*
 * Would a newcomer get one, without passing those in line?
 */
bool
slot_room(ResourceSlot *resource)
{
	return pg_atomic_read_u32(&resource->gate_waiters) == 0 &&
		slot_count_free(resource, resource_held(resource)) > 0;
}

/*
 * Has this session empty hands, so that it may wait for a slot?
 */
bool
slot_may_wait(void)
{
	return !TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
		!slots_holds_any();
}

/*
 * Refuses: all slots are held, or none is given away.
 */
void
slot_refuse_busy(ResourceSlot *resource, const char *hint)
{
	bool		paused = named_resource_is_paused(resource);
	char	   *holders = holders_text(resource->key);

	pg_atomic_fetch_add_u64(&resource->refused, 1);
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("no slot of %s is free", cap_title(resource)),
			 paused ? errdetail("It is paused by task " UINT64_FORMAT ".",
								pg_atomic_read_u64(&resource->paused_by)) :
			 holders[0] == '\0' ? errdetail("No process holds one: what is free is reserved, or others wait for it.") :
			 errdetail("Slots are held by processes: %s.", holders),
			 errhint("%s", hint)));
}

/*
 * The line has one more.  The scheduler has to know before it gives a slot away
 * again, not sooner: it need not be woken.
 */
static void
line_joined(void *arg)
{
	pg_atomic_fetch_add_u64(&database_mine()->foreign_changed, 1);
}

/*
 * Gets a slot, or finds that none is needed any more: the cap can change while
 * sessions are in line.
 */
static bool
line_try(void *arg)
{
	SlotRequest *request = arg;
	CapRule		rule = resource_rule(database_mine(), request->resource);

	if (!request->binds(&rule))
		return true;

	/* for show: the head waits for no lock that would tell */
	pg_atomic_write_u64(&request->resource->head_since, request->arrived);
	return slot_try_any(request->resource);
}

static void
line_refuse(void *arg)
{
	SlotRequest *request = arg;

	slot_refuse_busy(request->resource, "Try again later, or wait longer.");
}

/*
 * Does a holder wait for us?  One is enough to go on beside it.  Where that is
 * out of the question we wait as long as any other may give back its slot.
 */
static bool
line_stuck(void *arg)
{
	SlotRequest *request = arg;
	char	   *cycle;

	if (!holders_wait_for_us(request->resource->key, request->hard, &cycle))
		return false;
	if (request->hard)
	{
		pg_atomic_fetch_add_u64(&request->resource->refused, 1);
		ereport(ERROR,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("deadlock detected while waiting for a slot of %s",
						cap_title(request->resource)),
				 errdetail("%s", cycle),
				 errhint("Take the slot before anything else in the transaction.")));
	}
	return true;
}

/*
 * The line has one less: the scheduler looks again who may have a free slot.
 * For PG_ENSURE_ERROR_CLEANUP, since a session can also end while it waits.
 */
static void
line_left(int code, Datum arg)
{
	WeirDatabase *database = (WeirDatabase *) DatumGetPointer(arg);

	pg_atomic_fetch_add_u64(&database->foreign_changed, 1);
	database_wake(database);
}

/*
 * Waits in line for a slot, up to so many ms.  The scheduler leaves freed
 * slots to the line.  False if a holder waits for us; "hard" refuses then.
 * True without a slot if the cap does not bind any more.
 */
bool
slot_wait(ResourceSlot *resource, bool hard, SlotBinds binds, int64 timeout)
{
	SlotRequest request = {resource, hard, binds, GetCurrentTimestamp()};
	GateCalls	calls = {line_joined, line_try, line_stuck, line_refuse, &request};
	Datum		database = PointerGetDatum(database_mine());
	bool		got = false;

	pg_atomic_fetch_add_u64(&resource->waited, 1);
	PG_ENSURE_ERROR_CLEANUP(line_left, database);
	{
		got = gate_wait(resource->key, &resource->gate_waiters,
						&resource->freed, timeout, &calls);
	}
	PG_END_ENSURE_ERROR_CLEANUP(line_left, database);
	line_left(0, database);
	return got;
}
