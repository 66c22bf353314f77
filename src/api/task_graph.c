/*-------------------------------------------------------------------------
 *
 * task_graph.c
 *	  Tasks that are submitted at once, and wait for one another.
 *
 * All of them are read and checked before anything changes.  Then they are
 * submitted in an order in which parents come first, so a task still waits for
 * older ones only.  Places in the queues are reserved at once, ids are taken
 * in blocks, and the scheduler is sent to the ledger with one message for each
 * block; only tasks with a unique key, of which nobody knows before whether
 * they will be new ones, are submitted one by one in between.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "api/parents.h"
#include "api/room.h"
#include "api/submission.h"
#include "api/task_graph.h"
#include "api/task_order.h"

/* Most tasks of a cycle that a message names */
#define MAX_NAMED	5

/* Most bytes of a key that a message shows */
#define MAX_NAME_LENGTH	64

typedef struct KeyEntry
{
	char		key[TASK_KEY_LENGTH + 1];
	int			place;
} KeyEntry;

/*
 * The tasks by their keys.
 */
static HTAB *
index_keys(const TaskGraph *graph)
{
	HASHCTL		control = {0};
	HTAB	   *index;

	control.keysize = sizeof(((KeyEntry *) NULL)->key);
	control.entrysize = sizeof(KeyEntry);
	control.hcxt = CurrentMemoryContext;
	index = hash_create("pg_weir task keys", Max(graph->n, 16), &control,
						HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	for (int i = 0; i < graph->n; i++)
	{
		KeyEntry   *entry;
		bool		found;

		if (graph->tasks[i].key == NULL)
			continue;
		entry = hash_search(index, graph->tasks[i].key, HASH_ENTER, &found);
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("key \"%s\" is given twice",
							graph->tasks[i].key),
					 errdetail("%s and %s have it.",
							   graph->tasks[entry->place].name,
							   graph->tasks[i].name),
					 errhint("Give each task a key of its own, or none.")));
		entry->place = i;
	}
	return index;
}

/*
 * Finds the parents that a task names by key.
 */
static void
find_parents(TaskObject *task, HTAB *index)
{
	task->parents = palloc(Max(task->nkeys, 1) * sizeof(int));
	for (int i = 0; i < task->nkeys; i++)
	{
		KeyEntry   *entry = hash_search(index, task->keys[i], HASH_FIND, NULL);

		if (entry == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("key \"%s\" does not exist", task->keys[i]),
					 errdetail("%s names it in \"after\".", task->name),
					 errhint("A key is that of a task of the same call; tasks that exist already are named by their ids, as numbers.")));
		task->parents[task->nparents++] = entry->place;
	}
}

/*
 * How errors call the i-th task.
 */
static char *
task_name(int i, JsonbValue *value)
{
	JsonbValue *key = NULL;

	if (value->type == jbvBinary &&
		JsonContainerIsObject(value->val.binary.data))
		key = getKeyJsonValueFromContainer(value->val.binary.data, "key", 3,
										   NULL);
	if (key != NULL && key->type == jbvString && key->val.string.len > 0)
		return psprintf("Task %d (\"%.*s\")", i + 1,
						pg_mbcliplen(key->val.string.val, key->val.string.len,
									 MAX_NAME_LENGTH),
						key->val.string.val);
	return psprintf("Task %d", i + 1);
}

/*
 * Reads an array of objects.
 */
void
task_graph_read(TaskGraph *graph, Jsonb *tasks)
{
	HTAB	   *index;

	if (!JB_ROOT_IS_ARRAY(tasks) || JB_ROOT_IS_SCALAR(tasks))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a JSON array", "tasks"),
				 errhint("It has an object for each task, as in '[{\"key\": \"load\", \"command\": \"SELECT 1\"}]'.")));
	graph->reader = task_reader_create();
	graph->n = JB_ROOT_COUNT(tasks);
	/* a command of 16 MB is one of many */
	graph->tasks = MemoryContextAllocExtended(CurrentMemoryContext,
											  (graph->n + 1) * sizeof(TaskObject),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < graph->n; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&tasks->root, i);

		CHECK_FOR_INTERRUPTS();
		graph->tasks[i].name = task_name(i, value);
		task_object_read(graph->reader, value, &graph->tasks[i]);
	}
	index = index_keys(graph);
	for (int i = 0; i < graph->n; i++)
		find_parents(&graph->tasks[i], index);
	hash_destroy(index);
}

