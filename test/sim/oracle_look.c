/*-------------------------------------------------------------------------
 *
 * oracle_look.c
 *	  Is what the policy tells of itself right?  Asks the model.
 *
 *-------------------------------------------------------------------------
 */
#include "oracle.h"

/*
 * The cause that policy_why is to tell, when the policy just refused to start
 * anything.
 */
static PolicyCause
expected_cause(Model *model, const ModelTask *task, uint64_t *lacking)
{
	const ModelTask *solo = model_solo(model);
	PolicyCause cause;

	if (task->state == MODEL_RUNNING)
		return POLICY_CAUSE_RUNNING;
	if (task->spec.nparents > 0)
		return POLICY_CAUSE_DEPENDENCY;
	if (task->spec.run_at > model->now)
		return POLICY_CAUSE_SCHEDULED;
	cause = model_lacks(model, task, false, lacking);
	if (cause == POLICY_CAUSE_NONE)
		cause = POLICY_CAUSE_BEHIND;
	if (cause == POLICY_CAUSE_PAUSED_ALL || cause == POLICY_CAUSE_PAUSED_QUEUE)
		return cause;
	if (oracle_drains(model) && solo != NULL && !task->spec.solo &&
		model_before(solo, task))
		return POLICY_CAUSE_SOLO;
	if ((cause == POLICY_CAUSE_BEHIND || cause == POLICY_CAUSE_NO_WORKER) &&
		model->running < model->workers &&
		model_share_exceeded(model, (int) task->spec.klass))
		return POLICY_CAUSE_CLASS_SHARE;
	return cause;
}

/*
 * Does the policy know why a task does not run?  To be asked when it has just
 * refused to start anything.
 */
bool
oracle_why(Model *model, Policy *policy, const ModelTask *task)
{
	uint64_t	lacking = 0;
	PolicyCause expected = expected_cause(model, task, &lacking);
	PolicyWhy	why = policy_why(policy, task->spec.task_id, model->now);

	if (why.cause != expected)
		return oracle_complain("cause %d told instead of %d", why.cause,
							   expected);
	if ((expected == POLICY_CAUSE_RESOURCE || expected == POLICY_CAUSE_RATE) &&
		why.resource != lacking)
		return oracle_complain("the wrong resource is told");
	if (expected == POLICY_CAUSE_RATE &&
		why.until != model_opens_at(model, lacking))
		return oracle_complain("the wrong time of a start is told");
	if (expected == POLICY_CAUSE_SCHEDULED && why.until != task->spec.run_at)
		return oracle_complain("the wrong time is told");
	return why.ahead < MODEL_TASKS || oracle_complain("too many ahead");
}

/*
 * Is it known whether a due task lacks a slot?  Its bucket is looked at while
 * a worker can be had for it.
 */
static bool
counts_known(const Model *model, const ModelTask *task)
{
	return oracle_open(model) && !oracle_drains(model) &&
		!model->held[task->spec.owner] &&
		model_has_worker(model, task->spec.klass, false);
}

/*
 * Are the counts of a queue right?  To be asked when the policy has just
 * refused to start anything.
 */
bool
oracle_counts(Model *model, Policy *policy, int queue)
{
	PolicyQueueCounts counts;
	uint32_t	ready = 0;		/* at least */
	uint32_t	blocked = 0;	/* at least */
	uint32_t	either = 0;
	uint32_t	delayed = 0;
	uint32_t	running = 0;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];
		PolicyCause cause;

		if (task->state == MODEL_NONE || (int) task->spec.queue != queue)
			continue;
		cause = model_blocked(model, task, false, NULL);
		if (task->state == MODEL_RUNNING)
			running++;
		else if (task->spec.nparents > 0)
			blocked++;
		else if (task->spec.run_at > model->now)
			delayed++;
		else if (cause != POLICY_CAUSE_NONE &&
				 ((cause != POLICY_CAUSE_RESOURCE &&
				   cause != POLICY_CAUSE_RATE) || task->spec.solo ||
				  counts_known(model, task)))
			blocked++;
		else if (cause == POLICY_CAUSE_NONE &&
				 counts_known(model, task))
			ready++;
		else
			either++;
	}
	policy_queue_counts(policy, (uint32_t) queue, &counts);
	if (counts.delayed == delayed && counts.running == running &&
		counts.ready >= ready && counts.blocked >= blocked &&
		counts.ready + counts.blocked == ready + blocked + either)
		return true;
	return oracle_complain("counts of ready %u, blocked %u, delayed %u, "
						   "running %u instead of %u, %u, %u, %u and %u of "
						   "which one cannot know", counts.ready, counts.blocked,
						   counts.delayed, counts.running, ready, blocked,
						   delayed, running, either);
}

/*
 * Is a task shed before another?
 */
static bool
shed_before(const ModelTask *a, const ModelTask *b)
{
	if (a->spec.klass != b->spec.klass)
		return a->spec.klass > b->spec.klass;
	if (a->spec.enqueued_at != b->spec.enqueued_at)
		return a->spec.enqueued_at < b->spec.enqueued_at;
	return a->spec.task_id < b->spec.task_id;
}

/*
 * The task of a queue that is shed first, or first after the one given; NULL
 * if there is none.
 */
static const ModelTask *
shed_next(const Model *model, int queue, const ModelTask *after)
{
	const ModelTask *next = NULL;
	int			i;

	for (i = 0; i < MODEL_TASKS && model->queues[queue].sheds; i++)
	{
		const ModelTask *task = &model->tasks[i];

		if (task->state == MODEL_WAITING && (int) task->spec.queue == queue &&
			(after == NULL || shed_before(after, task)) &&
			(next == NULL || shed_before(task, next)))
			next = task;
	}
	return next;
}

/*
 * Does the policy know which tasks of a queue are to be shed?
 */
bool
oracle_shed(Model *model, Policy *policy, int queue)
{
	PolicyShed	shed[POLICY_MAX_SHED];
	int			n = policy_next_shed(policy, (uint32_t) queue, shed,
									 POLICY_MAX_SHED);
	const ModelTask *task = NULL;
	int			i;

	for (i = 0; i < n; i++)
	{
		task = shed_next(model, queue, task);
		if (task == NULL || task->spec.task_id != shed[i].task_id ||
			task->spec.klass != shed[i].klass)
			return oracle_complain("the wrong task is to be shed");
	}
	return n == POLICY_MAX_SHED || shed_next(model, queue, task) == NULL ||
		oracle_complain("a task is not to be shed");
}

/*
 * Does the policy know when it is to be asked again?
 */
bool
oracle_due(Model *model, Policy *policy)
{
	PolicyTime	due = POLICY_TIME_NEVER;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];

		if (task->state == MODEL_WAITING && task->spec.nparents == 0 &&
			task->spec.run_at > model->now &&
			task->spec.run_at < due)
			due = task->spec.run_at;
	}
	if (oracle_drains(model) && model->drain_until < due)
		due = model->drain_until;
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		PolicyTime	opens_at = model_opens_at(model, model->resources[i].key);

		if (opens_at > model->now && opens_at < due)
			due = opens_at;
	}
	return policy_next_due(policy) == due ||
		oracle_complain("the next time is wrong");
}
