/*-------------------------------------------------------------------------
 *
 * model.c
 *	  The simulated warehouse: what follows from what the policy was told.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "model.h"

/*
 * The task of this id, or NULL.
 */
ModelTask *
model_find(Model *model, int64_t task_id)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
		if ((model->tasks[i].state == MODEL_WAITING ||
			 model->tasks[i].state == MODEL_RUNNING) &&
			model->tasks[i].spec.task_id == task_id)
			return &model->tasks[i];
	return NULL;
}

/*
 * The resource of this key; there is one.
 */
ModelResource *
model_resource(Model *model, uint64_t key)
{
	int			i;

	for (i = 0; model->resources[i].key != key; i++)
		;
	return &model->resources[i];
}

/*
 * Counts a worker as in use (1), or no more (-1).
 */
static void
model_count_worker(Model *model, const ModelTask *task, int change)
{
	model->busy += change;
	model->classes[task->spec.klass].running += change;
}

/*
 * Counts a task as one that runs (1), or no more (-1).
 */
static void
model_count(Model *model, const ModelTask *task, int change)
{
	model->running += change;
	if (!task->ending)
		model_count_worker(model, task, change);
	model->queues[task->spec.queue].running += change;
	model->owners[task->spec.owner].running += change;
	if (task->spec.solo)
		model->solo_runs = change > 0;
}

/*
 * The worker of a task that runs is, or is not, given to another one.
 */
void
model_set_ending(Model *model, ModelTask *task, bool ending)
{
	if (task->ending != ending)
		model_count_worker(model, task, ending ? -1 : 1);
	task->ending = ending;
}

/*
 * The slots of a resource that a task has.
 */
static uint64_t
model_slots_of(const ModelTask *task, uint64_t key)
{
	uint64_t	slots = 0;
	int			i;

	for (i = 0; i < task->ngrants; i++)
		if (task->grants[i].resource == key)
			slots |= UINT64_C(1) << task->grants[i].slot;
	return slots;
}

/*
 * Those that tasks have which run, but for what counts as free.
 */
uint64_t
model_own(const Model *model, uint64_t key)
{
	uint64_t	own = 0;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
		own |= model_slots_of(&model->tasks[i], key);
	if (model->lent != NULL)
		own &= ~model_slots_of(model->lent, key);
	return own;
}

/*
 * A task that waits runs from now on.
 */
void
model_run(Model *model, ModelTask *task, const PolicyStart *start)
{
	int			i;

	task->state = MODEL_RUNNING;
	task->started_at = model->now;
	task->preempted_for = 0;
	task->ending = false;
	task->behind = 0;
	task->kept_since = model->now;
	task->spec.begun = true;
	task->overtaken = 0;
	task->ngrants = start->ngrants;
	memcpy(task->grants, start->grants, sizeof(task->grants));
	model->last_start = task;
	task->started_at = model->now;
	model_count(model, task, 1);
	model_count_start(model, task);
	model_breaker_start(model, task);
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		ModelResource *resource = &model->resources[i];

		task->tokens[i] = false;
		if (!model_needs(task, resource->key))
			continue;
		if (model->now < resource->spread_until)
			resource->apart_until = model->now + resource->spread_gap;
		if (resource->gap == 0)
			continue;
		model_accrue(model, resource);
		resource->credit -= resource->gap;
		resource->starts[resource->nstarts++ % MODEL_RING] = model->now;
		task->tokens[i] = true;
	}
}

/*
 * A task did not start after all: its tokens come back.
 */
void
model_give_back(Model *model, ModelTask *task)
{
	int			i;

	model_uncount_start(model, task);
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		ModelResource *resource = &model->resources[i];

		if (!task->tokens[i] || resource->gap == 0)
			continue;
		model_accrue(model, resource);
		resource->credit += resource->gap;
		model_accrue(model, resource);
		resource->nstarts = 0;
	}
}

/*
 * Brings the credit of a resource up to date.
 */
