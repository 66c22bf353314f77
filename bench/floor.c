/*-------------------------------------------------------------------------
 *
 * floor.c
 *	  What no queue can undercut: background workers that execute a prepared
 *	  no-op, insert one row like one of weir.run, and commit.
 *
 * There is no queue, no claim, no argument and no error handling.  floor_run()
 * starts the workers, each with its part of the numbers, and returns when they
 * have ended; the row of number n goes into the table that it is given, and
 * into its primary key if it has one.
 *
 * Variants: "each" flushes every commit; "grouped" commits asynchronously and
 * flushes after each GROUP tasks; "batch" puts BATCH tasks into a transaction,
 * each in a subtransaction, and their rows in at once.
 *
 * Built and loaded by the measurements alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(floor_run);
extern PGDLLEXPORT void floor_worker_main(Datum arg);

#define GROUP		100
#define BATCH		32
#define MAX_WORKERS	64
#define MAX_COLUMNS	64

typedef enum Variant
{
	VARIANT_EACH,
	VARIANT_GROUPED,
	VARIANT_BATCH
} Variant;

static const char *const VariantNames[] = {"each", "grouped", "batch"};

/* What a worker is told, in bgw_extra */
typedef struct Part
{
	Oid			database;
	Oid			role;
	Oid			relid;
	Variant		variant;
	int			first;
	int			count;
} Part;

/* A worker's state */
typedef struct Floor
{
	Part		part;
	SPIPlanPtr	noop;
	Oid			key;			/* index of the primary key, or InvalidOid */
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
	int			id;				/* columns that change: task_id, xid */
	int			xid;
	int			times[3];		/* ready_at, started_at, finished_at */
	Relation	relation;		/* open in this transaction */
	Relation	index;
	HeapTuple	tuples[BATCH];
	TupleTableSlot *slots[BATCH];
} Floor;

/*
 * Sets a column of the rows, which is null otherwise; its place.
 */
static int
set_column(Floor *state, Relation relation, const char *name, Datum value)
{
	TupleDesc	descriptor = RelationGetDescr(relation);

	for (int i = 0; i < descriptor->natts && i < MAX_COLUMNS; i++)
	{
		if (namestrcmp(&TupleDescAttr(descriptor, i)->attname, name) != 0)
			continue;
		state->values[i] = value;
		state->nulls[i] = false;
		return i;
	}
	elog(ERROR, "the table has no column \"%s\"", name);
}

/*
 * A row as a successful run leaves it.
 */
static void
prepare_row(Floor *state, Relation relation)
{
	memset(state->nulls, true, sizeof(state->nulls));
	state->id = set_column(state, relation, "task_id", Int64GetDatum(0));
	state->xid = set_column(state, relation, "xid", UInt64GetDatum(0));
	state->times[0] = set_column(state, relation, "ready_at",
								 TimestampTzGetDatum(0));
	state->times[1] = set_column(state, relation, "started_at",
								 TimestampTzGetDatum(0));
	state->times[2] = set_column(state, relation, "finished_at",
								 TimestampTzGetDatum(0));
	set_column(state, relation, "attempt", Int32GetDatum(1));
	set_column(state, relation, "worker_pid", Int32GetDatum(MyProcPid));
	set_column(state, relation, "rows", Int64GetDatum(1));
	set_column(state, relation, "final", BoolGetDatum(true));
	set_column(state, relation, "charged", BoolGetDatum(true));
	set_column(state, relation, "outcome", CStringGetTextDatum("succeeded"));
	set_column(state, relation, "result",
			   DirectFunctionCall1(jsonb_in,
								   CStringGetDatum("[{\"?column?\": 1}]")));
}

/*
 * What lasts as long as the worker does.
 */
static void
prepare(Floor *state)
{
	MemoryContext old;
	Relation	relation;

	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	state->noop = SPI_prepare("SELECT 1", 0, NULL);
	SPI_keepplan(state->noop);
	relation = table_open(state->part.relid, AccessShareLock);
	list_free(RelationGetIndexList(relation));
	state->key = relation->rd_pkindex;

	old = MemoryContextSwitchTo(TopMemoryContext);
	prepare_row(state, relation);
	for (int i = 0; i < BATCH; i++)
		state->slots[i] = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(relation)),
												   &TTSOpsHeapTuple);
	MemoryContextSwitchTo(old);
	table_close(relation, AccessShareLock);
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
}

static void
begin(Floor *state)
{
	StartTransactionCommand();
	state->relation = table_open(state->part.relid, RowExclusiveLock);
	if (OidIsValid(state->key))
		state->index = index_open(state->key, RowExclusiveLock);
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
}

static void
commit(Floor *state)
{
	SPI_finish();
	PopActiveSnapshot();
	if (OidIsValid(state->key))
		index_close(state->index, NoLock);
	table_close(state->relation, NoLock);
	CommitTransactionCommand();
}

