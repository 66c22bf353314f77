/*-------------------------------------------------------------------------
 *
 * generation.c
 *	  The generations of the ledger: which table a task id belongs to.
 *
 * Tasks and runs are kept in pairs of tables, task_N and run_N, that inherit
 * from weir.task and weir.run and take a range of task ids each.  They are no
 * partitions: making or dropping one must not lock the parent against its
 * readers, and a dump must restore them without help.
 *
 * The scheduler makes them ahead of need, and closes one when all its ids
 * are taken, no transaction can still add to it, and all its tasks have
 * ended.  Only open generations are read when the scheduler starts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "ledger/append_only.h"
#include "ledger/generation.h"
#include "ledger/interval.h"
#include "ledger/relation_watch.h"
#include "ledger/sql.h"

/* Columns of weir.generation */
#define ANUM_GENERATION_ID		1
#define ANUM_GENERATION_LOW		2
#define ANUM_GENERATION_HIGH	3
#define ANUM_GENERATION_STATE	4

/*
 * The generations that have tables, lowest ids first, as this process last
 * read them.  Any change comes with a relcache invalidation.
 */
static Generation *Generations = NULL;
static int	NumGenerations = 0;
static Oid	GenerationRelation = InvalidOid;

/* As in queue_config.c */
static uint64 Changes = 1;
static uint64 ChangesRead = 0;

static void
generation_invalidate(Oid relid)
{
	if (!OidIsValid(relid) || relid == GenerationRelation)
		Changes++;
}

void
generation_install(void)
{
	relation_watch(generation_invalidate);
}

static int
generation_compare(const void *a, const void *b)
{
	int64		left = ((const Generation *) a)->low;
	int64		right = ((const Generation *) b)->low;

	return left < right ? -1 : left > right;
}

/*
 * Reads one row of weir.generation; false if its tables are gone.
 */
static bool
generation_read(Relation relation, HeapTuple tuple, Generation *generation)
{
	TupleDesc	descriptor = RelationGetDescr(relation);
	Oid			schema = RelationGetNamespace(relation);
	bool		isnull;
	char	   *state;

	generation->generation_id =
		DatumGetInt32(heap_getattr(tuple, ANUM_GENERATION_ID, descriptor, &isnull));
	generation->low =
		DatumGetInt64(heap_getattr(tuple, ANUM_GENERATION_LOW, descriptor, &isnull));
	generation->high =
		DatumGetInt64(heap_getattr(tuple, ANUM_GENERATION_HIGH, descriptor, &isnull));
	state = TextDatumGetCString(heap_getattr(tuple, ANUM_GENERATION_STATE, descriptor, &isnull));
	generation->open = strcmp(state, "open") == 0;
	generation->task =
		get_relname_relid(psprintf("task_%d", generation->generation_id), schema);
	generation->run =
		get_relname_relid(psprintf("run_%d", generation->generation_id), schema);
	return OidIsValid(generation->task) && OidIsValid(generation->run);
}

/*
 * Reads weir.generation anew, as it is committed now.
 */
static void
generation_load(void)
{
	Relation	relation;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			max = 8;
	Generation *list = MemoryContextAlloc(TopMemoryContext,
										  max * sizeof(Generation));
	int			n = 0;
	uint64		changes;

	relation = table_open(get_relname_relid("generation", ledger_namespace()),
						  AccessShareLock);
	GenerationRelation = RelationGetRelid(relation);
	changes = Changes;
	scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (n == max)
		{
			max *= 2;
			list = repalloc(list, max * sizeof(Generation));
		}
		if (generation_read(relation, tuple, &list[n]))
			n++;
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	qsort(list, n, sizeof(Generation), generation_compare);
	if (Generations)
		pfree(Generations);
	Generations = list;
	NumGenerations = n;
	ChangesRead = changes;
}

/*
 * All generations that have tables, lowest ids first.  The list is good until
 * the next catalog access.
 */
const Generation *
generation_list(int *n)
{
	if (ChangesRead != Changes)
		generation_load();
	*n = NumGenerations;
	return Generations;
}

/*
 * The generation of a task id, or NULL.
 */
const Generation *
generation_of(int64 task_id)
{
	if (ChangesRead != Changes)
		generation_load();
	for (int i = NumGenerations - 1; i >= 0; i--)
	{
		if (task_id >= Generations[i].low && task_id < Generations[i].high)
			return &Generations[i];
	}
	return NULL;
}

/*
 * Makes one child table with its key, trigger and dependency.  The dependency
 * on the extension is automatic: DROP EXTENSION takes the child along without
 * being told to CASCADE.
 */
