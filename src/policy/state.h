/*-------------------------------------------------------------------------
 *
 * state.h
 *	  What the policy knows.
 *
 * Buckets and places.  A bucket holds the tasks of one (queue, owner, class,
 * set of resources, solo, retry).  A place is what a bucket needs room in: its
 * queue, its owner, each of its resources, and for retries the budgets of
 * these.  At any time a bucket
 *
 *	is idle		no task of it is due;
 *	is ready	it stands in the tree of its class; it had room when it
 *				got there, and if others took it since, that is found out
 *				when its turn comes;
 *	is parked	at one place that had no room for its class when it was
 *				looked at: it stands in a tree of that place, and costs
 *				nothing until there is room;
 *	is shut		because of the time: it stands in a heap by when that may
 *				be over (window.c);
 *	is solo		it stands in a list of its own (solo.c).
 *
 * The invariant that keeps a parked bucket from being forgotten: if a place
 * has room for a class, and a bucket of that class is parked there, then a
 * ready bucket of that class needs that place too.  So one bucket is woken
 * whenever a place gets room, and one more whenever a ready bucket that needs
 * the place takes its turn or leaves: the next in line, not all of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_STATE_H
#define WEIR_POLICY_STATE_H

#include "policy/age.h"
#include "policy/fair.h"
#include "policy/forecast.h"
#include "policy/order.h"

/*
 * Floor shares hold over any FLOOR_WINDOW starts.  They are enforced over a
 * few starts less, because when several classes are owed one, all but the
 * first get it that much later.
 */
#define FLOOR_WINDOW	100
#define FLOOR_SPAN		(FLOOR_WINDOW - POLICY_NUM_CLASSES)

typedef enum PlaceKind
{
	PLACE_QUEUE,
	PLACE_OWNER,
	PLACE_RESOURCE,
	PLACE_BUDGET
} PlaceKind;

typedef struct PolicyPlace
{
	PlaceKind	kind;
	FairRoot	parked[POLICY_NUM_CLASSES];
} PolicyPlace;

/*
 * A retry budget (budget.c).  Slices of time are kept as long as their counts
 * are needed: those of the window, one that is partly out, one whose retries
 * leave.
 */
#define BUDGET_SLICES	20
#define BUDGET_KEPT		(BUDGET_SLICES + 2)

typedef struct BudgetCounts
{
	uint32_t	firsts;			/* first attempts that started */
	uint32_t	retries;
} BudgetCounts;

typedef struct PolicyBudget
{
	PolicyPlace place;
	uint32_t	queue;			/* whose it is, or */
	uint64_t	resource;
	BudgetRule	rule;
	const PolicyTime *now;		/* of the policy */
	int64_t		length;			/* of a slice */
	int64_t		slice;			/* number of the last one that is kept */
	BudgetCounts slices[BUDGET_KEPT];	/* by number */
	uint32_t	waiting;		/* ready tasks in buckets parked here */
	bool		timed;			/* in the heap: somebody waits for time */
	PolicyHeapNode by_opening;
	PolicyTime	opens_at;		/* while timed */
	bool		changed;		/* its figures, since they were told */
	struct PolicyBudget *next_changed;
} PolicyBudget;

/* Starts begin slowly (ramp.c) */
typedef struct PolicyRamp
{
	struct PolicyRamp **owner;	/* where it is found */
	PolicyPlace *place;			/* a queue or resource; NULL: of everything */
	uint32_t	queue;			/* whose it is, or */
	uint64_t	resource;
	bool		on;
	PolicyTime	began_at;
	int64_t		length;
	int64_t		phase;			/* the part of a step that is drawn; of the
								 * length, not of a step */
	int32_t		total;			/* tasks that run when it is over */
	int32_t		allowed;		/* that may run now */
	PolicyTime	step_at;		/* when one more may */
	PolicyHeapNode by_step;		/* while on */
	bool		changed;		/* since it was told */
	struct PolicyRamp *next_changed;
} PolicyRamp;

/* When something may start: see policy_set_window */
typedef struct PolicyWindow
{
	PolicyTime	opens_at;
	PolicyTime	closes_at;
} PolicyWindow;

/*
 * A circuit breaker (breaker.c).
 */
#define BREAKER_SLICES	10

typedef struct BreakerCall
{
	bool		failed;
	bool		slow;
} BreakerCall;

