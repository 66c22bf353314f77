/*-------------------------------------------------------------------------
 *
 * attempt.h
 *	  Executing one attempt of a task.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ATTEMPT_H
#define WEIR_ATTEMPT_H

#include "ledger/task_row.h"
#include "shmem/layout.h"

/* The attempt that this process executes; C state, nobody can set it */
typedef struct Attempt
{
	WeirWorker *worker;
	const Assignment *assignment;
	TaskRow    *task;
	Jsonb	   *queue_settings;
	MemoryContext context;		/* lives as long as the attempt */
	TimestampTz started_at;
	TimestampTz failed_at;
	bool		timed_out;		/* it ran longer than it may */
	bool		grouped;		/* its commit is flushed with others */
	bool		session_slots;	/* mode autocommit: slots are held */
	bool		recording;		/* the command is done, the row is written */
	bool		stale;			/* this worker must leave */
} Attempt;

extern Attempt *CurrentAttempt; /* NULL outside of a task */

extern void attempt_install(void);
extern bool attempt_run(WeirWorker *worker, const Assignment *assignment);

#endif							/* WEIR_ATTEMPT_H */
