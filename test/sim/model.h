/*-------------------------------------------------------------------------
 *
 * model.h
 *	  The simulated warehouse: what the policy was told, kept in the plainest
 *	  way, and what follows from that by looking at everything.
 *
 * The model knows the rules of the policy, written down a second time without
 * any of its data structures.  It is slow, and meant to be obviously right.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_MODEL_H
#define WEIR_SIM_MODEL_H

#include "tap.h"

#define MODEL_TASKS		64
#define MODEL_QUEUES	5
#define MODEL_OWNERS	4
#define MODEL_RESOURCES 6
#define MODEL_PARENTS	3
#define MODEL_STARTS	4096	/* that may be in the window of a budget */
#define MODEL_CALLS		1024	/* that may be in the window of a breaker */
#define MODEL_KEYS		3
#define MODEL_RING		128		/* starts remembered; more than 100 */

typedef enum ModelState
{
	MODEL_NONE,
	MODEL_WAITING,
	MODEL_RUNNING,
	MODEL_GONE					/* and its end has not been told: it has its
								 * key */
} ModelState;

typedef struct ModelTask
{
	ModelState	state;
	PolicyTask	spec;			/* run_at: that of the next attempt */
	PolicyTime	ends_at;
	int64_t		parents[MODEL_PARENTS]; /* that have not ended as they must */
	int			ngrants;
	PolicyGrant grants[POLICY_MAX_NEEDS];
	bool		tokens[MODEL_RESOURCES];	/* that it has taken */
	bool		probes[MODEL_RESOURCES];	/* of whose breakers it is one */
	uint64_t	fallback;		/* it runs another command because of that */
	bool		counted;		/* for its owner, until it has ended */
	int			overtaken;		/* starts of its class while it was oldest */
	PolicyTime	started_at;
	int64_t		preempted_for;	/* it ends early for that task; 0 if not */
	bool		ending;			/* its worker has been given away */
	int64_t		behind;			/* to this one; 0 if it has its own */
	PolicyTime	kept_since;		/* its worker has had one of its slots */
	bool		has_risk;		/* a deadline, of which the policy says: */
	PolicyRiskInfo risk;
} ModelTask;

/* A retry budget: what started, as long as it matters */
typedef struct ModelBudget
{
	BudgetRule	rule;			/* none if its window is 0 */
	int			n;
	PolicyTime	starts[MODEL_STARTS];
	bool		retry[MODEL_STARTS];
} ModelBudget;

typedef struct ModelHealth
{
	HealthRule	rule;
	bool		bad;
} ModelHealth;

typedef struct ModelWindow
{
	PolicyTime	opens_at;
	PolicyTime	closes_at;
} ModelWindow;

/* Starts begin slowly; none if the length is 0 */
typedef struct ModelRamp
{
	PolicyTime	began_at;
	int64_t		length;
	int64_t		phase;
	int			total;
} ModelRamp;

/* The end of an attempt that a breaker counts */
typedef struct ModelCall
{
	PolicyTime	ended_at;
	bool		failed;
	bool		slow;
} ModelCall;

/* A circuit breaker; none if its rule is not on */
typedef struct ModelBreaker
{
	BreakerRule rule;
	BreakerState state;
	PolicyTime	since;
	PolicyTime	until;			/* while open */
	BreakerState told;			/* by the policy */
	int			ncalls;
	ModelCall	calls[MODEL_CALLS]; /* since the state began */
} ModelBreaker;

typedef struct ModelQueue
{
	int64_t		duration;
	int			max_running;
	double		weight;
	bool		paused;
	bool		sheds;
	bool		held_up;
	bool		configured;
	int			running;
	ModelBudget budget;
	ModelRamp	ramp;
	int64_t		ramp_length;
} ModelQueue;

/* An owner of tasks, and what it may use */
typedef struct ModelOwner
{
	bool		held;
	int			max_running;
	int			running;
	bool		counted;
} ModelOwner;

typedef struct ModelResource
{
	uint64_t	key;
	int			slots;
	int			reserved;
	int			limit;
	int			backfill_limit;
	int			classes;		/* that it is left to; all if 0 */
	int			handed;			/* slots that are handed to daily tasks */
	uint64_t	foreign;
	bool		gate_waiting;
	ModelWindow windows[POLICY_NUM_CLASSES];

	/* rate: microseconds of credit, of which a start costs one gap */
	int64_t		gap;			/* no rate if 0 */
	int			burst;
	int64_t		credit;
	PolicyTime	credit_at;		/* when that was right */
	PolicyTime	paused_until;
	PolicyTime	spread_until;
	int64_t		spread_gap;
	PolicyTime	apart_until;
	PolicyTime	starts[MODEL_RING]; /* the last ones */
	uint64_t	nstarts;		/* under this rate */
	ModelBudget budget;
	ModelRamp	ramp;
	ModelBreaker breaker;
} ModelResource;

typedef struct ModelClass
{
	int			reserved;
	int			max_share;
	double		floor_share;
	int			running;		/* in workers of their own */
	ModelWindow window;
	int			feasible_for;	/* starts, one after another */
	bool		recent[MODEL_RING]; /* was the start of this class? */
} ModelClass;

