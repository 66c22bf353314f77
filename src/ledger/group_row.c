/*-------------------------------------------------------------------------
 *
 * group_row.c
 *	  Rows of weir.task_group: the tasks of a group, and until when they may
 *	  take.
 *
 * A group is known by its collector, which waits for the ends of its members.
 * The row is written with them and never changed: that a group was cancelled
 * is an event, and how its tasks have ended are their runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "ledger/group_row.h"
#include "ledger/heap_row.h"
#include "ledger/run_row.h"
#include "ledger/sql.h"
#include "policy/policy.h"

/* Columns of weir.task_group, in their order */
enum
{
	ANUM_GROUP_TASK_ID = 1,
	ANUM_GROUP_DEADLINE,
	ANUM_GROUP_ON_DEADLINE,
	ANUM_GROUP_MEMBERS,
	ANUM_GROUP_KEYS,
	NATTS_GROUP = ANUM_GROUP_KEYS
};

static Oid
group_relation(void)
{
	return get_relname_relid("task_group", ledger_namespace());
}

/*
 * Writes a group into this transaction.
 */
void
group_row_insert(const GroupRow *group)
{
	Datum		values[NATTS_GROUP];
	bool		nulls[NATTS_GROUP] = {0};
	Datum	   *members = palloc_extended(Max(group->n, 1) * sizeof(Datum), 0);
	Datum	   *keys = palloc_extended(Max(group->n, 1) * sizeof(Datum), 0);
	bool	   *keyless = palloc(Max(group->n, 1) * sizeof(bool));
	int			lower = 1;

	for (int i = 0; i < group->n; i++)
	{
		members[i] = Int64GetDatum(group->members[i]);
		keyless[i] = group->keys[i] == NULL;
		keys[i] = keyless[i] ? (Datum) 0 : CStringGetTextDatum(group->keys[i]);
	}
	values[ANUM_GROUP_TASK_ID - 1] = Int64GetDatum(group->collector);
	values[ANUM_GROUP_DEADLINE - 1] = TimestampTzGetDatum(group->deadline);
	nulls[ANUM_GROUP_DEADLINE - 1] = group->deadline == POLICY_TIME_NEVER;
	heap_row_set_text(values, nulls, ANUM_GROUP_ON_DEADLINE,
					  group->fail ? "fail" : "partial");
	values[ANUM_GROUP_MEMBERS - 1] =
		PointerGetDatum(construct_array(members, group->n, INT8OID,
										sizeof(int64), FLOAT8PASSBYVAL,
										TYPALIGN_DOUBLE));
	values[ANUM_GROUP_KEYS - 1] =
		PointerGetDatum(construct_md_array(keys, keyless, 1,
										   unconstify(int *, &group->n),
										   &lower, TEXTOID, -1, false,
										   TYPALIGN_INT));
	heap_row_insert(group_relation(), values, nulls);
}

/*
 * Takes a row apart.
 */
static void
group_row_deform(HeapTuple tuple, TupleDesc descriptor, GroupRow *group)
{
	Datum		values[NATTS_GROUP];
	bool		nulls[NATTS_GROUP];
	Datum	   *members;
	Datum	   *keys;
	bool	   *keyless;
	int			nkeys;

	heap_deform_tuple(tuple, descriptor, values, nulls);
	group->collector = DatumGetInt64(values[ANUM_GROUP_TASK_ID - 1]);
	group->deadline = nulls[ANUM_GROUP_DEADLINE - 1] ? POLICY_TIME_NEVER :
		DatumGetTimestampTz(values[ANUM_GROUP_DEADLINE - 1]);
	group->fail = strcmp(TextDatumGetCString(values[ANUM_GROUP_ON_DEADLINE - 1]),
						 "fail") == 0;
	deconstruct_array(DatumGetArrayTypeP(values[ANUM_GROUP_MEMBERS - 1]),
					  INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &members, NULL, &group->n);
	deconstruct_array(DatumGetArrayTypeP(values[ANUM_GROUP_KEYS - 1]),
					  TEXTOID, -1, false, TYPALIGN_INT, &keys, &keyless,
					  &nkeys);
	group->members = palloc(Max(group->n, 1) * sizeof(int64));
	group->keys = palloc0(Max(group->n, 1) * sizeof(char *));
	for (int i = 0; i < group->n; i++)
	{
		group->members[i] = DatumGetInt64(members[i]);
		if (i < nkeys && !keyless[i])
			group->keys[i] = TextDatumGetCString(keys[i]);
	}
}

/*
 * Reads the group that a task collects for, committed or of this transaction;
 * false if there is none.  Like task_row_read() it takes a fresh snapshot.
 */
bool
group_row_read(int64 collector, GroupRow *group)
{
	Relation	relation = table_open(group_relation(), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	ScanKeyInit(&key, ANUM_GROUP_TASK_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(collector));
	scan = systable_beginscan(relation, heap_row_key_index(relation), true,
							  NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		group_row_deform(tuple, RelationGetDescr(relation), group);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

/*
 * Is there anything to be done about the group of this row: has it a deadline,
 * or was it cancelled, and has its collector not ended?  One that was brought
 * back has no deadline any more.  Only the task's own generation is touched.
 */
static bool
group_is_due(uint64 row, GroupDue *due)
{
	RunSummary	summary;

	due->collector = sql_int8(row, 1);
	due->fail = strcmp(sql_text(row, 3), "t") == 0;
	run_row_summary(due->collector, &summary);
	due->cancelled = !sql_isnull(row, 4) &&
		sql_int8(row, 4) >= summary.back_at;
	due->deadline = sql_isnull(row, 2) || summary.back_at != 0 ?
		POLICY_TIME_NEVER : sql_int8(row, 2);
	return !summary.final &&
		(due->cancelled || due->deadline != POLICY_TIME_NEVER);
}

#define DUE_QUERY \
	"SELECT g.task_id, g.deadline, g.on_deadline = 'fail'," \
	" (SELECT max(e.at) FROM weir.event e WHERE e.task_id = g.task_id" \
	"  AND e.kind = 'cancel_group')" \
	" FROM weir.task_group g WHERE g.task_id "

/*
 * Visits the groups that have to end by some time; or, unless it is zero, that
 * of the collector.
 */
void
group_rows_due(int64 collector, GroupVisit visit, void *arg)
{
	SqlSession	session;
	SqlParams	params = {0};
	uint64		n;

	sql_begin(&session);
	if (collector != 0)
	{
		sql_add_int8(&params, collector);
		n = sql_execute(DUE_QUERY "= $1", &params);
	}
	else
		n = sql_execute(DUE_QUERY ">= (SELECT min(low) FROM weir.generation"
						" WHERE state = 'open')", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		GroupDue	due = {0};

		if (group_is_due(i, &due))
			visit(&due, arg);
	}
	sql_end(&session);
}
