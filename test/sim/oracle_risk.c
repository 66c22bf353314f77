/*-------------------------------------------------------------------------
 *
 * oracle_risk.c
 *	  Are deadlines and preemptions right?  Asks the model.
 *
 * What is known of the durations of tasks is tested in unit_risk.c.  Here the
 * tiers are taken as they are told, and what follows from them is checked:
 * order, what is closed to backfills, and who ends early for whom.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/admit.h"
#include "oracle.h"

/*
 * Takes note of what the policy says of deadlines and of what is handed over,
 * as the next decision will see it.
 */
void
oracle_sync(Model *model, Policy *policy)
{
	int			i;

	(void) policy_promote(policy, model->now);
	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &model->tasks[i];

		task->has_risk = task->state != MODEL_NONE &&
			policy_risk(policy, task->spec.task_id, &task->risk);
	}
	for (i = 0; i < MODEL_RESOURCES; i++)
		model->resources[i].handed =
			policy_handed(policy, model->resources[i].key);
	model->handed_workers = policy_handed(policy, 0);
}

/*
 * Are those tasks in a tier, and those alone, that must be, as far as that does
 * not depend on durations?
 */
bool
oracle_tiers(const Model *model)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];
		const PolicyRiskInfo *risk = &task->risk;

		if (task->state == MODEL_NONE || task->state == MODEL_GONE)
			continue;
		if (task->has_risk != (task->spec.klass == POLICY_CLASS_DAILY &&
							   task->spec.deadline != POLICY_TIME_NEVER))
			return oracle_complain("a deadline is not looked after");
		if (!task->has_risk)
			continue;
		if (risk->deadline != task->spec.deadline ||
			risk->latest_start > risk->deadline)
			return oracle_complain("the latest start is too late");
		if (risk->missed != (model->now > risk->deadline))
			return oracle_complain("a missed deadline is not seen");
		if (risk->look_at <= model->now)
			return oracle_complain("a deadline was not looked at");
		if (task->state == MODEL_WAITING && model->now > risk->latest_start &&
			risk->tier != POLICY_TIER_CRITICAL)
			return oracle_complain("too late, and not critical");
		if (risk->on_time < 0.5 && risk->tier != POLICY_TIER_CRITICAL)
			return oracle_complain("improbable, and not critical");
		if (risk->on_time < 0.9 && risk->tier == POLICY_TIER_ON_TIME)
			return oracle_complain("in doubt, and not at risk");
	}
	return true;
}

/*
 * Does a task hold a slot of the resource; or a worker, if that is 0?
 */
static bool
holds(const ModelTask *task, uint64_t key)
{
	int			i;

	if (task->state != MODEL_RUNNING)
		return false;
	for (i = 0; i < task->ngrants && key != 0; i++)
		if (task->grants[i].resource == key)
			return true;
	return key == 0 && !task->ending;
}

/*
 * May a task be preempted?
 */
static bool
may_end(const ModelTask *task)
{
	return task->state == MODEL_RUNNING &&
		task->spec.klass == POLICY_CLASS_BACKFILL && !task->spec.solo &&
		!task->ending && !task->spec.firm && task->spec.preempted < 2 &&
		task->preempted_for == 0;
}

/*
 * Does a task that is critical wait for what others hold, and nothing else?
 */
static bool
can_be_helped(Model *model, const ModelTask *task)
{
	const ModelQueue *queue = &model->queues[task->spec.queue];
	int			i;

	if (!model_due(model, task) || task->spec.solo || !task->has_risk ||
		task->risk.tier != POLICY_TIER_CRITICAL || model->paused ||
		queue->paused || queue->held_up ||
		(queue->max_running > 0 && queue->running >= queue->max_running) ||
		!model_ramp_queue_room(model, task) ||
		model_owner_full(model, task) ||
		model_window_until(model, task) > model->now ||
		model_budget_lacking(model, task, NULL) != NULL)
		return false;
	for (i = 0; i < task->spec.nneeds; i++)
		if (model_opens_at(model, task->spec.needs[i]) > model->now ||
			!model_breaker_room(model, task->spec.needs[i]) ||
			!model_ramp_room(model, task->spec.needs[i]))
			return false;
	return true;
}

/*
 * Does a task lack a slot of the resource, or a worker, if that is 0?
 */
static bool
lacks(const Model *model, const ModelTask *task, uint64_t key)
{
	if (key == 0)
		return !model_has_worker(model, POLICY_CLASS_DAILY, false);
	return model_needs(task, key) &&
		model_slots_open(model, key, POLICY_CLASS_DAILY, false) == 0;
}

/*
 * The resource of that number, 0 for the worker.
 */
static uint64_t
thing(const Model *model, int i)
{
	return i < MODEL_RESOURCES ? model->resources[i].key : 0;
}

/*
 * Takes note of a preemption, if it is right.
 */
bool
oracle_preemption(Model *model, const PolicyPreemption *preemption)
{
	ModelTask  *victim = model_find(model, preemption->task_id);
	const ModelTask *waiting = model_find(model, preemption->for_task);
	bool		wanted = false;
	int			i;
	int			j;

	if (victim == NULL || !may_end(victim))
		return oracle_complain("a task is preempted that must not be");
	if (waiting == NULL || !can_be_helped(model, waiting))
		return oracle_complain("preempted for a task that it does not help");
	for (i = 0; i <= MODEL_RESOURCES; i++)
	{
		uint64_t	key = thing(model, i);
		bool		help = false;

		if (!lacks(model, waiting, key))
			continue;
		wanted |= holds(victim, key);
		for (j = 0; j < MODEL_TASKS; j++)
			help |= holds(&model->tasks[j], key) &&
				(may_end(&model->tasks[j]) ||
				 model->tasks[j].preempted_for == preemption->for_task);
		if (!help)
			return oracle_complain("preempted in vain");
		if (preemption->resource != key || !holds(victim, key))
			continue;
		for (j = 0; j < MODEL_TASKS; j++)
			if (may_end(&model->tasks[j]) && holds(&model->tasks[j], key) &&
				model->tasks[j].started_at > victim->started_at)
				return oracle_complain("more work is lost than necessary");
	}
	victim->preempted_for = preemption->for_task;
	return wanted || oracle_complain("what is freed is not wanted");
}

/*
 * Is it right that nothing more is preempted?
 */
bool
oracle_no_preemption(Model *model)
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];
		bool		help = false;

		if (!can_be_helped(model, task))
			continue;
		for (j = 0; j <= MODEL_RESOURCES; j++)
		{
			bool		coming = false;
			bool		possible = false;

			if (!lacks(model, task, thing(model, j)))
				continue;
			for (k = 0; k < MODEL_TASKS; k++)
			{
				const ModelTask *other = &model->tasks[k];

				if (!holds(other, thing(model, j)))
					continue;
				coming |= other->preempted_for == task->spec.task_id;
				possible |= may_end(other);
			}
			if (!coming && !possible)
				break;
			help |= !coming;
		}
		if (j > MODEL_RESOURCES && help)
			return oracle_complain("a critical task is not helped");
	}
	return true;
}
