/*-------------------------------------------------------------------------
 *
 * touch.c
 *	  What happens to a task from outside, in a random history.
 *
 *-------------------------------------------------------------------------
 */
#include "episode.h"
#include "oracle.h"

/*
 * Cancels a task that waits, in one of two ways.
 */
static bool
remove_task(Episode *e, ModelTask *task)
{
	int64_t		task_id = task->spec.task_id;
	bool		waits = task->state == MODEL_WAITING;
	bool		removed;
	PolicyEnd	end;

	if (chance(e, 50))
		removed = policy_remove(e->policy, task_id);
	else
	{
		removed = policy_take_out(e->policy, task_id, &end);
		if (removed && (end.task_id != task_id ||
						end.queue != task->spec.queue ||
						end.attempt != task->spec.attempt))
			return oracle_complain("another task was taken out");
	}
	if (removed != waits)
		return oracle_complain("a removal went wrong");
	if (!waits)
		return true;
	model_leave(task);
	return episode_task_ended(e, task_id, false);
}

/*
 * Lets a task wait for its parents no more, if it does.
 */
static bool
unblock_task(Episode *e, ModelTask *task)
{
	bool		blocked = task->state == MODEL_WAITING &&
	task->spec.nparents > 0;

	if (policy_unblock(e->policy, task->spec.task_id, e->model.now) != blocked)
		return oracle_complain("a task was let go that waits for none, or not");
	if (blocked)
		model_unblock(&e->model, task);
	return true;
}

/*
 * Cancels or changes a task.
 */
bool
episode_touch_task(Episode *e, ModelTask *task)
{
	int64_t		task_id = task->spec.task_id;
	PolicyTime	deadline = draw_time(e, 4 * HOUR);
	PolicyTime	run_at = draw_time(e, 10 * MINUTE);
	int32_t		priority = draw(e, 2000) - 1000;
	int			what = draw(e, 8);
	bool		waits = task->state == MODEL_WAITING;

	if (chance(e, 30))
		return remove_task(e, task);
	if (chance(e, 20))
		return unblock_task(e, task);
	if (what & 1)
		task->spec.priority = priority;
	if (what & 2)
		task->spec.deadline = deadline;
	if ((what & 4) && waits)
		task->spec.run_at = run_at;
	return policy_change(e->policy, task_id, (what & 1) ? &priority : NULL,
						 (what & 2) ? &deadline : NULL,
						 (what & 4) ? &run_at : NULL) ||
		oracle_complain("a change was refused");
}
