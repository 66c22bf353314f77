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

/* The columns that unfinished_row understands */
#define UNFINISHED_COLUMNS \
	"t.task_id, v.queue_id, v.class, v.owner_name, t.priority," \
	" t.enqueued_at, t.run_at, t.deadline, t.tables, v.autocommit," \
	" v.max_attempts, coalesce(l.attempt, 0), l.retry_at," \
	" (SELECT count(*)::int FROM weir.run_%1$d c" \
	"   WHERE c.task_id = t.task_id AND c.outcome = 'crashed')," \
	" EXISTS (SELECT FROM weir.claim k WHERE k.task_id = t.task_id" \
	"   AND k.attempt = coalesce(l.attempt, 0) + 1)," \
	" EXISTS (SELECT FROM weir.event e WHERE e.task_id = t.task_id" \
	"   AND e.kind = 'cancel' AND e.at >= coalesce(b.at, '-infinity'))," \
	" v.owner," \
	" (SELECT count(*)::int FROM weir.run_%1$d c" \
	"   WHERE c.task_id = t.task_id AND c.charged" \
	"   AND c.attempt > coalesce(b.attempt, 0))," \
	" x.priority, x.deadline," \
	" CASE WHEN t.queue_timeout IS NOT NULL AND NOT EXISTS" \
	"   (SELECT FROM weir.run_%1$d c WHERE c.task_id = t.task_id" \
	"   AND (c.started_at IS NOT NULL OR c.charged)" \
	"   AND c.attempt > coalesce(b.attempt, 0))" \
	"  THEN greatest(t.enqueued_at, t.run_at, b.at) + t.queue_timeout END," \
	" t.queue_timeout, t.after, t.on_parent_failure," \
	" (SELECT count(*)::int FROM weir.run_%1$d c" \
	"   WHERE c.task_id = t.task_id AND c.outcome = 'interrupted'" \
	"   AND NOT c.charged AND c.attempt > coalesce(b.attempt, 0))," \
	" t.resources, coalesce(l.charged, false)," \
	" (SELECT count(*)::int FROM weir.run_%1$d c" \
	"   WHERE c.task_id = t.task_id AND c.outcome = 'preempted'" \
	"   AND c.attempt > coalesce(b.attempt, 0))," \
	" CASE WHEN v.class = 'daily' AND coalesce(t.deadline, x.deadline) IS NOT NULL" \
	"  THEN (SELECT i.job_id FROM weir.interval i" \
	"   WHERE i.task_id = t.task_id LIMIT 1) END," \
	" (coalesce((t.policy ->> 'estimate')::float8, (SELECT" \
	"   (q.policy ->> 'estimate')::float8 FROM weir.queue q" \
	"   WHERE q.queue_id = v.queue_id)) * 1000000)::bigint," \
	" t.serial_key, coalesce(l.attempt, 0) > coalesce(b.attempt, 0)"

/* l is the last run, b the last time that the task was brought back */
#define UNFINISHED_FROM \
	" FROM weir.task_%1$d t" \
	" JOIN weir.environment v ON v.environment_id = t.environment_id" \
	" LEFT JOIN LATERAL" \
	" (SELECT attempt, retry_at, final, charged FROM weir.run_%1$d r" \
	"   WHERE r.task_id = t.task_id ORDER BY attempt DESC LIMIT 1) l ON true" \
	" LEFT JOIN LATERAL" \
	" (SELECT max(d.attempt) AS attempt, max(d.finished_at) AS at" \
	"   FROM weir.run_%1$d d" \
	"   WHERE d.task_id = t.task_id AND d.outcome = 'retried') b ON true" \
	" LEFT JOIN LATERAL" \
	" (SELECT (e.detail ->> 'priority')::int AS priority," \
	"   (e.detail ->> 'deadline')::timestamptz AS deadline" \
	"   FROM weir.event e WHERE e.task_id = t.task_id AND e.kind = 'expedite'" \
	"   ORDER BY e.event_id DESC LIMIT 1) x ON true"

/*
 * Takes an array of names of a row; returns their number.
 */
static int
unfinished_names(uint64 row, int column, char **names)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : task_row_names(value, names);
}

/*
 * Resolves the tables and the named resources of a row.
 */
