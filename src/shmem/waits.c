/*-------------------------------------------------------------------------
 *
 * waits.c
 *	  What pg_stat_activity says that a process waits for.
 *
 * The server gives each name a number, the same for all processes; a process
 * asks for it when it waits so for the first time.  Servers that know no
 * names of extensions show "Extension".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "shmem/waits.h"

static const char *const Names[] = {
	[WEIR_WAIT_CLEARING] = "WeirClearing",
	[WEIR_WAIT_DRAIN] = "WeirDrain",
	[WEIR_WAIT_GATE] = "WeirGate",
	[WEIR_WAIT_LAUNCHER_MAIN] = "WeirLauncherMain",
	[WEIR_WAIT_SCHEDULER_ANSWER] = "WeirSchedulerAnswer",
	[WEIR_WAIT_SCHEDULER_MAIN] = "WeirSchedulerMain",
	[WEIR_WAIT_SUBMIT_RING] = "WeirSubmitRing",
	[WEIR_WAIT_TASK_END] = "WeirTaskEnd",
	[WEIR_WAIT_WORKER_IDLE] = "WeirWorkerIdle"
};

/*
 * The number under which the server shows the wait.
 */
uint32
wait_event(WeirWait wait)
{
	static uint32 numbers[lengthof(Names)];

	if (numbers[wait] == 0)
		numbers[wait] = weir_wait_event_number(Names[wait]);
	return numbers[wait];
}

/*
 * Is this the number of one of our waits, or may it be?
 */
bool
wait_event_is_ours(uint32 number)
{
	for (int i = 0; i < lengthof(Names); i++)
	{
		if (number == wait_event((WeirWait) i))
			return true;
	}
	return false;
}
