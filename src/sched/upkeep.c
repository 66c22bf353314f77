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
#include "ledger/unique_key.h"
#include "sched/configure.h"
#include "sched/upkeep.h"
#include "shmem/database.h"
#include "shmem/settings.h"

/* How often closing and retention are looked at while there is work */
#define UPKEEP_INTERVAL_US	INT64CONST(60000000)

/* Pause before a generation that could not be made is tried again */
#define CREATE_RETRY_US		INT64CONST(1000000)

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
 * ids of the newest are given out.  Who waits asks again and again, so after a
 * failure nobody is woken, and there is no timer.
 */
static void
upkeep_create(Scheduler *scheduler, TimestampTz now)
{
	WeirDatabase *database = scheduler->database;
	int64		next = (int64) pg_atomic_read_u64(&database->next_id);
	int64		limit = (int64) pg_atomic_read_u64(&database->id_limit);
	bool		wanted;
	bool		made = false;
	CreateStep	create;

	if (now < scheduler->create_at)
		return;
	wanted = pg_atomic_exchange_u32(&database->generation_wanted, 0) != 0;
	if (limit <= 1 ? !wanted : next < limit - weir_generation_size / 5 && !wanted)
		return;
	while (limit <= 1 || limit <= next + weir_generation_size / 5)
	{
		create.low = limit;
		create.high = limit + weir_generation_size;
		if (!scheduler_step(scheduler, "making a generation", step_create,
							&create))
		{
			scheduler->create_at = now + CREATE_RETRY_US;
			break;
		}
		made = true;
		limit = create.high;
		pg_atomic_write_u64(&database->id_limit, limit);
	}
	if (made)
		ConditionVariableBroadcast(&database->progress);
}

/* A walk over the generations, one per step */
typedef struct WalkStep
{
	int64		from;			/* those below have been looked at */
	bool		found;			/* one more was */
} WalkStep;

/*
 * Looks whether one more generation can be closed.  One that has a task that
 * has not ended is searched for it once: as long as the policy holds that
 * task there is no need to search again.
 */
static void
step_close(Scheduler *scheduler, void *arg)
{
	WalkStep   *step = arg;
	int			n;
	const Generation *list = generation_list(&n);
	int64		next = (int64) pg_atomic_read_u64(&scheduler->database->next_id);
	Generation	generation;
	int64	   *unfinished;
	int			i = 0;

	while (i < n && (!list[i].open || list[i].low < step->from))
		i++;
	step->found = i < n && list[i].high <= next;
	if (!step->found)
		return;
	generation = list[i];
	step->from = generation.high;
	unfinished = &scheduler->unfinished[generation.generation_id % UPKEEP_REMEMBERED];
	if (*unfinished >= generation.low && *unfinished < generation.high &&
		policy_holds(scheduler->policy, *unfinished))
		return;
	/* first without the lock: it would keep runs from being written */
	*unfinished = generation_find_unfinished(&generation);
	if (*unfinished == 0)
		(void) generation_try_close(&generation);
}

/*
 * Drops one more generation that retention does not cover any more, unless
 * somebody uses it.
 */
static void
step_retain(Scheduler *scheduler, void *arg)
{
	WalkStep   *step = arg;
	SqlSession	session;
	SqlParams	params = {0};
	int32		oldest = 0;

	sql_begin(&session);
	sql_add_int4(&params, weir_retention);
	sql_add_int8(&params, step->from);
	sql_execute("SELECT generation_id, high FROM weir.generation"
				" WHERE state = 'closed' AND low >= $2"
				" AND closed_at < clock_timestamp() - $1 * interval '1 minute'"
				" ORDER BY low LIMIT 1", &params);
	step->found = SPI_processed == 1;
	if (step->found)
	{
		oldest = sql_int4(0, 1);
		step->from = sql_int8(0, 2);
	}
	sql_end(&session);
	if (oldest != 0)
		generation_drop(oldest);
}

/*
 * Clears the unique keys that tasks have kept for long enough.
 */
static void
step_forget_keys(Scheduler *scheduler, void *arg)
{
	unique_keys_forget();
}

/*
 * Looks after the generations, and what else grows old.
 */
void
upkeep(Scheduler *scheduler)
{
	TimestampTz now = GetCurrentTimestamp();
	WalkStep	close = {0};
	WalkStep	retain = {0};

	upkeep_create(scheduler, now);
	if (now < scheduler->upkeep_at)
		return;
	scheduler->upkeep_at = now + UPKEEP_INTERVAL_US;
	configure_forget(scheduler);
	if (pg_atomic_read_u64(&scheduler->database->id_limit) <= 1)
		return;
	(void) scheduler_step(scheduler, "clearing unique keys", step_forget_keys,
						  NULL);
	do
	{
		close.found = false;
		(void) scheduler_step(scheduler, "closing a generation", step_close,
							  &close);
	} while (close.found);
	while (weir_retention > 0)
	{
		retain.found = false;
		(void) scheduler_step(scheduler, "applying retention", step_retain,
							  &retain);
		if (!retain.found)
			break;
	}
}
