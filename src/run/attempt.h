/*-------------------------------------------------------------------------
 *
 * attempt.h
 *	  Executing one attempt of a task.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ATTEMPT_H
#define WEIR_ATTEMPT_H

#include "compat.h"
#include "ledger/task_row.h"
#include "shmem/layout.h"

/* The attempt that this process executes; C state, nobody can set it */
typedef struct Attempt
{
	WeirWorker *worker;
	const Assignment *assignment;
	TaskRow    *task;
	const char *fallback;		/* executed instead of its command; or NULL */
	Oid			fallback_owner; /* who has configured that */
	Jsonb	   *queue_settings;
	MemoryContext context;		/* lives as long as the attempt */
	TimestampTz started_at;
	TimestampTz failed_at;
	TimestampTz snoozed_until;	/* it has asked to go on then; 0 = no */
	const char *snooze_reason;
	Jsonb	   *checkpoint;		/* mode transaction: the last one it noted */
	int32		checkpoints;	/* how many it has noted */
	int64		duration;		/* us; 0 = until it is reported */
	int			batch;			/* most tasks in its transaction */
	bool		timed_out;		/* it ran longer than it may */
	bool		grouped;		/* its commit is flushed with others */
	bool		session_slots;	/* mode autocommit: slots are held */
	bool		recording;		/* the command is done, the row is written */
	bool		stale;			/* this worker must leave */
} Attempt;

extern Attempt *CurrentAttempt; /* NULL outside of a task */

extern void attempt_install(void);
pg_noreturn extern void attempt_snooze(TimestampTz until, const char *reason);
extern bool attempt_run(WeirWorker *worker, const Assignment *assignment);

/* The steps of an attempt, for batch.c */
extern void attempt_begin(Attempt *attempt);
extern void attempt_enter(Attempt *attempt, bool joins);
extern const char *attempt_command(const Attempt *attempt);
extern void attempt_finish_command(void);
extern void attempt_check_cancelled(Attempt *attempt);
extern void attempt_disarm(void);
extern ErrorData *attempt_catch(Attempt *attempt);

#endif							/* WEIR_ATTEMPT_H */
