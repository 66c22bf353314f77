/*-------------------------------------------------------------------------
 *
 * unfinished.c
 *	  Reading the unfinished tasks, when the scheduler starts.
 *
 * Only open generations are read, and they by windows of ids, each in a
 * transaction of the caller's: no snapshot lives long.  Names of tables are
 * resolved now: a restored or recreated table has another oid than it had at
 * enqueue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "ledger/generation.h"
#include "ledger/identity.h"
#include "ledger/resource_config.h"
#include "ledger/run_row.h"
#include "ledger/serial_key.h"
#include "ledger/sql.h"
#include "ledger/task_row.h"
#include "ledger/unfinished.h"
#include "shmem/database.h"
#include "shmem/resource.h"

/*
 * Resolves qualified table names to resource keys, as they are now; names
 * that mean nothing any more are left out.  A leaf stands for the root of its
 * partition tree.  Returns the number of keys.
 */
int
unfinished_resolve(const char *const *tables, int n, uint64 *needs)
{
	int			nneeds = 0;

	for (int i = 0; i < n; i++)
	{
		List	   *names = weir_qualified_name(tables[i]);
		RangeVar   *range = makeRangeVarFromNameList(names);
		Oid			relid = RangeVarGetRelid(range, NoLock, true);

		if (!OidIsValid(relid))
			continue;
		if (get_rel_relispartition(relid))
			relid = llast_oid(get_partition_ancestors(relid));
		needs[nneeds++] = RESOURCE_KEY(RESOURCE_KIND_TABLE, relid);
	}
	return nneeds;
}

/* What is selected of a task, in this order */
typedef enum UnfinishedColumn
{
	COL_TASK_ID,
	COL_QUEUE,
	COL_CLASS,
	COL_OWNER,
	COL_OWNER_NAME,
	COL_PRIORITY,
	COL_ENQUEUED_AT,
	COL_RUN_AT,
	COL_DEADLINE,
	COL_TABLES,
	COL_RESOURCES,
	COL_AUTOCOMMIT,
	COL_MAX_ATTEMPTS,
	COL_ATTEMPT,
	COL_RETRY_AT,
	COL_RETRY,
	COL_BEGUN,
	COL_CHARGED,
	COL_CRASHED,
	COL_GIVEN_BACK,
	COL_PREEMPTED,
	COL_CLAIMED,
	COL_CANCEL_WANTED,
	COL_EXPIRES_AT,
	COL_QUEUE_TIMEOUT,
	COL_AFTER,
	COL_ON_PARENT_FAILURE,
	COL_JOB,
	COL_ESTIMATE,
	COL_SERIAL_KEY
} UnfinishedColumn;

#define UNFINISHED_COLUMNS \
	"t.task_id, v.queue_id, v.class, v.owner, v.owner_name," \
	" coalesce(h.priority, t.priority), t.enqueued_at, t.run_at," \
	" coalesce(h.deadline, t.deadline), t.tables, t.resources," \
	" v.autocommit, v.max_attempts, coalesce(h.attempt, 0), h.retry_at," \
	" coalesce(h.charged, false)," \
	" coalesce(h.attempt, 0) > coalesce(h.retried, 0)," \
	" coalesce(h.charges, 0), coalesce(h.crashed, 0)," \
	" coalesce(h.given_back, 0), coalesce(h.preempted, 0)," \
	" coalesce(h.claimed, false), coalesce(h.cancel_wanted, false)," \
	" CASE WHEN t.queue_timeout IS NOT NULL AND coalesce(h.starts, 0) = 0" \
	"  THEN greatest(t.enqueued_at, t.run_at, h.retried_at)" \
	"   + t.queue_timeout END," \
	" t.queue_timeout, t.after, t.on_parent_failure," \
	" CASE WHEN v.class = 'daily'" \
	"   AND coalesce(h.deadline, t.deadline) IS NOT NULL" \
	"  THEN (SELECT i.job_id FROM weir.interval i" \
	"   WHERE i.task_id = t.task_id LIMIT 1) END," \
	" (coalesce((t.policy ->> 'estimate')::float8," \
	"   (q.policy ->> 'estimate')::float8) * 1000000)::bigint," \
	" t.serial_key"

/*
 * Most tasks that wait have no history: no run, no claim and no event.  m are
 * those of the window that have one, h is what it says: l the last run, b the
 * last time that the task was brought back, c the runs since.
 */
