/*-------------------------------------------------------------------------
 *
 * ward.h
 *	  A database in the launcher's care: starting its scheduler, and what
 *	  becomes of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_WARD_H
#define WEIR_WARD_H

#include "postmaster/bgworker.h"

#include "sched/roster.h"
#include "shmem/layout.h"

#define WARD_RETRY_MS	1000	/* first delay, and the least between two */

/* One for each entry in shared memory */
typedef struct Ward
{
	Oid			oid;			/* InvalidOid = none */
	BackgroundWorkerHandle *handle; /* NULL: a predecessor's, or none */
	bool		launched;		/* there is a process, or will be */
	TimestampTz launched_at;
	TimestampTz due;			/* not to be started before */
	int			failures;		/* in a row */
} Ward;

/* The launcher's own state */
typedef struct Launcher
{
	MemoryContext context;		/* lives as long as the process */
	MemoryContext round;		/* reset each round */
	TimestampTz now;			/* begin of the round */
	Roster		roster;
	bool		roster_fresh;	/* read in this round */
	TimestampTz read_at;		/* when to read it again, 0 = when told */
	Ward	   *wards;			/* weir.max_databases */
	int			starved;		/* attempts in vain, in a row */
	TimestampTz starved_until;
	bool		full;			/* weir.max_databases has been complained of */
} Launcher;

extern TimestampTz launcher_in_ms(Launcher *launcher, int64 ms);
extern void launcher_read_roster(Launcher *launcher);
extern void launcher_note_process(Launcher *launcher, bool available);

extern void ward_attend(Launcher *launcher, Ward *ward);
extern void ward_launch(Launcher *launcher, Ward *ward);

#endif							/* WEIR_WARD_H */
