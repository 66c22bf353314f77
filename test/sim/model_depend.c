/*-------------------------------------------------------------------------
 *
 * model_depend.c
 *	  The simulated warehouse: tasks that wait for the ends of others.
 *
 *-------------------------------------------------------------------------
 */
#include "model.h"

/*
 * The place of a parent among those that a task waits for; -1 if it does not.
 */
static int
model_waits_for(const ModelTask *task, int64_t parent)
{
	int			i;

	for (i = 0; i < task->spec.nparents; i++)
		if (task->state == MODEL_WAITING && task->parents[i] == parent)
			return i;
	return -1;
}

/*
 * Does any task wait for the end of this one, or could because of its key?
 */
bool
model_is_parent(const Model *model, int64_t task_id)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
		if (model_waits_for(&model->tasks[i], task_id) >= 0 ||
			(model->tasks[i].state == MODEL_GONE &&
			 model->tasks[i].spec.task_id == task_id))
			return true;
	return false;
}

/*
 * A task waits for no parent from now on.
 */
void
model_unblock(const Model *model, ModelTask *task)
{
	PolicyTask *spec = &task->spec;

	spec->nparents = 0;
	if (spec->wait_limit == 0)
		return;
	spec->expires_at = spec->run_at > model->now ? spec->run_at : model->now;
	if (spec->expires_at > POLICY_TIME_NEVER - spec->wait_limit)
		spec->expires_at = POLICY_TIME_NEVER;
	else
		spec->expires_at += spec->wait_limit;
}

/*
 * A parent has ended: those that can do with that wait for it no more.
 */
void
model_parent_ended(Model *model, int64_t task_id, bool succeeded)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &model->tasks[i];
		PolicyTask *spec = &task->spec;
		int			place = model_waits_for(task, task_id);

		if (task->state == MODEL_GONE && spec->task_id == task_id)
			task->state = MODEL_NONE;
		if (place < 0 ||
			(!succeeded && spec->on_failure != POLICY_ON_FAILURE_RUN))
			continue;
		task->parents[place] = task->parents[--spec->nparents];
		if (spec->nparents == 0)
			model_unblock(model, task);
	}
}