static void
generation_create_child(const char *parent, int32 generation_id, int64 low,
						int64 high, const char *key)
{
	char	   *name = psprintf("%s_%d", parent, generation_id);
	ObjectAddress child;
	ObjectAddress extension;

	sql_execute(psprintf("CREATE TABLE weir.%s ("
						 "CONSTRAINT %s_pkey PRIMARY KEY (%s), "
						 "CONSTRAINT %s_range CHECK (task_id >= " INT64_FORMAT
						 " AND task_id < " INT64_FORMAT ")) "
						 "INHERITS (weir.%s)",
						 name, name, key, name, low, high, parent), NULL);
	sql_execute(psprintf("COMMENT ON TABLE weir.%s IS 'Ledger: the generation"
						 " with task ids from " INT64_FORMAT " to below "
						 INT64_FORMAT ".'", name, low, high), NULL);
	sql_execute(psprintf("CREATE TRIGGER append_only "
						 "BEFORE UPDATE OR DELETE OR TRUNCATE ON weir.%s "
						 "FOR EACH STATEMENT EXECUTE FUNCTION weir._append_only()",
						 name), NULL);
	sql_execute(psprintf("ALTER TABLE weir.%s ENABLE ALWAYS TRIGGER append_only",
						 name), NULL);
	ObjectAddressSet(child, RelationRelationId,
					 get_relname_relid(name, ledger_namespace()));
	ObjectAddressSet(extension, ExtensionRelationId, extension_oid());
	recordDependencyOn(&child, &extension, DEPENDENCY_AUTO);
}

/*
 * Makes the generation for the ids from low to high.
 */
void
generation_create(int64 low, int64 high)
{
	SqlSession	session;
	SqlParams	params = {0};
	int32		generation_id;

	sql_begin(&session);
	sql_execute("SELECT coalesce(max(generation_id), 0) + 1 FROM weir.generation",
				NULL);
	generation_id = sql_int4(0, 1);
	generation_create_child("task", generation_id, low, high, "task_id");
	generation_create_child("run", generation_id, low, high,
							"task_id, attempt");
	sql_add_int4(&params, generation_id);
	sql_add_int8(&params, low);
	sql_add_int8(&params, high);
	sql_execute("INSERT INTO weir.generation (generation_id, low, high, state) "
				"VALUES ($1, $2, $3, 'open')", &params);
	CacheInvalidateRelcacheByRelid(get_relname_relid("generation",
													 ledger_namespace()));
	sql_end(&session);
}

/*
 * Keeps the generations of the ids from low to high, not included, open until
 * the end of the transaction.  False if one is closed already: between taking
 * ids and writing the rows a session can be so slow that it was.
 */
bool
generation_keep_open(int64 low, int64 high)
{
	/* who has waited for ids knows less than the list says by now */
	AcceptInvalidationMessages();
	while (low < high)
	{
		const Generation *generation = generation_of(low);

		if (generation == NULL)
			elog(ERROR, "no generation for task " INT64_FORMAT, low);
		LockRelationOid(generation->task, RowExclusiveLock);
		/* with the lock came the news of what was committed before */
		generation = generation_of(low);
		if (generation == NULL || !generation->open)
			return false;
		low = generation->high;
	}
	return true;
}

/* The tasks of a generation that have not ended */
#define UNFINISHED_IDS \
	"SELECT t.task_id FROM weir.task_%1$d t" \
	" WHERE (SELECT r.final FROM weir.run_%1$d r" \
	"  WHERE r.task_id = t.task_id" \
	"  ORDER BY r.attempt DESC LIMIT 1) IS NOT TRUE"

/*
 * Calls "visit" for each task that has not ended.  Only open generations have
 * such tasks, and only they are read.
 */
void
generation_visit_unfinished(void (*visit) (int64 task_id, void *arg), void *arg)
{
	int			n;
	const Generation *list = generation_list(&n);
	List	   *open = NIL;
	ListCell   *cell;
	SqlSession	session;

	for (int i = 0; i < n; i++)
	{
		if (list[i].open)
			open = lappend_int(open, list[i].generation_id);
	}
	sql_begin(&session);
	foreach(cell, open)
	{
		sql_execute(psprintf(UNFINISHED_IDS, lfirst_int(cell)), NULL);
		for (uint64 row = 0; row < SPI_processed; row++)
			visit(sql_int8(row, 1), arg);
	}
	sql_end(&session);
}

/*
 * A task of the generation that has not ended; 0 if there is none.
 */
int64
generation_find_unfinished(const Generation *generation)
{
	SqlSession	session;
	int64		found = 0;

	sql_begin(&session);
	sql_execute(psprintf(UNFINISHED_IDS " LIMIT 1", generation->generation_id),
				NULL);
	if (SPI_processed == 1)
		found = sql_int8(0, 1);
	sql_end(&session);
	return found;
}

/*
 * Closes a generation whose ids are all given out.  Its tables are locked
 * against writers for that, without waiting: a transaction that wrote a task
 * long ago and has not committed keeps it open.  Says whether it was closed.
 */
