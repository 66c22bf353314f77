/*-------------------------------------------------------------------------
 *
 * policy.h
 *	  Admission: which waiting task starts next, and on which slots.
 *
 * The policy is pure C: state and "now" go in, decisions come out.  It reads
 * no clock, takes no lock, calls no server function but the allocator that it
 * is given, and is compiled a second time into the simulator (test/sim).
 * One caller at a time: the scheduler of a database.
 *
 * A task waits in a bucket, one per (queue, owner, class, set of resources).
 * All tasks of a bucket are feasible together or blocked together, so the
 * cost of a decision follows the buckets that can run now, never the backlog:
 * a blocked bucket is parked at the thing it lacks and looked at again only
 * when that thing has room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

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
	POLICY_CAUSE_SCHEDULED,		/* its run_at (or retry time) is to come */
	POLICY_CAUSE_PAUSED_ALL,
	POLICY_CAUSE_PAUSED_QUEUE,
	POLICY_CAUSE_SOLO,			/* it runs alone, or another one does */
	POLICY_CAUSE_DOWNSTREAM,	/* the queue that its queue feeds is full */
	POLICY_CAUSE_WINDOW,		/* its class, or a resource, is not open */
	POLICY_CAUSE_QUEUE_LIMIT,	/* max_running of its queue */
	POLICY_CAUSE_BUDGET,		/* the retry budget of its queue or a resource */
	POLICY_CAUSE_RESOURCE,		/* no slot free in a resource */
	POLICY_CAUSE_RATE,			/* a resource's rate, or its pause */
	POLICY_CAUSE_BREAKER,		/* a resource's breaker */
	POLICY_CAUSE_CLASS_SHARE,	/* remaining workers are reserved for others */
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

/* Answer of policy_why */
typedef struct PolicyWhy
{
	PolicyCause cause;
	uint64_t	resource;		/* for POLICY_CAUSE_RESOURCE, RATE, BREAKER;
								 * for BUDGET: 0 if it is that of the queue */
	PolicyTime	until;			/* for POLICY_CAUSE_SCHEDULED, WINDOW, RATE,
								 * BUDGET, BREAKER */
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
	int32_t		reset;			/* it is closed when this changes */
	bool		fail;			/* tasks that it holds back are ended */
	bool		time_based;
	int64_t		window;			/* us; or number of calls */
	int32_t		min_calls;		/* for the two shares */
	int32_t		failures;		/* so many in the window open it */
	double		failure_rate;	/* percent */
	double		slow_rate;		/* percent */
	int64_t		slow;			/* us; 0: no call is slow */
	int64_t		wait;			/* us, open */
	int32_t		permitted;		/* calls while half open */
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
	BreakerCounts counts;		/* if turned: those that led to it */
	int32_t		probing;		/* probes under way */
} BreakerStatus;

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

typedef struct Policy Policy;

extern Policy *policy_create(const PolicyAllocator *allocator);
extern void policy_destroy(Policy *policy);

/*
 * Configuration; each may be called at any time, also while work runs.  A
 * max_running, max_share or number of slots of 0 is none: no limit.  Numbers
 * out of range are brought into it.  A queue that tasks name before it is set,
 * or after it is dropped, has no limit and weight 1.
 */
extern void policy_set_workers(Policy *policy, int workers);
extern void policy_set_class(Policy *policy, PolicyClass klass, int reserved,
							 int max_share, double floor_share, double weight);
extern void policy_set_queue(Policy *policy, uint32_t queue, int max_running,
							 double weight, bool paused);
extern void policy_set_shedding(Policy *policy, uint32_t queue, bool sheds);
extern void policy_hold_up_queue(Policy *policy, uint32_t queue, bool hold);
extern void policy_drop_queue(Policy *policy, uint32_t queue);
extern void policy_set_resource(Policy *policy, uint64_t resource, int slots,
								int reserved);
extern void policy_set_paused(Policy *policy, bool paused);

/*
 * When tasks of a class may start that need the resource, or all of them if
 * that is 0: from "opens_at" on, if they are likely to end by "closes_at".
 * POLICY_TIME_ALWAYS and POLICY_TIME_NEVER is at any time.  What is to come
 * after "closes_at" is to be told when that has come.
 */
extern void policy_set_window(Policy *policy, PolicyClass klass,
							  uint64_t resource, PolicyTime opens_at,
							  PolicyTime closes_at);

/*
 * How long runs of a queue are likely to take; 0 if that is not known.
 */
extern void policy_set_duration(Policy *policy, uint32_t queue,
								int64_t duration);

/*
 * Of the slots of a resource with a cap, tasks hold no more than "limit" at
 * once, and one of class backfill gets none if they hold "backfill_limit".
 * The reserved slots are counted in, and are not limited.  0 is no limit.  Of a
 * resource without a cap nothing is kept.
 */
extern void policy_set_limit(Policy *policy, uint64_t resource, int limit,
							 int backfill_limit);

/*
 * The time, if something is added before policy_next tells it.
 */
