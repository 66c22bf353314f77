/*-------------------------------------------------------------------------
 *
 * windows.c
 *	  What the functions on windows, which are written in SQL, need of C.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "shmem/database.h"
#include "shmem/settings.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_config_changed);
PG_FUNCTION_INFO_V1(weir_show_durations);

/*
 * weir._config_changed(): has the scheduler read the configuration when this
 * transaction has committed.
 */
Datum
weir_config_changed(PG_FUNCTION_ARGS)
{
	xact_config_changed(database_require_ready());
	PG_RETURN_VOID();
}

/*
 * How long runs of each queue are likely to take.
 */
Datum
weir_show_durations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; database != NULL && i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &database->queues[i];
		Interval	likely = {0};
		Datum		values[2];
		bool		nulls[2] = {0};

		likely.time = pg_atomic_read_u64(&slot->likely);
		if (slot->queue == 0 || likely.time == 0)
			continue;
		values[0] = Int32GetDatum(slot->queue);
		values[1] = IntervalPGetDatum(&likely);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}
