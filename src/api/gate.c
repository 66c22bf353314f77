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
 * What the head sleeps for the deadlock detector does not see.  So it asks
 * now and then, every deadlock_timeout, whether those who have it wait for the
 * head in turn, and gives up if they do.
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

#include "api/gate.h"
#include "run/slots.h"
#include "shmem/waits.h"

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

/* How the wait at the head of the line ended */
typedef enum GateEnd
{
	GATE_GOT,
	GATE_STUCK,
	GATE_LATE
} GateEnd;

/*
 * As the head of the line: tries, and sleeps until something was freed.
 */
static GateEnd
gate_head(ConditionVariable *freed, TimestampTz arrived, TimestampTz deadline,
		  const GateCalls *calls)
{
	TimestampTz ask_at = arrived + DeadlockTimeout * INT64CONST(1000);
	GateEnd		end = GATE_GOT;

	ConditionVariablePrepareToSleep(freed);
	while (!calls->attempt(calls->arg))
	{
		TimestampTz now = GetCurrentTimestamp();
		long		left = TimestampDifferenceMilliseconds(now, deadline);

		if (left <= 0)
		{
			end = GATE_LATE;
			break;
		}
		if (calls->stuck != NULL && now >= ask_at)
		{
			if (calls->stuck(calls->arg))
			{
				end = GATE_STUCK;
				break;
			}
			ask_at = now + DeadlockTimeout * INT64CONST(1000);
		}
		/* look again now and then: a hint may be late */
		(void) ConditionVariableTimedSleep(freed, Min(left, DeadlockTimeout),
										   wait_event(WEIR_WAIT_GATE));
	}
	ConditionVariableCancelSleep();
	return end;
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
 * of the lock timeout's error, which would not say what was waited for; the
 * server has left the lock's queue by then.
 */
static bool
gate_pass(const LOCKTAG *tag, ConditionVariable *freed, TimestampTz arrived,
		  TimestampTz deadline, const GateCalls *calls)
{
	MemoryContext context = CurrentMemoryContext;
	GateEnd		end = GATE_LATE;

	PG_TRY();
	{
		gate_enter(tag, deadline);
		end = gate_head(freed, arrived, deadline, calls);
		(void) LockRelease(tag, ExclusiveLock, false);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_LOCK_NOT_AVAILABLE)
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
			calls->refuse(calls->arg);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	/* not above: its error is of the kind that is caught there */
	if (end == GATE_LATE)
		calls->refuse(calls->arg);
	return end == GATE_GOT;
}

/*
 * Waits in the line of the resource until the attempt succeeds.  False if it
 * never would, because what is waited for waits for us.  If the time is over
 * before, "refuse" raises the error.
 */
bool
gate_wait(uint64 resource, pg_atomic_uint32 *waiters,
		  ConditionVariable *freed, int64 timeout_ms, const GateCalls *calls)
{
	TimestampTz arrived = GetCurrentTimestamp();
	TimestampTz deadline;
	LOCKTAG		tag;
	bool		got = false;

	/* a deadline that no timestamp can express is far enough away */
	timeout_ms = Min(timeout_ms, INT_MAX);
	/* the head of the line waits for no lock, but to the user it looks so */
	if (LockTimeout > 0)
		timeout_ms = Min(timeout_ms, LockTimeout);
	deadline = arrived + timeout_ms * 1000;
	slot_tag(&tag, resource, SLOT_GATE);
	pg_atomic_fetch_add_u32(waiters, 1);
	PG_ENSURE_ERROR_CLEANUP(gate_uncount, PointerGetDatum(waiters));
	{
		if (calls->counted)
			calls->counted(calls->arg);
		got = gate_pass(&tag, freed, arrived, deadline, calls);
	}
	PG_END_ENSURE_ERROR_CLEANUP(gate_uncount, PointerGetDatum(waiters));
	gate_uncount(0, PointerGetDatum(waiters));
	return got;
}
