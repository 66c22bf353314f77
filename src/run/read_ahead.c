/*-------------------------------------------------------------------------
 *
 * read_ahead.c
 *	  Reading the tasks that lie in the inbox at once.
 *
 * To open table and index, to go down the index, and to close all that again
 * costs several times as much as to go on to the next row.  Tasks that were
 * handed over together mostly have neighbouring ids, so a worker that comes to
 * the first one reads the others with it.  A row of weir.task never changes:
 * it does not matter when it was read, nor who executes the task after all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "run/read_ahead.h"
#include "shmem/inbox.h"

/* What was read last, with its memory */
static TaskRange *Rows = NULL;
static MemoryContext RowsContext = NULL;

/*
 * Extends the range of ids from low to high by those of the tasks in the inbox,
 * as long as at least every second id in it is one of theirs.
 */
static void
inbox_range(WeirWorker *worker, int64 *low, int64 *high)
{
	int64		task_id;

	for (int n = 0; inbox_look_ahead(worker, n, &task_id); n++)
	{
		int64		new_low = Min(*low, task_id);
		int64		new_high = Max(*high, task_id);

		/* with the first one there are n + 2 of them */
		if (new_high - new_low >= 2 * (n + 2))
			return;
		*low = new_low;
		*high = new_high;
	}
}

/*
 * Reads a task, in the current memory context, and with it those that come
 * after it in the inbox; NULL if there is no such task.  As task_row_read() it
 * neither needs nor sets the snapshot of the transaction.
 */
TaskRow *
read_ahead(WeirWorker *worker, int64 task_id)
{
	TaskRow    *task = Rows ? task_range_get(Rows, task_id) : NULL;
	int64		low = task_id;
	int64		high = task_id;
	MemoryContext caller;

	if (task)
		return task;
	inbox_range(worker, &low, &high);
	if (low == high)
		return task_row_read(task_id);
	if (RowsContext == NULL)
		RowsContext = AllocSetContextCreate(TopMemoryContext,
											"pg_weir tasks read ahead",
											ALLOCSET_DEFAULT_SIZES);
	Rows = NULL;
	MemoryContextReset(RowsContext);
	caller = MemoryContextSwitchTo(RowsContext);
	Rows = task_range_read(low, high);
	MemoryContextSwitchTo(caller);
	task = task_range_get(Rows, task_id);
	return task ? task : task_row_read(task_id);
}
