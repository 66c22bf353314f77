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
	if (!model_first(model, task))
		return POLICY_CAUSE_SERIAL_KEY;
	cause = model_lacks(model, task, false, lacking);
	if (cause == POLICY_CAUSE_NONE)
		cause = POLICY_CAUSE_BEHIND;
	if (cause == POLICY_CAUSE_PAUSED_ALL ||
		cause == POLICY_CAUSE_PAUSED_QUEUE || cause == POLICY_CAUSE_DOWNSTREAM)
		return cause;
	if (oracle_drains(model) && solo != NULL && !task->spec.solo &&
		model_before(solo, task))
		return POLICY_CAUSE_SOLO;
	if ((cause == POLICY_CAUSE_BEHIND || cause == POLICY_CAUSE_NO_WORKER ||
		 cause == POLICY_CAUSE_HEALTH ||
		 (cause == POLICY_CAUSE_RAMP && *lacking == 0 &&
		  model_ramp_queue_room(model, task))) &&
		model->busy < model->workers &&
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
	if ((expected == POLICY_CAUSE_RESOURCE || expected == POLICY_CAUSE_RATE ||
		 expected == POLICY_CAUSE_BREAKER || expected == POLICY_CAUSE_BUDGET ||
		 expected == POLICY_CAUSE_RAMP) &&
		why.resource != lacking)
		return oracle_complain("the wrong resource is told");
	if (expected == POLICY_CAUSE_RAMP &&
		why.until != model_ramp_next(!model_ramp_queue_room(model, task) ?
									 &model->queues[task->spec.queue].ramp :
									 lacking == 0 ? &model->ramp :
									 &model_resource(model, lacking)->ramp,
									 model->now))
		return oracle_complain("the wrong step of a ramp is told");
	if (expected == POLICY_CAUSE_HEALTH && why.measure != lacking)
		return oracle_complain("the wrong measure is told");
	if (expected == POLICY_CAUSE_RATE &&
		why.until != model_opens_at(model, lacking))
		return oracle_complain("the wrong time of a start is told");
	if (expected == POLICY_CAUSE_BREAKER &&
		why.until != model_breaker_opens_at(model, lacking))
		return oracle_complain("the wrong time of a probe is told");
	if (expected == POLICY_CAUSE_BUDGET &&
		why.until != model_budget_opens(model_budget_lacking(model, task, NULL),
										model->now))
		return oracle_complain("the wrong time of a retry is told");
	if (expected == POLICY_CAUSE_WINDOW &&
		why.until != model_window_until(model, task))
		return oracle_complain("the wrong time of an opening is told");
	if (expected == POLICY_CAUSE_SCHEDULED && why.until != task->spec.run_at)
		return oracle_complain("the wrong time is told");
	return why.ahead < MODEL_TASKS || oracle_complain("too many ahead");
}

/*
 * Is it known whether a due task lacks a slot?  Its bucket is looked at while
 * a worker can be had for it.
 */
bool
oracle_looked_at(const Model *model, const ModelTask *task)
{
	return oracle_open(model) && !oracle_drains(model) &&
		model->busy < model_ramp_allowed(&model->ramp, model->now) &&
		!model_health_holds(model, task->spec.klass, false, NULL) &&
		!model->owners[task->spec.owner].held &&
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
	uint32_t	could_start = 0;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];
		PolicyCause cause;

		if (task->state == MODEL_NONE || task->state == MODEL_GONE ||
			(int) task->spec.queue != queue)
			continue;
		cause = model_blocked(model, task, false, NULL);
		if (task->state != MODEL_RUNNING && task->spec.nparents == 0 &&
			task->spec.run_at <= model->now && cause == POLICY_CAUSE_NONE)
			could_start++;
		if (task->state == MODEL_RUNNING)
			running++;
		else if (task->spec.nparents > 0)
			blocked++;
		else if (task->spec.run_at > model->now)
			delayed++;
		else if (!model_first(model, task))
			blocked++;
		else if (cause == POLICY_CAUSE_ROLE_LIMIT ||
				 (cause == POLICY_CAUSE_WINDOW &&
				  model_owner_full(model, task)))
			either++;			/* it may be parked there for another reason */
		else if (cause != POLICY_CAUSE_NONE &&
				 ((cause != POLICY_CAUSE_RESOURCE &&
				   cause != POLICY_CAUSE_RATE &&
				   cause != POLICY_CAUSE_BREAKER &&
				   cause != POLICY_CAUSE_RAMP &&
				   cause != POLICY_CAUSE_BUDGET &&
				   cause != POLICY_CAUSE_WINDOW) || task->spec.solo ||
				  oracle_looked_at(model, task)))
			blocked++;
		else if (cause == POLICY_CAUSE_NONE &&
				 oracle_looked_at(model, task))
			ready++;
		else
			either++;
	}
	policy_queue_counts(policy, (uint32_t) queue, &counts);
	if (counts.shut && could_start > 0)
		return oracle_complain("the queue is shut, and %u of its tasks could "
							   "start", could_start);
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
 * Is it known when the oldest task of a queue was enqueued?  Exactly, if there
 * have never been but few.
 */