void
model_accrue(const Model *model, ModelResource *resource)
{
	resource->credit += model->now - resource->credit_at;
	resource->credit_at = model->now;
	if (resource->credit > resource->burst * resource->gap)
		resource->credit = resource->burst * resource->gap;
}

/*
 * When a resource lets the next task start, if that is to come.
 */
PolicyTime
model_opens_at(const Model *model, uint64_t key)
{
	ModelResource *resource = model_resource((Model *) model, key);
	PolicyTime	opens_at = resource->paused_until;

	/* an open breaker is looked at first */
	if (model_breaker_opens_at(model, key) != POLICY_TIME_ALWAYS)
		return model_breaker_opens_at(model, key);
	if (resource->apart_until > opens_at)
		opens_at = resource->apart_until;
	if (resource->gap > 0)
	{
		model_accrue(model, resource);
		if (model->now + resource->gap - resource->credit > opens_at)
			opens_at = model->now + resource->gap - resource->credit;
	}
	return opens_at;
}

/*
 * A task that runs does so no more.
 */
void
model_end(Model *model, ModelTask *task, ModelState next)
{
	model_count(model, task, -1);
	task->ending = false;
	task->behind = 0;
	task->state = next;
	task->ngrants = 0;
	memset(task->probes, 0, sizeof(task->probes));
	task->preempted_for = 0;
}

/*
 * If this was the last start of all, it does not count for the floor shares.
 */
void
model_uncount(Model *model, const ModelTask *task)
{
	int			klass;

	if (model->last_start != task)
		return;
	model->last_start = NULL;
	model->nstarts--;
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		if (model->classes[klass].feasible_for > 0)
			model->classes[klass].feasible_for--;
}

/*
 * The slots that a task of the class could be given; all bits if the resource
 * has no cap.
 */
uint64_t
model_slots_open(const Model *model, uint64_t key, PolicyClass klass,
				 bool alone)
{
	const ModelResource *resource = model_resource((Model *) model, key);
	uint64_t	own = model_own(model, key);
	uint64_t	held = resource->foreign;
	uint64_t	open = 0;
	int			in_all = 0;
	int			unreserved = 0;
	int			ours = 0;
	int			limit = klass == POLICY_CLASS_BACKFILL ?
	resource->backfill_limit : resource->limit;
	int			slot;

	if (model_kept(model, key, klass))
		return 0;
	if (resource->slots == 0)
		return UINT64_MAX;
	if (resource->classes > 0 && (int) klass >= resource->classes)
		return 0;
	if (!alone)
		held |= own;
	for (slot = 0; slot < POLICY_MAX_SLOTS; slot++)
	{
		if ((held >> slot) & 1)
		{
			in_all++;
			if (slot >= resource->reserved)
				unreserved++;
			if (!alone && slot >= resource->reserved &&
				((own >> slot) & 1))
				ours++;
		}
		else if (slot < resource->slots &&
				 (klass == POLICY_CLASS_DAILY || slot >= resource->reserved))
			open |= UINT64_C(1) << slot;
	}
	if (in_all >= resource->slots)
		return 0;
	if (limit > 0 && resource->reserved + ours >= limit)
		for (slot = resource->reserved; slot < POLICY_MAX_SLOTS; slot++)
			open &= ~(UINT64_C(1) << slot);
	if (klass != POLICY_CLASS_DAILY &&
		(resource->gate_waiting ||
		 unreserved >= resource->slots - resource->reserved))
		return 0;
	return open;
}

/*
 * Does the task wait for nothing but its turn and room?
 */
bool
model_due(const Model *model, const ModelTask *task)
{
	return task->state == MODEL_WAITING && task->spec.nparents == 0 &&
		task->spec.run_at <= model->now && model_first(model, task);
}

/*
 * The virtual deadline.
 */