#define UNFINISHED_FROM \
	" FROM weir.task_%1$d t" \
	" JOIN weir.environment v ON v.environment_id = t.environment_id" \
	" LEFT JOIN weir.queue q ON q.queue_id = v.queue_id" \
	" LEFT JOIN" \
	" (SELECT m.task_id, l.*, x.*, c.*," \
	"   b.attempt AS retried, b.at AS retried_at," \
	"   EXISTS (SELECT FROM weir.claim k WHERE k.task_id = m.task_id" \
	"    AND k.attempt = coalesce(l.attempt, 0) + 1) AS claimed," \
	"   EXISTS (SELECT FROM weir.event e WHERE e.task_id = m.task_id" \
	"    AND e.kind = 'cancel' AND e.at >= coalesce(b.at, '-infinity'))" \
	"    AS cancel_wanted" \
	"  FROM" \
	"  (SELECT task_id FROM weir.run_%1$d WHERE task_id >= $1 AND task_id < $2" \
	"   UNION SELECT task_id FROM weir.event" \
	"    WHERE task_id >= $1 AND task_id < $2" \
	"   UNION SELECT task_id FROM weir.claim" \
	"    WHERE task_id >= $1 AND task_id < $2) m" \
	"  LEFT JOIN LATERAL" \
	"  (SELECT attempt, retry_at, final, charged FROM weir.run_%1$d r" \
	"    WHERE r.task_id = m.task_id ORDER BY attempt DESC LIMIT 1) l ON true" \
	"  LEFT JOIN LATERAL" \
	"  (SELECT max(d.attempt) AS attempt, max(d.finished_at) AS at" \
	"    FROM weir.run_%1$d d" \
	"    WHERE d.task_id = m.task_id AND d.outcome = 'retried') b ON true" \
	"  LEFT JOIN LATERAL" \
	"  (SELECT (e.detail ->> 'priority')::int AS priority," \
	"    (e.detail ->> 'deadline')::timestamptz AS deadline" \
	"    FROM weir.event e WHERE e.task_id = m.task_id AND e.kind = 'expedite'" \
	"    ORDER BY e.event_id DESC LIMIT 1) x ON true" \
	"  LEFT JOIN LATERAL" \
	"  (SELECT (count(*) FILTER (WHERE a.outcome = 'crashed'))::int AS crashed," \
	"    (count(*) FILTER (WHERE a.charged AND a.since))::int AS charges," \
	"    (count(*) FILTER (WHERE a.since" \
	"      AND (a.charged OR a.started_at IS NOT NULL)))::int AS starts," \
	"    (count(*) FILTER (WHERE a.since AND NOT a.charged" \
	"      AND a.outcome = 'interrupted'))::int AS given_back," \
	"    (count(*) FILTER (WHERE a.since" \
	"      AND a.outcome = 'preempted'))::int AS preempted" \
	"   FROM (SELECT r.*, r.attempt > coalesce(b.attempt, 0) AS since" \
	"    FROM weir.run_%1$d r WHERE r.task_id = m.task_id) a) c ON true" \
	" ) h ON h.task_id = t.task_id" \
	" WHERE t.task_id >= $1 AND t.task_id < $2 AND h.final IS NOT TRUE" \
	" ORDER BY t.task_id"

/* A row of the selection */
typedef struct UnfinishedRow
{
	const Datum *values;
	const bool *nulls;
} UnfinishedRow;

/*
 * A time, or what stands for none.
 */
static PolicyTime
row_time(const UnfinishedRow *row, UnfinishedColumn column, PolicyTime none)
{
	return row->nulls[column] ? none :
		DatumGetTimestampTz(row->values[column]);
}

static int32
row_int4(const UnfinishedRow *row, UnfinishedColumn column)
{
	return DatumGetInt32(row->values[column]);
}

static bool
row_bool(const UnfinishedRow *row, UnfinishedColumn column)
{
	return DatumGetBool(row->values[column]);
}

static char *
row_text(const UnfinishedRow *row, UnfinishedColumn column)
{
	return TextDatumGetCString(row->values[column]);
}

/*
 * Takes an array of names of a row; returns their number.
 */
static int
row_names(const UnfinishedRow *row, UnfinishedColumn column, char **names)
{
	return row->nulls[column] ? 0 :
		task_row_names(row->values[column], names);
}

/*
 * Resolves the tables and the named resources of a row.
 */
static int
unfinished_needs(const UnfinishedRow *row, uint64 *needs)
{
	char	   *names[POLICY_MAX_NEEDS];
	int			n = row_names(row, COL_TABLES, names);
	int			nneeds = unfinished_resolve((const char *const *) names, n,
											needs);

	n = Min(row_names(row, COL_RESOURCES, names), POLICY_MAX_NEEDS - nneeds);
	return nneeds + resource_config_resolve(database_mine(),
											(const char *const *) names, n,
											needs + nneeds);
}

