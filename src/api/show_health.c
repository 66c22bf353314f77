/*-------------------------------------------------------------------------
 *
 * show_health.c
 *	  What was measured of the server's health as rows, for the view.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "shmem/database.h"
#include "shmem/health_figures.h"

PG_FUNCTION_INFO_V1(weir_show_health);

/*
 * The measures that have been taken.
 */
Datum
weir_show_health(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; database != NULL && i < HEALTH_MEASURES; i++)
	{
		HealthFigures *figures = &database->health[i];
		TimestampTz measured_at = (TimestampTz) pg_atomic_read_u64(&figures->measured_at);
		Datum		values[5];
		bool		nulls[5] = {0};

		if (measured_at == 0)
			continue;
		values[0] = CStringGetTextDatum(health_measure_name((HealthMeasure) i));
		values[1] = Int64GetDatum(pg_atomic_read_u64(&figures->value));
		values[2] = BoolGetDatum(pg_atomic_read_u32(&figures->bad) != 0);
		values[3] = TimestampTzGetDatum(pg_atomic_read_u64(&figures->since));
		values[4] = TimestampTzGetDatum(measured_at);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}
