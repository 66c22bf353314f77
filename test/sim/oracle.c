/*-------------------------------------------------------------------------
 *
 * oracle.c
 *	  Is a decision of the policy right?  Asks the model.
 *
 * Every check returns false, and leaves a complaint, if it is not.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>

#include "oracle.h"

char		oracle_complaint[512];

/*
 * Notes the first thing that went wrong; returns false.
 */
bool
oracle_complain(const char *format,...)
{
	va_list		args;

	if (oracle_complaint[0] == '\0')
	{
		va_start(args, format);
		vsnprintf(oracle_complaint, sizeof(oracle_complaint), format, args);
		va_end(args);
	}
	return false;
}

/*
 * Could anything start, as far as the tasks are not looked at?
 */
bool
oracle_open(const Model *model)
{
	return !model->paused && !model->solo_runs &&
		model->busy < model->workers;
}

/*
 * Were the slots given that the task needs, the lowest open ones, in order of
 * the keys, and no others?
 */
static bool
check_grants(const Model *model, const ModelTask *task,
			 const PolicyStart *start)
{
	uint64_t	last = 0;
	int			given = 0;
	int			i;

	for (;;)
	{
		const ModelResource *resource = NULL;
		uint64_t	open;
		int			lowest = 0;

		for (i = 0; i < task->spec.nneeds; i++)
		{
			const ModelResource *other =
			model_resource((Model *) model, task->spec.needs[i]);

			if (other->key > last &&
				(resource == NULL || other->key < resource->key))
				resource = other;
		}
		if (resource == NULL)
			break;
		last = resource->key;
		if (resource->slots == 0)
			continue;
		if (given == start->ngrants ||
			start->grants[given].resource != resource->key)
			return oracle_complain("no slot granted in a resource");
		open = model_slots_open(model, resource->key, start->klass, false);
		while (((open >> lowest) & 1) == 0)
			lowest++;
		if (start->grants[given].slot != lowest)
			return oracle_complain("slot %d granted instead of %d",
								   (int) start->grants[given].slot, lowest);
		given++;
	}
	return given == start->ngrants || oracle_complain("too many grants");
}

/*
 * Was a start too many for the rate of a resource?  In any time there may be
 * as many as the bucket holds and gaps fit in.
 */
static bool
check_rates(Model *model, const ModelTask *task)
{
	int			i;
	uint64_t	n;

	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		const ModelResource *resource = &model->resources[i];

		if (!task->tokens[i])
			continue;
		for (n = 1; n <= resource->nstarts && n < MODEL_RING; n++)
		{
			PolicyTime	first = resource->starts[(resource->nstarts - n) %
												 MODEL_RING];

			if ((int64_t) n > resource->burst +
				(model->now - first) / resource->gap)
				return oracle_complain("a rate is exceeded");
		}
	}
	return true;
}

/*
 * Follows the drains that the policy says there are, until when or
 * POLICY_TIME_ALWAYS for none: they must not be longer, nor follow one another
 * faster, than was promised.
 */
bool
oracle_drain(Model *model, PolicyTime until)
{
	if (oracle_open(model) && model_solo(model) == NULL)
	{
		model->drains = 0;
		model->drain_until = until;
		return until == POLICY_TIME_ALWAYS ||
			oracle_complain("drained for nothing");
	}
	if (until == model->drain_until)
		return true;
	if (model->drain_until != POLICY_TIME_ALWAYS)
	{
		model->drain_end = model->now;
		model->drains++;
	}
	if (until != POLICY_TIME_ALWAYS)
	{
		int64_t		rest = model->drains == 0 ? 0 :
		4 * (MINUTE << (model->drains - 1));

		if (model->now < model->drain_end + rest)
			return oracle_complain("drained again too soon");
		if (until > model->now + (MINUTE << model->drains))
			return oracle_complain("drained for too long");
		model->ndrains++;
	}
	model->drain_until = until;
	return true;
}

/*
 * Does a drain go on?
 */
bool
oracle_drains(const Model *model)
{
	return model->drain_until != POLICY_TIME_ALWAYS &&
		model->now < model->drain_until;
}

/*
 * Does the solo task, if there is one, go before all others of these classes
 * that could start?
 */
static bool
solo_first(Model *model, const ModelTask *solo, int nclasses)
{
	int			klass;

	if (solo == NULL)
		return false;
	for (klass = 0; klass < nclasses; klass++)
	{
		const ModelTask *best = model_best(model, klass);

		if (best != NULL && model_before(best, solo))
			return false;
	}
	return true;
}

/*
 * Is it right, as to solo tasks, that this one starts?  The policy knows the
 * best task exactly in the classes that go by rank; of the others it may have
 * overlooked an older one that was parked.
 */
static bool
check_solo(Model *model, const ModelTask *task)
{
	const ModelTask *solo = model_solo(model);

	if (task->spec.solo)
	{
		model->drains = 0;
		return (task == solo &&
				solo_first(model, solo, POLICY_CLASS_ADHOC)) ||
			oracle_complain("another one goes before the solo task");
	}
	if (!solo_first(model, solo, POLICY_NUM_CLASSES))
		return true;
	if (model->running == 0)
		return oracle_complain("started instead of a solo task");
	return !oracle_drains(model) || oracle_complain("started while draining");
}

