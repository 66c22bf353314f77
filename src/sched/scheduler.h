/*-------------------------------------------------------------------------
 *
 * scheduler.h
 *	  The one process of a database that decides what runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SCHEDULER_H
#define WEIR_SCHEDULER_H

#include "nodes/pg_list.h"
#include "postmaster/bgworker.h"
#include "utils/hsearch.h"

#include "policy/policy.h"
#include "shmem/layout.h"

/* Generations of which a task that has not ended is remembered */
#define UPKEEP_REMEMBERED	64

/* What the scheduler knows of a worker slot that is its own */
typedef struct PoolEntry
{
	BackgroundWorkerHandle *handle; /* NULL: started by a predecessor */
	uint32		generation;
	TimestampTz spawned_at;		/* 0: by a predecessor */
	int64		last_task;		/* the one that was handed over last */
	int			depth;			/* how many it may have in hand */
	bool		slots_ahead;	/* some of them were handed over with slots */
	bool		passed_over;	/* gets no more of them in this round */
} PoolEntry;

/* Why a task that has not started is to be ended */
typedef enum EndCause
{
	END_EXPIRED,
	END_PARENT,					/* a parent has failed */
	END_REFUSED,				/* a breaker is open */
	END_GROUP					/* its group ends */
} EndCause;

/* The end of such a task; still to be written */
typedef struct PendingEnd
{
	PolicyEnd	end;
	EndCause	cause;
	int64		other;			/* the parent, the collector, or the key of
								 * the resource */
} PendingEnd;

/*
 * The scheduler's own state.  Lost when it exits: the next one rebuilds it
 * from the ledger and from what it finds in shared memory.
 */
/* Events that are still to be written; see event_list.c */
typedef struct EventList
{
	List	   *events;
	TimestampTz retry_at;		/* not before */
} EventList;

typedef struct Scheduler
{
	WeirDatabase *database;
	MemoryContext context;		/* lives as long as the process */
	MemoryContext round;		/* reset each round */
	Policy	   *policy;			/* NULL until rebuilt */
	int64		horizon;		/* ids below may be known from the rebuild */
	uint64		config_seen;
	TimestampTz configure_at;	/* reading it failed: again then; 0 = no */
	uint64		foreign_seen;
	uint64		entered_seen;
	TimestampTz round_at;		/* when this round began */
	bool		idle_intake;	/* in it tasks came that cannot start */
	TimestampTz idle_intake_at; /* that was so last */
	int			idle_intakes;	/* how often in close succession */
	bool		paused_all;		/* by weir.pause_all(), or versions differ */
	bool		other_version;	/* and that is logged */
	bool		slots_changed;	/* look at foreign holders in this round */
	PoolEntry  *pool;			/* weir.max_workers */
	struct LockWatch *lock_watches; /* weir.max_workers; lock_watch.c */
	TimestampTz lock_sampled_at;
	List	   *adapted;		/* limits of tables; adapt.c */
	List	   *grants;			/* of who inherits; inherit.c */
	int			adapt_samples;	/* since the last tick */
	HTAB	   *paces;			/* how long tasks take, by queue; ahead.c */
	HTAB	   *durations;		/* the same, of the last runs; duration.c */
	HTAB	   *singly;			/* what must not be batched; singly.c */
	List	   *later;			/* what is to be done later; later.c */
	EventList	breaker_events; /* breakers.c */
	int			ramp_up;		/* as the policy was told, ms; ramps.c */
	bool		open;			/* tasks may start */
	TimestampTz closed_at;		/* when they were stopped; 0 = not known */
	EventList	ramp_events;
	HealthRule	health[HEALTH_MEASURES];	/* limits; health.c */
	bool		health_on;		/* there are any */
	bool		health_told[HEALTH_MEASURES];	/* as bad */
	TimestampTz health_at;		/* measure again then */
	XLogRecPtr	wal_end;		/* when the WAL rate was measured */
	TimestampTz wal_at;			/* which was then; 0 = never */
	int64		wal_rate;
	List	   *stages;			/* queues that feed others; downstream.c */
	List	   *marked;			/* queues with watermarks; watermark.c */
	TimestampTz marked_at;		/* telling failed: again then; 0 = no */
	List	   *preempted;		/* attempts that are to end; preempt.c */
	bool		handed;			/* slots are handed over, or were */
	PendingEnd *ends;			/* what is to be ended; ends.c */
	int			nends;
	int			maxends;
	HTAB	   *groups;			/* what has to end by some time; groups.c */
	long		groups_prune_at;	/* look for ended ones at so many */
	TimestampTz overrun_at;		/* the next attempt that runs on for too long */
	TimestampTz groups_at;		/* the first of these times */
	TimestampTz groups_load_at; /* reading them failed: again then; 0 = no */
	bool		groups_ending;	/* one of them is ending */
	int			nheld;			/* owners that no worker could be had for */
	int			maxheld;
	Oid		   *held;
	TimestampTz retry_spawn_at; /* registering a worker failed */
	TimestampTz upkeep_at;
	TimestampTz create_at;		/* making a generation failed: again then */
	bool		feed_active;	/* there are backfills; feed.c */
	TimestampTz feed_at;		/* feed them then; 0 = not wanted */
	TimestampTz feed_rest;		/* but not before */
	int64		feed_last;		/* backfill that was fed last */
	struct WindowGate *gates;	/* what windows say; windows.c */
	int			ngates;
	bool		gates_told;		/* there are events about all of them */
	List	   *announcements;	/* events to notify of; announce.c */
	TimestampTz announce_at;	/* but not before */
	TimestampTz windows_at;		/* look at them again then */
	bool		reserved_cut;	/* too many reserved workers; it is logged */
	TimestampTz starvation_at;	/* look who starves then; starvation.c */
	uint32		starvation_next;	/* and go on from here */
	int64		unfinished[UPKEEP_REMEMBERED];	/* upkeep.c */
} Scheduler;

/* A piece of work in a transaction of its own; errors end with it */
typedef void (*SchedulerStep) (Scheduler *scheduler, void *arg);

extern bool scheduler_step(Scheduler *scheduler, const char *what,
						   SchedulerStep step, void *arg);
extern PGDLLEXPORT void weir_scheduler_main(Datum database);

#endif							/* WEIR_SCHEDULER_H */
