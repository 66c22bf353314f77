/*-------------------------------------------------------------------------
 *
 * task_graph.h
 *	  Tasks that are submitted at once, and wait for one another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_TASK_GRAPH_H
#define WEIR_TASK_GRAPH_H

#include "api/task_object.h"

typedef struct TaskGraph
{
	TaskReader *reader;
	QuotaHold	quota;			/* of those without unique keys */
	int			n;
	TaskObject *tasks;			/* with room for one more */
} TaskGraph;

extern void task_graph_read(TaskGraph *graph, Jsonb *tasks);
extern void task_graph_submit(TaskGraph *graph);

#endif							/* WEIR_TASK_GRAPH_H */
