/*-------------------------------------------------------------------------
 *
 * layout.h
 *	  What lies in shared memory, and who may write what.
 *
 * Shared memory holds who is alive and what is in flight; the truth is in the
 * ledger.  Everything here is sized at server start and lost at a crash
 * restart, after which each database's scheduler rebuilds its part.
 *
 * There is one WeirDatabase per database with the extension and one
 * WeirWorker per worker slot; each structure below names its owner, the .c
 * file that alone touches its insides.
 *
 * LWLocks (one tranche, "weir"):
 *	  WeirLockDatabases	the database array, the holds, the launcher
 *	  WeirLockWorkers	claim and release of worker slots
 *	  one per database	its queue slots and its resource table
 * They are never nested, and never held across an error, SPI, a wait or the
 * start of a process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LAYOUT_H
#define WEIR_LAYOUT_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "storage/spin.h"

#include "policy/policy.h"

#define WEIR_RING_SIZE			8192	/* messages on the way to a scheduler */
#define WEIR_INBOX_SIZE			64	/* places for what a worker has in hand */
#define WEIR_MAX_BATCH			32	/* tasks in one transaction */
#define WEIR_NOTE_SIZE			64	/* bytes of a progress note */
#define WEIR_MAX_HOLDS			128 /* utility commands holding databases down */
#define WEIR_MAX_SUSPECTS		64	/* tasks suspected of a server crash */
#define WEIR_MAX_DEADLINES		256 /* deadlines that are shown, per database */
#define WEIR_MAX_EXEMPT			8	/* roles that a cap does not bind */
#define WEIR_MAX_ROLES		128 /* of a database that have limits */

/* Life of a scheduler.  Written by the scheduler, read by everybody. */
typedef enum SchedulerState
{
	SCHEDULER_DOWN,				/* -> STARTING */
	SCHEDULER_STARTING,			/* -> UNADOPTED, REBUILDING, DOWN */
	SCHEDULER_UNADOPTED,		/* -> STARTING, DOWN */
	SCHEDULER_REBUILDING,		/* -> RUNNING, DOWN */
	SCHEDULER_RUNNING			/* -> STARTING, DOWN */
} SchedulerState;

/* Kinds of message on the submit ring */
typedef enum MessageKind
{
	MESSAGE_SUBMIT,				/* tasks first_id .. last_id were committed */
	MESSAGE_READ,				/* the same: read them from the ledger */
	MESSAGE_ENDED,				/* a waiting task was ended in the ledger */
	MESSAGE_CANCEL,				/* cancel the task if it runs */
	MESSAGE_CHANGE,				/* priority, deadline or run_at changed */
	MESSAGE_LOOKUP,				/* read the task from the ledger again */
	MESSAGE_GROUP,				/* read the group from the ledger */
	MESSAGE_FEED,				/* look after the backfills */
	MESSAGE_RAMP,				/* begin a ramp of the queue */
	MESSAGE_NOTIFY				/* events first_id .. last_id of a job */
} MessageKind;

/* Bits of a CHANGE message's klass: what is changed */
#define CHANGE_PRIORITY			1
#define CHANGE_DEADLINE			2

/*
 * One message.  A submit speaks of a range of tasks that differ in command
 * and arguments only, which the scheduler never reads.
 */
typedef struct SubmitMessage
{
	MessageKind kind;
	int32		queue;
	Oid			owner;
	int16		klass;
	int16		nneeds;
	int32		priority;
	bool		firm;			/* cannot be rolled back */
	bool		quota;			/* places of its owner are reserved for them */
	int64		first_id;
	int64		last_id;
	TimestampTz enqueued_at;
	TimestampTz run_at;
	TimestampTz deadline;
	TimestampTz expires_at;
	uint64		needs[POLICY_MAX_NEEDS];
} SubmitMessage;

/*
 * The submit ring: many producers, one consumer.  "credit" counts messages
 * that are promised or in the ring; a producer takes credit before it may
 * post, so that the post itself cannot fail.  Owner: submit_ring.c.
 */
