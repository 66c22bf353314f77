/*-------------------------------------------------------------------------
 *
 * model_serial.c
 *	  The simulated warehouse: which task of a serial key goes first.
 *
 *-------------------------------------------------------------------------
 */
#include "model.h"

/*
 * Has the task a place in the line of its serial key?
 */
static bool
model_stands(const Model *model, const ModelTask *task)
{
	return task->state != MODEL_NONE && task->spec.serial_key != 0 &&
		(task->spec.begun || task->spec.nparents > 0 ||
		 task->spec.run_at <= model->now);
}

/*
 * A task is held no more.  One that has begun keeps its key until its end is
 * told.
 */
void
model_leave(ModelTask *task)
{
	task->state = task->spec.serial_key != 0 && task->spec.begun ? MODEL_GONE :
		MODEL_NONE;
}

/*
 * Does no other task of its serial key go before this one?
 */
bool
model_first(const Model *model, const ModelTask *task)
{
	int			i;

	for (i = 0; i < MODEL_TASKS && task->spec.serial_key != 0; i++)
	{
		const ModelTask *other = &model->tasks[i];

		if (other != task && model_stands(model, other) &&
			other->spec.serial_key == task->spec.serial_key &&
			(other->spec.begun || (!task->spec.begun &&
								   other->spec.task_id < task->spec.task_id)))
			return false;
	}
	return true;
}
