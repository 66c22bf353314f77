/*-------------------------------------------------------------------------
 *
 * changes.c
 *	  Random changes of the configuration of a small warehouse.
 *
 * Each is told to the policy and to the model.
 *
 *-------------------------------------------------------------------------
 */
#include "episode.h"
#include "oracle.h"

/*
 * Shorthand.
 */
int
draw(Episode *e, int n)
{
	return test_below(&e->random, n);
}

bool
chance(Episode *e, int percent)
{
	return draw(e, 100) < percent;
}

/*
 * A time somewhere around now, or at an end of time.
 */
PolicyTime
draw_time(Episode *e, int64_t spread)
{
	if (e->extremes && chance(e, 5))
		return chance(e, 50) ? POLICY_TIME_ALWAYS : POLICY_TIME_NEVER;
	return e->model.now - spread / 2 +
		(int64_t) (test_uniform(&e->random) * (double) spread);
}

/*
 * The class of most tasks of a queue is the same, as in life.
 */
PolicyClass
draw_class(Episode *e, int queue)
{
	static const PolicyClass usual[MODEL_QUEUES] = {
		POLICY_CLASS_DAILY, POLICY_CLASS_ADHOC, POLICY_CLASS_ADHOC,
		POLICY_CLASS_BACKFILL, POLICY_CLASS_BACKFILL
	};

	if (chance(e, 85))
		return usual[queue];
	return (PolicyClass) draw(e, POLICY_NUM_CLASSES);
}

/*
 * Sets a class to something random.
 */
void
episode_change_class(Episode *e)
{
	int			klass = draw(e, POLICY_NUM_CLASSES);
	ModelClass *state = &e->model.classes[klass];
	static const double floors[] = {0, 0.05, 0.05, 0.1, 0.2};
	static const double weights[] = {1, 1, 0.5, 2};

	state->reserved = chance(e, 70) ? 0 : draw(e, 3);
	state->max_share = chance(e, 70) ? 0 : 1 + draw(e, 3);
	state->floor_share = floors[draw(e, 5)];
	state->feasible_for = 0;
	policy_set_class(e->policy, (PolicyClass) klass, state->reserved,
					 state->max_share, state->floor_share,
					 weights[draw(e, 4)]);
}

/*
 * Draws a retry budget, or none.  One with another window begins empty.
 */
static void
change_budget(Episode *e, ModelBudget *budget)
{
	int64_t		window = chance(e, 40) ? 0 : (1 + draw(e, 100)) * SECOND;

	if (chance(e, 30))
		window = budget->rule.window;
	if (window != budget->rule.window)
		budget->n = 0;
	budget->rule.window = window;
	budget->rule.ratio = chance(e, 30) ? 0 : draw(e, 100) / 100.0;
	budget->rule.floor = 1 + draw(e, 4);
}

/*
 * Sets the retry budget of a resource to something random.
 */
static void
change_resource_budget(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];

	change_budget(e, &state->budget);
	policy_set_resource_budget(e->policy, state->key, &state->budget.rule);
}

/*
 * Sets a queue to something random, or forgets it.
 */
void
episode_change_queue(Episode *e)
{
	int			queue = draw(e, MODEL_QUEUES);
	ModelQueue *state = &e->model.queues[queue];
	bool		resumed;

	if (chance(e, 10))
	{
		state->max_running = 0;
		state->paused = false;
		state->sheds = false;
		state->budget.rule.window = 0;
		state->duration = 0;
		state->held_up = false;
		state->configured = false;
		state->ramp.length = 0;
		state->ramp_length = 0;
		policy_drop_queue(e->policy, (uint32_t) queue);
		return;
	}
	state->max_running = chance(e, 50) ? 0 : 1 + draw(e, 3);
	resumed = state->paused;
	state->paused = chance(e, 15);
	resumed &= !state->paused;
	policy_set_queue(e->policy, (uint32_t) queue, state->max_running,
					 0.25 * (1 + draw(e, 8)), state->paused);
	state->configured = true;
	if (resumed && e->model.ramp_length > 0)
		model_ramp_begin(&e->model, &state->ramp, (uint64_t) queue,
						 state->max_running, e->model.now,
						 state->ramp_length);
	if (chance(e, 50))
	{
		state->ramp_length = chance(e, 30) ? 0 : draw(e, 60) * SECOND;
		policy_set_queue_ramp(e->policy, (uint32_t) queue, state->ramp_length);
	}
	/* seldom: it would wake who the queue itself is to wake */
	if (chance(e, 15))
	{
		state->held_up = !state->held_up;
		policy_hold_up_queue(e->policy, (uint32_t) queue, state->held_up);
	}
	state->sheds = chance(e, 40);
	policy_set_shedding(e->policy, (uint32_t) queue, state->sheds);
	change_budget(e, &state->budget);
	policy_set_queue_budget(e->policy, (uint32_t) queue, &state->budget.rule);
	if (e->windows == 0)
		return;
	state->duration = chance(e, 50) ? 0 : draw(e, 60) * SECOND;
	policy_set_duration(e->policy, (uint32_t) queue, state->duration);
}