typedef struct SubmitRing
{
	slock_t		mutex;			/* head, tail and the entries */
	uint64		head;			/* next to be written */
	uint64		tail;			/* next to be read */
	pg_atomic_uint32 credit;	/* promised or present */
	pg_atomic_uint32 resting;	/* scheduler: it looks soon, unwoken */
	ConditionVariable room;		/* credit came back */
	SubmitMessage entries[WEIR_RING_SIZE];
} SubmitRing;

/*
 * How much of a retry budget is used.  Written by the scheduler, for show.
 * Owner: budget_figures.c.
 */
typedef struct BudgetFigures
{
	pg_atomic_uint32 firsts;	/* first attempts in the window */
	pg_atomic_uint32 retries;	/* retries in it */
	pg_atomic_uint32 allowed;	/* most retries in it */
	pg_atomic_uint32 waiting;	/* retries that wait for room */
	pg_atomic_uint64 opens_at;	/* when the next of those may start; 0 = none */
	pg_atomic_uint64 counted_at;	/* when that was so */
} BudgetFigures;

/*
 * What a circuit breaker has counted.  Written by the scheduler, for show.
 */
typedef struct BreakerFigures
{
	pg_atomic_uint32 state;		/* BreakerState */
	pg_atomic_uint32 calls;		/* in the window; open: those that opened it */
	pg_atomic_uint32 failures;
	pg_atomic_uint32 slow;
	pg_atomic_uint32 probing;	/* probes under way */
	pg_atomic_uint64 since;		/* when the state began; 0 = not known */
	pg_atomic_uint64 until;		/* when it is half open; 0 = not open */
} BreakerFigures;

/*
 * A recovery ramp.  Written by the scheduler, for show, and for its successor.
 */
typedef struct RampFigures
{
	pg_atomic_uint64 began_at;	/* 0 = there is none */
	pg_atomic_uint64 ends_at;	/* at the latest */
	pg_atomic_uint64 step_at;	/* when one more task may run */
	pg_atomic_uint32 allowed;	/* tasks that may run at a time */
	pg_atomic_uint32 total;		/* that may when it is over */
} RampFigures;

/*
 * What was measured of the server's health.  Written by the scheduler, for
 * show.  Owner: health_figures.c.
 */
typedef struct HealthFigures
{
	pg_atomic_uint32 bad;		/* tasks wait for it */
	pg_atomic_uint64 value;
	pg_atomic_uint64 since;		/* when it became so */
	pg_atomic_uint64 measured_at;	/* 0 = it is not */
} HealthFigures;

/*
 * The depth of one queue, kept exact by reservations.  Owner: depth.c.
 * ready .. running are for show, written by the scheduler.
 */
typedef struct QueueSlot
{
	int32		queue;			/* 0 = free; database lock */
	pg_atomic_uint32 depth;		/* unfinished tasks, uncommitted ones too */
	pg_atomic_uint32 waiters;	/* producers in line for room */
	pg_atomic_uint32 draining;	/* no new tasks: somebody drains or drops it */
	pg_atomic_uint64 refused;	/* enqueues that met a full queue */
	pg_atomic_uint64 waited;	/* enqueues that had to wait */
	pg_atomic_uint64 wait_time; /* for so long in all, us */
	pg_atomic_uint32 awaited;	/* one that feeds it waits; scheduler */
	pg_atomic_uint32 high;		/* it was told to be; scheduler */
	pg_atomic_uint32 shut;		/* nothing of it can start; scheduler */
	pg_atomic_uint32 ready;
	pg_atomic_uint32 delayed;
	pg_atomic_uint32 blocked;
	pg_atomic_uint32 running;
	pg_atomic_uint64 oldest_at; /* scheduler: its oldest task; 0: none */
	pg_atomic_uint64 last_end;	/* when a task ended, us */
	pg_atomic_uint64 gap;		/* smoothed time between ends, us */
	pg_atomic_uint64 longest;	/* scheduler: of the last runs, us */
	pg_atomic_uint64 likely;	/* scheduler: that nine of ten did not exceed */
	ConditionVariable room;		/* depth went down */
	BudgetFigures budget;		/* of its retries */
	RampFigures ramp;			/* of its tasks */

	/* of a queue that sheds; owner: offers.c */
	pg_atomic_uint64 shed;		/* tasks that were shed */
	pg_atomic_uint64 offers[POLICY_MAX_SHED];	/* scheduler; sessions take */
	pg_atomic_uint64 offers_asked;	/* sessions: questions for more */
	pg_atomic_uint32 offers_capacity;	/* sessions: that was used up */
	pg_atomic_uint64 offers_answered;	/* scheduler: those answered */
	pg_atomic_uint64 offers_read;	/* scheduler: messages it had read then */
	pg_atomic_uint32 offers_lowest; /* scheduler: class of the first then */
	bool		offering;		/* scheduler */
} QueueSlot;