/*
 * How the parents of a task have ended: those that are submitted in one call
 * have the same.
 */
typedef struct ParentsSeen
{
	ArrayType  *after;			/* NULL = nobody's yet */
	PolicyOnFailure on_failure;
	int64	   *unmet;			/* those that have not ended as they must */
	int			nunmet;
	int64		failed;			/* one for which the task is to be cancelled */
	TimestampTz met_at;			/* when the last one of them ended */
} ParentsSeen;

/*
 * Looks up how the parents have ended, unless they are those seen last.
 */
static void
parents_look_up(ParentsSeen *seen, ArrayType *after,
				PolicyOnFailure on_failure)
{
	Datum	   *ids;
	int			n;

	if (seen->after != NULL && seen->on_failure == on_failure &&
		VARSIZE(seen->after) == VARSIZE(after) &&
		memcmp(seen->after, after, VARSIZE(after)) == 0)
		return;
	deconstruct_array(after, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &ids, NULL, &n);
	memset(seen, 0, sizeof(ParentsSeen));
	seen->after = (ArrayType *) PG_DETOAST_DATUM_COPY(PointerGetDatum(after));
	seen->on_failure = on_failure;
	seen->unmet = palloc(n * sizeof(int64));
	seen->met_at = POLICY_TIME_ALWAYS;
	for (int i = 0; i < n; i++)
	{
		int64		parent = DatumGetInt64(ids[i]);
		RunEnd		end;
		bool		ended = run_row_ended(parent, &end);

		seen->met_at = Max(seen->met_at, end.finished_at);
		if (ended && (end.outcome == OUTCOME_SUCCEEDED ||
					  on_failure == POLICY_ON_FAILURE_RUN))
			continue;
		if (ended && on_failure == POLICY_ON_FAILURE_CANCEL)
			seen->failed = parent;
		seen->unmet[seen->nunmet++] = parent;
	}
}

/*
 * Takes the parents of a row that have not ended as they must.
 */
static void
unfinished_parents(const UnfinishedRow *row, UnfinishedTask *unfinished,
				   ParentsSeen *seen)
{
	PolicyTask *task = &unfinished->task;
	int64		limit;

	if (row->nulls[COL_AFTER])
		return;
	(void) on_failure_parse(row_text(row, COL_ON_PARENT_FAILURE),
							&task->on_failure);
	parents_look_up(seen, DatumGetArrayTypeP(row->values[COL_AFTER]),
					task->on_failure);
	unfinished->failed_parent = seen->failed;
	task->parents = seen->unmet;
	task->nparents = seen->nunmet;
	if (task->expires_at == POLICY_TIME_NEVER)
		return;
	/* the time runs from the end of the last of them */
	limit = DatumGetIntervalP(row->values[COL_QUEUE_TIMEOUT])->time;
	if (task->nparents > 0)
	{
		task->expires_at = POLICY_TIME_NEVER;
		task->wait_limit = limit;
	}
	else
		task->expires_at = Max(task->expires_at, seen->met_at + limit);
}

/*
 * A copy that outlives the reading.
 */
UnfinishedTask *
unfinished_copy(const UnfinishedTask *task)
{
	UnfinishedTask *copy = palloc(sizeof(UnfinishedTask));
	int64	   *parents;

	*copy = *task;
	if (task->task.nparents > 0)
	{
		parents = palloc(task->task.nparents * sizeof(int64));
		memcpy(parents, task->task.parents,
			   task->task.nparents * sizeof(int64));
		copy->task.parents = parents;
	}
	return copy;
}

/*
 * Takes a row apart.
 */