/*
 * Opens a class, or a resource for it, at any time.
 */
static void
open_window(Episode *e, int klass, uint64_t key, ModelWindow *window)
{
	window->opens_at = POLICY_TIME_ALWAYS;
	window->closes_at = POLICY_TIME_NEVER;
	policy_set_window(e->policy, (PolicyClass) klass, key, window->opens_at,
					  window->closes_at);
}

/*
 * Opens everything at any time.
 */
void
episode_open_windows(Episode *e)
{
	int			klass;
	int			i;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		open_window(e, klass, 0, &e->model.classes[klass].window);
		for (i = 0; i < MODEL_RESOURCES; i++)
			open_window(e, klass, e->model.resources[i].key,
						&e->model.resources[i].windows[klass]);
	}
}

/*
 * Sets when a class, or a resource for it, is open.
 */
static void
change_window(Episode *e)
{
	int			klass = draw(e, POLICY_NUM_CLASSES);
	ModelResource *resource = &e->model.resources[draw(e, MODEL_RESOURCES)];
	bool		whole = chance(e, 50);
	ModelWindow *window = whole ? &e->model.classes[klass].window :
	&resource->windows[klass];

	window->opens_at = chance(e, 50) ? POLICY_TIME_ALWAYS :
		draw_time(e, 4 * MINUTE);
	window->closes_at = chance(e, 50) ? POLICY_TIME_NEVER :
		draw_time(e, 20 * MINUTE);
	policy_set_window(e->policy, (PolicyClass) klass,
					  whole ? 0 : resource->key, window->opens_at,
					  window->closes_at);
}

/*
 * What is not limited cannot be paused.
 */
void
episode_forget_pause(ModelResource *state)
{
	if (state->slots > 0 || state->gap > 0 || state->breaker.rule.on)
		return;
	state->paused_until = POLICY_TIME_ALWAYS;
	state->spread_until = POLICY_TIME_ALWAYS;
	state->apart_until = POLICY_TIME_ALWAYS;
}

/*
 * Sets the cap of a resource to something random.
 */
void
episode_change_resource(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];

	state->slots = chance(e, 20) ? 0 : 1 + draw(e, 4);
	if (e->extremes && chance(e, 20))
		state->slots = POLICY_MAX_SLOTS;
	state->reserved = chance(e, 60) ? 0 : draw(e, state->slots + 1);
	policy_set_resource(e->policy, state->key, state->slots, state->reserved);
	if (state->slots == 0)
	{
		state->limit = state->backfill_limit = 0;
		state->classes = 0;
	}
	episode_forget_pause(state);
}

/*
 * Sets the limits of a resource to something random.
 */
static void
change_limit(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];
	bool		none = state->slots == 0 || chance(e, 30);

	state->limit = none ? 0 : 1 + draw(e, state->slots);
	state->backfill_limit = none ? 0 : 1 + draw(e, state->limit);
	policy_set_limit(e->policy, state->key, state->limit,
					 state->backfill_limit);
}

/*
 * Leaves a resource to a class, or to all.
 */