static int
unfinished_needs(uint64 row, int tables, int resources, uint64 *needs)
{
	char	   *names[POLICY_MAX_NEEDS];
	int			n = unfinished_names(row, tables, names);
	int			nneeds = unfinished_resolve((const char *const *) names, n,
											needs);

	n = Min(unfinished_names(row, resources, names),
			POLICY_MAX_NEEDS - nneeds);
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
	seen->after = after;
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
unfinished_parents(uint64 row, UnfinishedTask *unfinished, ParentsSeen *seen)
{
	PolicyTask *task = &unfinished->task;
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, 23, &isnull);
	int64		limit;

	if (isnull)
		return;
	(void) on_failure_parse(sql_text(row, 24), &task->on_failure);
	parents_look_up(seen, DatumGetArrayTypeP(value), task->on_failure);
	unfinished->failed_parent = seen->failed;
	task->parents = seen->unmet;
	task->nparents = seen->nunmet;
	if (task->expires_at == POLICY_TIME_NEVER)
		return;
	/* the time runs from the end of the last of them */
	limit = DatumGetIntervalP(SPI_getbinval(SPI_tuptable->vals[row],
											SPI_tuptable->tupdesc, 22,
											&isnull))->time;
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
 * Takes a row of the current result apart.
 */
static void
unfinished_row(uint64 row, UnfinishedTask *unfinished, ParentsSeen *seen)
{
	PolicyTask *task = &unfinished->task;
	int64		retry_at;

	memset(unfinished, 0, sizeof(UnfinishedTask));
	task->task_id = sql_int8(row, 1);
	task->queue = sql_int4(row, 2);
	(void) class_parse(sql_text(row, 3), &task->klass);
	task->priority = sql_int4(row, 5);
	task->enqueued_at = sql_int8(row, 6);
	task->owner = identity_role((Oid) strtoul(sql_text(row, 17), NULL, 10),
								sql_text(row, 4), task->enqueued_at);
	if (!sql_isnull(row, 31))
		task->serial_key = serial_key_digest(task->owner, sql_text(row, 31));
	task->begun = strcmp(sql_text(row, 32), "t") == 0;
	task->run_at = sql_isnull(row, 7) ? POLICY_TIME_ALWAYS : sql_int8(row, 7);
	task->deadline = sql_isnull(row, 8) ? POLICY_TIME_NEVER : sql_int8(row, 8);
	task->nneeds = unfinished_needs(row, 9, 26, task->needs);
	unfinished->autocommit = strcmp(sql_text(row, 10), "t") == 0;
	unfinished->max_attempts = sql_int4(row, 11);
	task->attempt = sql_int4(row, 12) + 1;
	retry_at = sql_isnull(row, 13) ? POLICY_TIME_ALWAYS : sql_int8(row, 13);
	task->run_at = Max(task->run_at, retry_at);
	unfinished->crashed = sql_int4(row, 14);
	task->solo = unfinished->crashed > 0;
	unfinished->charged = sql_int4(row, 18);
	unfinished->given_back = sql_int4(row, 25);
	task->expires_at = sql_isnull(row, 21) ? POLICY_TIME_NEVER :
		sql_int8(row, 21);
	task->retry = strcmp(sql_text(row, 27), "t") == 0;
	unfinished_parents(row, unfinished, seen);
	if (!sql_isnull(row, 19))
		task->priority = sql_int4(row, 19);
	if (!sql_isnull(row, 20))
		task->deadline = sql_int8(row, 20);
	task->firm = unfinished->autocommit;
	task->preempted = sql_int4(row, 28);
	if (!sql_isnull(row, 29))
		task->history = POLICY_HISTORY_OF_JOB(sql_int4(row, 29));
	if (!sql_isnull(row, 30))
		task->estimate = sql_int8(row, 30);
	unfinished->claimed = strcmp(sql_text(row, 15), "t") == 0;
	unfinished->cancel_wanted = strcmp(sql_text(row, 16), "t") == 0;
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
	SqlSession	session;
	SqlParams	params = {0};
	ParentsSeen seen = {0};
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

	sql_begin(&session);
	sql_add_int8(&params, low);
	sql_add_int8(&params, end);
	sql_execute(psprintf("SELECT " UNFINISHED_COLUMNS UNFINISHED_FROM
						 " WHERE t.task_id >= $1 AND t.task_id < $2"
						 " AND l.final IS NOT TRUE ORDER BY t.task_id",
						 generation.generation_id),
				&params);
	n = (int) SPI_processed;
	for (int i = 0; i < n; i++)
	{
		UnfinishedTask task;

		unfinished_row(i, &task, &seen);
		visit(&task, arg);
	}
	sql_end(&session);
	return end;
}

/*
 * Reads one task; false if it does not exist or is finished.  What it points
 * to is in the given memory.
 */
bool
unfinished_read_one(int64 task_id, UnfinishedTask *task, MemoryContext context)
{
	const Generation *generation = generation_of(task_id);
	int			id;
	SqlSession	session;
	SqlParams	params = {0};
	ParentsSeen seen = {0};
	bool		found;

	if (generation == NULL)
		return false;
	id = generation->generation_id;
	sql_begin(&session);
	sql_add_int8(&params, task_id);
	sql_execute(psprintf("SELECT " UNFINISHED_COLUMNS UNFINISHED_FROM
						 " WHERE t.task_id = $1 AND l.final IS NOT TRUE",
						 id), &params);
	found = SPI_processed == 1;
	if (found)
	{
		MemoryContext caller;

		unfinished_row(0, task, &seen);
		caller = MemoryContextSwitchTo(context);
		*task = *unfinished_copy(task);
		MemoryContextSwitchTo(caller);
	}
	sql_end(&session);
	return found;
}
