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
 * After an outage a ramp begins, of a resource or of everything; or there are
 * to be none.
 */
void
episode_change_ramp(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];
	PolicyTime	began_at = e->model.now - draw(e, 20) * SECOND;
	int64_t		length = draw(e, 120) * SECOND;
	int			i;

	if (chance(e, 10))
	{
		e->model.ramp_seed = test_random(&e->random);
		policy_set_ramp(e->policy, 0, e->model.ramp_seed);
		e->model.ramp.length = 0;
		for (i = 0; i < MODEL_RESOURCES; i++)
			e->model.resources[i].ramp.length = 0;
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
