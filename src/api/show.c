/*-------------------------------------------------------------------------
 *
 * show.c
 *	  Shared memory as sets of rows, for the views.
 *
 * Each function copies what it shows out of shared memory row by row, without
 * a lock: rows are right, the set is as of about now.  The last one shows what
 * a view over all generations of the ledger would have to search for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/generation.h"
#include "ledger/serial_key.h"
#include "ledger/sql.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inbox.h"
#include "shmem/resource.h"
#include "shmem/role.h"
#include "shmem/settings.h"

PG_FUNCTION_INFO_V1(weir_show_status);
PG_FUNCTION_INFO_V1(weir_show_queues);
PG_FUNCTION_INFO_V1(weir_show_workers);
PG_FUNCTION_INFO_V1(weir_show_assigned);
PG_FUNCTION_INFO_V1(weir_show_resources);
PG_FUNCTION_INFO_V1(weir_show_roles);
PG_FUNCTION_INFO_V1(weir_show_serial);
PG_FUNCTION_INFO_V1(weir_show_unfinished);

static void
put(ReturnSetInfo *set, Datum *values, bool *nulls)
{
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

static const char *
scheduler_state_name(SchedulerState state)
{
	switch (state)
	{
		case SCHEDULER_DOWN:
			return "down";
		case SCHEDULER_STARTING:
			return "starting";
		case SCHEDULER_UNADOPTED:
			return "not_adopted";
		case SCHEDULER_REBUILDING:
			return "rebuilding";
		case SCHEDULER_RUNNING:
			return "running";
	}
	return "down";
}

/*
 * One row: the state of pg_weir in this database.
 */
Datum
weir_show_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();
	SchedulerState state = SCHEDULER_DOWN;
	Datum		values[11];
	bool		nulls[11] = {0};

	InitMaterializedSRF(fcinfo, 0);
	memset(nulls, true, sizeof(nulls));
	nulls[0] = nulls[1] = nulls[9] = nulls[10] = false;
	values[0] = BoolGetDatum(Weir != NULL);
	if (database)
		state = database_state(database);
	values[1] = CStringGetTextDatum(scheduler_state_name(state));
	if (database)
	{
		nulls[2] = database->scheduler_pid == 0;
		values[2] = Int32GetDatum(database->scheduler_pid);
		nulls[3] = database->started_at == 0;
		values[3] = TimestampTzGetDatum(database->started_at);
		nulls[4] = database->heartbeat == 0;
		values[4] = TimestampTzGetDatum(database->heartbeat);
		nulls[5] = nulls[6] = nulls[7] = nulls[8] = false;
		values[5] = BoolGetDatum(state != SCHEDULER_UNADOPTED);
		values[6] = BoolGetDatum(pg_atomic_read_u32(&database->paused) != 0);
		values[7] = BoolGetDatum(pg_atomic_read_u32(&database->seeded) != 0);
		values[8] = BoolGetDatum(pg_atomic_read_u32(&database->no_process) != 0 ||
								 (database->process == 0 &&
								  pg_atomic_read_u32(&Weir->launcher_starved) != 0));
	}
	values[9] = BoolGetDatum(weir_enabled);
	values[10] = CStringGetTextDatum(PG_WEIR_VERSION);
	put(set, values, nulls);
	return (Datum) 0;
}

/*
 * The counters of each queue that has been used.
 */
Datum
weir_show_queues(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	if (database == NULL || pg_atomic_read_u32(&database->seeded) == 0)
		return (Datum) 0;
	for (int i = 0; i < weir_max_queues; i++)
	{
		QueueSlot  *slot = &database->queues[i];
		Datum		values[14];
		bool		nulls[14] = {0};

		if (slot->queue == 0)
			continue;
		values[0] = Int32GetDatum(slot->queue);
		values[1] = Int32GetDatum(pg_atomic_read_u32(&slot->depth));
		values[2] = Int32GetDatum(pg_atomic_read_u32(&slot->ready));
		values[3] = Int32GetDatum(pg_atomic_read_u32(&slot->delayed));
		values[4] = Int32GetDatum(pg_atomic_read_u32(&slot->blocked));
		values[5] = Int32GetDatum(pg_atomic_read_u32(&slot->running));
		values[6] = Int32GetDatum(pg_atomic_read_u32(&slot->waiters));
		values[7] = Int64GetDatum(pg_atomic_read_u64(&slot->refused));
		values[8] = Int64GetDatum(pg_atomic_read_u64(&slot->waited));
		values[9] = Int64GetDatum(pg_atomic_read_u64(&slot->shed));
		values[10] = Int64GetDatum(pg_atomic_read_u64(&slot->wait_time));
		values[11] = BoolGetDatum(pg_atomic_read_u32(&slot->high) != 0);
		values[12] = Int64GetDatum(pg_atomic_read_u64(&slot->gap));
		nulls[12] = pg_atomic_read_u64(&slot->gap) == 0;
		values[13] = TimestampTzGetDatum(pg_atomic_read_u64(&slot->last_end));
		nulls[13] = pg_atomic_read_u64(&slot->last_end) == 0;
		put(set, values, nulls);
	}
	return (Datum) 0;
}