/*
 * Starts of a class among the last n.
 */
static int
recent_starts(const Model *model, int klass, uint64_t n)
{
	int			sum = 0;
	uint64_t	i;

	for (i = 1; i <= n && i <= model->nstarts; i++)
		sum += model->classes[klass].recent[(model->nstarts - i) % MODEL_RING];
	return sum;
}

/*
 * Starts of every hundred that the floor share of a class stands for.
 */
static int
floor_starts(const Model *model, int klass)
{
	return (int) (model->classes[klass].floor_share * 100 + 1e-9);
}

/*
 * Is it right that this class has its turn?
 */
static bool
check_class(Model *model, const ModelTask *task)
{
	int			klass = (int) task->spec.klass;

	if (klass > POLICY_CLASS_DAILY &&
		model_best(model, POLICY_CLASS_DAILY) != NULL &&
		model_urgent(model_best(model, POLICY_CLASS_DAILY)) &&
		!model_share_exceeded(model, POLICY_CLASS_DAILY))
		return oracle_complain("class %d goes before a task at risk", klass);
	if (model_share_exceeded(model, klass))
		return oracle_complain("max_share of class %d exceeded", klass);
	if (klass != POLICY_CLASS_SYSTEM &&
		model_best(model, POLICY_CLASS_SYSTEM) != NULL &&
		!model_share_exceeded(model, POLICY_CLASS_SYSTEM) &&
		recent_starts(model, klass, 95) >= floor_starts(model, klass))
		return oracle_complain("system waits behind class %d", klass);
	if (klass == POLICY_CLASS_BACKFILL &&
		model_best(model, POLICY_CLASS_DAILY) != NULL &&
		!model_share_exceeded(model, POLICY_CLASS_DAILY) &&
		recent_starts(model, klass, 95) >= floor_starts(model, klass))
		return oracle_complain("backfill does not yield to daily");
	if ((klass == POLICY_CLASS_DAILY || klass == POLICY_CLASS_SYSTEM) &&
		model_best(model, klass) != task)
		return oracle_complain("class %d not in the order of rank", klass);
	return true;
}

/*
 * Counts the start for the floor shares, and checks that each class got its
 * share of the last hundred starts if it could use it all the time, and no
 * daily task at risk was before it.
 */
static bool
check_floor(Model *model, const ModelTask *task)
{
	bool		feasible[POLICY_NUM_CLASSES];
	const ModelTask *daily = model_best(model, POLICY_CLASS_DAILY);
	bool		urgent = daily != NULL && model_urgent(daily) &&
	!model_share_exceeded(model, POLICY_CLASS_DAILY);
	int			klass;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		feasible[klass] = !task->spec.solo && !urgent &&
			model_best(model, klass) != NULL &&
			!model_share_exceeded(model, klass);
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		ModelClass *state = &model->classes[klass];

		state->recent[model->nstarts % MODEL_RING] =
			(int) task->spec.klass == klass;
		state->feasible_for = feasible[klass] ? state->feasible_for + 1 : 0;
	}
	model->nstarts++;
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		if (model->classes[klass].feasible_for < 100)
			continue;
		model->nwindows++;
		if (recent_starts(model, klass, 100) < floor_starts(model, klass))
			return oracle_complain("class %d is below its floor share", klass);
	}
	return true;
}

/*
 * Counts how often the oldest task of a class was passed by.
 */
static bool
check_overtaking(Model *model, const ModelTask *task)
{
	ModelTask  *oldest = model_best(model, (int) task->spec.klass);

	if (oldest == NULL || oldest == task || task->spec.solo)
		return true;
	if (++oldest->overtaken > model->max_overtaken)
		model->max_overtaken = oldest->overtaken;
	return oldest->overtaken <= ORACLE_MAX_OVERTAKEN ||
		oracle_complain("the oldest task of a class starves");
}

/*
 * Is the task the first of those that are like it?
 */
static bool
check_first_of_bucket(const Model *model, const ModelTask *task)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *other = &model->tasks[i];

		if (other != task && model_due(model, other) &&
			model_same_bucket(other, task) && model_before(other, task))
			return oracle_complain("not the first of its bucket");
	}
	return true;
}

/*
 * Is it told that the task counts for a rate?
 */
static bool
check_rated(const ModelTask *task, const PolicyStart *start)
{
	bool		rated = false;
	int			i;

	for (i = 0; i < MODEL_RESOURCES; i++)
		rated |= task->tokens[i];
	return start->rated == rated ||
		oracle_complain("it is told wrongly whether a rate counts");
}

/*
 * Was a retry one too many for a budget?
 */
static bool
check_budgets(const Model *model, const ModelTask *task)
{
	bool		kept = true;
	int			i;

	if (!model_is_retry(task))
		return true;
	kept = model_budget_kept(&model->queues[task->spec.queue].budget,
							 model->now);
	for (i = 0; i < MODEL_RESOURCES; i++)
		if (model_needs(task, model->resources[i].key))
			kept &= model_budget_kept(&model->resources[i].budget, model->now);
	return kept || oracle_complain("a retry budget is exceeded");
}