PolicyTime
model_rank(const ModelTask *task)
{
	static const int64_t delay[POLICY_NUM_CLASSES] = {0, 0, SECOND, HOUR};
	__int128	rank = (__int128) task->spec.enqueued_at +
	delay[task->spec.klass];
	int			priority = task->spec.priority;

	if (rank > INT64_MAX)
		rank = INT64_MAX;
	if (task->spec.klass == POLICY_CLASS_DAILY
		? task->spec.deadline != POLICY_TIME_NEVER
		: task->spec.deadline < rank)
		rank = task->has_risk ? task->risk.latest_start : task->spec.deadline;
	if (priority > 600)
		priority = 600;
	if (priority < -600)
		priority = -600;
	rank += priority * SECOND;
	if (rank > INT64_MAX)
		rank = INT64_MAX;
	if (rank < -(INT64_C(1) << 59))
		rank = -(INT64_C(1) << 59);
	if (model_urgent(task))
		rank -= (__int128) (int) task->risk.tier << 60;
	if (rank < INT64_MIN)
		rank = INT64_MIN;
	return (PolicyTime) rank;
}

/*
 * Does task a rank before task b?
 */
bool
model_before(const ModelTask *a, const ModelTask *b)
{
	PolicyTime	x = model_rank(a);
	PolicyTime	y = model_rank(b);

	return x < y || (x == y && a->spec.task_id < b->spec.task_id);
}

/*
 * Does a task need a resource?
 */
bool
model_needs(const ModelTask *task, uint64_t key)
{
	int			i;

	for (i = 0; i < task->spec.nneeds; i++)
		if (task->spec.needs[i] == key)
			return true;
	return false;
}

/*
 * Are two tasks alike in all that decides whether they can start?
 */
bool
model_same_bucket(const ModelTask *a, const ModelTask *b)
{
	int			i;

	for (i = 0; i < a->spec.nneeds; i++)
		if (!model_needs(b, a->spec.needs[i]))
			return false;
	for (i = 0; i < b->spec.nneeds; i++)
		if (!model_needs(a, b->spec.needs[i]))
			return false;
	return a->spec.queue == b->spec.queue && a->spec.owner == b->spec.owner &&
		a->spec.klass == b->spec.klass && a->spec.solo == b->spec.solo &&
		model_is_retry(a) == model_is_retry(b);
}

/*
 * Is a worker left for the class, now or ("alone") on an empty server?
 */
bool
model_has_worker(const Model *model, PolicyClass klass, bool alone)
{
	int			left = model->workers;
	int			other;

	if (!alone)
		left -= model->busy;
	if (klass > POLICY_CLASS_DAILY)
		left -= model->handed_workers;
	for (other = 0; other < POLICY_NUM_CLASSES && left > 0; other++)
	{
		int			unused = model->classes[other].reserved;

		if (!alone)
			unused -= model->classes[other].running;
		if (klass != POLICY_CLASS_SYSTEM && other != (int) klass && unused > 0)
			left -= unused;
	}
	return left > 0;
}

/*
 * Run as many tasks of the owner as may?
 */
bool
model_owner_full(const Model *model, const ModelTask *task)
{
	const ModelOwner *owner = &model->owners[task->spec.owner];

	return owner->max_running > 0 && owner->running >= owner->max_running;
}

/*
 * What blocks a due task, of queue and resources: POLICY_CAUSE_NONE if
 * nothing.  "alone": on an empty server.
 */
