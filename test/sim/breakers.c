/*-------------------------------------------------------------------------
 *
 * breakers.c
 *	  What a small warehouse calls fails at random, and has circuit breakers.
 *
 * Each is told to the policy and to the model.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "episode.h"
#include "oracle.h"

/*
 * Sets the breaker of a resource to something random, or removes it.
 */
void
episode_change_breaker(Episode *e)
{
	ModelResource *state = &e->model.resources[draw(e, MODEL_RESOURCES)];
	BreakerRule rule = {0};

	rule.on = chance(e, 85);
	rule.mode = chance(e, 80) ? BREAKER_CLOSED :
		chance(e, 50) ? BREAKER_FORCED_OPEN : BREAKER_DISABLED;
	rule.made = state->breaker.rule.made + chance(e, 20);
	rule.fail = chance(e, 20);
	rule.fallback = !rule.fail && chance(e, 30);
	rule.time_based = chance(e, 50);
	rule.window = rule.time_based ? (1 + draw(e, 60)) * SECOND : 1 + draw(e, 20);
	rule.min_calls = 1 + draw(e, 5);
	rule.failures = chance(e, 40) ? 0 : 1 + draw(e, 5);
	rule.failure_rate = chance(e, 50) ? 0 : 10 + draw(e, 91);
	rule.slow = chance(e, 60) ? 0 : (1 + draw(e, 4)) * SECOND / 4;
	rule.slow_rate = rule.slow == 0 ? 0 : 10 + draw(e, 91);
	rule.wait = 1 + draw(e, 60) * SECOND / 2;
	rule.permitted = chance(e, 60) ? 1 : 1 + draw(e, 4);
	rule.ramp = chance(e, 30) ? -1 : draw(e, 60) * SECOND;
	rule.nrecord = chance(e, 30);
	strcpy(rule.record[0], "08");
	rule.nignore = chance(e, 30);
	strcpy(rule.ignore[0], "57014");
	policy_set_breaker(e->policy, state->key, &rule);
	model_set_breaker(&e->model, state, &rule);
	episode_forget_pause(state);
}

/*
 * An attempt is going to end, of which something is told.
 */
void
episode_report(Episode *e, const ModelTask *task)
{
	static const char *const errors[] = {"08006", "22012", "40001", "57014"};
	PolicyResult result = {true, "", e->model.now - task->started_at};

	if (e->failing == 0 || chance(e, 10))
		return;
	if (chance(e, e->failing))
	{
		result.succeeded = false;
		result.sqlstate = errors[draw(e, 4)];
	}
	policy_report(e->policy, task->spec.task_id, &result, e->model.now);
	model_breaker_report(&e->model, task, &result);
}

/*
 * Ends the tasks that are not to wait for a breaker, and hears what else
 * breakers have to tell.
 */
bool
episode_refuse(Episode *e)
{
	PolicyEnd	refused;
	uint64_t	resource;

	while (policy_next_refused(e->policy, &refused, &resource))
	{
		if (!oracle_breaker_refused(&e->model, &refused))
			return false;
		if (policy_holds(e->policy, refused.task_id))
			return oracle_complain("a refused task is held");
		if (!episode_task_ended(e, refused.task_id, false))
			return false;
		e->stats->refused++;
	}
	return oracle_none_refused(&e->model) &&
		(!chance(e, 50) || oracle_breakers(&e->model, e->policy));
}

/*
 * No resource has a breaker any more.
 */
void
episode_end_breakers(Episode *e)
{
	static const BreakerRule none;
	int			i;

	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		policy_set_breaker(e->policy, e->model.resources[i].key, &none);
		model_set_breaker(&e->model, &e->model.resources[i], &none);
		episode_forget_pause(&e->model.resources[i]);
	}
}