/*
 * Checks a start, and takes note of it.
 */
bool
oracle_start(Model *model, const PolicyStart *start)
{
	ModelTask  *task = model_find(model, start->task_id);
	PolicyCause cause;

	if (task == NULL || task->state != MODEL_WAITING)
		return oracle_complain("started a task that does not wait");
	if (task->spec.run_at > model->now)
		return oracle_complain("started too early");
	if (task->spec.nparents > 0)
		return oracle_complain("started before its parents had ended");
	if (!model_first(model, task))
		return oracle_complain("started before another one of its key");
	if (task->spec.expires_at <= model->now)
		return oracle_complain("started too late");
	if (model->busy >= model->workers)
		return oracle_complain("more tasks than workers");
	cause = model_lacks(model, task, false, NULL);
	if (cause != POLICY_CAUSE_NONE)
		return oracle_complain("started in spite of cause %d", cause);
	if (start->queue != task->spec.queue || start->owner != task->spec.owner ||
		start->klass != task->spec.klass || start->solo != task->spec.solo ||
		start->attempt != task->spec.attempt)
		return oracle_complain("the start does not describe the task");
	if (!oracle_fallback(model, task, start) ||
		!check_grants(model, task, start) ||
		!check_first_of_bucket(model, task) || !check_solo(model, task) ||
		(!task->spec.solo && !check_class(model, task)) ||
		!check_overtaking(model, task) || !check_floor(model, task))
		return false;
	model_run(model, task, start);
	return check_rated(task, start) && check_rates(model, task) &&
		check_budgets(model, task);
}

/*
 * The task that waits and expires first, or NULL.
 */
static ModelTask *
first_to_expire(Model *model)
{
	ModelTask  *first = NULL;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &model->tasks[i];

		if (task->state != MODEL_WAITING || task->spec.nparents > 0 ||
			(task->spec.expires_at == POLICY_TIME_NEVER &&
			 task->spec.wait_limit == 0))
			continue;
		if (first == NULL || task->spec.expires_at < first->spec.expires_at ||
			(task->spec.expires_at == first->spec.expires_at &&
			 task->spec.task_id < first->spec.task_id))
			first = task;
	}
	return first;
}

/*
 * Is this the task that has expired, and takes note of its end.
 */
bool
oracle_expired(Model *model, const PolicyEnd *expired)
{
	ModelTask  *task = first_to_expire(model);

	if (task == NULL || task->spec.expires_at > model->now)
		return oracle_complain("a task expired that should not");
	if (expired->task_id != task->spec.task_id ||
		expired->queue != task->spec.queue ||
		expired->attempt != task->spec.attempt)
		return oracle_complain("the wrong task expired");
	model_leave(task);
	return true;
}

/*
 * Is a task to be cancelled if this parent fails?
 */
static bool
is_orphan(const ModelTask *task, int64_t parent)
{
	int			i;

	for (i = 0; i < task->spec.nparents; i++)
		if (task->parents[i] == parent)
			return task->state == MODEL_WAITING &&
				task->spec.on_failure == POLICY_ON_FAILURE_CANCEL;
	return false;
}

/*
 * Is this one, and takes note of its end.
 */
bool
oracle_orphan(Model *model, int64_t parent, const PolicyEnd *orphan)
{
	ModelTask  *task = model_find(model, orphan->task_id);

	if (task == NULL || !is_orphan(task, parent))
		return oracle_complain("the wrong task is cancelled for its parent");
	if (orphan->queue != task->spec.queue ||
		orphan->attempt != task->spec.attempt)
		return oracle_complain("the end does not describe the task");
	model_leave(task);
	return true;
}

/*
 * Is it right that there is none?
 */
bool
oracle_no_orphan(const Model *model, int64_t parent)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
		if (is_orphan(&model->tasks[i], parent))
			return oracle_complain("a task is not cancelled for its parent");
	return true;
}

/*
 * Is it right that no task has expired, and does the policy know when the next
 * one will?
 */
bool
oracle_expiry(Model *model, Policy *policy)
{
	const ModelTask *task = first_to_expire(model);

	if (task != NULL && task->spec.expires_at <= model->now)
		return oracle_complain("an expired task was kept");
	return policy_next_expiry(policy) ==
		(task == NULL ? POLICY_TIME_NEVER : task->spec.expires_at) ||
		oracle_complain("the next expiry is wrong");
}

/*
 * Is it right that nothing starts?
 */
bool
oracle_refused(Model *model)
{
	const ModelTask *solo;
	int			klass;

	if (!oracle_open(model))
		return true;
	solo = model_solo(model);
	if (solo != NULL && model->running == 0)
		return oracle_complain("a solo task could start");
	if (oracle_drains(model) && solo_first(model, solo, POLICY_CLASS_ADHOC))
		return true;
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		if (model_best(model, klass) != NULL)
			return oracle_complain("a task of class %d could start", klass);
	return true;
}