bool
oracle_oldest(const Model *model, Policy *policy, int queue, bool few)
{
	PolicyQueueCounts counts;
	PolicyTime	oldest = POLICY_TIME_NEVER;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];

		if ((task->state == MODEL_WAITING || task->state == MODEL_RUNNING) &&
			(int) task->spec.queue == queue &&
			task->spec.enqueued_at < oldest)
			oldest = task->spec.enqueued_at;
	}
	policy_queue_counts(policy, (uint32_t) queue, &counts);
	return counts.oldest == oldest ||
		(!few && counts.oldest < oldest) ||
		oracle_complain("the age of the oldest task of a queue is wrong");
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
 * Is a due daily task in want of a slot of the resource?  "alone": of nothing
 * else that can be told without knowing who was looked at last.
 */
static bool
wants_slot(Model *model, const ModelTask *task, uint64_t key, bool alone)
{
	int			i;

	if (task->spec.klass != POLICY_CLASS_DAILY || task->spec.solo ||
		!model_due(model, task) || !model_needs(task, key) ||
		model_opens_at(model, key) > model->now ||
		!model_breaker_room(model, key) || !model_ramp_room(model, key) ||
		model_slots_open(model, key, POLICY_CLASS_DAILY, false) != 0)
		return false;
	for (i = 0; i < task->spec.nneeds && alone; i++)
		if (task->spec.needs[i] != key &&
			(model_opens_at(model, task->spec.needs[i]) > model->now ||
			 model_slots_open(model, task->spec.needs[i], POLICY_CLASS_DAILY,
							  false) == 0))
			return false;
	return !alone ||
		(!model->owners[task->spec.owner].held &&
		 model_blocked(model, task, false, NULL) == POLICY_CAUSE_RESOURCE);
}

/*
 * Does a daily task for certain want what a task holds that runs?
 */
static bool
certainly_wanted(Model *model, const ModelTask *task)
{
	int			i;
	int			j;

	if (!oracle_open(model) || oracle_drains(model) ||
		!model_has_worker(model, POLICY_CLASS_DAILY, false))
		return false;
	for (i = 0; i < MODEL_TASKS; i++)
		for (j = 0; j < task->ngrants; j++)
			if (wants_slot(model, &model->tasks[i],
						   task->grants[j].resource, true))
				return true;
	return false;
}

/*
 * Is it right that a task lacks a worker, and is of class daily?
 */
static bool
wants_worker(Model *model, const ModelTask *task)
{
	return task->spec.klass == POLICY_CLASS_DAILY && !task->spec.solo &&
		model_due(model, task) &&
		!model_has_worker(model, POLICY_CLASS_DAILY, false) &&
		model_blocked(model, task, false, NULL) == POLICY_CAUSE_NONE;
}

/*
 * Does the policy know whether a running task is in the way of a daily one?
 * To be asked when the policy has just refused to start anything.
 */
bool
oracle_wanted(Model *model, Policy *policy, const ModelTask *task)
{
	PolicyWant	want;
	const ModelTask *waiting;
	bool		holds = false;
	int			i;

	if (!policy_to_yield(policy, task->spec.task_id, &want))
		return task->state != MODEL_RUNNING ||
			task->spec.klass != POLICY_CLASS_BACKFILL ||
			!certainly_wanted(model, task) ||
			oracle_complain("a task is not asked to yield");
	waiting = model_find(model, want.task_id);
	if (task->state != MODEL_RUNNING ||
		task->spec.klass != POLICY_CLASS_BACKFILL || waiting == NULL)
		return oracle_complain("a task is asked to yield in vain");
	if (want.resource == 0)
		return (!task->ending && wants_worker(model, waiting)) ||
			oracle_complain("a worker is not wanted");
	for (i = 0; i < task->ngrants; i++)
		holds |= task->grants[i].resource == want.resource;
	return (holds && wants_slot(model, waiting, want.resource, false)) ||
		oracle_complain("a slot is not wanted");
}

/*
 * Is one of the budgets without room, which a retry needs, said to get room
 * then?  Which is the last of them?
 */