static const char *
worker_state_name(uint32 state)
{
	switch ((WorkerState) state)
	{
		case WORKER_FREE:
			return "free";
		case WORKER_STARTING:
			return "starting";
		case WORKER_IDLE:
			return "idle";
		case WORKER_BUSY:
			return "running";
		case WORKER_GONE:
			return "gone";
	}
	return "free";
}

/*
 * The workers of this database.
 */
Datum
weir_show_workers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; Weir != NULL && i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];
		uint32		state = pg_atomic_read_u32(&worker->state);
		char		note[WEIR_NOTE_SIZE];
		Datum		values[12];
		bool		nulls[12] = {0};
		Interval	lock_wait = {0};

		if (worker->database != MyDatabaseId || state == WORKER_FREE)
			continue;
		SpinLockAcquire(&worker->mutex);
		values[4] = Int64GetDatum(worker->task_id);
		values[5] = Int32GetDatum(worker->attempt);
		values[7] = TimestampTzGetDatum(worker->started_at);
		values[8] = Int64GetDatum(worker->done);
		values[9] = Int64GetDatum(worker->total);
		lock_wait.time = worker->lock_wait;
		strlcpy(note, worker->note, sizeof(note));
		nulls[4] = nulls[5] = nulls[7] = nulls[8] = nulls[9] = nulls[10] = nulls[11] =
			worker->task_id == 0;
		nulls[8] |= worker->done < 0;
		nulls[9] |= worker->total <= 0;
		SpinLockRelease(&worker->mutex);
		values[0] = Int32GetDatum(i);
		values[1] = Int32GetDatum(worker->pid);
		nulls[1] = worker->pid == 0;
		values[2] = ObjectIdGetDatum(worker->role);
		values[3] = CStringGetTextDatum(worker_state_name(state));
		values[6] = TimestampTzGetDatum(worker->since);
		values[10] = CStringGetTextDatum(note);
		values[11] = IntervalPGetDatum(&lock_wait);
		/* a note is the task's own text */
		nulls[10] |= note[0] == '\0' ||
			(!has_privs_of_role(GetUserId(), worker->role) &&
			 !has_privs_of_role(GetUserId(), ROLE_PG_MONITOR));
		put(set, values, nulls);
	}
	return (Datum) 0;
}

/*
 * What workers of this database have in hand.
 */
Datum
weir_show_assigned(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	const Assignment *in_hand;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; Weir != NULL && i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database != MyDatabaseId)
			continue;
		for (int from = 0; (in_hand = inbox_in_hand(worker, &from)) != NULL;)
		{
			Assignment	assignment = *in_hand;
			Datum		values[5];
			bool		nulls[5] = {0};

			/* it may have ended since we looked */
			if (assignment.task_id == 0)
				continue;
			values[0] = Int64GetDatum(assignment.task_id);
			values[1] = Int32GetDatum(assignment.attempt);
			values[2] = Int32GetDatum(worker->pid);
			nulls[2] = worker->pid == 0;
			values[3] = Int32GetDatum(assignment.queue);
			values[4] = TimestampTzGetDatum(assignment.ready_at);
			put(set, values, nulls);
		}
	}
	return (Datum) 0;
}

/*
 * A time that is to come, or null.
 */
static void
put_time(Datum *values, bool *nulls, int column, pg_atomic_uint64 *time)
{
	TimestampTz value = (TimestampTz) pg_atomic_read_u64(time);

	nulls[column] = value == 0 || value <= GetCurrentTimestamp();
	values[column] = TimestampTzGetDatum(value);
}