static void
execute(Floor *state)
{
	if (SPI_execute_plan(state->noop, NULL, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the no-op failed");
	SPI_freetuptable(SPI_tuptable);
}

static HeapTuple
form_row(Floor *state, int n)
{
	TimestampTz now = GetCurrentTimestamp();

	state->values[state->id] = Int64GetDatum(n);
	for (int i = 0; i < lengthof(state->times); i++)
		state->values[state->times[i]] = TimestampTzGetDatum(now);
	state->values[state->xid] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
	return heap_form_tuple(RelationGetDescr(state->relation), state->values,
						   state->nulls);
}

static void
insert_key(Floor *state, int n, ItemPointer tid)
{
	Datum		values[2] = {Int64GetDatum(n), Int32GetDatum(1)};
	bool		nulls[2] = {false, false};

	if (OidIsValid(state->key))
		index_insert(state->index, values, nulls, tid, state->relation,
					 UNIQUE_CHECK_YES, false, NULL);
}

static void
insert_row(Floor *state, int n)
{
	HeapTuple	tuple = form_row(state, n);

	heap_insert(state->relation, tuple, GetCurrentCommandId(true), 0, NULL);
	insert_key(state, n, &tuple->t_self);
	heap_freetuple(tuple);
}

static void
insert_rows(Floor *state, int first, int count)
{
	for (int i = 0; i < count; i++)
		ExecStoreHeapTuple(form_row(state, first + i), state->slots[i], true);
	heap_multi_insert(state->relation, state->slots, count,
					  GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < count; i++)
	{
		insert_key(state, first + i, &state->slots[i]->tts_tid);
		ExecClearTuple(state->slots[i]);
	}
}

/*
 * A transaction per task.
 */
static void
run_singly(Floor *state)
{
	bool		grouped = state->part.variant == VARIANT_GROUPED;

	for (int i = 0; i < state->part.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		begin(state);
		execute(state);
		insert_row(state, state->part.first + i);
		commit(state);
		if (grouped && (i % GROUP == GROUP - 1 || i == state->part.count - 1))
			XLogFlush(XactLastCommitEnd);
	}
}

/*
 * A transaction per BATCH tasks, a subtransaction per task.
 */
static void
run_batches(Floor *state)
{
	ResourceOwner owner;
	MemoryContext context;

	for (int i = 0; i < state->part.count; i += BATCH)
	{
		int			count = Min(BATCH, state->part.count - i);

		CHECK_FOR_INTERRUPTS();
		begin(state);
		owner = CurrentResourceOwner;
		context = CurrentMemoryContext;
		for (int j = 0; j < count; j++)
		{
			BeginInternalSubTransaction(NULL);
			execute(state);
			ReleaseCurrentSubTransaction();
			CurrentResourceOwner = owner;
			MemoryContextSwitchTo(context);
		}
		insert_rows(state, state->part.first + i, count);
		commit(state);
	}
}

void
floor_worker_main(Datum arg)
{
	Floor		state = {0};

	memcpy(&state.part, MyBgworkerEntry->bgw_extra, sizeof(Part));
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(state.part.database,
											  state.part.role, 0);
	prepare(&state);
	if (state.part.variant == VARIANT_GROUPED)
		SetConfigOption("synchronous_commit", "off", PGC_USERSET,
						PGC_S_SESSION);
	if (state.part.variant == VARIANT_BATCH)
		run_batches(&state);
	else
		run_singly(&state);
	proc_exit(0);
}

static Variant
parse_variant(const char *name)
{
	for (int i = 0; i < lengthof(VariantNames); i++)
	{
		if (strcmp(name, VariantNames[i]) == 0)
			return (Variant) i;
	}
	elog(ERROR, "there is no variant \"%s\"", name);
}

/*
 * floor_run(library text, variant text, relation regclass, workers int,
 * tasks int): returns when all has been done.
 */
Datum
floor_run(PG_FUNCTION_ARGS)
{
	BackgroundWorkerHandle *handles[MAX_WORKERS];
	BackgroundWorker worker = {0};
	Part		part = {0};
	int			workers = PG_GETARG_INT32(3);
	int			tasks = PG_GETARG_INT32(4);

	if (workers < 1 || workers > MAX_WORKERS)
		elog(ERROR, "1 to %d workers", MAX_WORKERS);
	part.database = MyDatabaseId;
	part.role = GetUserId();
	part.variant = parse_variant(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	part.relid = PG_GETARG_OID(2);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, text_to_cstring(PG_GETARG_TEXT_PP(0)),
			sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "floor_worker_main",
			sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "floor", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "floor", BGW_MAXLEN);
	for (int i = 0; i < workers; i++)
	{
		part.first = (int) ((int64) tasks * i / workers);
		part.count = (int) ((int64) tasks * (i + 1) / workers) - part.first;
		memcpy(worker.bgw_extra, &part, sizeof(Part));
		if (!RegisterDynamicBackgroundWorker(&worker, &handles[i]))
			elog(ERROR, "no process for a worker");
	}
	for (int i = 0; i < workers; i++)
		(void) WaitForBackgroundWorkerShutdown(handles[i]);
	PG_RETURN_VOID();
}