bool
generation_try_close(const Generation *generation)
{
	Generation	copy = *generation;
	SqlSession	session;
	SqlParams	params = {0};

	if (!ConditionalLockRelationOid(copy.task, ShareLock) ||
		!ConditionalLockRelationOid(copy.run, ShareLock))
		return false;
	CommandCounterIncrement();
	if (generation_find_unfinished(&copy) != 0)
		return false;
	sql_begin(&session);
	sql_add_int4(&params, copy.generation_id);
	sql_execute("UPDATE weir.generation SET state = 'closed', "
				"closed_at = clock_timestamp() WHERE generation_id = $1",
				&params);
	CacheInvalidateRelcacheByRelid(get_relname_relid("generation",
													 ledger_namespace()));
	sql_end(&session);
	return true;
}

/*
 * Does an unfinished task name one of this generation as its parent?  How that
 * one has ended must be known as long as the other has not.
 */
static bool
generation_has_parents(int32 generation_id)
{
	int			n;
	const Generation *list = generation_list(&n);
	int32	   *open = palloc(Max(n, 1) * sizeof(int32));
	int			nopen = 0;
	bool		found = false;
	SqlSession	session;
	SqlParams	params = {0};

	for (int i = 0; i < n; i++)
	{
		if (list[i].open)
			open[nopen++] = list[i].generation_id;
	}
	sql_add_int4(&params, generation_id);
	sql_begin(&session);
	for (int i = 0; i < nopen && !found; i++)
		found = sql_execute(psprintf("SELECT FROM weir.task_%1$d t, weir.generation g"
									 " WHERE g.generation_id = $1"
									 " AND EXISTS (SELECT FROM unnest(t.after) p"
									 "  WHERE p >= g.low AND p < g.high)"
									 " AND NOT EXISTS (SELECT FROM weir.run_%1$d r"
									 "  WHERE r.task_id = t.task_id AND r.final"
									 "  AND NOT EXISTS (SELECT FROM weir.run_%1$d n"
									 "   WHERE n.task_id = r.task_id"
									 "   AND n.attempt > r.attempt)) LIMIT 1",
									 open[i]), &params) > 0;
	sql_end(&session);
	return found;
}

/*
 * Drops a closed generation: retention.  If somebody reads it, not now: to
 * wait would stop the scheduler, and everybody else who reads it.  Nor if
 * tasks still depend on how others of it have ended.
 */
void
generation_drop(int32 generation_id)
{
	static const char *const parents[] = {"run", "task"};
	static const char *const beside[] = {"claim", "task_checkpoint",
	"task_group", "lock_wait", "unique_key"};
	SqlSession	session;
	SqlParams	params = {0};

	for (int i = 0; i < lengthof(parents); i++)
	{
		Oid			relid = get_relname_relid(psprintf("%s_%d", parents[i],
													   generation_id),
											  ledger_namespace());

		if (OidIsValid(relid) &&
			!ConditionalLockRelationOid(relid, AccessExclusiveLock))
			return;
	}
	if (generation_has_parents(generation_id))
		return;
	sql_begin(&session);
	sql_add_int4(&params, generation_id);
	sql_execute("UPDATE weir.generation SET state = 'dropped' "
				"WHERE generation_id = $1 AND state = 'closed'", &params);
	if (SPI_processed == 1)
	{
		interval_keep_ends(generation_id);
		append_only_suspend(true);
		for (int i = 0; i < lengthof(beside); i++)
			sql_execute(psprintf("DELETE FROM weir.%s c USING weir.generation g "
								 "WHERE g.generation_id = %d "
								 "AND c.task_id >= g.low AND c.task_id < g.high",
								 beside[i], generation_id), NULL);
		append_only_suspend(false);
		sql_execute(psprintf("DROP TABLE weir.run_%d, weir.task_%d",
							 generation_id, generation_id), NULL);
	}
	CacheInvalidateRelcacheByRelid(get_relname_relid("generation",
													 ledger_namespace()));
	sql_end(&session);
}

/*
 * The lowest id that may be given out: above all committed tasks, and above
 * all generations that are closed, whose last ids may be without a task.
 */
int64
generation_next_id(void)
{
	int			n;
	const Generation *list = generation_list(&n);
	int32	   *open = palloc(Max(n, 1) * sizeof(int32));
	int			nopen = 0;
	SqlSession	session;
	int64		next;

	for (int i = n - 1; i >= 0; i--)
	{
		if (list[i].open)
			open[nopen++] = list[i].generation_id;
	}
	sql_begin(&session);
	sql_execute("SELECT greatest(1, max(high) FILTER (WHERE state <> 'open'),"
				" min(low)) FROM weir.generation", NULL);
	next = sql_int8(0, 1);
	/* the newest ones can be empty still */
	for (int i = 0; i < nopen; i++)
	{
		sql_execute(psprintf("SELECT max(task_id) + 1 FROM weir.task_%d",
							 open[i]), NULL);
		if (!sql_isnull(0, 1))
		{
			next = Max(next, sql_int8(0, 1));
			break;
		}
	}
	sql_end(&session);
	return next;
}
