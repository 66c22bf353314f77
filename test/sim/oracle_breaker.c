/*-------------------------------------------------------------------------
 *
 * oracle_breaker.c
 *	  Are circuit breakers right?  Asks the model.
 *
 * That nothing starts which a breaker holds back, and no probe too many, is
 * checked with all else that a start needs: see model_blocked().  Here is what
 * a breaker says besides.
 *
 *-------------------------------------------------------------------------
 */
#include "oracle.h"

/*
 * Does the task start with the command that it must?  To be asked before note
 * is taken of the start.
 */
bool
oracle_fallback(const Model *model, const ModelTask *task,
				const PolicyStart *start)
{
	return start->fallback == model_fallback(model, task) ||
		oracle_complain("a fallback is executed that should not, or the other way round");
}

/*
 * Are tasks ended that wait for the breaker of the resource?
 */
static bool
refuses(const Model *model, uint64_t key)
{
	const ModelBreaker *breaker =
	&model_resource((Model *) model, key)->breaker;
	BreakerState state = model_breaker_state(model, breaker);

	return breaker->rule.on && breaker->rule.fail &&
		(state == BREAKER_OPEN || state == BREAKER_FORCED_OPEN);
}

/*
 * Is it right that this task is ended because a breaker is open; and takes
 * note of it.
 */
bool
oracle_breaker_refused(Model *model, const PolicyEnd *refused)
{
	ModelTask  *task = model_find(model, refused->task_id);
	bool		right = false;
	int			i;

	if (task == NULL || !model_due(model, task))
		return oracle_complain("a task is refused whose turn it is not");
	for (i = 0; i < task->spec.nneeds; i++)
		right |= refuses(model, task->spec.needs[i]);
	if (!right)
		return oracle_complain("a task is refused that needs nothing which fails");
	if (refused->queue != task->spec.queue ||
		refused->attempt != task->spec.attempt)
		return oracle_complain("the end does not describe the task");
	model_leave(task);
	return true;
}

/*
 * Is it right that no other is?  Not those that lack something else, too: they
 * may not have been looked at.
 */
bool
oracle_none_refused(Model *model)
{
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];
		uint64_t	lacking = 0;
		ModelBreaker *breaker;
		PolicyCause otherwise;

		if (!model_due(model, task) || task->spec.solo ||
			!oracle_looked_at(model, task) ||
			model_lacks(model, task, false, &lacking) != POLICY_CAUSE_BREAKER ||
			!refuses(model, lacking))
			continue;
		breaker = &model_resource(model, lacking)->breaker;
		breaker->rule.on = false;
		otherwise = model_lacks(model, task, false, NULL);
		breaker->rule.on = true;
		if (otherwise == POLICY_CAUSE_NONE &&
			!model_share_exceeded(model, (int) task->spec.klass))
			return oracle_complain("a task waits that is to be refused");
	}
	return true;
}

/*
 * Is the state of each breaker told, and nothing else?
 */
bool
oracle_breakers(Model *model, Policy *policy)
{
	BreakerStatus status;
	int			i;

	while (policy_next_breaker(policy, &status))
	{
		ModelBreaker *breaker = &model_resource(model, status.resource)->breaker;

		if (!breaker->rule.on)
			return oracle_complain("a breaker is told of that is not there");
		if (status.turned ? status.from != breaker->told :
			status.state != breaker->told)
			return oracle_complain("a breaker comes from a state that was not told");
		if (status.state == BREAKER_OPEN && status.until != breaker->until)
			return oracle_complain("a breaker is open until another time");
		if (status.probing != model_breaker_probes(model, status.resource))
			return oracle_complain("%d probes told instead of %d",
								   (int) status.probing,
								   model_breaker_probes(model, status.resource));
		breaker->told = status.state;
	}
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		const ModelBreaker *breaker = &model->resources[i].breaker;

		/* with a fallback the time is looked at when something starts */
		if (breaker->rule.on &&
			breaker->told != model_breaker_state(model, breaker) &&
			!(breaker->rule.fallback && breaker->told == breaker->state))
			return oracle_complain("a breaker is told to be in state %d instead of %d",
								   breaker->told,
								   model_breaker_state(model, breaker));
	}
	return true;
}
