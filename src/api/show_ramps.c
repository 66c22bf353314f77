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
 * A ramp, if it is under way: of a queue, of a resource, or, if these are 0 and
 * NULL, of everything.
 */
static void
put_ramp(ReturnSetInfo *set, RampFigures *figures, int32 queue,
		 const char *resource)
{
	TimestampTz began_at = (TimestampTz) pg_atomic_read_u64(&figures->began_at);
	Datum		values[7];
	bool		nulls[7] = {0};

	if (began_at == 0)
		return;
	nulls[0] = queue == 0;
	values[0] = Int32GetDatum(queue);
	nulls[1] = resource == NULL;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(resource);
	values[2] = TimestampTzGetDatum(began_at);
	values[3] = TimestampTzGetDatum(pg_atomic_read_u64(&figures->ends_at));
	values[4] = Int32GetDatum(pg_atomic_read_u32(&figures->allowed));
	values[5] = Int32GetDatum(pg_atomic_read_u32(&figures->total));
	values[6] = TimestampTzGetDatum(pg_atomic_read_u64(&figures->step_at));
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
	put_ramp(set, &database->ramp, 0, NULL);
	for (int i = 0; i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &database->queues[i];

		if (slot->queue != 0)
			put_ramp(set, &slot->ramp, slot->queue, NULL);
	}
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (resource_in_use(resource))
			put_ramp(set, &resource->ramp, 0, NameStr(resource->name));
	}
	return (Datum) 0;
}