extern void policy_set_now(Policy *policy, PolicyTime now);

/*
 * The rate of a resource: a start takes a token, one comes every "gap"
 * microseconds, "burst" are kept at most.  No rate if the gap is 0.  "full_at"
 * says of one that had no rate when it has all of them.
 */
extern void policy_set_rate(Policy *policy, uint64_t resource, PolicyTime now,
							int64_t gap, int burst, PolicyTime full_at);

/*
 * Retry budgets.  What was counted is forgotten when the window gets another
 * length.  The figures of those that have changed are told one by one.
 */
extern void policy_set_queue_budget(Policy *policy, uint32_t queue,
									const BudgetRule *rule);
extern void policy_set_resource_budget(Policy *policy, uint64_t resource,
									   const BudgetRule *rule);
extern bool policy_next_budget(Policy *policy, BudgetState *state);

/*
 * Circuit breakers of resources.  Changed ones are told one by one.  The ends
 * of attempts are reported before policy_finished and the like; what restores
 * says is how the breaker was before this policy.
 */
extern void policy_set_breaker(Policy *policy, uint64_t resource,
							   const BreakerRule *rule);
extern void policy_restore_breaker(Policy *policy, uint64_t resource,
								   BreakerState state, PolicyTime until);
extern void policy_report(Policy *policy, int64_t task_id,
						  const PolicyResult *result, PolicyTime now);
extern bool policy_next_breaker(Policy *policy, BreakerStatus *status);
extern bool policy_next_refused(Policy *policy, PolicyEnd *refused);

/*
 * Nothing that needs the resource starts before "until"; for "spread" after
 * that starts are kept apart.  Only of resources with slots or a rate.
 */
extern void policy_pause_resource(Policy *policy, uint64_t resource,
								  PolicyTime until, int64_t spread);

/*
 * The next resource whose times have changed; false if there is no other.
 */
extern bool policy_next_times(Policy *policy, PolicyTimes *times);

/*
 * Forgets a resource that no task needs and that has all its tokens; false if
 * it is not such a one.
 */
extern bool policy_forget_resource(Policy *policy, uint64_t resource,
								   PolicyTime now);

/*
 * Slots of a resource that sessions outside the scheduler hold now, and
 * whether one of them waits at the gate: then a freed slot is left to it,
 * unless a daily task takes it.
 */
extern void policy_set_foreign(Policy *policy, uint64_t resource,
							   uint64_t held, bool gate_waiting);

/*
 * Tasks.  policy_add says false if the id is held already (nothing changes),
 * the others if it is not held; policy_remove also for a task that runs: that
 * one ends by policy_finished.
 */
extern bool policy_add(Policy *policy, const PolicyTask *task);

/*
 * Adds a task that runs already: another policy has started it, on these
 * slots.  It counts as one that policy_next has started; slots of resources
 * that it does not need are left out.
 */
extern bool policy_add_running(Policy *policy, const PolicyTask *task,
							   const PolicyGrant *grants, int ngrants);
extern bool policy_remove(Policy *policy, int64_t task_id);

/*
 * Takes out a task that waits, and says what it was; false if it runs, or is
 * not held.
 */
extern bool policy_take_out(Policy *policy, int64_t task_id, PolicyEnd *end);
extern bool policy_holds(Policy *policy, int64_t task_id);
extern bool policy_is_running(Policy *policy, int64_t task_id);
extern bool policy_change(Policy *policy, int64_t task_id,
						  const int32_t *priority,
						  const PolicyTime *deadline,
						  const PolicyTime *run_at);

/*
 * The next start, or false if nothing can start.  The task counts as running
 * and its slots as taken from then on, until policy_finished (it is gone),
 * policy_again (it waits for attempt "attempt", not before run_at) or
 * policy_put_back (it was not started after all: same attempt, same age, and
 * no share is charged; hold the owner, or it is the next one again).  If
 * policy_again says the attempt that it was started as, it did not start
 * either, and takes no token; it is a retry if it was one.  policy_retry is
 * policy_again after an attempt that failed and counts.
 */
extern bool policy_next(Policy *policy, PolicyTime now, PolicyStart *start);

/*
 * A task whose expires_at has come while it waited: it is gone, and the caller
 * ends it.  False if there is none.  To be asked before policy_next until it
 * says so, with the same "now", and again at policy_next_expiry, also while
 * nothing may start.  A task that was given out and is put back, or waits
 * again for the same attempt, has not started; one that waits for another
 * attempt has.
 */
extern bool policy_next_expired(Policy *policy, PolicyTime now,
								PolicyEnd *expired);
extern PolicyTime policy_next_expiry(Policy *policy);

/*
 * The tasks that go first when a queue is full that sheds: of those that wait,
 * for whatever, the oldest of the lowest class.  At most POLICY_MAX_SHED; they
 * go on to wait, until policy_remove.
 */
extern int	policy_next_shed(Policy *policy, uint32_t queue, PolicyShed *shed,
							 int n);

