/*-------------------------------------------------------------------------
 *
 * fan_out.c
 *	  Groups of tasks: weir.fan_out(), weir.group_runs(), and their cancel.
 *
 * A group is a graph of members and a collector, which waits for the ends of
 * all of them, however they end.  It is known by its collector.  What becomes
 * of it at its deadline, or when it is cancelled, is the scheduler's business
 * (sched/groups.c): it alone can say that nothing of it runs any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "api/fan_out.h"
#include "api/task_graph.h"
#include "ledger/event_row.h"
#include "ledger/group_row.h"
#include "ledger/run_row.h"
#include "run/attempt.h"
#include "run/session.h"
#include "shmem/database.h"
#include "shmem/xact_actions.h"

#define MAX_MEMBERS		100000
#define MAX_WITHIN_MS	(10000 * (int64) (USECS_PER_DAY / 1000))

PG_FUNCTION_INFO_V1(weir_fan_out);
PG_FUNCTION_INFO_V1(weir_group_runs);

/*
 * Has the scheduler read the group.
 */
static void
send_group(WeirDatabase *database, int64 collector)
{
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_GROUP;
	message.first_id = message.last_id = collector;
	xact_submit(database, &message);
}

/*
 * Until when the members may take.
 */
static TimestampTz
read_deadline(FunctionCallInfo fcinfo)
{
	int64		ms;

	if (PG_ARGISNULL(2))
		return POLICY_TIME_NEVER;
	ms = session_interval_ms(PG_GETARG_INTERVAL_P(2));
	if (ms <= 0 || ms > MAX_WITHIN_MS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be an interval of at least a millisecond and at most 10000 days",
						"within")));
	return GetCurrentTimestamp() + ms * 1000;
}

/*
 * Does the collector end at the deadline, too?
 */
static bool
read_on_deadline(FunctionCallInfo fcinfo)
{
	char	   *on_deadline = argument_text(fcinfo, 3);

	if (on_deadline == NULL || strcmp(on_deadline, "partial") == 0)
		return false;
	if (strcmp(on_deadline, "fail") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be \"partial\" or \"fail\"",
						"on_deadline")));
	return true;
}

/*
 * Another task could stand for one with a unique key: it would not be the
 * group's to cancel.
 */
static void
refuse_unique_key(const TaskObject *task)
{
	if (task->request.unique_key)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a task of a group cannot have a unique key"),
				 errdetail("%s has one.", task->name),
				 errhint("Call weir.fan_out() in a task that has it.")));
}

static void
refuse_in_collector(JsonbContainer *object, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, name,
													 strlen(name), NULL);

	if (value != NULL && value->type != jbvNull)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the collector of a group cannot have parameter \"%s\"",
						name),
				 errdetail("It waits for the members of the group, however they end.")));
}

/*
 * Adds the collector to the members.
 */
static void
read_collector(TaskGraph *graph, Jsonb *collector)
{
	TaskObject *task = &graph->tasks[graph->n];
	JsonbValue	value;

	task->name = "The collector";
	task->waits = true;
	value.type = jbvBinary;
	value.val.binary.data = &collector->root;
	value.val.binary.len = VARSIZE(collector) - VARHDRSZ;
	if (JB_ROOT_IS_OBJECT(collector))
	{
		refuse_in_collector(&collector->root, "after");
		refuse_in_collector(&collector->root, "on_parent_failure");
	}
	task_object_read(graph->reader, &value, task);
	refuse_unique_key(task);
	task->request.task.on_failure = POLICY_ON_FAILURE_RUN;
	task->nparents = graph->n;
	task->parents = palloc(Max(graph->n, 1) * sizeof(int));
	for (int i = 0; i < graph->n; i++)
		task->parents[i] = i;
	graph->n++;
}

/*
 * Writes which tasks the group has: the last one is the collector.
 */
static void
write_group(const TaskGraph *graph, GroupRow *group)
{
	group->n = graph->n - 1;
	group->members = palloc(Max(group->n, 1) * sizeof(int64));
	group->keys = palloc(Max(group->n, 1) * sizeof(char *));
	for (int i = 0; i < group->n; i++)
	{
		group->members[i] = graph->tasks[i].task_id;
		group->keys[i] = graph->tasks[i].key;
	}
	group->collector = graph->tasks[group->n].task_id;
	group_row_insert(group);
}

/*
 * weir.fan_out(): submits tasks and one that collects their results; its id.
 */
Datum
weir_fan_out(PG_FUNCTION_ARGS)
{
	TaskGraph	graph = {0};
	GroupRow	group = {0};

	for (int i = 0; i < 2; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be null",
							i == 0 ? "tasks" : "collector")));
	}
	group.deadline = read_deadline(fcinfo);
	group.fail = read_on_deadline(fcinfo);
	task_graph_read(&graph, PG_GETARG_JSONB_P(0));
	if (graph.n > MAX_MEMBERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a group can have at most %d tasks", MAX_MEMBERS)));
	for (int i = 0; i < graph.n; i++)
		refuse_unique_key(&graph.tasks[i]);
	read_collector(&graph, PG_GETARG_JSONB_P(1));
	task_graph_submit(&graph);
	write_group(&graph, &group);
	if (group.deadline != POLICY_TIME_NEVER)
		send_group(graph.tasks[0].request.database, group.collector);
	PG_RETURN_INT64(group.collector);
}

/*
 * Cancels the group of a collector, if it has members that have not ended;
 * false if it has none, and is a task like any other.
 */
bool
group_cancel(WeirDatabase *database, const TaskRow *collector,
			 const char *reason)
{
	GroupRow	group;
	RunEnd		end;
	int			left = 0;

	if (!group_row_read(collector->task_id, &group) ||
		run_row_ended(collector->task_id, &end))
		return false;
	for (int i = 0; i < group.n && left == 0; i++)
		left += !run_row_ended(group.members[i], &end);
	if (left == 0)
		return false;
	event_write("cancel_group", collector->task_id,
				collector->environment.queue, NULL, reason, NULL);
	send_group(database, collector->task_id);
	return true;
}

/*
 * Puts what became of a member into the set.
 */
static void
put_member(ReturnSetInfo *set, int64 task_id, const char *key)
{
	HeapTuple	tuple = run_row_last(task_id, true);
	Datum		values[7];
	bool		nulls[7];

	memset(nulls, true, sizeof(nulls));
	nulls[0] = key == NULL;
	if (key)
		values[0] = CStringGetTextDatum(key);
	nulls[1] = false;
	values[1] = Int64GetDatum(task_id);
	if (tuple != NULL)
	{
		run_row_flush(tuple);
		run_row_values(tuple, values + 2, nulls + 2);
	}
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

/*
 * weir.group_runs(): the members of a group, and how they have ended.
 */
Datum
weir_group_runs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		collector;
	GroupRow	group;

	(void) database_require_ready();
	if (!PG_ARGISNULL(0))
		collector = PG_GETARG_INT64(0);
	else
	{
		require_task("weir.group_runs() without an argument");
		collector = CurrentAttempt->assignment->task_id;
	}
	require_may_see(collector);
	if (!group_row_read(collector, &group))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("task " INT64_FORMAT " does not collect for a group",
						collector),
				 errhint("weir.fan_out() returns the id of the task that does.")));
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < group.n; i++)
		put_member(set, group.members[i], group.keys[i]);
	return (Datum) 0;
}
