/*-------------------------------------------------------------------------
 *
 * show_ramps.c
 *	  Recovery ramps as rows, for the view.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "shmem/database.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

PG_FUNCTION_INFO_V1(weir_show_ramps);

/*
 * A ramp, if it is under way; of everything if the resource is NULL.
 */
static void
put_ramp(ReturnSetInfo *set, RampFigures *figures, const char *resource)
{
	TimestampTz began_at = (TimestampTz) pg_atomic_read_u64(&figures->began_at);
	Datum		values[6];
	bool		nulls[6] = {0};

	if (began_at == 0)
		return;
	nulls[0] = resource == NULL;
	values[0] = nulls[0] ? (Datum) 0 : CStringGetTextDatum(resource);
	values[1] = TimestampTzGetDatum(began_at);
	values[2] = TimestampTzGetDatum(pg_atomic_read_u64(&figures->ends_at));
	values[3] = Int32GetDatum(pg_atomic_read_u32(&figures->allowed));
	values[4] = Int32GetDatum(pg_atomic_read_u32(&figures->total));
	values[5] = TimestampTzGetDatum(pg_atomic_read_u64(&figures->step_at));
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

/*
 * The ramps that are under way.
 */
Datum
weir_show_ramps(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	if (database == NULL)
		return (Datum) 0;
	put_ramp(set, &database->ramp, NULL);
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (resource_in_use(resource))
			put_ramp(set, &resource->ramp, NameStr(resource->name));
	}
	return (Datum) 0;
}
