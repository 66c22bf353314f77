/*-------------------------------------------------------------------------
 *
 * model_risk.c
 *	  The simulated warehouse: daily tasks at risk, and what is kept for them.
 *
 *-------------------------------------------------------------------------
 */
#include "model.h"

/*
 * Is it a daily task that may still be in time, but perhaps will not?
 */
bool
model_urgent(const ModelTask *task)
{
	return task->has_risk && task->risk.tier != POLICY_TIER_ON_TIME &&
		!task->risk.missed;
}

/*
 * Is the resource kept for daily tasks: handed to one, or needed by one that is
 * at risk?
 */
bool
model_kept(const Model *model, uint64_t key, PolicyClass klass)
{
	int			i;

	if (klass > POLICY_CLASS_DAILY &&
		model_resource((Model *) model, key)->handed > 0)
		return true;
	for (i = 0; i < MODEL_TASKS && klass == POLICY_CLASS_BACKFILL; i++)
	{
		const ModelTask *task = &model->tasks[i];

		if (task->has_risk && task->risk.tier != POLICY_TIER_ON_TIME &&
			!task->spec.solo && model_due(model, task) &&
			model_needs(task, key))
			return true;
	}
	return false;
}
