/*-------------------------------------------------------------------------
 *
 * model_breaker.c
 *	  The simulated warehouse: circuit breakers, from a list of all calls.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "model.h"

#define SLICES	10

/*
 * The state that a breaker is in now: an open one is half open when its time
 * is over, whether somebody has looked or not.
 */
BreakerState
model_breaker_state(const Model *model, const ModelBreaker *breaker)
{
	if (breaker->state == BREAKER_OPEN && breaker->until <= model->now)
		return BREAKER_HALF_OPEN;
	return breaker->state;
}

/*
 * The tasks that run and are probes of the resource.
 */
int
model_breaker_probes(const Model *model, uint64_t key)
{
	const ModelResource *resource = model_resource((Model *) model, key);
	int			n = 0;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
		n += model->tasks[i].state == MODEL_RUNNING &&
			model->tasks[i].probes[resource - model->resources];
	return n;
}

/*
 * Begins a state, without a past.
 */
static void
enter(Model *model, ModelResource *resource, BreakerState state,
	  PolicyTime since)
{
	ModelBreaker *breaker = &resource->breaker;
	int			i;

	breaker->state = state;
	breaker->since = since;
	breaker->until = since + breaker->rule.wait;
	breaker->ncalls = 0;
	for (i = 0; i < MODEL_TASKS; i++)
		model->tasks[i].probes[resource - model->resources] = false;
}

/*
 * The same, with a ramp when what was held back comes.
 */
static void
turn(Model *model, ModelResource *resource, BreakerState state)
{
	int64_t		length = resource->breaker.rule.ramp;
	bool		released = state == BREAKER_CLOSED &&
	resource->breaker.state != BREAKER_DISABLED;

	model->nopened += state == BREAKER_OPEN;
	enter(model, resource, state, model->now);
	if (!released)
		resource->ramp.length = 0;
	else if (model->ramp_length > 0)
		model_ramp_begin(model, &resource->ramp, resource->key,
						 resource->slots, model->now,
						 length >= 0 ? length : model->ramp_length);
}

/*
 * Takes note that an open one is half open.
 */
static void
pass(Model *model, ModelResource *resource)
{
	if (resource->breaker.rule.on &&
		model_breaker_state(model, &resource->breaker) != resource->breaker.state)
		enter(model, resource, BREAKER_HALF_OPEN, resource->breaker.until);
}

/*
 * May the resource be called?
 */
static bool
lets_through(const Model *model, const ModelResource *resource)
{
	const ModelBreaker *breaker = &resource->breaker;
	int			told = breaker->state == BREAKER_HALF_OPEN ?
	breaker->ncalls : 0;

	switch (model_breaker_state(model, breaker))
	{
		case BREAKER_CLOSED:
		case BREAKER_DISABLED:
			return true;
		case BREAKER_HALF_OPEN:
			return told + model_breaker_probes(model, resource->key) <
				breaker->rule.permitted;
		default:
			return false;
	}
}

/*
 * May a task start that needs the resource?
 */
bool
model_breaker_room(const Model *model, uint64_t key)
{
	const ModelResource *resource = model_resource((Model *) model, key);

	return !resource->breaker.rule.on || resource->breaker.rule.fallback ||
		lets_through(model, resource);
}

/*
 * Before which time none does, whoever ends.
 */
PolicyTime
model_breaker_opens_at(const Model *model, uint64_t key)
{
	const ModelBreaker *breaker =
	&model_resource((Model *) model, key)->breaker;

	if (!breaker->rule.on || breaker->rule.fallback)
		return POLICY_TIME_ALWAYS;
	if (breaker->state == BREAKER_FORCED_OPEN)
		return POLICY_TIME_NEVER;
	return model_breaker_state(model, breaker) == BREAKER_OPEN ?
		breaker->until : POLICY_TIME_ALWAYS;
}

/*
 * The first resource, in order of the keys, because of which the task is to
 * run another command; 0 if there is none.
 */
uint64_t
model_fallback(const Model *model, const ModelTask *task)
{
	uint64_t	first = 0;
	int			i;

	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		const ModelResource *resource = &model->resources[i];

		if (model_needs(task, resource->key) && resource->breaker.rule.on &&
			resource->breaker.rule.fallback &&
			!lets_through(model, resource) &&
			(first == 0 || resource->key < first))
			first = resource->key;
	}
	return first;
}

/*
 * A task starts: with another command, or perhaps as a probe.
 */
void
model_breaker_start(Model *model, ModelTask *task)
{
	int			i;

	task->fallback = model_fallback(model, task);
	model->nfallbacks += task->fallback != 0;
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		ModelResource *resource = &model->resources[i];

		if (!model_needs(task, resource->key))
			continue;
		pass(model, resource);
		task->probes[i] = task->fallback == 0 && resource->breaker.rule.on &&
			resource->breaker.state == BREAKER_HALF_OPEN;
		model->nprobes += task->probes[i];
	}
}

