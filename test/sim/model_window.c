/*-------------------------------------------------------------------------
 *
 * model_window.c
 *	  The simulated warehouse: windows.
 *
 *-------------------------------------------------------------------------
 */
#include "model.h"

/*
 * From when on a run of this duration could start; POLICY_TIME_NEVER if that
 * is not known.
 */
static PolicyTime
window_until(const ModelWindow *window, PolicyTime now, int64_t duration)
{
	PolicyTime	start = window->opens_at < now ? now : window->opens_at;

	if (duration < 1)
		duration = 1;
	if (window->closes_at != POLICY_TIME_NEVER &&
		(start == POLICY_TIME_NEVER ||
		 (__int128) start + duration > window->closes_at))
		return POLICY_TIME_NEVER;
	return start;
}

/*
 * From when on the task could start, as far as windows go.
 */
PolicyTime
model_window_until(const Model *model, const ModelTask *task)
{
	int64_t		duration = model->queues[task->spec.queue].duration;
	PolicyTime	until = window_until(&model->classes[task->spec.klass].window,
									 model->now, duration);
	int			i;

	for (i = 0; i < task->spec.nneeds; i++)
	{
		const ModelResource *resource =
		model_resource((Model *) model, task->spec.needs[i]);
		PolicyTime	other = window_until(&resource->windows[task->spec.klass],
										 model->now, duration);

		if (other > until)
			until = other;
	}
	return until;
}
