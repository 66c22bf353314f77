/*-------------------------------------------------------------------------
 *
 * show_breakers.c
 *	  Circuit breakers as rows, for the view.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/breaker_config.h"
#include "shmem/database.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

PG_FUNCTION_INFO_V1(weir_show_breakers);

/*
 * A time, or null for none.
 */
static void
put_time(Datum *value, bool *isnull, pg_atomic_uint64 *time)
{
	TimestampTz known = (TimestampTz) pg_atomic_read_u64(time);

	*isnull = known == 0;
	*value = TimestampTzGetDatum(known);
}

/*
 * The breakers of the named resources that have one.
 */
Datum
weir_show_breakers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; database != NULL && i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];
		BreakerFigures *figures = &resource->breaker;
		Datum		values[8];
		bool		nulls[8] = {0};

		if (!resource_in_use(resource) || !resource->has_breaker)
			continue;
		values[0] = CStringGetTextDatum(NameStr(resource->name));
		values[1] = CStringGetTextDatum(breaker_state_name((BreakerState) pg_atomic_read_u32(&figures->state)));
		put_time(&values[2], &nulls[2], &figures->since);
		put_time(&values[3], &nulls[3], &figures->until);
		values[4] = Int32GetDatum(pg_atomic_read_u32(&figures->calls));
		values[5] = Int32GetDatum(pg_atomic_read_u32(&figures->failures));
		values[6] = Int32GetDatum(pg_atomic_read_u32(&figures->slow));
		values[7] = Int32GetDatum(pg_atomic_read_u32(&figures->probing));
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}
