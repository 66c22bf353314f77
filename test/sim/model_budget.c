/*-------------------------------------------------------------------------
 *
 * model_budget.c
 *	  The simulated warehouse: retry budgets, from a list of all starts.
 *
 *-------------------------------------------------------------------------
 */
#include "model.h"

#define SLICES	20

/*
 * Does the next attempt of a task count as a retry?
 */
bool
model_is_retry(const ModelTask *task)
{
	return task->spec.retry && !task->spec.solo;
}

/*
 * The length of a slice.
 */
static int64_t
slice_length(const ModelBudget *budget)
{
	return (budget->rule.window + SLICES - 1) / SLICES;
}

/*
 * The number of the slice of a time, which is not negative.
 */
static int64_t
slice_of(const ModelBudget *budget, PolicyTime time)
{
	return time / slice_length(budget);
}

/*
 * Counts the starts of a kind whose slices are so old.
 */
static int
count(const ModelBudget *budget, PolicyTime now, bool retry, int youngest,
	  int oldest)
{
	int			sum = 0;
	int			i;

	for (i = 0; i < budget->n; i++)
	{
		int64_t		age = slice_of(budget, now) -
		slice_of(budget, budget->starts[i]);

		sum += budget->retry[i] == retry && age >= youngest && age <= oldest;
	}
	return sum;
}

/*
 * How many retries there may be.
 */
static double
allowed(const BudgetRule *rule, int firsts)
{
	double		sum = (double) (int64_t) (rule->ratio * firsts + 1e-9);

	return sum > rule->floor ? sum : rule->floor;
}

/*
 * May one more retry start?
 */
bool
model_budget_room(const ModelBudget *budget, PolicyTime now)
{
	int64_t		length = slice_length(budget);
	int			leaving;
	int64_t		left;

	if (budget->rule.window == 0)
		return true;
	leaving = count(budget, now, true, SLICES + 1, SLICES + 1);
	left = (now - slice_of(budget, now) * length) * leaving / length;
	return count(budget, now, true, 0, SLICES) + leaving - left <
		allowed(&budget->rule, count(budget, now, false, 0, SLICES - 1));
}

/*
 * When one more may start: the first of all moments when something leaves.
 */
PolicyTime
model_budget_opens(const ModelBudget *budget, PolicyTime now)
{
	int64_t		length = slice_length(budget);
	int64_t		slice;
	int			k;

	if (model_budget_room(budget, now))
		return now;
	for (slice = slice_of(budget, now);; slice++)
	{
		PolicyTime	begin = slice * length;
		int			leaving = count(budget, begin, true, SLICES + 1, SLICES + 1);

		for (k = 0; k <= leaving; k++)
		{
			PolicyTime	time = begin;

			if (k > 0)
				time += (length * k + leaving - 1) / leaving;
			if (time > now && model_budget_room(budget, time))
				return time;
		}
	}
}

/*
 * Is the promise kept, looked at without slices?
 */
bool
model_budget_kept(const ModelBudget *budget, PolicyTime now)
{
	int			firsts = 0;
	int			retries = 0;
	int			i;

	for (i = 0; i < budget->n; i++)
		if (budget->starts[i] > now - budget->rule.window)
		{
			firsts += !budget->retry[i];
			retries += budget->retry[i];
		}
	return budget->rule.window == 0 ||
		retries <= allowed(&budget->rule, firsts);
}

/*
 * The first budget that has no room for a task, and whose it is, 0 for the
 * queue; NULL if all have.
 */
const ModelBudget *
model_budget_lacking(const Model *model, const ModelTask *task,
					 uint64_t *resource)
{
	const ModelBudget *lacking = NULL;
	uint64_t	least = UINT64_MAX;
	int			i;

	if (!model_is_retry(task))
		return NULL;
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		const ModelResource *other = &model->resources[i];

		if (!model_needs(task, other->key) || other->key > least ||
			model_budget_room(&other->budget, model->now))
			continue;
		lacking = &other->budget;
		least = other->key;
	}
	if (!model_budget_room(&model->queues[task->spec.queue].budget, model->now))
	{
		lacking = &model->queues[task->spec.queue].budget;
		least = 0;
	}
	if (lacking != NULL && resource != NULL)
		*resource = least;
	return lacking;
}

/*
 * A start is noted in a budget, and what is too old forgotten; or is taken
 * back.
 */
static void
note(ModelBudget *budget, PolicyTime now, bool retry)
{
	int			kept = 0;
	int			i;

	if (budget->rule.window == 0)
		return;
	for (i = 0; i < budget->n; i++)
	{
		if (slice_of(budget, now) - slice_of(budget, budget->starts[i]) >
			SLICES + 1)
			continue;
		budget->starts[kept] = budget->starts[i];
		budget->retry[kept++] = budget->retry[i];
	}
	budget->n = kept;
	if (budget->n == MODEL_STARTS)
		return;
	budget->starts[budget->n] = now;
	budget->retry[budget->n++] = retry;
}

static void
take_back(ModelBudget *budget, PolicyTime time, bool retry)
{
	int			i;

	if (budget->rule.window == 0)
		return;
	/* the very one may have been forgotten, with the old window */
	for (i = 0; i < budget->n; i++)
		if (slice_of(budget, budget->starts[i]) == slice_of(budget, time) &&
			budget->retry[i] == retry)
			break;
	if (i == budget->n)
		return;
	budget->n--;
	budget->starts[i] = budget->starts[budget->n];
	budget->retry[i] = budget->retry[budget->n];
}

/*
 * A task starts, or did not after all.
 */
static void
each_budget(Model *model, ModelTask *task, PolicyTime time, bool back)
{
	bool		retry = model_is_retry(task);
	int			i;

	if (!retry && task->spec.attempt != 1)
		return;
	if (back)
		take_back(&model->queues[task->spec.queue].budget, time, retry);
	else
		note(&model->queues[task->spec.queue].budget, time, retry);
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		if (!model_needs(task, model->resources[i].key))
			continue;
		if (back)
			take_back(&model->resources[i].budget, time, retry);
		else
			note(&model->resources[i].budget, time, retry);
	}
}

void
model_count_start(Model *model, ModelTask *task)
{
	each_budget(model, task, model->now, false);
}

void
model_uncount_start(Model *model, ModelTask *task)
{
	each_budget(model, task, task->started_at, true);
}
