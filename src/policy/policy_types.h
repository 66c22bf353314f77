/*-------------------------------------------------------------------------
 *
 * policy_types.h
 *	  What goes into the policy, and what comes out of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_TYPES_H
#define WEIR_POLICY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds since any fixed epoch; the two ends mean "always" and "never" */
typedef int64_t PolicyTime;
#define POLICY_TIME_ALWAYS	INT64_MIN
#define POLICY_TIME_NEVER	INT64_MAX

#define POLICY_MAX_NEEDS	8	/* resources that one task can need */
#define POLICY_MAX_SLOTS	64	/* slots of one resource: a bit mask */
#define POLICY_MAX_SHED		16	/* tasks that can be asked for together */
#define POLICY_MAX_BURST	100000	/* times the gap: no overflow */
#define POLICY_MAX_GAP		(INT64_C(366) * 86400 * 1000000)

typedef enum PolicyClass
{
	POLICY_CLASS_SYSTEM,
	POLICY_CLASS_DAILY,
	POLICY_CLASS_ADHOC,
	POLICY_CLASS_BACKFILL
} PolicyClass;

#define POLICY_NUM_CLASSES	(POLICY_CLASS_BACKFILL + 1)

/* How likely it is that a daily task misses its deadline */
typedef enum PolicyTier
{
	POLICY_TIER_ON_TIME,
	POLICY_TIER_AT_RISK,
	POLICY_TIER_CRITICAL
} PolicyTier;

/* Why a task that waits does not run; the order is the order of the checks */
typedef enum PolicyCause
{
	POLICY_CAUSE_NONE,			/* feasible now: it starts with the next tick */
	POLICY_CAUSE_UNKNOWN,		/* the policy does not hold this task */
	POLICY_CAUSE_RUNNING,
	POLICY_CAUSE_DEPENDENCY,	/* a parent has not ended as it must */
	POLICY_CAUSE_SERIAL_KEY,	/* another one of its key goes first */
	POLICY_CAUSE_SCHEDULED,		/* its run_at (or retry time) is to come */
	POLICY_CAUSE_PAUSED_ALL,
	POLICY_CAUSE_PAUSED_QUEUE,
	POLICY_CAUSE_SOLO,			/* it runs alone, or another one does */
	POLICY_CAUSE_DOWNSTREAM,	/* the queue that its queue feeds is full */
	POLICY_CAUSE_WINDOW,		/* its class, or a resource, is not open */
	POLICY_CAUSE_QUEUE_LIMIT,	/* max_running of its queue */
	POLICY_CAUSE_ROLE_LIMIT,	/* max_running of its owner */
	POLICY_CAUSE_BUDGET,		/* the retry budget of its queue or a resource */
	POLICY_CAUSE_RESOURCE,		/* no slot free in a resource */
	POLICY_CAUSE_RATE,			/* a resource's rate, or its pause */
	POLICY_CAUSE_BREAKER,		/* a resource's breaker */
	POLICY_CAUSE_RAMP,			/* a ramp after an outage, of a resource or of
								 * everything */
	POLICY_CAUSE_CLASS_SHARE,	/* remaining workers are reserved for others */
	POLICY_CAUSE_HEALTH,		/* a measure of the server's health */
	POLICY_CAUSE_NO_WORKER,		/* all workers busy, or none for its owner */
	POLICY_CAUSE_BEHIND			/* others of its bucket or rank go first */
} PolicyCause;

/* What becomes of a task when one of its parents ends without success */
typedef enum PolicyOnFailure
{
	POLICY_ON_FAILURE_CANCEL,	/* it is cancelled */
	POLICY_ON_FAILURE_WAIT,		/* until that has been brought back, and
								 * succeeds */
	POLICY_ON_FAILURE_RUN		/* any end will do */
} PolicyOnFailure;

/* The history of the runs of a job; that of a queue's tasks is its number */
#define POLICY_HISTORY_OF_JOB(job)	(UINT64_C(1) << 32 | (uint32_t) (job))

/* What the caller says of a task (or of a range of equal ones) */
typedef struct PolicyTask
{
	int64_t		task_id;
	uint32_t	queue;
	uint32_t	owner;			/* role */
	PolicyClass klass;
	int32_t		priority;		/* lower first; a bounded head start */
	int32_t		attempt;		/* number of the attempt to start next */
	bool		solo;			/* run it alone: it may crash the server */
	bool		retry;			/* its last attempt failed, and counts */
	PolicyTime	enqueued_at;
	PolicyTime	run_at;			/* not before; POLICY_TIME_ALWAYS if none */
	PolicyTime	deadline;		/* POLICY_TIME_NEVER if none */
	PolicyTime	expires_at;		/* to start before; POLICY_TIME_NEVER if it
								 * may wait for ever, or has begun before */
	uint64_t	serial_key;		/* tasks with the same run one at a time; 0 if
								 * none */
	bool		begun;			/* an attempt of it has: it keeps its key */
	int			nneeds;
	uint64_t	needs[POLICY_MAX_NEEDS];	/* resource keys, any order */
	int			nparents;		/* to end before it starts */
	const int64_t *parents;		/* ids, each once; need not be held */
	PolicyOnFailure on_failure;
	int64_t		wait_limit;		/* with parents, instead of expires_at: from
								 * the end of the last one; 0 if none */
	bool		firm;			/* cannot be rolled back: is not preempted */
	int			preempted;		/* how often it has been */
	uint64_t	history;		/* daily, with a deadline: its kind; 0: that
								 * of its queue */
	int64_t		estimate;		/* how long it runs, as declared; 0: unknown */
} PolicyTask;

