/*-------------------------------------------------------------------------
 *
 * model_ramp.c
 *	  The simulated warehouse: recovery ramps.
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>

#include "policy/map.h"
#include "model.h"

/*
 * A ramp begins, where more than one task could run.
 */
void
model_ramp_begin(const Model *model, ModelRamp *ramp, uint64_t key, int slots,
				 PolicyTime began_at, int64_t length)
{
	int			total = model->workers;

	if (slots > 0 && slots < total)
		total = slots;
	if (total <= 1 || length <= 0)
		return;
	ramp->began_at = began_at;
	ramp->length = length;
	ramp->total = total;
	ramp->phase = (int64_t) (policy_hash(model->ramp_seed ^ key,
										 (uint64_t) began_at) %
							 (uint64_t) (length / 2 + 1));
}

/*
 * When so many tasks may run at once, or more.
 */
static PolicyTime
ramp_time(const ModelRamp *ramp, int allowed)
{
	__int128	work = (__int128) (allowed - 1) * ramp->length - ramp->phase;
	__int128	after = (work + ramp->total - 1) / ramp->total;

	if (work <= 0)
		return ramp->began_at;
	return ramp->began_at + (PolicyTime) after;
}

/*
 * How many tasks may run at once.
 */
int
model_ramp_allowed(const ModelRamp *ramp, PolicyTime now)
{
	int			allowed = 1;

	if (ramp->length == 0)
		return INT_MAX;
	while (allowed < ramp->total && ramp_time(ramp, allowed + 1) <= now)
		allowed++;
	return allowed < ramp->total ? allowed : INT_MAX;
}

/*
 * When more may; POLICY_TIME_NEVER if there is no ramp.
 */
PolicyTime
model_ramp_next(const ModelRamp *ramp, PolicyTime now)
{
	int			allowed = model_ramp_allowed(ramp, now);

	return allowed == INT_MAX ? POLICY_TIME_NEVER :
		ramp_time(ramp, allowed + 1);
}

/*
 * May one more task run that needs the resource?
 */
bool
model_ramp_room(const Model *model, uint64_t key)
{
	const ModelResource *resource = model_resource((Model *) model, key);
	int			running = 0;
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
		running += model->tasks[i].state == MODEL_RUNNING &&
			model_needs(&model->tasks[i], key);
	return running < model_ramp_allowed(&resource->ramp, model->now);
}

/*
 * May one more task of the queue of this one run?
 */
bool
model_ramp_queue_room(const Model *model, const ModelTask *task)
{
	const ModelQueue *queue = &model->queues[task->spec.queue];

	return queue->running < model_ramp_allowed(&queue->ramp, model->now);
}

/*
 * Does the ramp of everything hold a task back?
 */
bool
model_ramp_holds(const Model *model, const ModelTask *task)
{
	return model->busy >= model_ramp_allowed(&model->ramp, model->now) &&
		!model_urgent(task);
}
