/*-------------------------------------------------------------------------
 *
 * classes.c
 *	  Configuring classes, and what they have lent to one another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "api/request.h"
#include "ledger/event_row.h"
#include "ledger/sql.h"
#include "ledger/task_row.h"
#include "policy/duration.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inbox.h"
#include "shmem/settings.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_set_class);
PG_FUNCTION_INFO_V1(weir_show_classes);

enum
{
	ARG_CLASS,
	ARG_RESERVED,
	ARG_MAX_SHARE,
	ARG_FLOOR_SHARE,
	ARG_WEIGHT,
	ARG_RESET
};

/* Floor shares leave so much of the starts to the order of ranks */
#define MAX_FLOOR_SHARES	0.9

/*
 * Refuses a number that is out of range, or none.
 */
static void
check_number(FunctionCallInfo fcinfo, int arg, const char *name, double min,
			 double max)
{
	if (!PG_ARGISNULL(arg) &&
		!(PG_GETARG_FLOAT8(arg) >= min && PG_GETARG_FLOAT8(arg) <= max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between %g and %g",
						name, min, max)));
}

/*
 * Checks each argument by itself.
 */
static void
check_arguments(FunctionCallInfo fcinfo, const char *class)
{
	PolicyClass klass;

	if (!class_parse(class, &klass) || klass == POLICY_CLASS_SYSTEM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("class \"%s\" does not exist", class),
				 errhint("Classes are \"daily\", \"adhoc\" and \"backfill\".")));
	argument_check_range(fcinfo, ARG_RESERVED, "reserved", 0,
						 weir_max_workers - 1);
	check_number(fcinfo, ARG_MAX_SHARE, "max_share", 0.001, 1);
	check_number(fcinfo, ARG_FLOOR_SHARE, "floor_share", 0, MAX_FLOOR_SHARES);
	check_number(fcinfo, ARG_WEIGHT, "weight", 0.001, 1000);
}

/*
 * Refuses what cannot be reset.  Caller is within sql_begin().
 */
static void
check_reset(const SqlParams *params)
{
	sql_execute("SELECT r FROM unnest($6) r WHERE r IS NULL OR r NOT IN"
				" ('reserved', 'max_share', 'floor_share', 'weight')", params);
	if (SPI_processed > 0 && sql_text(0, 1) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not contain nulls", "reset")));
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be reset", sql_text(0, 1)),
				 errhint("What can be reset is reserved, max_share, floor_share and weight.")));
}

/*
 * Checks what all classes together come to, and that this one does not
 * contradict itself.  Caller is within sql_begin().
 */
static void
check_sums(const char *class, const SqlParams *params)
{
	int64		reserved;

	sql_execute("SELECT sum(reserved)::bigint, sum(floor_share) > 0.9"
				"  - (4 - count(*)) * 0.05 + 1e-9,"
				" coalesce(bool_or(class = $1 AND max_share IS NOT NULL AND"
				"  reserved > greatest(floor(max_share * $7 + 1e-9), 1)),"
				"  false)"
				" FROM weir.class", params);
	reserved = sql_int8(0, 1);
	if (reserved >= weir_max_workers)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("reserved workers of all classes must be fewer than \"%s\"",
						"weir.max_workers"),
				 errdetail("They would be " INT64_FORMAT " of %d.",
						   reserved, weir_max_workers),
				 errhint("Reserve fewer, or raise \"%s\" and restart the server.",
						 "weir.max_workers")));
	if (strcmp(sql_text(0, 2), "t") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("sum of the floor shares of all classes would exceed %g",
						MAX_FLOOR_SHARES),
				 errhint("Lower that of another class. Each has 0.05 if nothing else was set, \"%s\" included.",
						 "system")));
	if (strcmp(sql_text(0, 3), "t") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("class \"%s\" cannot have more workers reserved than its \"%s\" allows",
						class, "max_share")));
}

/*
 * weir.set_class(): null keeps, reset brings the default back.
 */