static void
unfinished_row(const UnfinishedRow *row, UnfinishedTask *unfinished,
			   ParentsSeen *seen)
{
	PolicyTask *task = &unfinished->task;

	memset(unfinished, 0, sizeof(UnfinishedTask));
	task->task_id = DatumGetInt64(row->values[COL_TASK_ID]);
	task->queue = row_int4(row, COL_QUEUE);
	(void) class_parse(row_text(row, COL_CLASS), &task->klass);
	task->priority = row_int4(row, COL_PRIORITY);
	task->enqueued_at = row_time(row, COL_ENQUEUED_AT, 0);
	task->owner = identity_role(DatumGetObjectId(row->values[COL_OWNER]),
								row_text(row, COL_OWNER_NAME),
								task->enqueued_at);
	if (!row->nulls[COL_SERIAL_KEY])
		task->serial_key = serial_key_digest(task->owner,
											 row_text(row, COL_SERIAL_KEY));
	task->begun = row_bool(row, COL_BEGUN);
	task->run_at = Max(row_time(row, COL_RUN_AT, POLICY_TIME_ALWAYS),
					   row_time(row, COL_RETRY_AT, POLICY_TIME_ALWAYS));
	task->deadline = row_time(row, COL_DEADLINE, POLICY_TIME_NEVER);
	task->nneeds = unfinished_needs(row, task->needs);
	task->attempt = row_int4(row, COL_ATTEMPT) + 1;
	task->retry = row_bool(row, COL_RETRY);
	task->preempted = row_int4(row, COL_PREEMPTED);
	task->expires_at = row_time(row, COL_EXPIRES_AT, POLICY_TIME_NEVER);
	if (!row->nulls[COL_JOB])
		task->history = POLICY_HISTORY_OF_JOB(row_int4(row, COL_JOB));
	if (!row->nulls[COL_ESTIMATE])
		task->estimate = DatumGetInt64(row->values[COL_ESTIMATE]);
	unfinished->autocommit = row_bool(row, COL_AUTOCOMMIT);
	task->firm = unfinished->autocommit;
	unfinished->max_attempts = row_int4(row, COL_MAX_ATTEMPTS);
	unfinished->crashed = row_int4(row, COL_CRASHED);
	task->solo = unfinished->crashed > 0;
	unfinished->charged = row_int4(row, COL_CHARGED);
	unfinished->given_back = row_int4(row, COL_GIVEN_BACK);
	unfinished->claimed = row_bool(row, COL_CLAIMED);
	unfinished->cancel_wanted = row_bool(row, COL_CANCEL_WANTED);
	unfinished_parents(row, unfinished, seen);
}

/* Who visits the tasks of a selection */
typedef struct UnfinishedVisitor
{
	UnfinishedVisit visit;
	void	   *arg;
	ParentsSeen seen;
} UnfinishedVisitor;

static void
unfinished_visit_row(const Datum *values, const bool *nulls, void *arg)
{
	UnfinishedVisitor *visitor = arg;
	UnfinishedRow row = {values, nulls};
	UnfinishedTask task;

	unfinished_row(&row, &task, &visitor->seen);
	visitor->visit(&task, visitor->arg);
}

/*
 * Visits the unfinished tasks with ids from low up to, not including, end,
 * which are in one generation.
 */
static void
unfinished_visit(int generation_id, int64 low, int64 end,
				 UnfinishedVisit visit, void *arg)
{
	UnfinishedVisitor visitor = {visit, arg};
	SqlSession	session;
	SqlParams	params = {0};

	sql_begin(&session);
	sql_add_int8(&params, low);
	sql_add_int8(&params, end);
	sql_visit(psprintf("SELECT " UNFINISHED_COLUMNS UNFINISHED_FROM,
					   generation_id),
			  &params, unfinished_visit_row, &visitor);
	sql_end(&session);
}

/*
 * Visits the unfinished tasks with ids from low up to, at most, high: as many
 * ids as "window" says, within one generation.  Returns the id to go on with.
 */
int64
unfinished_read(int64 low, int64 high, int64 window, UnfinishedVisit visit,
				void *arg)
{
	int			n;
	const Generation *list = generation_list(&n);
	Generation	generation = {0};
	int64		end;

	for (int i = 0; i < n && generation.high == 0; i++)
	{
		if (list[i].open && list[i].high > low)
			generation = list[i];
	}
	if (generation.high == 0)
		return high;
	low = Max(low, generation.low);
	end = Min(Min(low + window, generation.high), high);
	unfinished_visit(generation.generation_id, low, end, visit, arg);
	return end;
}

/* A task that is read for itself, and the memory that it is kept in */
typedef struct UnfinishedOne
{
	UnfinishedTask *task;
	MemoryContext context;
	bool		found;
} UnfinishedOne;

static void
unfinished_keep(const UnfinishedTask *task, void *arg)
{
	UnfinishedOne *one = arg;
	MemoryContext caller = MemoryContextSwitchTo(one->context);

	*one->task = *unfinished_copy(task);
	one->found = true;
	MemoryContextSwitchTo(caller);
}

/*
 * Reads one task; false if it does not exist or is finished.  What it points
 * to is in the given memory.
 */
bool
unfinished_read_one(int64 task_id, UnfinishedTask *task, MemoryContext context)
{
	const Generation *generation = generation_of(task_id);
	UnfinishedOne one = {task, context, false};

	if (generation != NULL)
		unfinished_visit(generation->generation_id, task_id, task_id + 1,
						 unfinished_keep, &one);
	return one.found;
}
