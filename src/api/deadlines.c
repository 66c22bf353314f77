/*-------------------------------------------------------------------------
 *
 * deadlines.c
 *	  Deadlines, and what was lost for them, as sets of rows for the views.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "shmem/database.h"

PG_FUNCTION_INFO_V1(weir_show_deadlines);
PG_FUNCTION_INFO_V1(weir_show_preempted);

static const char *const tier_names[] = {"on_time", "at_risk", "critical"};

/*
 * The tasks with a deadline, as the scheduler has seen them last.
 */
Datum
weir_show_deadlines(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();
	DeadlineSlot *copy;

	InitMaterializedSRF(fcinfo, 0);
	if (database == NULL)
		return (Datum) 0;
	copy = palloc(sizeof(database->deadlines));
	LWLockAcquire(database->lock, LW_SHARED);
	memcpy(copy, database->deadlines, sizeof(database->deadlines));
	LWLockRelease(database->lock);
	for (int i = 0; i < WEIR_MAX_DEADLINES; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {0};

		if (copy[i].task_id == 0)
			continue;
		values[0] = Int64GetDatum(copy[i].task_id);
		values[1] = TimestampTzGetDatum(copy[i].deadline);
		values[2] = TimestampTzGetDatum(copy[i].latest_start);
		values[3] = Float8GetDatum(copy[i].on_time);
		values[4] = CStringGetTextDatum(tier_names[copy[i].tier]);
		values[5] = BoolGetDatum(copy[i].missed);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static Datum
interval_of(pg_atomic_uint64 *time)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = (int64) pg_atomic_read_u64(time);
	return IntervalPGetDatum(interval);
}

/*
 * How much work was done, and lost by preemption.
 */
Datum
weir_show_preempted(PG_FUNCTION_ARGS)
{
	WeirDatabase *database = database_mine();
	TupleDesc	descriptor;
	Datum		values[3];
	bool		nulls[3] = {0};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (database == NULL)
		memset(nulls, true, sizeof(nulls));
	else
	{
		values[0] = Int64GetDatum(pg_atomic_read_u64(&database->preemptions));
		values[1] = interval_of(&database->preempted);
		values[2] = interval_of(&database->worked);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor),
													  values, nulls)));
}
