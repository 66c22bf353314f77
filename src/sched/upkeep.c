/*-------------------------------------------------------------------------
 *
 * upkeep.c
 *	  The generations of the ledger: made ahead of need, closed when all their
 *	  tasks have ended, dropped when retention says so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "ledger/generation.h"
#include "ledger/identity.h"
#include "ledger/sql.h"
#include "sched/upkeep.h"
#include "shmem/database.h"
#include "shmem/settings.h"

/* How often closing and retention are looked at while there is work */
#define UPKEEP_INTERVAL_US	INT64CONST(60000000)

typedef struct CreateStep
{
	int64		low;
	int64		high;
} CreateStep;

static void
step_create(Scheduler *scheduler, void *arg)
{
	CreateStep *create = arg;
	int			n;

	(void) generation_list(&n);
	if (n == 0)
		identity_record(GetUserNameFromId(GetUserId(), false));
	generation_create(create->low, create->high);
}

/*
 * Makes the next generation when somebody waits for it, or four fifths of the
 * ids of the newest are given out.
 */
static void
upkeep_create(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	int64		next = (int64) pg_atomic_read_u64(&database->next_id);
	int64		limit = (int64) pg_atomic_read_u64(&database->id_limit);
	bool		wanted = pg_atomic_exchange_u32(&database->generation_wanted, 0) != 0;
	CreateStep	create;

	if (limit <= 1 ? !wanted : next < limit - weir_generation_size / 5 && !wanted)
		return;
	while (limit <= 1 || limit <= next + weir_generation_size / 5)
	{
		create.low = limit;
		create.high = limit + weir_generation_size;
		if (!scheduler_step(scheduler, "making a generation", step_create,
							&create))
			break;
		limit = create.high;
		pg_atomic_write_u64(&database->id_limit, limit);
	}
	ConditionVariableBroadcast(&database->progress);
}

static void
step_close(Scheduler *scheduler, void *arg)
{
	int			n;
	const Generation *list = generation_list(&n);
	int64		next = (int64) pg_atomic_read_u64(&scheduler->database->next_id);

	for (int i = 0; i < n; i++)
	{
		if (list[i].open && list[i].high <= next)
		{
			(void) generation_try_close(&list[i]);
			return;				/* the list has changed; the next one later */
		}
	}
}

/*
 * Drops the oldest generation that retention does not cover any more.
 */
static void
step_retain(Scheduler *scheduler, void *arg)
{
	SqlSession	session;
	SqlParams	params = {0};
	int32		oldest = 0;

	sql_begin(&session);
	sql_add_int4(&params, weir_retention);
	sql_execute("SELECT generation_id FROM weir.generation"
				" WHERE state = 'closed'"
				" AND closed_at < clock_timestamp() - $1 * interval '1 minute'"
				" ORDER BY low LIMIT 1", &params);
	if (SPI_processed == 1)
		oldest = sql_int4(0, 1);
	sql_end(&session);
	if (oldest != 0)
		generation_drop(oldest);
}

/*
 * Looks after the generations.
 */
void
upkeep(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();

	upkeep_create(scheduler);
	if (now < scheduler->upkeep_at)
		return;
	if (pg_atomic_read_u64(&scheduler->database->id_limit) > 1)
	{
		(void) scheduler_step(scheduler, "closing a generation", step_close,
							  NULL);
		if (weir_retention > 0)
			(void) scheduler_step(scheduler, "applying retention",
								  step_retain, NULL);
	}
	scheduler->upkeep_at = now + UPKEEP_INTERVAL_US;
}
