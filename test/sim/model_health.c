/*-------------------------------------------------------------------------
 *
 * model_health.c
 *	  The simulated warehouse: health of the server.
 *
 *-------------------------------------------------------------------------
 */
#include "model.h"

/*
 * A measure was taken.
 */
void
model_tell_health(Model *model, HealthMeasure measure, int64_t value)
{
	ModelHealth *health = &model->health[measure];

	if (value > health->rule.limit)
		health->bad = health->rule.on;
	else if (value <= health->rule.resume)
		health->bad = false;
}

/*
 * Do tasks of the class wait for a measure?  For which first?
 */
bool
model_health_holds(const Model *model, PolicyClass klass, bool alone,
				   uint64_t *measure)
{
	int			i;

	for (i = 0; i < HEALTH_MEASURES; i++)
	{
		const ModelHealth *health = &model->health[i];
		int			left = model->workers - model->other_workers -
		(alone ? 0 : model->busy);
		bool		bad = health->bad;

		if (i == HEALTH_FREE_WORKERS)
			bad = left - 1 < health->rule.limit;
		if (!health->rule.on || !bad ||
			(health->rule.classes & (1 << klass)) == 0)
			continue;
		if (measure != NULL)
			*measure = (uint64_t) i;
		return true;
	}
	return false;
}