/*
 * The end of a task for those that wait for it: its last run is committed, and
 * whether it succeeded.  If not, policy_next_orphan is asked first, until it
 * says false: it gives out those that are to be cancelled for it.  To be told
 * of every task for which policy_is_parent says so, whether it was ever held
 * or not, and once more for one that was brought back.
 */
extern bool policy_is_parent(Policy *policy, int64_t task_id);
extern bool policy_next_orphan(Policy *policy, int64_t parent_id,
							   PolicyEnd *orphan);
extern void policy_parent_ended(Policy *policy, int64_t parent_id,
								bool succeeded, PolicyTime now);

/*
 * The task is not to wait for its parents any more, as if they had ended as
 * they must.  False if it does not wait for any.
 */
extern bool policy_unblock(Policy *policy, int64_t task_id, PolicyTime now);
extern bool policy_finished(Policy *policy, int64_t task_id);
extern bool policy_again(Policy *policy, int64_t task_id, int32_t attempt,
						 PolicyTime run_at, bool solo);
extern bool policy_retry(Policy *policy, int64_t task_id, int32_t attempt,
						 PolicyTime run_at, bool solo);
extern bool policy_put_back(Policy *policy, int64_t task_id);

/*
 * A task that runs is about to end, and the caller means to give its worker
 * to the next one ahead of time: it counts no more against the workers, nor
 * against the share of its class; its queue and its slots count it on.  Or
 * that has turned out to be wrong.  False if it does not run, or runs alone.
 */
extern bool policy_set_ending(Policy *policy, int64_t task_id, bool ending);

/*
 * Does a task of a better class wait for a slot of the resource, which this
 * class has?
 */
extern bool policy_slot_wanted(const Policy *policy, uint64_t resource,
							   PolicyClass klass);

/*
 * Does a daily task wait for a slot, or a worker, that this task holds?  Only
 * one that runs and is of class backfill is asked to yield.  To be asked when
 * policy_next has said that nothing can start.
 */
extern bool policy_to_yield(Policy *policy, int64_t task_id, PolicyWant *want);

/*
 * The next task that is to end early, to be asked when policy_next has said
 * that nothing can start.  The caller has it rolled back and says policy_again;
 * it may also end by itself.  What it has is left to the task that it ends for.
 */
extern bool policy_next_preemption(Policy *policy, PolicyTime now,
								   PolicyPreemption *preemption);

/*
 * The same for a daily task that runs, and is blocked by a lock that another
 * task has: is that one to end early?
 */
extern bool policy_preempt_blocker(Policy *policy, PolicyTime now,
								   int64_t task_id, int64_t blocker_id);
extern bool policy_blocks_daily(Policy *policy, int64_t task_id,
								int64_t blocker_id);
extern int	policy_handed(Policy *policy, uint64_t resource);

/*
 * Deadlines of daily tasks: the next one of which there is something new, and
 * what is known of one.  The next kind of tasks that nothing is known of, and
 * how long one of a kind waited and ran; a queue is the kind of its tasks.  The
 * same of a task that has succeeded, before policy_finished; false if it has no
 * deadline.
 */
extern bool policy_next_risk(Policy *policy, PolicyRiskInfo *info);
extern bool policy_risk(Policy *policy, int64_t task_id,
						PolicyRiskInfo *info);
extern bool policy_next_history(Policy *policy, uint64_t *key);
extern void policy_note_run(Policy *policy, uint64_t key, int64_t wait,
							int64_t run);
extern bool policy_note_end(Policy *policy, int64_t task_id, int64_t run);

/*
 * Tasks of this owner cannot be placed for now (no worker of that role can be
 * had); they are passed over until the owner is held no more.
 */
extern void policy_hold_owner(Policy *policy, uint32_t owner, bool hold);

/*
 * When policy_next is to be asked again although nothing else happens: a task
 * becomes due, a window or a resource opens, or the wait for an empty server (for a solo
 * task) is over.  Not after "now" if more tasks are due than policy_next looked
 * at, which it does only while no worker is free.  POLICY_TIME_NEVER if there
 * is no such time.
 */
extern PolicyTime policy_next_due(Policy *policy);

/*
 * Tasks that are due, were enqueued at a time or before it, and are the first
 * of their bucket, one after another; false if there is no other.  "*next" is
 * where to go on, 0 at first.
 */
extern bool policy_next_starved(Policy *policy, PolicyTime enqueued_at,
								uint32_t *next, PolicyStarved *starved);

/* Looking in */
extern bool policy_task_needs(Policy *policy, int64_t task_id, uint64_t resource);
extern PolicyWhy policy_why(Policy *policy, int64_t task_id, PolicyTime now);
extern void policy_queue_counts(Policy *policy, uint32_t queue,
								PolicyQueueCounts *counts);
extern void policy_class_use(Policy *policy, PolicyClass klass,
							 PolicyClassUse *use);
extern uint64_t policy_num_tasks(Policy *policy);
extern size_t policy_memory(Policy *policy);

#endif							/* WEIR_POLICY_H */
