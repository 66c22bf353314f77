/*-------------------------------------------------------------------------
 *
 * show_budgets.c
 *	  Retry budgets as rows, for the views.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "ledger/budget_config.h"
#include "shmem/database.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

PG_FUNCTION_INFO_V1(weir_retry_budget);
PG_FUNCTION_INFO_V1(weir_show_budgets);

/*
 * What a retry budget that is configured like that means; nulls for none.
 */
Datum
weir_retry_budget(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	BudgetRule	rule;
	Interval   *window = palloc0(sizeof(Interval));
	Datum		values[3];
	bool		nulls[3] = {0};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	budget_config_of(PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0), &rule);
	window->time = rule.window;
	values[0] = Float8GetDatum(rule.ratio);
	values[1] = IntervalPGetDatum(window);
	values[2] = Int32GetDatum(rule.floor);
	nulls[0] = nulls[1] = nulls[2] = rule.window == 0;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor),
											 values, nulls));
}

/*
 * Adds the figures of a budget, if anything was counted.
 */
static void
put_figures(ReturnSetInfo *set, int32 queue, const char *resource,
			BudgetFigures *figures)
{
	TimestampTz counted_at = (TimestampTz) pg_atomic_read_u64(&figures->counted_at);
	TimestampTz opens_at = (TimestampTz) pg_atomic_read_u64(&figures->opens_at);
	Datum		values[8];
	bool		nulls[8] = {0};

	if (counted_at == 0)
		return;
	values[0] = Int32GetDatum(queue);
	nulls[0] = queue == 0;
	nulls[1] = resource == NULL;
	if (resource != NULL)
		values[1] = CStringGetTextDatum(resource);
	values[2] = Int64GetDatum(pg_atomic_read_u32(&figures->firsts));
	values[3] = Int64GetDatum(pg_atomic_read_u32(&figures->retries));
	values[4] = Int64GetDatum(pg_atomic_read_u32(&figures->allowed));
	values[5] = Int64GetDatum(pg_atomic_read_u32(&figures->waiting));
	values[6] = TimestampTzGetDatum(opens_at);
	nulls[6] = opens_at == 0 || opens_at <= GetCurrentTimestamp();
	values[7] = TimestampTzGetDatum(counted_at);
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

/*
 * How much of each budget is used.
 */
Datum
weir_show_budgets(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; database != NULL && i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &database->queues[i];

		if (slot->queue != 0)
			put_figures(set, slot->queue, NULL, &slot->budget);
	}
	for (int i = 0; database != NULL && i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (resource_in_use(resource) &&
			RESOURCE_KIND(resource->key) == RESOURCE_KIND_NAMED)
			put_figures(set, 0, NameStr(resource->name),
						&resource->used_budget);
	}
	return (Datum) 0;
}