/* What a class has, for show.  Written by the scheduler. */
typedef struct ClassSlot
{
	pg_atomic_uint32 reserved;	/* in force */
	pg_atomic_uint32 running;
	pg_atomic_uint32 starts;	/* of the last "of_starts" */
	pg_atomic_uint32 of_starts;
	pg_atomic_uint32 lent;		/* its next worker is borrowed by others */
} ClassSlot;

/*
 * A role with limits.  Owner: role.c.  The scheduler writes what is configured,
 * and what it has counted.
 */
typedef struct RoleSlot
{
	pg_atomic_uint32 role;		/* 0 = free; scheduler */
	bool		configured;		/* has limits; scheduler */
	pg_atomic_uint32 max_queued;	/* scheduler; 0 = no limit */
	pg_atomic_uint32 counted;	/* scheduler: "places" is right */
	pg_atomic_uint32 running;	/* scheduler, for show */
	pg_atomic_uint64 places;	/* unfinished tasks; see role.c */
	pg_atomic_uint64 refused;	/* submissions that met the limit */
} RoleSlot;

/* Whom a cap binds besides tasks that declare the table and acquire() */
typedef enum CapEnforce
{
	CAP_TASKS,					/* nobody */
	CAP_OBSERVE,				/* nobody, but says whom it would have bound */
	CAP_EVERYONE				/* every session that writes the table */
} CapEnforce;

/* Whether a cap has a limit within it that follows how tasks get on */
typedef enum CapAdaptive
{
	CAP_ADAPTIVE_OFF,
	CAP_ADAPTIVE_OBSERVE,		/* it only says what it would do */
	CAP_ADAPTIVE_ACT
} CapAdaptive;

/* A cap as it is configured */
typedef struct CapRule
{
	int32		slots;
	int32		reserved;		/* slots 0 .. reserved-1 are for daily */
	CapEnforce	enforce;
	bool		refuse_unsafe;	/* who cannot wait is refused, not let through */
	bool		row_locks;		/* SELECT FOR UPDATE counts as a write */
	CapAdaptive adaptive;
	int32		nexempt;
	Oid			exempt[WEIR_MAX_EXEMPT];	/* roles that it does not bind */
} CapRule;

/*
 * A capped resource and which of its slots are held.  A set bit in "held" is
 * a hint, the lock manager is the truth.  Owner: resource.c; of what only
 * named resources have, named_resource.c.
 */