typedef struct PolicyBreaker
{
	struct PolicyResource *owner;
	BreakerRule rule;
	BreakerState state;
	PolicyTime	since;			/* what began before does not count */
	PolicyTime	until;			/* while open */
	int32_t		probing;		/* probes under way */
	BreakerCounts sums;			/* of the window; half open: of the probes */
	int64_t		slice;			/* number of the last slice of time */
	BreakerCounts slices[BREAKER_SLICES];	/* by number */
	uint64_t	ncalls;
	BreakerCall calls[BREAKER_MAX_CALLS];	/* the last ones, by number */
	bool		turned;			/* since it was told */
	BreakerState from;			/* what was told last */
	BreakerCounts reason;		/* what led to the state */
	bool		changed;
	struct PolicyBreaker *next_changed;
	bool		refusing;		/* in the list of those that refuse */
	struct PolicyBreaker *next_refusing;
} PolicyBreaker;

typedef struct PolicyQueue
{
	PolicyMapEntry entry;
	PolicyPlace place;
	uint32_t	id;
	bool		configured;		/* kept without buckets */
	bool		paused;
	int			max_running;	/* no limit if not above 0 */
	double		weight;
	int64_t		duration;		/* that a run is likely to take; 0: not known */
	uint32_t	ready;			/* tasks by state */
	uint32_t	delayed;
	uint32_t	running;
	uint32_t	parked;			/* ready ones in buckets parked at resources
								 * and budgets, or shut */
	uint32_t	dependent;		/* tasks that are blocked by others */
	PolicyAges	ages;			/* of all its tasks */
	uint32_t	nbuckets;
	bool		held_up;		/* the queue that it feeds is full */
	PolicyRamp *ramp;			/* or NULL */
	int64_t		ramp_length;	/* of one when it is resumed; 0: none */
	bool		sheds;			/* tasks that wait stand in these: (shed.c) */
	TaskOrder	shed[POLICY_NUM_CLASSES];
	PolicyBudget *budget;		/* of retries, or NULL */
} PolicyQueue;

typedef struct PolicyOwner
{
	PolicyMapEntry entry;
	PolicyPlace place;
	uint32_t	id;
	bool		configured;		/* kept without buckets */
	bool		held;
	bool		counted;		/* its tasks are, when they come (quota.c) */
	int			max_running;	/* no limit if not above 0 */
	double		weight;
	uint32_t	unfinished;		/* those that are counted */
	uint32_t	running;
	uint32_t	nbuckets;
} PolicyOwner;

typedef struct PolicyResource
{
	PolicyMapEntry entry;
	PolicyPlace place;
	uint64_t	key;
	uint64_t	own;			/* slots of tasks that run */
	uint8_t    *behind;			/* by slot, further tasks that have it after
								 * the first (behind.c); or NULL */
	uint64_t	foreign;		/* slots that others hold */
	int			slots;			/* no cap if 0 */
	int			reserved;		/* slots 0 .. reserved - 1: daily alone */
	int			limit;			/* of slots of ours; none if not above 0 */
	int			backfill_limit; /* the same for class backfill */
	int			barred_from;	/* no class from this one on; all may if 0 */
	bool		gate_waiting;
	PolicyWindow *windows;		/* by class; NULL if always open */
	bool		closed;			/* nothing starts before opens_at (rate.c) */
	uint32_t	claims;			/* daily tasks in a tier that need it wait */
	uint32_t	handed;			/* slots that are handed to daily tasks */
	uint32_t	nbuckets;
	PolicyBudget *budget;		/* of retries, or NULL */
	PolicyBreaker *breaker;		/* or NULL */
	PolicyRamp *ramp;			/* or NULL */
	uint32_t	running;		/* tasks that need it */
	PolicyHeapNode by_opening;	/* while closed */
	PolicyTime	opens_at;
	int64_t		gap;			/* between tokens; no rate if 0 */
	int			burst;
	PolicyTime	full_at;		/* when no token is lacking */
	PolicyTime	paused_until;
	PolicyTime	spread_until;	/* starts are kept apart */
	int64_t		spread_gap;		/* by so much */
	PolicyTime	apart_until;	/* from the last one */
	bool		changed;		/* its times, since they were told */
	struct PolicyResource *next_changed;
} PolicyResource;

