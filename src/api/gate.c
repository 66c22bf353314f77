/*-------------------------------------------------------------------------
 *
 * gate.c
 *	  Waiting in line, first come first served.
 *
 * The line is a heavyweight lock, the gate: its queue is in order of arrival,
 * and the deadlock detector and pg_blocking_pids() see it.  Only its holder,
 * the head of the line, looks for what all wait for, and sleeps on a
 * condition variable in between.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "api/gate.h"
#include "run/slots.h"

static long
gate_left(TimestampTz deadline)
{
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
}

/*
 * Gets to the head of the line.  Raises the lock timeout's error if the time
 * is over before.
 */
static void
gate_enter(const LOCKTAG *tag, TimestampTz deadline)
{
	int			lock_timeout = LockTimeout;

	LockTimeout = (int) Max(1, Min(gate_left(deadline), INT_MAX));
	PG_TRY();
	{
		(void) LockAcquire(tag, ExclusiveLock, false, false);
	}
	PG_FINALLY();
	{
		LockTimeout = lock_timeout;
	}
	PG_END_TRY();
}

/*
 * As the head of the line: tries, and sleeps until something was freed.
 */
static bool
gate_head(ConditionVariable *freed, TimestampTz deadline, GateTry attempt,
		  void *arg)
{
	bool		got;

	ConditionVariablePrepareToSleep(freed);
	while (!(got = attempt(arg)))
	{
		long		left = gate_left(deadline);

		if (left <= 0)
			break;
		/* look again now and then: a hint may be late */
		(void) ConditionVariableTimedSleep(freed, Min(left, DeadlockTimeout),
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return got;
}

/*
 * Takes one off a counter of those who wait.  For PG_ENSURE_ERROR_CLEANUP,
 * since a session can also end while it waits.
 */
void
gate_uncount(int code, Datum arg)
{
	pg_atomic_fetch_sub_u32((pg_atomic_uint32 *) DatumGetPointer(arg), 1);
}

/*
 * Enters the line, waits in it, and leaves it.  The refusal takes the place
 * of the lock timeout's error, too, which would not say what was waited for;
 * the server has left the lock's queue by then.
 */
static void
gate_pass(const LOCKTAG *tag, ConditionVariable *freed, TimestampTz deadline,
		  GateTry attempt, GateRefuse refuse, void *arg)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		gate_enter(tag, deadline);
		if (!gate_head(freed, deadline, attempt, arg))
			refuse(arg);
		(void) LockRelease(tag, ExclusiveLock, false);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_LOCK_NOT_AVAILABLE)
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
			refuse(arg);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/*
 * Waits in the line of the resource until the attempt succeeds.  If it has
 * not within the time, "refuse" raises the error.
 */
void
gate_wait(uint64 resource, pg_atomic_uint32 *waiters,
		  ConditionVariable *freed, int64 timeout_ms, GateTry attempt,
		  GateRefuse refuse, void *arg)
{
	TimestampTz deadline;
	LOCKTAG		tag;

	/* a deadline that no timestamp can express is far enough away */
	timeout_ms = Min(timeout_ms, INT_MAX);
	/* the head of the line waits for no lock, but to the user it looks so */
	if (LockTimeout > 0)
		timeout_ms = Min(timeout_ms, LockTimeout);
	deadline = GetCurrentTimestamp() + timeout_ms * 1000;
	slot_tag(&tag, resource, SLOT_GATE);
	pg_atomic_fetch_add_u32(waiters, 1);
	PG_ENSURE_ERROR_CLEANUP(gate_uncount, PointerGetDatum(waiters));
	{
		gate_pass(&tag, freed, deadline, attempt, refuse, arg);
	}
	PG_END_ENSURE_ERROR_CLEANUP(gate_uncount, PointerGetDatum(waiters));
	gate_uncount(0, PointerGetDatum(waiters));
}