typedef struct ResourceSlot
{
	uint64		key;			/* 0 = free, 1 = forgotten; database lock */
	CapRule		rule;			/* no slots = no cap; scheduler, or who enters
								 * it, same lock */
	bool		named;			/* by the reading under way; scheduler */
	pg_atomic_uint64 held;		/* whoever holds the advisory lock */
	pg_atomic_uint32 handed;	/* scheduler: slots left to daily tasks */
	pg_atomic_uint32 gate_waiters;	/* sessions at the gate */
	pg_atomic_uint64 head_since;	/* when the head came to the gate */
	pg_atomic_uint32 beside;	/* transactions that write without a slot */
	pg_atomic_uint64 waited;	/* sessions that had to wait */
	pg_atomic_uint64 let_through;	/* transactions let through beside */
	pg_atomic_uint64 refused;	/* transactions refused for want of a slot */
	pg_atomic_uint64 would_wait;	/* that would not have got one */
	ConditionVariable freed;	/* a slot was given back */
	pg_atomic_uint32 limit;		/* scheduler: the adaptive limit; 0 = none */
	pg_atomic_uint32 backfill_limit;	/* the same for class backfill */
	pg_atomic_uint32 lock_share;	/* scheduler: of the time that tasks wait,
									 * millionths */
	pg_atomic_uint64 left_to;	/* scheduler: the task that it is left to */

	/* named resources alone */
	NameData	name;			/* database lock */
	bool		on_demand;		/* made after a template; database lock */
	bool		told;			/* the policy knows of it; scheduler */
	int32		burst;			/* as "slots" */
	int64		gap;			/* between tokens, us; 0 = no rate */
	TimestampTz since;			/* when the limits were set */
	BudgetRule	budget;			/* of retries; as "slots" */
	BudgetFigures used_budget;
	bool		has_breaker;	/* as "slots" */
	BreakerFigures breaker;
	RampFigures ramp;
	pg_atomic_uint32 pins;		/* transactions that mean it */
	pg_atomic_uint64 used_at;	/* the last of them ended */
	pg_atomic_uint64 full_at;	/* scheduler: when all tokens are there */
	pg_atomic_uint64 opens_at;	/* scheduler: when one may start next */
	pg_atomic_uint64 paused_until;	/* tasks: weir.retry_after() */
	pg_atomic_uint64 paused_by; /* the task that said so last */
} ResourceSlot;

/* A daily task with a deadline, for show.  Owner: deadline.c. */
typedef struct DeadlineSlot
{
	int64		task_id;		/* 0 = free */
	TimestampTz deadline;
	TimestampTz latest_start;
	double		on_time;		/* probability */
	PolicyTier	tier;
	bool		missed;
} DeadlineSlot;

/* One database.  Owner: database.c, but for the embedded structures. */
typedef struct WeirDatabase
{
	Oid			oid;			/* InvalidOid = free; WeirLockDatabases */
	Oid			extension;		/* scheduler: what was seeded for */
	pg_atomic_uint32 wanted;	/* somebody asks for a scheduler here */
	pg_atomic_uint32 leave;		/* the scheduler is asked to go */

	/*
	 * The scheduler's process, from its first to its last moment; what is
	 * below is valid earlier to later.  WeirLockDatabases.
	 */
	bool		launching;		/* registered, has not entered yet */
	pid_t		process;		/* 0 = none */
	int			exit_code;		/* of the last one; -1 = it never entered */
	bool		found;			/* the last one found the extension */

	/* written by the scheduler alone */
	pid_t		scheduler_pid;	/* 0 = none */
	int			scheduler_procno;
	pg_atomic_uint32 state;		/* SchedulerState */
	TimestampTz heartbeat;		/* end of its last round */
	TimestampTz started_at;
	pg_atomic_uint32 paused;	/* pause_all is in force */
	pg_atomic_uint32 starving;	/* wants a worker slot and has none */
	pg_atomic_uint32 no_process;	/* max_worker_processes is used up */
	pg_atomic_uint32 waiting;	/* tasks that it holds, running not counted */

	/* seeded by the scheduler, then used by all */
	pg_atomic_uint32 seeded;	/* depths and ids are right */
	pg_atomic_uint64 next_id;	/* next task id */
	pg_atomic_uint64 id_limit;	/* ids below have a generation */
	pg_atomic_uint32 generation_wanted;
	ConditionVariable progress; /* state, generations or configuration moved */

	/* configuration: who changes it adds one, the scheduler follows */
	pg_atomic_uint64 config_changed;
	pg_atomic_uint64 config_applied;
	pg_atomic_uint32 rebuild_wanted;

	/* sessions took, freed or wait for slots: the scheduler looks again */
	pg_atomic_uint64 foreign_changed;

	/* caps that bind other sessions, or observe them; see resource.c */
	pg_atomic_uint32 enforcing;
	/* named resources: entered on demand, and how old what we know is */
	pg_atomic_uint64 resources_entered;
	TimestampTz counted_at;		/* scheduler: shared memory was fresh */

	ConditionVariable finished; /* some task ended */
	pg_atomic_uint32 finish_waiters;

	ClassSlot	classes[POLICY_NUM_CLASSES];	/* scheduler, atomic */

	/* scheduler: work that was done, and lost by preemption, since the start */
	pg_atomic_uint64 preemptions;
	pg_atomic_uint64 preempted; /* us */
	pg_atomic_uint64 worked;	/* us */
	RampFigures ramp;			/* of all tasks; scheduler */
	HealthFigures health[HEALTH_MEASURES];	/* scheduler */
	DeadlineSlot deadlines[WEIR_MAX_DEADLINES]; /* scheduler; lock */

	LWLock	   *lock;			/* the arrays below, and deadlines */
	SubmitRing	ring;
	QueueSlot  *queues;			/* weir.max_queues */
	ResourceSlot *resources;	/* weir.max_resources, open addressing */
	RoleSlot   *roles;			/* WEIR_MAX_ROLES */
} WeirDatabase;