/*
 * Does the SQLSTATE begin like one of those?
 */
static bool
among(const char *sqlstate, const char (*list)[6], int n)
{
	while (n-- > 0)
		if (memcmp(sqlstate, list[n], strlen(list[n])) == 0)
			return true;
	return false;
}

/*
 * Does a breaker count this?
 */
static bool
counts(const BreakerRule *rule, const PolicyResult *result)
{
	if (result->succeeded)
		return true;
	if (among(result->sqlstate, rule->ignore, rule->nignore))
		return false;
	return rule->nrecord > 0 ?
		among(result->sqlstate, rule->record, rule->nrecord) :
		result->sqlstate[0] != '4' || result->sqlstate[1] != '0';
}

/*
 * Is a call among the last ones?
 */
static bool
in_window(const Model *model, const ModelBreaker *breaker, int call)
{
	int64_t		slice = breaker->rule.window / SLICES;

	if (breaker->state == BREAKER_HALF_OPEN)
		return true;
	if (!breaker->rule.time_based)
		return breaker->ncalls - call <= breaker->rule.window;
	return model->now / slice - breaker->calls[call].ended_at / slice < SLICES;
}

static bool
too_many(double percent, int part, int all)
{
	return percent > 0 && part > 0 && part * 100.0 / all >= percent - 1e-9;
}

/*
 * Do the calls say that the resource fails?
 */
static bool
fails(const Model *model, const ModelBreaker *breaker)
{
	const BreakerRule *rule = &breaker->rule;
	bool		probes = breaker->state == BREAKER_HALF_OPEN;
	int			all = 0;
	int			failed = 0;
	int			slow = 0;
	int			i;

	for (i = 0; i < breaker->ncalls; i++)
	{
		if (!in_window(model, breaker, i))
			continue;
		all++;
		failed += breaker->calls[i].failed;
		slow += breaker->calls[i].slow;
	}
	if (probes ? rule->failure_rate == 0 && failed > 0 :
		rule->failures > 0 && failed >= rule->failures)
		return true;
	return (probes || all >= rule->min_calls) &&
		(too_many(rule->failure_rate, failed, all) ||
		 too_many(rule->slow_rate, slow, all));
}

/*
 * An attempt has ended.
 */
void
model_breaker_report(Model *model, const ModelTask *task,
					 const PolicyResult *result)
{
	int			i;

	for (i = 0; i < MODEL_RESOURCES && task->fallback == 0; i++)
	{
		ModelResource *resource = &model->resources[i];
		ModelBreaker *breaker = &resource->breaker;
		ModelCall  *call;

		if (!breaker->rule.on || !model_needs(task, resource->key) ||
			task->started_at < breaker->since ||
			(breaker->state != BREAKER_CLOSED &&
			 breaker->state != BREAKER_HALF_OPEN) ||
			!counts(&breaker->rule, result))
			continue;
		if (breaker->ncalls == MODEL_CALLS)
			memmove(breaker->calls, breaker->calls + 1,
					--breaker->ncalls * sizeof(ModelCall));
		call = &breaker->calls[breaker->ncalls++];
		call->ended_at = model->now;
		call->failed = !result->succeeded;
		call->slow = breaker->rule.slow > 0 &&
			result->duration >= breaker->rule.slow;
		if (breaker->state == BREAKER_CLOSED && fails(model, breaker))
			turn(model, resource, BREAKER_OPEN);
		else if (breaker->state == BREAKER_HALF_OPEN &&
				 breaker->ncalls >= breaker->rule.permitted)
			turn(model, resource, fails(model, breaker) ?
				 BREAKER_OPEN : BREAKER_CLOSED);
	}
}

/*
 * A rule is set, changed or removed.
 */
void
model_set_breaker(Model *model, ModelResource *resource,
				  const BreakerRule *rule)
{
	ModelBreaker *breaker = &resource->breaker;
	BreakerRule before = breaker->rule;

	pass(model, resource);
	breaker->rule = *rule;
	if (!rule->on)
		return;
	if (!before.on)
	{
		before = *rule;
		breaker->told = BREAKER_CLOSED;
		enter(model, resource, BREAKER_CLOSED, POLICY_TIME_ALWAYS);
	}
	/* what was counted is of another window */
	if (breaker->state == BREAKER_CLOSED &&
		(before.time_based != rule->time_based ||
		 before.window != rule->window))
		enter(model, resource, BREAKER_CLOSED, model->now);
	if (rule->mode != BREAKER_CLOSED)
	{
		if (breaker->state != rule->mode)
			turn(model, resource, rule->mode);
	}
	else if (breaker->state == BREAKER_FORCED_OPEN ||
			 breaker->state == BREAKER_DISABLED ||
			 (breaker->state != BREAKER_CLOSED &&
			  before.made != rule->made))
		turn(model, resource, BREAKER_CLOSED);
}
