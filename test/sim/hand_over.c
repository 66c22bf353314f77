/*-------------------------------------------------------------------------
 *
 * hand_over.c
 *	  Tasks that are handed over behind others, in a random history.
 *
 *-------------------------------------------------------------------------
 */
#include "episode.h"
#include "oracle.h"
#include "verify.h"

/*
 * What was handed over behind this task has ended, or was taken back: its
 * worker is its own again, if it still runs.
 */
void
episode_take_back(Episode *e, int64_t behind)
{
	ModelTask  *task = behind == 0 ? NULL : model_find(&e->model, behind);

	if (task == NULL || task->state != MODEL_RUNNING)
		return;
	model_set_ending(&e->model, task, false);
	(void) policy_set_ending(e->policy, behind, false);
}

/*
 * A task that runs in a worker of its own, and not alone; or NULL.
 */
static ModelTask *
draw_last(Episode *e)
{
	int			start = draw(e, MODEL_TASKS);
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &e->model.tasks[(start + i) % MODEL_TASKS];

		if (task->state == MODEL_RUNNING && !task->ending &&
			!task->spec.solo)
			return task;
	}
	return NULL;
}

/*
 * Does a task have a slot that another one has, too?
 */
static bool
have_in_common(const ModelTask *a, const ModelTask *b)
{
	int			i;
	int			j;

	for (i = 0; i < a->ngrants; i++)
		for (j = 0; j < b->ngrants; j++)
			if (a->grants[i].resource == b->grants[j].resource &&
				a->grants[i].slot == b->grants[j].slot)
				return true;
	return false;
}

/*
 * Asks for a start behind this task; true also if nothing can start so.
 * "*next" is what has started.
 */
static bool
start_behind(Episode *e, ModelTask *last, ModelTask **next)
{
	Model	   *model = &e->model;
	int64_t		keep = chance(e, 30) ? 0 : draw(e, 60) * SECOND;
	PolicyStart start;
	bool		started;
	bool		right;

	*next = NULL;
	oracle_sync(model, e->policy);
	started = policy_next_behind(e->policy, model->now, last->spec.task_id,
								 keep, &start);
	if (last->preempted_for != 0)
		return !started ||
			oracle_complain("one is behind a task that ends early");
	model_set_ending(model, last, true);
	if (model->now - last->kept_since < keep)
		model->lent = last;
	right = oracle_drain(model, verify_drain_until(e->policy)) &&
		(started ? oracle_start(model, &start) : oracle_refused(model));
	model->lent = NULL;
	if (!started)
		model_set_ending(model, last, false);
	if (!started || !right)
		return right;
	*next = model_find(model, start.task_id);
	(*next)->behind = last->spec.task_id;
	if (have_in_common(last, *next))
		(*next)->kept_since = last->kept_since;
	return true;
}

/*
 * Hands tasks over behind one that runs, each behind the last.  Now and then
 * one is not of use there.
 */
bool
episode_hand_over(Episode *e)
{
	ModelTask  *last = draw_last(e);
	int			limit = 1 + draw(e, 4);

	while (last != NULL && limit-- > 0)
	{
		ModelTask  *next;

		if (!start_behind(e, last, &next))
			return false;
		if (next == NULL)
			return true;
		e->stats->behind++;
		next->ends_at = e->model.now + 1 +
			(int64_t) (test_uniform(&e->random) * (double) e->duration);
		if (chance(e, 10))
			return episode_put_back(e, next);
		last = next;
	}
	return true;
}