/* An attempt handed to a worker.  Written by the scheduler. */
typedef struct Assignment
{
	int64		task_id;		/* 0 = none */
	int32		attempt;
	int32		queue;
	int32		feeds;			/* queue with a place reserved for it; or 0 */
	int16		klass;
	int16		place;			/* in "assigned" */
	bool		solo;
	bool		singly;			/* not in one transaction with others */
	int16		ngrants;
	uint64		fallback;		/* resource whose fallback is executed; or 0 */
	TimestampTz ready_at;		/* when it was due */
	PolicyGrant grants[POLICY_MAX_NEEDS];
} Assignment;

typedef enum CompletionKind
{
	COMPLETION_FINAL,			/* a final run row is committed */
	COMPLETION_AGAIN,			/* a run row is committed, another is due */
	COMPLETION_BOUNCED,			/* not started: a slot was taken */
	COMPLETION_RESOLVE,			/* not started: its tables have changed */
	COMPLETION_RETURNED,		/* not started: this worker leaves */
	COMPLETION_SINGLY,			/* rolled back: because of its neighbours */
	COMPLETION_LOOKUP			/* uncertain: the ledger knows */
} CompletionKind;

/* What became of an assignment.  Written by the worker. */
typedef struct Completion
{
	CompletionKind kind;
	bool		succeeded;		/* COMPLETION_FINAL: known to have */
	bool		retry;			/* COMPLETION_AGAIN: the next one is a retry */
	bool		lock_failed;	/* by a deadlock, or a lock not to be had */
	char		sqlstate[6];	/* the command failed, so; or empty */
	int16		place;			/* of the assignment */
	int64		task_id;
	int32		attempt;
	int64		duration;		/* us; 0 = from the start to now */
	TimestampTz run_at;			/* COMPLETION_AGAIN: not before */
	uint64		resource;		/* COMPLETION_BOUNCED: the taken one */
	QueueSlot  *ended;			/* its depth goes down by the task; or NULL */
	XLogRecPtr	lsn;			/* not to be announced before this is on disk */
} Completion;

/* Life of a worker slot; WeirLockWorkers unless said otherwise */
typedef enum WorkerState
{
	WORKER_FREE,				/* -> STARTING (scheduler) */
	WORKER_STARTING,			/* -> IDLE, GONE; FREE (scheduler) */
	WORKER_IDLE,				/* -> BUSY, GONE (worker) */
	WORKER_BUSY,				/* -> IDLE, GONE (worker) */
	WORKER_GONE					/* -> FREE (scheduler, when reconciled) */
} WorkerState;

/* Why a worker is to cancel its command */
typedef enum CancelCause
{
	CANCEL_NONE,
	CANCEL_REQUESTED,			/* weir.cancel() */
	CANCEL_CLOSED,				/* its window has closed */
	CANCEL_GROUP,				/* its group ends */
	CANCEL_PREEMPTED			/* a critical daily task needs what it has */
} CancelCause;

