/*-------------------------------------------------------------------------
 *
 * waits.h
 *	  What pg_stat_activity says that a process waits for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_WAITS_H
#define WEIR_WAITS_H

typedef enum WeirWait
{
	WEIR_WAIT_CLEARING,			/* a command, for our processes to be gone */
	WEIR_WAIT_DRAIN,			/* weir.drain() */
	WEIR_WAIT_GATE,				/* the head of a line, for a slot or for room */
	WEIR_WAIT_LAUNCHER_MAIN,	/* the launcher has nothing to do */
	WEIR_WAIT_SCHEDULER_ANSWER, /* a session, for what the scheduler does */
	WEIR_WAIT_SCHEDULER_MAIN,	/* a scheduler has nothing to do */
	WEIR_WAIT_SUBMIT_RING,		/* a session, for room in the ring */
	WEIR_WAIT_TASK_END,			/* weir.wait() */
	WEIR_WAIT_WORKER_IDLE		/* a worker has no task */
} WeirWait;

extern uint32 wait_event(WeirWait wait);
extern bool wait_event_is_ours(uint32 number);

#endif							/* WEIR_WAITS_H */