typedef struct PolicyBucket
{
	PolicyMapEntry entry;
	FairItem	item;			/* rank of its first ready task */
	FairNode   *line;			/* its node in the tree of its class */
	FairNode   *node;			/* where it stands: line, or a node of the
								 * tree of a place; NULL if idle or solo */
	PolicyPlace *place;			/* where it is parked, or NULL */
	PolicyHeapNode by_look;		/* while it is shut */
	PolicyTime	look_at;		/* when that may be over; while it is shut */
	PolicyQueue *queue;
	PolicyOwner *owner;
	struct PolicyBucket *next_solo;
	TaskOrder	order;			/* its ready tasks */
	uint32_t	nready;
	uint32_t	nblocked;		/* by others that have not ended */
	uint32_t	ndelayed;
	uint32_t	nrunning;
	uint32_t	index;			/* in Policy.buckets */
	uint8_t		klass;
	bool		solo;
	bool		retry;			/* tasks whose last attempt failed */
	bool		shut;
	bool		at_limit;		/* parked at its owner, who had as many tasks
								 * running as may */
	uint8_t		nneeds;
	PolicyResource *needs[];	/* in order of their keys, each once */
} PolicyBucket;

/* A task that is blocked, and a parent that it waits for (depend.c) */
typedef struct PolicyEdge
{
	uint32_t	child;			/* in Policy.tasks */
	uint32_t	parent;			/* in Policy.parents */
	uint32_t	next;			/* of the same list of the parent; also: free */
	uint32_t	previous;
	uint32_t	next_parent;	/* of the same task */
	uint32_t	previous_parent;
} PolicyEdge;

/* The tasks of a serial key that stand in line (serial.c) */
typedef struct SerialLine
{
	PolicyMapEntry entry;
	uint32_t	first;			/* in Policy.serial */
	TaskOrder	others;			/* in the same table */
} SerialLine;

#define EDGE_PAGE_SHIFT	10
#define EDGE_PAGE_SIZE	(1 << EDGE_PAGE_SHIFT)
#define EDGE_PAGE_MASK	(EDGE_PAGE_SIZE - 1)

typedef struct EdgeTable
{
	PolicyEdge **pages;
	uint32_t	npages;
	uint32_t	room;			/* entries of the array "pages" */
	uint32_t	used;			/* edges in use */
	uint32_t	fresh;			/* first edge never used; 0 is none */
	uint32_t	free;			/* list of edges used before */
} EdgeTable;

typedef struct PolicyRun
{
	uint32_t	next_free;
	uint32_t	task;			/* that runs; 0 if none does */
	PolicyTime	begun_at;		/* for us: another policy may have started it */
	int64_t		preempted_for;	/* it ends early for that task; 0 if not */
	bool		ending;			/* its worker is counted as free already */
	PolicyTime	kept_since;		/* its worker has had a slot of it */
	bool		charged;		/* policy_next has started it */
	bool		fallback;		/* tells nothing of what it needs */
	uint8_t		tokens;			/* needs that it took a token of, as bits */
	PolicyTime	started_at;
	int			ngrants;
	PolicyResource *resources[POLICY_MAX_NEEDS];
	int8_t		slots[POLICY_MAX_NEEDS];
} PolicyRun;

/* How long tasks of a kind wait and run (history.c) */
typedef struct PolicyHistory
{
	PolicyMapEntry entry;
	uint64_t	key;
	Forecast	forecast;
	struct PolicyHistory *next_untold;
} PolicyHistory;

/* A daily task with a deadline (risk.c) */
typedef struct PolicyRisk
{
	PolicyMapEntry entry;
	PolicyHeapNode by_look;
	PolicyTime	look_at;
	int64_t		task_id;
	PolicyTime	deadline;
	PolicyTime	since;			/* when it was due */
	PolicyTime	started_at;		/* POLICY_TIME_ALWAYS while it waits */
	PolicyTime	latest_start;
	int64_t		estimate;		/* as declared; 0 if not */
	double		on_time;		/* probability */
	PolicyHistory *history;
	PolicyTier	tier;
	bool		missed;
	bool		gone;			/* to be told, then freed */
	bool		claims;			/* its resources count it */
	bool		listed;			/* among the urgent ones */
	bool		changed;		/* since it was told */
	bool		news;			/* in tier or missed */
	bool		was_at_risk;
	struct PolicyRisk *next_changed;
	struct PolicyRisk *next;	/* of those in a tier */
	struct PolicyRisk *previous;
} PolicyRisk;

/* What a preempted task had is for this one (preempt.c) */
typedef struct PolicyHandoff
{
	int64_t		task_id;
	PolicyResource *resource;	/* NULL: a worker */
} PolicyHandoff;