PolicyCause
model_blocked(const Model *model, const ModelTask *task, bool alone,
			  uint64_t *lacking)
{
	const ModelQueue *queue = &model->queues[task->spec.queue];
	uint64_t	least = UINT64_MAX;
	int			i;

	if (model->paused)
		return POLICY_CAUSE_PAUSED_ALL;
	if (queue->paused)
		return POLICY_CAUSE_PAUSED_QUEUE;
	if (queue->held_up)
		return POLICY_CAUSE_DOWNSTREAM;
	if (model_window_until(model, task) > model->now)
		return POLICY_CAUSE_WINDOW;
	if (!alone && !model_ramp_queue_room(model, task))
		return POLICY_CAUSE_RAMP;
	if (!alone && queue->max_running > 0 &&
		queue->running >= queue->max_running)
		return POLICY_CAUSE_QUEUE_LIMIT;
	if (!alone && model_owner_full(model, task))
		return POLICY_CAUSE_ROLE_LIMIT;
	if (model_budget_lacking(model, task, lacking) != NULL)
		return POLICY_CAUSE_BUDGET;
	for (i = 0; i < task->spec.nneeds; i++)
		if ((model_opens_at(model, task->spec.needs[i]) > model->now ||
			 model_slots_open(model, task->spec.needs[i], task->spec.klass,
							  alone) == 0 ||
			 !model_breaker_room(model, task->spec.needs[i]) ||
			 (!alone && !model_ramp_room(model, task->spec.needs[i]))) &&
			task->spec.needs[i] < least)
			least = task->spec.needs[i];
	if (least == UINT64_MAX)
		return POLICY_CAUSE_NONE;
	if (lacking != NULL)
		*lacking = least;
	if (!model_breaker_room(model, least))
		return POLICY_CAUSE_BREAKER;
	if (model_opens_at(model, least) > model->now)
		return POLICY_CAUSE_RATE;
	return alone || model_ramp_room(model, least) ? POLICY_CAUSE_RESOURCE :
		POLICY_CAUSE_RAMP;
}

/*
 * What a due task lacks, besides its turn: POLICY_CAUSE_NONE if nothing.
 */
PolicyCause
model_lacks(const Model *model, const ModelTask *task, bool alone,
			uint64_t *lacking)
{
	PolicyCause blocked = model_blocked(model, task, alone, lacking);
	int			running = model->running;

	if (blocked == POLICY_CAUSE_PAUSED_ALL ||
		blocked == POLICY_CAUSE_PAUSED_QUEUE ||
		blocked == POLICY_CAUSE_DOWNSTREAM)
		return blocked;
	if (!alone && (model->solo_runs || (task->spec.solo && running > 0)))
		return POLICY_CAUSE_SOLO;
	if (blocked != POLICY_CAUSE_NONE)
		return blocked;
	if (!model_has_worker(model, task->spec.klass, alone))
		return model->busy < model->workers ? POLICY_CAUSE_CLASS_SHARE :
			POLICY_CAUSE_NO_WORKER;
	if (model->owners[task->spec.owner].held)
		return POLICY_CAUSE_NO_WORKER;
	if (!alone && model_ramp_holds(model, task))
		return POLICY_CAUSE_RAMP;
	if (model_health_holds(model, task->spec.klass, alone, lacking))
		return POLICY_CAUSE_HEALTH;
	return POLICY_CAUSE_NONE;
}

/*
 * The best ranked of all tasks of a class that could start now, but for those
 * that run alone; NULL if there is none.
 */
ModelTask *
model_best(Model *model, int klass)
{
	ModelTask  *best = NULL;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &model->tasks[i];

		if (!model_due(model, task) || (int) task->spec.klass != klass ||
			task->spec.solo || (best != NULL && model_before(best, task)) ||
			model_lacks(model, task, false, NULL) != POLICY_CAUSE_NONE)
			continue;
		best = task;
	}
	return best;
}

/*
 * The best ranked of the tasks that run alone and could on an empty server.
 */
ModelTask *
model_solo(Model *model)
{
	ModelTask  *best = NULL;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &model->tasks[i];

		if (!model_due(model, task) || !task->spec.solo ||
			(best != NULL && model_before(best, task)) ||
			model_lacks(model, task, true, NULL) != POLICY_CAUSE_NONE)
			continue;
		best = task;
	}
	return best;
}

/*
 * Has the class as many running as its max_share allows?
 */
static bool
model_share_full(const Model *model, int klass)
{
	int			max_share = model->classes[klass].max_share;

	return max_share > 0 && model->classes[klass].running >= max_share;
}

/*
 * Has the class its max_share, while another that has not could start a task?
 */
bool
model_share_exceeded(Model *model, int klass)
{
	int			other;

	if (!model_share_full(model, klass))
		return false;
	for (other = 0; other < POLICY_NUM_CLASSES; other++)
		if (!model_share_full(model, other) &&
			model_best(model, other) != NULL)
			return true;
	return false;
}
