/*-------------------------------------------------------------------------
 *
 * recovery.c
 *	  What becomes of a small warehouse at random: outages are over, and the
 *	  health of its server changes.
 *
 * Each is told to the policy and to the model.
 *
 *-------------------------------------------------------------------------
 */
#include "episode.h"
#include "oracle.h"

/*
 * No ramp is under way any more.
 */
void
episode_end_ramps(Episode *e)
{
	int			i;

	e->model.ramp.length = 0;
	for (i = 0; i < MODEL_RESOURCES; i++)
		e->model.resources[i].ramp.length = 0;
	for (i = 0; i < MODEL_QUEUES; i++)
		e->model.queues[i].ramp.length = 0;
}

/*
 * After an outage a ramp begins, of a resource or of everything; or there are
 * to be none.
 */
void
episode_change_ramp(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];
	PolicyTime	began_at = e->model.now - draw(e, 20) * SECOND;
	int64_t		length = draw(e, 120) * SECOND;

	if (chance(e, 20))
	{
		e->model.ramp_seed = test_random(&e->random);
		e->model.ramp_length = chance(e, 50) ? 0 : MINUTE;
		policy_set_ramp(e->policy, e->model.ramp_length, e->model.ramp_seed);
		if (e->model.ramp_length == 0)
			episode_end_ramps(e);
	}
	else if (chance(e, 30))
	{
		int			i = draw(e, MODEL_QUEUES);
		ModelQueue *queue = &e->model.queues[i];
		bool		own = chance(e, 50);

		policy_begin_queue_ramp(e->policy, (uint32_t) i, began_at,
								own ? -1 : length);
		if (queue->configured && (!own || e->model.ramp_length > 0))
			model_ramp_begin(&e->model, &queue->ramp, (uint64_t) i,
							 queue->max_running, began_at,
							 own ? queue->ramp_length : length);
	}
	else if (chance(e, 40))
	{
		policy_begin_ramp(e->policy, 0, began_at, length);
		model_ramp_begin(&e->model, &e->model.ramp, 0, 0, began_at, length);
	}
	else if (state->slots > 0 || state->gap > 0)
	{
		policy_begin_ramp(e->policy, state->key, began_at, length);
		model_ramp_begin(&e->model, &state->ramp, state->key, state->slots,
						 began_at, length);
	}
}

/*
 * A limit of a measure is set or removed, for classes that may wait for it, or
 * the measure is taken.
 */
void
episode_change_health(Episode *e)
{
	HealthMeasure measure = (HealthMeasure) draw(e, HEALTH_MEASURES);
	HealthRule *rule = &e->model.health[measure].rule;
	int64_t		value = draw(e, 10);

	if (chance(e, 30))
	{
		rule->on = chance(e, 70);
		rule->classes = rule->on ? (uint8_t) (draw(e, 4) << POLICY_CLASS_ADHOC) : 0;
		rule->limit = measure == HEALTH_FREE_WORKERS ? draw(e, 4) : draw(e, 10);
		rule->resume = draw(e, (int) rule->limit + 1);
		if (!rule->on)
			e->model.health[measure].bad = false;
		policy_set_health(e->policy, measure, rule);
	}
	else if (measure == HEALTH_FREE_WORKERS)
	{
		e->model.other_workers = chance(e, 50) ? 0 : draw(e, 4);
		policy_set_other_workers(e->policy, e->model.other_workers);
	}
	else
	{
		model_tell_health(&e->model, measure, value);
		if (policy_tell_health(e->policy, measure, value) !=
			e->model.health[measure].bad)
			oracle_complain("a measure is bad or good, and told to be not");
	}
}
