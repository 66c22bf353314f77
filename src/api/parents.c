/*-------------------------------------------------------------------------
 *
 * parents.c
 *	  The tasks that a new one waits for.
 *
 * They must exist: committed, or in this transaction.  So a task can only wait
 * for older ones, and there are no cycles.
 *
 * The scheduler looks up how each of them has ended, and keeps them in memory,
 * while the capacity of queues bounds the number of tasks alone: hence the
 * limit for one task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"

#include "api/arguments.h"
#include "api/enqueue.h"
#include "api/parents.h"
#include "shmem/xact_actions.h"

static int
compare_ids(const void *a, const void *b)
{
	int64		left = DatumGetInt64(*(const Datum *) a);
	int64		right = DatumGetInt64(*(const Datum *) b);

	return left < right ? -1 : left > right;
}

/*
 * Refuses a parent that does not exist, or whose end the caller may not see.
 */
void
parents_check(int64 task_id)
{
	TaskRow    *parent = task_row_read(task_id);

	if (parent == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("task " INT64_FORMAT " does not exist", task_id),
				 errdetail("A task can wait for committed ones, and for those of its own transaction.")));
	if (!may_see(parent->environment.owner, parent->environment.owner_name,
				 parent->enqueued_at))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of task " INT64_FORMAT, task_id)));
}

void
parents_refuse_many(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a task can wait for at most %d others", MAX_PARENTS),
			 errhint("Let tasks in between wait for some of them each.")));
}

/*
 * Reads the ids, each once and in order.
 */
static ArrayType *
read_after(ArrayType *array)
{
	Datum	   *ids;
	bool	   *nulls;
	int			n;
	int			kept = 0;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &ids, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls",
							"after")));
	}
	if (n == 0)
		return NULL;
	if (n > MAX_PARENTS)
		parents_refuse_many();
	qsort(ids, n, sizeof(Datum), compare_ids);
	/* those of this very command must be seen */
	if (xact_has_submitted())
		CommandCounterIncrement();
	for (int i = 0; i < n; i++)
	{
		if (kept > 0 && compare_ids(&ids[i], &ids[kept - 1]) == 0)
			continue;
		parents_check(DatumGetInt64(ids[i]));
		ids[kept++] = ids[i];
	}
	return construct_array(ids, kept, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
						   TYPALIGN_DOUBLE);
}

/*
 * Reads and checks the arguments.
 */
void
parents_read(FunctionCallInfo fcinfo, TaskRow *task)
{
	char	   *on_failure = argument_text(fcinfo, ARG_ON_PARENT_FAILURE);

	if (on_failure != NULL && !on_failure_parse(on_failure, &task->on_failure))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be \"cancel\", \"wait\" or \"run\"",
						"on_parent_failure")));
	if (!PG_ARGISNULL(ARG_AFTER))
		task->after = read_after(PG_GETARG_ARRAYTYPE_P(ARG_AFTER));
}

/*
 * Adds parents, which exist, to those of a task.
 */
void
parents_add(TaskRow *task, const int64 *ids, int n)
{
	Datum	   *all = NULL;
	int			nall = 0;
	int			kept = 0;

	if (n == 0)
		return;
	if (task->after)
		deconstruct_array(task->after, INT8OID, sizeof(int64),
						  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &all, NULL, &nall);
	all = all ? repalloc_huge(all, (nall + n) * sizeof(Datum)) :
		palloc_extended(n * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		all[nall++] = Int64GetDatum(ids[i]);
	qsort(all, nall, sizeof(Datum), compare_ids);
	for (int i = 0; i < nall; i++)
	{
		if (kept == 0 || compare_ids(&all[i], &all[kept - 1]) != 0)
			all[kept++] = all[i];
	}
	task->after = construct_array(all, kept, INT8OID, sizeof(int64),
								  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}