typedef struct ClassState
{
	FairRoot	line;			/* ready buckets */
	int			reserved;		/* workers never lent */
	int			max_share;		/* no limit if not above 0 */
	double		floor_share;
	double		weight;
	int			running;		/* not counting the ending */
	int			recent;			/* starts in the window of the floor */
	uint64_t	feasible_since; /* number of the start */
} ClassState;

/* What is known of a measure (health.c) */
typedef struct PolicyHealth
{
	HealthRule	rule;
	bool		bad;			/* free workers: never */
} PolicyHealth;

/* Waiting for the server to be empty, for a task that runs alone (solo.c) */
typedef struct SoloState
{
	PolicyBucket *first;		/* solo buckets with a task that is due */
	bool		running;
	PolicyTime	drain_until;	/* POLICY_TIME_ALWAYS if not draining */
	PolicyTime	rest_until;
	int64_t		drain_length;
} SoloState;

struct Policy
{
	PolicyMemory memory;
	TaskTable	tasks;
	TaskOrder	timers;			/* delayed tasks by run_at */
	TaskTable	expiry;			/* tasks that expire (expiry.c) */
	TaskOrder	expiries;		/* those that wait, by that time */
	TaskTable	shed;			/* tasks that can be shed (shed.c) */
	TaskTable	parents;		/* whose end others wait for (depend.c) */
	EdgeTable	edges;
	PolicyMap	risks;			/* daily tasks with a deadline, by id */
	PolicyMap	histories;		/* by key */
	PolicyHeapNode *looks;		/* risks by when they are looked at */
	PolicyRisk *urgent;			/* those in a tier */
	PolicyRisk *changed_risks;	/* those of which there is something new */
	PolicyRisk **last_changed_risk; /* the end of that list */
	PolicyHistory *untold;		/* those of which nothing is known */
	PolicyHandoff *handoffs;
	uint32_t	nhandoffs;
	uint32_t	maxhandoffs;
	uint32_t	handed_workers;
	TaskTable	serial;			/* tasks with a serial key (serial.c) */
	PolicyMap	lines;			/* of each key, by the key */
	TaskTable	quota;			/* tasks that are counted (quota.c) */
	PolicyHeapNode *closed;		/* resources by when they open */
	PolicyResource *changed;	/* those whose times have changed */
	PolicyHeapNode *budgets;	/* by when they have room, if somebody waits */
	PolicyBudget *changed_budgets;	/* those whose figures have changed */
	PolicyBreaker *changed_breakers;	/* the same */
	PolicyBreaker *refusing;	/* open, and those that wait are ended */
	int64_t		ramp_length;	/* of those that begin by themselves; 0: none */
	uint64_t	ramp_seed;
	PolicyRamp *ramp;			/* of everything, or NULL */
	PolicyHeapNode *ramps;		/* by when the next step is */
	PolicyRamp *changed_ramps;	/* those that have something to tell */
	FairSpace	fair;
	PolicyMap	queues;
	PolicyMap	owners;
	PolicyMap	resources;
	PolicyMap	bucket_map;
	PolicyBucket **buckets;		/* by index; NULL where free */
	uint32_t   *free_buckets;	/* stack of free indexes */
	uint32_t	nbuckets;		/* entries of the two arrays */
	uint32_t	nfree_buckets;
	PolicyRun  *runs;
	uint32_t	nruns;			/* entries of the array */
	uint32_t	free_run;		/* list, counted from 1 */
	ClassState	classes[POLICY_NUM_CLASSES];
	PolicyWindow windows[POLICY_NUM_CLASSES];
	PolicyHealth health[HEALTH_MEASURES];
	int			other_workers;	/* that other databases use */
	PolicyHeapNode *shut;		/* buckets by when to look at them again */
	SoloState	solo;
	uint8_t		window[FLOOR_SPAN - 1]; /* classes of the last starts */
	uint8_t		dropped;		/* class of the start that left it last */
	uint32_t	last_start;		/* task */
	uint64_t	nstarts;
	int			workers;
	int			running;
	int			busy;			/* workers in use: without the ending */
	bool		paused;
	PolicyTime	now;			/* the latest that was heard of */
};

/*
 * The bucket that a task belongs to.
 */
static inline PolicyBucket *
policy_bucket_of(const Policy *policy, uint32_t task)
{
	return policy->buckets[policy_task_facts(&policy->tasks, task)->bucket];
}

#endif							/* WEIR_POLICY_STATE_H */