static void
change_left(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];
	int			klass = chance(e, 60) ? POLICY_NUM_CLASSES :
	draw(e, POLICY_NUM_CLASSES);

	policy_leave_to(e->policy, state->key, klass);
	if (state->slots == 0)
		return;
	if (klass == POLICY_NUM_CLASSES)
		state->classes = 0;
	else if (state->classes == 0 || klass + 1 < state->classes)
		state->classes = klass + 1;
}

/*
 * Sets the rate of a resource to something random.
 */
static void
change_rate(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];
	PolicyTime	full_at = draw_time(e, MINUTE);
	int64_t		lacking = full_at > e->model.now ? full_at - e->model.now : 0;

	if (state->gap > 0)
	{
		model_accrue(&e->model, state);
		lacking = state->burst * state->gap - state->credit;
	}
	state->gap = chance(e, 40) ? 0 : 1 + draw(e, 4) * SECOND / 2;
	state->burst = chance(e, 50) ? 1 : 1 + draw(e, 10);
	state->credit = state->burst * state->gap - lacking;
	if (state->credit < 0)
		state->credit = 0;
	state->credit_at = e->model.now;
	state->nstarts = 0;
	policy_set_rate(e->policy, state->key, e->model.now, state->gap,
					state->burst, full_at);
	episode_forget_pause(state);
}

/*
 * A task pauses a resource.
 */
static void
change_pause(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];
	PolicyTime	until = e->model.now + draw(e, 100) * SECOND;
	int64_t		spread = draw(e, 30) * SECOND;

	policy_pause_resource(e->policy, state->key, until, spread);
	if (until > state->paused_until)
	{
		state->paused_until = until;
		state->spread_until = until + spread;
		state->spread_gap = spread / (state->slots > 0 ? state->slots : 16);
	}
	episode_forget_pause(state);
}

/*
 * Other sessions take or release slots that none of our tasks holds.
 */
static void
change_foreign(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];
	uint64_t	wanted = chance(e, 50) ? 0 : test_random(&e->random) & 7;

	state->foreign = wanted & ~model_own(&e->model, state->key);
	state->gate_waiting = chance(e, 15);
	policy_set_foreign(e->policy, state->key, state->foreign,
					   state->gate_waiting);
}

/*
 * Sets the limits of an owner to something random, or forgets them.
 */
static void
change_owner(Episode *e)
{
	int			owner = draw(e, MODEL_OWNERS);
	ModelOwner *state = &e->model.owners[owner];
	int			i;

	if (chance(e, 20))
	{
		state->max_running = 0;
		state->counted = false;
		policy_drop_owner(e->policy, (uint32_t) owner);
		return;
	}
	state->max_running = chance(e, 40) ? 0 : 1 + draw(e, 3);
	state->counted = chance(e, 70);
	policy_set_owner(e->policy, (uint32_t) owner, state->max_running,
					 0.25 * (1 + draw(e, 8)), state->counted);
	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &e->model.tasks[i];

		if ((int) task->spec.owner == owner &&
			(task->state == MODEL_WAITING || task->state == MODEL_RUNNING))
			task->counted = task->counted || state->counted;
	}
}

/*
 * Changes something of the configuration.
 */
void
episode_change_something(Episode *e)
{
	if (e->windows > 0 && chance(e, e->windows))
	{
		change_window(e);
		return;
	}
	if (e->breakers > 0 && chance(e, e->breakers))
	{
		episode_change_breaker(e);
		return;
	}
	switch (draw(e, 15))
	{
		case 0:
			e->model.workers = chance(e, 5) ? 0 : 1 + draw(e, 8);
			policy_set_workers(e->policy, e->model.workers);
			break;
		case 1:
			episode_change_class(e);
			break;
		case 2:
		case 3:
			episode_change_queue(e);
			break;
		case 4:
		case 5:
			episode_change_resource(e);
			break;
		case 6:
			change_foreign(e);
			break;
		case 7:
			change_rate(e);
			break;
		case 8:
			change_pause(e);
			break;
		case 9:
			change_resource_budget(e);
			break;
		case 10:
			if (chance(e, 50))
				change_limit(e);
			else
				change_left(e);
			break;
		case 11:
			change_owner(e);
			break;
		case 12:
			episode_change_ramp(e);
			break;
		case 13:
			episode_change_health(e);
			break;
		default:
			if (chance(e, 30))
			{
				e->model.paused = chance(e, 20);
				policy_set_paused(e->policy, e->model.paused);
			}
			else
			{
				int			owner = draw(e, MODEL_OWNERS);

				e->model.owners[owner].held = chance(e, 25);
				policy_hold_owner(e->policy, (uint32_t) owner,
								  e->model.owners[owner].held);
			}
	}
}