static void
refuse_cycle(const TaskGraph *graph, const TaskParents *parents,
			 const int *order, int nordered)
{
	int		   *cycle = palloc(graph->n * sizeof(int));
	int			length = task_order_cycle(parents, graph->n, order, nordered,
										  cycle);
	StringInfoData detail;

	initStringInfo(&detail);
	for (int i = 0; i < Min(length, MAX_NAMED); i++)
		appendStringInfo(&detail, "%s waits for ",
						 graph->tasks[cycle[i]].name);
	if (length > MAX_NAMED)
		appendStringInfo(&detail, "%d more, the last of which waits for ",
						 length - MAX_NAMED);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("tasks wait for one another in a cycle"),
			 errdetail("%s%s.", detail.data, graph->tasks[cycle[0]].name),
			 errhint("Take one of them out of the \"after\" of another.")));
}

/*
 * An order of the tasks in which parents come first; refuses cycles.
 */
static int *
graph_order(const TaskGraph *graph)
{
	TaskParents *parents = palloc(Max(graph->n, 1) * sizeof(TaskParents));
	int		   *order = palloc(Max(graph->n, 1) * sizeof(int));
	int			nordered;

	for (int i = 0; i < graph->n; i++)
	{
		parents[i].n = graph->tasks[i].nparents;
		parents[i].places = graph->tasks[i].parents;
	}
	nordered = task_order(parents, graph->n, order);
	if (nordered < graph->n)
		refuse_cycle(graph, parents, order, nordered);
	return order;
}

/*
 * Reserves the places of the tasks without a unique key, those of a queue at
 * once.
 */
static void
reserve_places(TaskGraph *graph)
{
	bool	   *counted = palloc0(Max(graph->n, 1) * sizeof(bool));
	uint32		total = 0;

	for (int i = 0; i < graph->n; i++)
	{
		const EnqueueRequest *request = &graph->tasks[i].request;
		uint32		places = 0;

		if (counted[i] || request->unique_key)
			continue;
		for (int j = i; j < graph->n; j++)
		{
			const EnqueueRequest *other = &graph->tasks[j].request;

			if (other->unique_key || other->task.environment.queue_id !=
				request->task.environment.queue_id)
				continue;
			counted[j] = true;
			places++;
			/* what is shed for them is shed for the least of them */
			if (other->task.environment.klass > request->task.environment.klass)
				request = other;
		}
		(void) room_reserve(request, places, 0, false);
		total += places;
	}
	if (total > 0)
		(void) quota_hold(&graph->quota, graph->tasks[0].request.database,
						  GetUserId(), total, false);
}

/*
 * Tells a task the ids of its parents, which have been submitted.
 */
static void
set_parents(const TaskGraph *graph, TaskObject *task)
{
	int64	   *ids = palloc(Max(task->nparents, 1) * sizeof(int64));

	for (int i = 0; i < task->nparents; i++)
	{
		const TaskObject *parent = &graph->tasks[task->parents[i]];

		/* another one stands for it, perhaps somebody else's */
		if (parent->request.unique_key)
			parents_check(parent->task_id);
		ids[i] = parent->task_id;
	}
	parents_add(&task->request.task, ids, task->nparents);
	pfree(ids);
}

/*
 * Submits n tasks without unique keys, for which there is room.
 */
static void
submit_block(TaskGraph *graph, const int *order, int n)
{
	WeirDatabase *database = graph->tasks[order[0]].request.database;
	int64		first_id = room_take_ids(database, n);
	const TaskRow **rows = palloc(n * sizeof(TaskRow *));

	for (int i = 0; i < n; i++)
	{
		TaskObject *task = &graph->tasks[order[i]];

		task->task_id = task->request.task.task_id = first_id + i;
		set_parents(graph, task);
		rows[i] = &task->request.task;
	}
	task_rows_insert_all(rows, n);
	submission_promise_read(database, first_id, n, graph->quota.n > 0);
	pfree(rows);
}

/*
 * Submits a task with a unique key, or finds the one that stands for it.
 */
static void
submit_single(TaskGraph *graph, TaskObject *task)
{
	Submission	submission = {0};

	set_parents(graph, task);
	submission.request = &task->request;
	submission.graph = true;
	submission.n = 1;
	submission.args = &task->request.task.args;
	submission_submit(&submission);
	task->task_id = submission.n > 0 ? submission.first_id : submission.holder;
}

/*
 * Submits the tasks, and gives them their ids.
 */
void
task_graph_submit(TaskGraph *graph)
{
	int		   *order = graph_order(graph);
	int			next = 0;

	reserve_places(graph);
	while (next < graph->n)
	{
		int			n = 0;

		while (next + n < graph->n &&
			   graph->tasks[order[next + n]].request.unique_key == NULL)
			n++;
		if (n > 0)
			submit_block(graph, order + next, n);
		else
			submit_single(graph, &graph->tasks[order[next]]);
		next += Max(n, 1);
	}
}