typedef struct PolicyGrant
{
	uint64_t	resource;
	int32_t		slot;			/* 0 .. slots - 1 */
} PolicyGrant;

/* A task that waited, is held no more, and is to be ended by the caller */
typedef struct PolicyEnd
{
	int64_t		task_id;
	uint32_t	queue;
	int32_t		attempt;		/* that has not begun */
} PolicyEnd;

/* A task that can be shed */
typedef struct PolicyShed
{
	int64_t		task_id;
	PolicyClass klass;
} PolicyShed;

/* A decision: this task starts now, on these slots, in canonical order */
typedef struct PolicyStart
{
	int64_t		task_id;
	uint32_t	queue;
	uint32_t	owner;
	PolicyClass klass;
	int32_t		attempt;
	bool		solo;
	bool		rated;			/* counts for a rate: is to start at once */
	uint64_t	fallback;		/* resource whose breaker has another command
								 * executed; 0: none */
	int			ngrants;		/* needs without a cap get no grant */
	PolicyGrant grants[POLICY_MAX_NEEDS];
} PolicyStart;

typedef struct PolicyQueueCounts
{
	uint32_t	ready;			/* feasible, or only behind others */
	uint32_t	delayed;		/* run_at or retry time to come */
	uint32_t	blocked;		/* by a parent; paused, limit or resource
								 * without room, as last looked at */
	uint32_t	running;
	bool		shut;			/* nothing of it can start, whatever it is */
	PolicyTime	oldest;			/* when the oldest of all was enqueued, or
								 * somewhat earlier; POLICY_TIME_NEVER: none */
} PolicyQueueCounts;

/* Who wants what a task holds that runs: answer of policy_to_yield */
typedef struct PolicyWant
{
	int64_t		task_id;		/* the first of those that wait for it */
	uint64_t	resource;		/* of which a slot is lacking; 0: a worker */
} PolicyWant;

/* A task that is to end early, and for whom */
typedef struct PolicyPreemption
{
	int64_t		task_id;
	int64_t		for_task;		/* what it has is handed to that one */
	uint64_t	resource;		/* that is lacking; 0: a worker */
} PolicyPreemption;

/* What is known of a daily task with a deadline */
typedef struct PolicyRiskInfo
{
	int64_t		task_id;
	bool		gone;			/* it has ended, or has no deadline any more */
	bool		news;			/* tier or missed have changed since they were
								 * told */
	bool		was_at_risk;	/* it has been in a tier */
	bool		missed;			/* the deadline has passed */
	PolicyTier	tier;
	double		on_time;		/* probability of being done in time */
	PolicyTime	deadline;
	PolicyTime	latest_start;	/* deadline minus how long nine of ten run */
	PolicyTime	look_at;		/* when that is said anew */
} PolicyRiskInfo;

/* Health of the server: what is measured */
typedef enum HealthMeasure
{
	HEALTH_XMIN_AGE,			/* transactions since the oldest snapshot */
	HEALTH_REPLICATION_LAG,		/* bytes that the slowest standby lacks */
	HEALTH_WAL_RATE,			/* bytes in a second */
	HEALTH_ACTIVE_SESSIONS,		/* that execute a statement */
	HEALTH_FREE_WORKERS			/* see health.c */
} HealthMeasure;

#define HEALTH_MEASURES	(HEALTH_FREE_WORKERS + 1)

typedef struct HealthRule
{
	bool		on;				/* there is one */
	uint8_t		classes;		/* that wait, as bits */
	int64_t		limit;			/* more is bad; free workers: fewer */
	int64_t		resume;			/* until it is so few, or fewer */
} HealthRule;

/* Answer of policy_why */
typedef struct PolicyWhy
{
	PolicyCause cause;
	HealthMeasure measure;		/* for POLICY_CAUSE_HEALTH */
	uint64_t	resource;		/* for POLICY_CAUSE_RESOURCE, RATE, BREAKER;
								 * for BUDGET: 0 if it is that of the queue;
								 * for RAMP: 0 if it is that of its queue or
								 * of everything */
	PolicyTime	until;			/* for POLICY_CAUSE_SCHEDULED, WINDOW, RATE,
								 * BUDGET, BREAKER, RAMP */
	uint64_t	ahead;			/* tasks of its bucket before it, at most; 0
								 * only if it is the first */
} PolicyWhy;

/* What a class has of the workers, and of the last starts */
typedef struct PolicyClassUse
{
	int			running;		/* without those that are about to end */
	int			starts;			/* of the last "of_starts" */
	int			of_starts;
	bool		lent;			/* others have borrowed the worker that its
								 * next task would have to have */
} PolicyClassUse;