/*
 * Takes note of what is told of deadlines, now and then.
 */
void
episode_hear(Episode *e)
{
	PolicyRiskInfo info;
	RampStatus	ramp;
	uint64_t	key;

	while (policy_next_risk(e->policy, &info))
		e->stats->risks++;
	while (policy_next_history(e->policy, &key))
		;
	while (policy_next_ramp(e->policy, &ramp))
		;
}

/*
 * Ends the tasks early that are in the way, soon.
 */
bool
episode_preempt(Episode *e)
{
	PolicyPreemption preemption;

	episode_hear(e);
	while (policy_next_preemption(e->policy, e->model.now, &preemption))
	{
		e->stats->preemptions++;
		if (!oracle_preemption(&e->model, &preemption))
			return false;
		model_find(&e->model, preemption.task_id)->ends_at = e->model.now +
			(int64_t) (test_uniform(&e->random) * SECOND);
	}
	oracle_sync(&e->model, e->policy);
	return oracle_no_preemption(&e->model);
}

/*
 * Opens everything up.
 */
void
episode_open_up(Episode *e)
{
	int			i;

	for (i = 0; i < POLICY_NUM_CLASSES; i++)
	{
		e->model.classes[i].reserved = 0;
		e->model.classes[i].max_share = 0;
		e->model.classes[i].floor_share = 0;
		policy_set_class(e->policy, (PolicyClass) i, 0, 0, 0, 1);
	}
	for (i = 0; i < MODEL_QUEUES; i++)
	{
		e->model.queues[i].max_running = 0;
		e->model.queues[i].paused = false;
		e->model.queues[i].sheds = false;
		e->model.queues[i].duration = 0;
		e->model.queues[i].held_up = false;
		e->model.queues[i].budget.rule.window = 0;
		policy_drop_queue(e->policy, (uint32_t) i);
	}
	for (i = 0; i < MODEL_OWNERS; i++)
	{
		e->model.owners[i].held = false;
		e->model.owners[i].max_running = 0;
		e->model.owners[i].counted = false;
		policy_drop_owner(e->policy, (uint32_t) i);
		policy_hold_owner(e->policy, (uint32_t) i, false);
	}
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		e->model.resources[i].slots = 0;
		e->model.resources[i].reserved = 0;
		e->model.resources[i].classes = 0;
		e->model.resources[i].limit = 0;
		e->model.resources[i].backfill_limit = 0;
		e->model.resources[i].foreign = 0;
		e->model.resources[i].gate_waiting = false;
		e->model.resources[i].budget.rule.window = 0;
		policy_set_resource_budget(e->policy, e->model.resources[i].key,
								   &e->model.resources[i].budget.rule);
		policy_set_resource(e->policy, e->model.resources[i].key, 0, 0);
		policy_set_foreign(e->policy, e->model.resources[i].key, 0, false);
		e->model.resources[i].gap = 0;
		e->model.resources[i].paused_until = POLICY_TIME_ALWAYS;
		e->model.resources[i].spread_until = POLICY_TIME_ALWAYS;
		e->model.resources[i].apart_until = POLICY_TIME_ALWAYS;
		policy_set_rate(e->policy, e->model.resources[i].key, e->model.now, 0,
						1, 0);
	}
	episode_open_windows(e);
	episode_end_breakers(e);
	policy_set_ramp(e->policy, 0, 0);
	episode_end_ramps(e);
	for (i = 0; i < HEALTH_MEASURES; i++)
	{
		e->model.health[i].rule.on = e->model.health[i].bad = false;
		policy_set_health(e->policy, (HealthMeasure) i,
						  &e->model.health[i].rule);
	}
	e->model.workers = MODEL_TASKS;
	policy_set_workers(e->policy, MODEL_TASKS);
	e->model.paused = false;
	policy_set_paused(e->policy, false);
	episode_hear(e);
}