/*
 * One worker slot.  Owner: worker_slot.c.  inbox and outbox are rings with
 * one writer and one reader each; an assignment stays in "assigned" until
 * the scheduler has taken its completion in, so that a new scheduler finds
 * what the old one had under way.  What the worker has not taken out of its
 * inbox yet the scheduler may take back.  Owners: inbox.c, outbox.c.
 */
typedef struct WeirWorker
{
	pg_atomic_uint32 state;		/* WorkerState */
	uint32		generation;		/* of the slot's use */
	Oid			database;
	Oid			role;
	pid_t		pid;			/* worker */
	int			procno;			/* worker */
	bool		terminated;		/* worker: it left because of SIGTERM */
	bool		never_ready;	/* worker: it left before it was connected */
	TimestampTz since;			/* of the state */
	pg_atomic_uint32 leave;		/* scheduler: exit when idle */

	Assignment	assigned[WEIR_INBOX_SIZE];	/* scheduler */
	pg_atomic_uint64 in_hand;	/* scheduler: which of them are used, as bits */
	pg_atomic_uint64 fed;		/* worker: which have used what they reserved */
	uint8		inbox[WEIR_INBOX_SIZE]; /* scheduler: places in "assigned" */
	uint64		inbox_written;	/* scheduler: of them, not handed over yet */
	pg_atomic_uint64 inbox_head;	/* scheduler */
	pg_atomic_uint64 inbox_tail;	/* worker; scheduler, to take back */
	Completion	outbox[WEIR_INBOX_SIZE];
	pg_atomic_uint64 outbox_written;	/* worker */
	pg_atomic_uint64 outbox_head;	/* announced up to here; under mutex */
	pg_atomic_uint64 outbox_tail;	/* scheduler */
	pg_atomic_uint64 outbox_lsn;	/* worker: the last that is to be flushed */

	/* the attempt being executed; worker, under mutex */
	slock_t		mutex;
	int64		task_id;
	int32		attempt;
	TimestampTz started_at;
	int64		done;
	int64		total;
	int64		lock_wait;		/* us, as seen so far; scheduler */
	char		note[WEIR_NOTE_SIZE];

	/* a request to cancel names the attempt; anybody, under mutex */
	int64		cancel_task;
	int32		cancel_attempt;
	CancelCause cancel_cause;
	Oid			cancel_actor;
	int64		cancel_for;		/* CANCEL_PREEMPTED: the daily task */

	/* when the process that still executes it is terminated; under mutex */
	TimestampTz stop_at;		/* worker, scheduler, cancel; 0 = never */
	bool		stopped;		/* scheduler: it was */

	/* scheduler: a task that had better stop; 0 = none */
	pg_atomic_uint64 yield_task;
} WeirWorker;

/* A utility command that keeps a database free of our processes */
typedef struct DatabaseHold
{
	Oid			database;		/* InvalidOid = free */
	pid_t		holder;			/* its backend */
} DatabaseHold;

/* A task that was running in a process that died by itself */
typedef struct Suspect
{
	Oid			database;
	int32		attempt;
	int64		task_id;
} Suspect;

typedef struct WeirShared
{
	pid_t		launcher_pid;	/* launcher; 0 = none */
	int			launcher_procno;
	pg_atomic_uint32 launcher_starved;	/* no process for a scheduler */
	pg_atomic_uint32 databases_changed; /* the launcher is to read the list */
	pg_atomic_uint32 enforcing; /* the sum over all databases */
	DatabaseHold holds[WEIR_MAX_HOLDS]; /* WeirLockDatabases */
	int			nsuspects;		/* filled at start, read only afterwards */
	Suspect		suspects[WEIR_MAX_SUSPECTS];
	WeirDatabase *databases;	/* weir.max_databases */
	WeirWorker *workers;		/* weir.max_workers */
} WeirShared;

extern WeirShared *Weir;		/* NULL when not preloaded */

#define WeirLockDatabases	(layout_lock(0))
#define WeirLockWorkers		(layout_lock(1))

extern void layout_install_hooks(void);
extern LWLock *layout_lock(int number);
extern void layout_require(void);

#endif							/* WEIR_LAYOUT_H */