typedef struct Model
{
	ModelTask	tasks[MODEL_TASKS];
	ModelQueue	queues[MODEL_QUEUES];
	ModelOwner	owners[MODEL_OWNERS];
	ModelResource resources[MODEL_RESOURCES];
	ModelClass	classes[POLICY_NUM_CLASSES];
	int			workers;
	int			handed_workers; /* to daily tasks */
	int			running;
	int			busy;			/* workers */
	const ModelTask *lent;		/* its slots count as free; or NULL */
	bool		solo_runs;
	bool		paused;
	ModelRamp	ramp;			/* of everything */
	ModelHealth health[HEALTH_MEASURES];
	int			other_workers;
	uint64_t	ramp_seed;
	int64_t		ramp_length;
	PolicyTime	now;
	uint64_t	nstarts;
	const ModelTask *last_start;	/* NULL if it was taken back */

	/* drains for a solo task */
	int			drains;			/* that ended since a solo task started, or
								 * none waited */
	PolicyTime	drain_until;	/* POLICY_TIME_ALWAYS if there is none */
	PolicyTime	drain_end;		/* of the last one */

	/* of the whole run */
	int			max_overtaken;
	uint64_t	ndrains;
	uint64_t	nwindows;		/* in which a class was owed its floor share */
	uint64_t	nopened;		/* breakers that opened by themselves */
	uint64_t	nprobes;
	uint64_t	nfallbacks;
} Model;

extern ModelTask *model_find(Model *model, int64_t task_id);
extern ModelResource *model_resource(Model *model, uint64_t key);
extern void model_run(Model *model, ModelTask *task, const PolicyStart *start);
extern void model_end(Model *model, ModelTask *task, ModelState next);
extern void model_set_ending(Model *model, ModelTask *task, bool ending);
extern uint64_t model_own(const Model *model, uint64_t key);
extern void model_accrue(const Model *model, ModelResource *resource);
extern void model_give_back(Model *model, ModelTask *task);
extern PolicyTime model_opens_at(const Model *model, uint64_t key);
extern bool model_needs(const ModelTask *task, uint64_t key);
extern void model_uncount(Model *model, const ModelTask *task);
extern uint64_t model_slots_open(const Model *model, uint64_t key,
								 PolicyClass klass, bool alone);
extern void model_leave(ModelTask *task);
extern bool model_owner_full(const Model *model, const ModelTask *task);
extern bool model_first(const Model *model, const ModelTask *task);
extern bool model_is_parent(const Model *model, int64_t task_id);
extern void model_unblock(const Model *model, ModelTask *task);
extern void model_parent_ended(Model *model, int64_t task_id, bool succeeded);
extern bool model_due(const Model *model, const ModelTask *task);
extern bool model_urgent(const ModelTask *task);
extern bool model_kept(const Model *model, uint64_t key, PolicyClass klass);
extern PolicyTime model_rank(const ModelTask *task);
extern bool model_before(const ModelTask *a, const ModelTask *b);
extern bool model_same_bucket(const ModelTask *a, const ModelTask *b);
extern bool model_has_worker(const Model *model, PolicyClass klass,
							 bool alone);
extern PolicyCause model_blocked(const Model *model, const ModelTask *task,
								 bool alone, uint64_t *resource);
extern PolicyCause model_lacks(const Model *model, const ModelTask *task,
							   bool alone, uint64_t *resource);
extern ModelTask *model_best(Model *model, int klass);
extern ModelTask *model_solo(Model *model);
extern bool model_share_exceeded(Model *model, int klass);

/* model_budget.c */
extern bool model_is_retry(const ModelTask *task);
extern void model_count_start(Model *model, ModelTask *task);
extern void model_uncount_start(Model *model, ModelTask *task);
extern bool model_budget_room(const ModelBudget *budget, PolicyTime now);
extern PolicyTime model_budget_opens(const ModelBudget *budget,
									 PolicyTime now);
extern bool model_budget_kept(const ModelBudget *budget, PolicyTime now);
extern const ModelBudget *model_budget_lacking(const Model *model,
											   const ModelTask *task,
											   uint64_t *resource);

/* model_breaker.c */
extern BreakerState model_breaker_state(const Model *model,
										const ModelBreaker *breaker);
extern int	model_breaker_probes(const Model *model, uint64_t key);
extern bool model_breaker_room(const Model *model, uint64_t key);
extern PolicyTime model_breaker_opens_at(const Model *model, uint64_t key);
extern uint64_t model_fallback(const Model *model, const ModelTask *task);
extern void model_breaker_start(Model *model, ModelTask *task);
extern void model_breaker_report(Model *model, const ModelTask *task,
								 const PolicyResult *result);
extern void model_set_breaker(Model *model, ModelResource *resource,
							  const BreakerRule *rule);

/* model_health.c */
extern void model_tell_health(Model *model, HealthMeasure measure,
							  int64_t value);
extern bool model_health_holds(const Model *model, PolicyClass klass,
							   bool alone, uint64_t *measure);

/* model_ramp.c */
extern void model_ramp_begin(const Model *model, ModelRamp *ramp,
							 uint64_t key, int slots, PolicyTime began_at,
							 int64_t length);
extern int	model_ramp_allowed(const ModelRamp *ramp, PolicyTime now);
extern PolicyTime model_ramp_next(const ModelRamp *ramp, PolicyTime now);
extern bool model_ramp_room(const Model *model, uint64_t key);
extern bool model_ramp_queue_room(const Model *model, const ModelTask *task);
extern bool model_ramp_holds(const Model *model, const ModelTask *task);

/* model_window.c */
extern PolicyTime model_window_until(const Model *model,
									 const ModelTask *task);

#endif							/* WEIR_SIM_MODEL_H */
