/*-------------------------------------------------------------------------
 *
 * submit.c
 *	  weir.submit(): tasks that wait for one another, at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "api/task_graph.h"

PG_FUNCTION_INFO_V1(weir_submit);

/*
 * weir.submit(): submits tasks, all or none; their keys and ids.
 */
Datum
weir_submit(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	TaskGraph	graph = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "tasks")));
	InitMaterializedSRF(fcinfo, 0);
	task_graph_read(&graph, PG_GETARG_JSONB_P(0));
	task_graph_submit(&graph);
	for (int i = 0; i < graph.n; i++)
	{
		const TaskObject *task = &graph.tasks[i];
		Datum		values[2];
		bool		nulls[2] = {0};

		nulls[0] = task->key == NULL;
		if (task->key)
			values[0] = CStringGetTextDatum(task->key);
		values[1] = Int64GetDatum(task->task_id);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}