/* A task that has waited for long, the first of those that are like it */
typedef struct PolicyStarved
{
	int64_t		task_id;
	uint32_t	queue;
	PolicyClass klass;
	uint32_t	behind;			/* tasks that wait behind it */
} PolicyStarved;

/*
 * When all tokens of a resource are there, and when the next start is possible
 * as far as rate and pause go; POLICY_TIME_ALWAYS if there are none.
 */
typedef struct PolicyTimes
{
	uint64_t	resource;
	PolicyTime	full_at;
	PolicyTime	opens_at;
} PolicyTimes;

/*
 * A retry budget: in any time as long as "window" (us; 0 is no budget) at most
 * "ratio" times as many retries start as first attempts, or "floor" of them.
 */
typedef struct BudgetRule
{
	double		ratio;
	int64_t		window;
	int32_t		floor;			/* at least 1 */
} BudgetRule;

/* How much of a budget is used */
typedef struct BudgetState
{
	uint32_t	queue;			/* that it is of; 0 if of a resource */
	uint64_t	resource;
	uint32_t	firsts;			/* first attempts that count */
	uint32_t	retries;		/* that count */
	uint32_t	allowed;		/* at most so many; 0 if there is no budget */
	uint32_t	waiting;		/* retries that wait for it */
	PolicyTime	opens_at;		/* when the next of those may start;
								 * POLICY_TIME_ALWAYS if none waits */
} BudgetState;

/* See breaker.c */
typedef enum BreakerState
{
	BREAKER_CLOSED,				/* -> OPEN; FORCED_OPEN, DISABLED: set */
	BREAKER_OPEN,				/* -> HALF_OPEN; the same */
	BREAKER_HALF_OPEN,			/* -> CLOSED, OPEN; the same */
	BREAKER_FORCED_OPEN,		/* -> CLOSED, DISABLED: set */
	BREAKER_DISABLED			/* -> CLOSED, FORCED_OPEN: set */
} BreakerState;

#define BREAKER_MAX_SQLSTATES	16
#define BREAKER_MAX_CALLS		1000

/* A circuit breaker; what is 0 of the thresholds does not count */
typedef struct BreakerRule
{
	bool		on;				/* there is one */
	BreakerState mode;			/* CLOSED: by itself; or FORCED_OPEN, DISABLED */
	PolicyTime	made;			/* or set by hand; it is closed when this
								 * changes */
	bool		fail;			/* tasks that it holds back are ended */
	bool		fallback;		/* none is held back: another command is
								 * executed */
	bool		time_based;
	int64_t		window;			/* us; or number of calls */
	int32_t		min_calls;		/* for the two shares */
	int32_t		failures;		/* so many in the window open it */
	double		failure_rate;	/* percent */
	double		slow_rate;		/* percent */
	int64_t		slow;			/* us; 0: no call is slow */
	int64_t		wait;			/* us, open */
	int32_t		permitted;		/* calls while half open */
	int64_t		ramp;			/* us; of the ramp when it closes; -1: as all */
	int			nrecord;		/* errors that count; none: all but class 40 */
	int			nignore;		/* errors that do not */
	char		record[BREAKER_MAX_SQLSTATES][6];	/* or what they begin with */
	char		ignore[BREAKER_MAX_SQLSTATES][6];
} BreakerRule;

typedef struct BreakerCounts
{
	int32_t		calls;
	int32_t		failures;
	int32_t		slow;
} BreakerCounts;

typedef struct BreakerStatus
{
	uint64_t	resource;
	bool		turned;			/* from another state, since it was told */
	BreakerState from;
	BreakerState state;
	PolicyTime	since;
	PolicyTime	until;			/* while OPEN */
	PolicyTime	made;			/* as its rule says */
	BreakerCounts counts;		/* if turned: those that led to it */
	int32_t		probing;		/* probes under way */
} BreakerStatus;

/* What is known of a ramp */
typedef struct RampStatus
{
	uint32_t	queue;			/* whose it is, or */
	uint64_t	resource;		/* if both are 0: of everything */
	bool		on;				/* or it has ended */
	PolicyTime	began_at;
	int64_t		length;			/* us */
	int32_t		allowed;		/* tasks that may run at a time */
	int32_t		total;			/* and when it is over */
	PolicyTime	step_at;		/* when one more may */
} RampStatus;

/* How an attempt ended that says something of the resources that it needed */
typedef struct PolicyResult
{
	bool		succeeded;
	const char *sqlstate;		/* if not */
	int64_t		duration;		/* us */
} PolicyResult;

/*
 * The allocator.  alloc and resize never return NULL (they raise or exit);
 * sizes above 1 GB must work.
 */
typedef struct PolicyAllocator
{
	void	   *(*alloc) (void *context, size_t size);
	void	   *(*resize) (void *context, void *pointer, size_t size);
	void		(*release) (void *context, void *pointer);
	void	   *context;
} PolicyAllocator;

#endif							/* WEIR_POLICY_TYPES_H */
