/*-------------------------------------------------------------------------
 *
 * ends.c
 *	  The ends of tasks, as those hear of them that wait for them.
 *
 *-------------------------------------------------------------------------
 */
#include "episode.h"
#include "oracle.h"

/*
 * Was this one counted, or had it a serial key and has not begun?
 */
static bool
was_known(const Model *model, int64_t task_id)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
		if (model->tasks[i].spec.task_id == task_id)
			return model->tasks[i].counted ||
				(model->tasks[i].spec.serial_key != 0 &&
				 !model->tasks[i].spec.begun);
	return false;
}

/*
 * The end of a task, for those that wait for it, and of those that it takes
 * along.
 */
bool
episode_task_ended(Episode *e, int64_t task_id, bool succeeded)
{
	bool		known = was_known(&e->model, task_id);
	bool		is_parent = model_is_parent(&e->model, task_id);
	PolicyEnd	orphan;

	/* one of a key that had not begun may or may not have been the first */
	if (policy_is_parent(e->policy, task_id) != is_parent &&
		!(known && !is_parent))
		return oracle_complain("a parent is not known as one, or another is");
	while (!succeeded && policy_next_orphan(e->policy, task_id, &orphan))
	{
		e->stats->orphans++;
		if (!oracle_orphan(&e->model, task_id, &orphan))
			return false;
		if (!episode_task_ended(e, orphan.task_id, false))
			return false;
	}
	if (!succeeded && !oracle_no_orphan(&e->model, task_id))
		return false;
	e->stats->releases += is_parent;
	model_parent_ended(&e->model, task_id, succeeded);
	policy_parent_ended(e->policy, task_id, succeeded, e->model.now);
	return true;
}

/*
 * Asks for the tasks that have expired.
 */
bool
episode_expire(Episode *e)
{
	PolicyEnd	expired;

	while (policy_next_expired(e->policy, e->model.now, &expired))
	{
		e->stats->expiries++;
		if (!oracle_expired(&e->model, &expired))
			return false;
		if (policy_holds(e->policy, expired.task_id))
			return oracle_complain("an expired task is held");
		if (!episode_task_ended(e, expired.task_id, false))
			return false;
	}
	return oracle_expiry(&e->model, e->policy);
}

/*
 * A parent that had failed, or was not heard of before, ends after all.
 */
bool
episode_revive(Episode *e)
{
	const ModelTask *task = episode_random_task(e);
	int64_t		parent;

	if (task == NULL || task->state != MODEL_WAITING ||
		task->spec.nparents == 0)
		return true;
	parent = task->parents[draw(e, task->spec.nparents)];
	return policy_holds(e->policy, parent) ||
		episode_task_ended(e, parent, chance(e, 80));
}

/*
 * What was not known to have ended has, or is to go on.
 */
bool
episode_find_gone(Episode *e, bool may_go_on)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &e->model.tasks[i];

		if (task->state != MODEL_GONE || (may_go_on && chance(e, 50)))
			continue;
		if (may_go_on && chance(e, 50))
		{
			task->state = MODEL_WAITING;
			task->spec.attempt++;
			task->spec.expires_at = POLICY_TIME_NEVER;
			task->spec.run_at = draw_time(e, 10 * MINUTE);
			task->counted = task->counted ||
				e->model.owners[task->spec.owner].counted;
			if (!policy_add(e->policy, &task->spec))
				return oracle_complain("a task that was gone was refused");
		}
		else if (!episode_task_ended(e, task->spec.task_id, chance(e, 80)))
			return false;
	}
	return true;
}

/*
 * Every parent that is not there has ended.
 */
bool
episode_revive_all(Episode *e)
{
	int			i;
	int			j;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &e->model.tasks[i];

		for (j = task->spec.nparents - 1; j >= 0; j--)
			if (task->state == MODEL_WAITING &&
				!policy_holds(e->policy, task->parents[j]) &&
				!episode_task_ended(e, task->parents[j], true))
				return false;
	}
	return true;
}