Datum
weir_set_class(PG_FUNCTION_ARGS)
{
	char	   *class = argument_required_text(fcinfo, ARG_CLASS, "class");
	WeirDatabase *database = database_require_ready();
	MemoryContext context = CurrentMemoryContext;
	char	   *detail;
	SqlSession	session;
	SqlParams	params = {0};

	check_arguments(fcinfo, class);
	sql_add_text(&params, class);
	argument_add(&params, fcinfo, ARG_RESERVED, INT4OID);
	argument_add(&params, fcinfo, ARG_MAX_SHARE, FLOAT8OID);
	argument_add(&params, fcinfo, ARG_FLOOR_SHARE, FLOAT8OID);
	argument_add(&params, fcinfo, ARG_WEIGHT, FLOAT8OID);
	argument_add(&params, fcinfo, ARG_RESET, TEXTARRAYOID);
	sql_add_int4(&params, weir_max_workers);
	sql_begin(&session);
	check_reset(&params);
	/* the sums are of all rows: one after the other */
	sql_execute("LOCK TABLE weir.class IN SHARE ROW EXCLUSIVE MODE", NULL);
	sql_execute("INSERT INTO weir.class (class) VALUES ($1)"
				" ON CONFLICT DO NOTHING", &params);
	sql_execute("UPDATE weir.class SET"
				" reserved = CASE WHEN 'reserved' = ANY ($6) THEN 0"
				"  ELSE coalesce($2, reserved) END,"
				" max_share = CASE WHEN 'max_share' = ANY ($6) THEN NULL"
				"  ELSE coalesce($3, max_share) END,"
				" floor_share = CASE WHEN 'floor_share' = ANY ($6) THEN 0.05"
				"  ELSE coalesce($4, floor_share) END,"
				" weight = CASE WHEN 'weight' = ANY ($6) THEN 1"
				"  ELSE coalesce($5, weight) END"
				" WHERE class = $1", &params);
	check_sums(class, &params);
	sql_execute("SELECT jsonb_strip_nulls(jsonb_build_object('class', $1,"
				" 'reserved', $2, 'max_share', $3, 'floor_share', $4,"
				" 'weight', $5, 'reset', $6))", &params);
	detail = MemoryContextStrdup(context, sql_text(0, 1));
	sql_end(&session);
	event_write("set_class", 0, NULL, NULL, NULL, detail);
	xact_config_changed(database);
	PG_RETURN_VOID();
}

/*
 * How long it takes at most until the last of the workers is free that other
 * classes have borrowed; -1 if that is not known.
 */
static int64
reclaim_bound(WeirDatabase *database, int klass)
{
	const Assignment *in_hand;
	TimestampTz now = GetCurrentTimestamp();
	int64		bound = 0;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database != database->oid)
			continue;
		for (int from = 0; (in_hand = inbox_in_hand(worker, &from)) != NULL;)
		{
			Assignment	assignment = *in_hand;
			ClassSlot  *borrower = &database->classes[assignment.klass];
			QueueSlot  *queue;
			int64		longest = 0;

			/* it may have ended since we looked, or use what is its own */
			if (assignment.task_id == 0 || assignment.klass == klass ||
				pg_atomic_read_u32(&borrower->running) <=
				pg_atomic_read_u32(&borrower->reserved))
				continue;
			queue = depth_find(database, assignment.queue);
			if (queue)
				longest = pg_atomic_read_u64(&queue->longest);
			if (longest == 0)
				return -1;
			bound = Max(bound, policy_duration_left(longest,
													now - assignment.ready_at));
		}
	}
	return bound;
}

/*
 * The classes: what each has, and how long it would take to get back what is
 * lent.
 */
Datum
weir_show_classes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	for (int klass = 0; klass < POLICY_NUM_CLASSES && database; klass++)
	{
		ClassSlot  *slot = &database->classes[klass];
		bool		lent = pg_atomic_read_u32(&slot->lent) != 0;
		int64		bound = lent ? reclaim_bound(database, klass) : 0;
		Interval	interval = {0};
		Datum		values[7];
		bool		nulls[7] = {0};

		interval.time = bound;
		values[0] = CStringGetTextDatum(class_name((PolicyClass) klass));
		values[1] = Int32GetDatum(pg_atomic_read_u32(&slot->reserved));
		values[2] = Int32GetDatum(pg_atomic_read_u32(&slot->running));
		values[3] = Int32GetDatum(pg_atomic_read_u32(&slot->starts));
		values[4] = Int32GetDatum(pg_atomic_read_u32(&slot->of_starts));
		values[5] = BoolGetDatum(lent);
		values[6] = IntervalPGetDatum(&interval);
		nulls[6] = bound < 0;
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}