static bool
budget_told(const Model *model, const ModelTask *task, PolicyTime told,
			PolicyTime *last)
{
	const ModelBudget *budget = &model->queues[task->spec.queue].budget;
	bool		found = false;
	int			i;

	*last = POLICY_TIME_NEVER;
	for (i = -1; i < MODEL_RESOURCES; i++)
	{
		PolicyTime	opens_at;

		if (i >= 0 && !model_needs(task, model->resources[i].key))
			continue;
		if (i >= 0)
			budget = &model->resources[i].budget;
		if (model_budget_room(budget, model->now))
			continue;
		opens_at = model_budget_opens(budget, model->now);
		found |= opens_at == told;
		if (*last == POLICY_TIME_NEVER || opens_at > *last)
			*last = opens_at;
	}
	return found;
}

/*
 * Is the time when a budget without room gets some told, if somebody is known
 * to wait for that, and no other?  Who has not been looked at need not be
 * known.
 */
static bool
budget_due(const Model *model, PolicyTime told, PolicyTime otherwise)
{
	bool		of_budget = told == otherwise;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];
		ModelTask	first = *task;	/* as if it were no retry */
		PolicyTime	last;

		if (!model_due(model, task) || !model_is_retry(task))
			continue;
		of_budget |= budget_told(model, task, told, &last);
		first.spec.retry = false;
		if (model_lacks(model, task, false, NULL) == POLICY_CAUSE_BUDGET &&
			model_lacks(model, &first, false, NULL) == POLICY_CAUSE_NONE &&
			oracle_looked_at(model, task) && last < told)
			return false;
	}
	return of_budget && told <= otherwise;
}

/*
 * Are the tasks of an owner counted right that run, and those that have not
 * ended?
 */
bool
oracle_owner(const Model *model, Policy *policy, int owner)
{
	uint32_t	counted = 0;
	uint32_t	unfinished;
	uint32_t	running;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
		if (model->tasks[i].state != MODEL_NONE &&
			(int) model->tasks[i].spec.owner == owner)
			counted += model->tasks[i].counted;
	policy_owner_counts(policy, (uint32_t) owner, &unfinished, &running);
	return (unfinished == counted &&
			(int) running == model->owners[owner].running) ||
		oracle_complain("owner %d has %u unfinished and %u running tasks instead of %u and %d",
						owner, unfinished, running, counted,
						model->owners[owner].running);
}

/*
 * The first time that the opening of a window lets a due task start that the
 * policy must have looked at, because nothing else keeps it; one that runs
 * alone it always looks at.
 */
static PolicyTime
window_due(Model *model)
{
	PolicyTime	due = POLICY_TIME_NEVER;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		const ModelTask *task = &model->tasks[i];
		PolicyTime	until;

		if (!model_due(model, task))
			continue;
		until = model_window_until(model, task);
		if (until <= model->now || until >= due)
			continue;
		if (task->spec.solo ||
			(oracle_looked_at(model, task) && task->spec.nneeds == 0 &&
			 !model_is_retry(task) &&
			 !model->queues[task->spec.queue].paused &&
			 !model->queues[task->spec.queue].held_up &&
			 model->queues[task->spec.queue].budget.rule.window == 0 &&
			 model->queues[task->spec.queue].max_running <= 0 &&
			 model->owners[task->spec.owner].max_running <= 0))
			due = until;
	}
	return due;
}

/*
 * Is this when a window opens?  It may be that nothing can start then.
 */
static bool
window_opens(const Model *model, PolicyTime at)
{
	int			klass;
	int			i;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
	{
		if (model->classes[klass].window.opens_at == at)
			return true;
		for (i = 0; i < MODEL_RESOURCES; i++)
			if (model->resources[i].windows[klass].opens_at == at)
				return true;
	}
	return false;
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
	if (model_ramp_next(&model->ramp, model->now) < due)
		due = model_ramp_next(&model->ramp, model->now);
	for (i = 0; i < MODEL_QUEUES; i++)
		if (model_ramp_next(&model->queues[i].ramp, model->now) < due)
			due = model_ramp_next(&model->queues[i].ramp, model->now);
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		PolicyTime	opens_at = model_opens_at(model, model->resources[i].key);

		if (opens_at > model->now && opens_at < due)
			due = opens_at;
		opens_at = model_ramp_next(&model->resources[i].ramp, model->now);
		if (opens_at < due)
			due = opens_at;
	}
	for (i = 0; i < MODEL_TASKS; i++)
		if (model->tasks[i].has_risk && model->tasks[i].risk.look_at < due)
			due = model->tasks[i].risk.look_at;
	if (policy_next_due(policy) > window_due(model))
		return oracle_complain("the opening of a window is not told");
	return budget_due(model, policy_next_due(policy), due) ||
		(policy_next_due(policy) < due &&
		 window_opens(model, policy_next_due(policy))) ||
		oracle_complain("the next time is wrong");
}