/*
 * The capped resources of this database.
 */
Datum
weir_show_resources(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; database != NULL && i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];
		bool		named = RESOURCE_KIND(resource->key) == RESOURCE_KIND_NAMED;
		Datum		values[21];
		bool		nulls[21] = {0};

		if (!resource_in_use(resource) ||
			(resource->rule.slots == 0 && !named))
			continue;
		values[0] = Int32GetDatum(RESOURCE_KIND(resource->key));
		values[1] = ObjectIdGetDatum(RESOURCE_ID(resource->key));
		values[2] = Int32GetDatum(resource->rule.slots);
		values[3] = Int32GetDatum(resource->rule.reserved);
		values[4] = Int32GetDatum(__builtin_popcountll(resource_held(resource)));
		values[5] = Int32GetDatum(pg_atomic_read_u32(&resource->gate_waiters));
		values[6] = TimestampTzGetDatum(pg_atomic_read_u64(&resource->head_since));
		nulls[6] = pg_atomic_read_u64(&resource->head_since) == 0;
		values[7] = Int32GetDatum(pg_atomic_read_u32(&resource->beside));
		values[8] = Int64GetDatum(pg_atomic_read_u64(&resource->waited));
		values[9] = Int64GetDatum(pg_atomic_read_u64(&resource->let_through));
		values[10] = Int64GetDatum(pg_atomic_read_u64(&resource->refused));
		values[11] = Int64GetDatum(pg_atomic_read_u64(&resource->would_wait));
		nulls[12] = nulls[13] = !named;
		values[12] = CStringGetTextDatum(NameStr(resource->name));
		values[13] = BoolGetDatum(resource->on_demand);
		put_time(values, nulls, 14, &resource->opens_at);
		put_time(values, nulls, 15, &resource->paused_until);
		values[16] = Int64GetDatum(pg_atomic_read_u64(&resource->paused_by));
		nulls[16] = nulls[15];
		values[17] = Int32GetDatum(pg_atomic_read_u32(&resource->limit));
		values[18] = Int32GetDatum(pg_atomic_read_u32(&resource->backfill_limit));
		nulls[17] = nulls[18] = nulls[19] =
			pg_atomic_read_u32(&resource->limit) == 0;
		values[19] = Float8GetDatum(pg_atomic_read_u32(&resource->lock_share) / 1e6);
		values[20] = Int64GetDatum(pg_atomic_read_u64(&resource->left_to));
		nulls[20] = pg_atomic_read_u64(&resource->left_to) == 0;
		put(set, values, nulls);
	}
	return (Datum) 0;
}

static void
put_task(int64 task_id, void *arg)
{
	Datum		value = Int64GetDatum(task_id);
	bool		isnull = false;

	put(arg, &value, &isnull);
}

/*
 * The ids of all unfinished tasks.
 */
Datum
weir_show_unfinished(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	generation_visit_unfinished(put_task, fcinfo->resultinfo);
	return (Datum) 0;
}

static void
put_serial(const SerialWait *wait, void *arg)
{
	Datum		values[3];
	bool		nulls[3] = {0};

	values[0] = Int64GetDatum(wait->task_id);
	values[1] = Int64GetDatum(wait->first);
	values[2] = Int64GetDatum(wait->before);
	put(arg, values, nulls);
}

/*
 * Which of the tasks do not start because of others of their serial key.
 */
Datum
weir_show_serial(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	serial_key_visit_waiting(PG_GETARG_ARRAYTYPE_P(0), put_serial,
							 fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * What the roles that have limits use.
 */
Datum
weir_show_roles(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	WeirDatabase *database = database_mine();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; database != NULL && i < WEIR_MAX_ROLES; i++)
	{
		RoleSlot   *slot = &database->roles[i];
		Datum		values[4];
		bool		nulls[4] = {0};

		if (!slot->configured || pg_atomic_read_u32(&slot->counted) == 0)
			continue;
		values[0] = ObjectIdGetDatum(pg_atomic_read_u32(&slot->role));
		values[1] = Int32GetDatum(role_unfinished(slot));
		values[2] = Int32GetDatum(pg_atomic_read_u32(&slot->running));
		values[3] = Int64GetDatum(pg_atomic_read_u64(&slot->refused));
		put(set, values, nulls);
	}
	return (Datum) 0;
}
