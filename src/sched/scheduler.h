/*-------------------------------------------------------------------------
 *
 * scheduler.h
 *	  The one process of a database that decides what runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SCHEDULER_H
#define WEIR_SCHEDULER_H

#include "postmaster/bgworker.h"

#include "policy/policy.h"
#include "shmem/layout.h"

/* What the scheduler knows of a worker slot that is its own */
typedef struct PoolEntry
{
	BackgroundWorkerHandle *handle; /* NULL: started by a predecessor */
	uint32		generation;
} PoolEntry;

/*
 * The scheduler's own state.  Lost when it exits: the next one rebuilds it
 * from the ledger and from what it finds in shared memory.
 */
typedef struct Scheduler
{
	WeirDatabase *database;
	MemoryContext context;		/* lives as long as the process */
	MemoryContext round;		/* reset each round */
	Policy	   *policy;			/* NULL until rebuilt */
	int64		horizon;		/* ids below may be known from the rebuild */
	uint64		config_seen;
	uint64		foreign_seen;
	bool		paused_all;		/* by weir.pause_all(), or versions differ */
	bool		other_version;	/* and that is logged */
	bool		slots_changed;	/* look at foreign holders in this round */
	PoolEntry  *pool;			/* weir.max_workers */
	int			nheld;			/* owners that no worker could be had for */
	int			maxheld;
	Oid		   *held;
	TimestampTz retry_spawn_at; /* registering a worker failed */
	TimestampTz upkeep_at;
} Scheduler;

/* A piece of work in a transaction of its own; errors end with it */
typedef void (*SchedulerStep) (Scheduler *scheduler, void *arg);

extern bool scheduler_step(Scheduler *scheduler, const char *what,
						   SchedulerStep step, void *arg);
extern PGDLLEXPORT void weir_scheduler_main(Datum database);

#endif							/* WEIR_SCHEDULER_H */
