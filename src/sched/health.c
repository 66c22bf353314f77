/*-------------------------------------------------------------------------
 *
 * health.c
 *	  Health of the server: measured, shown, recorded.
 *
 * What has a limit is measured once a second, as long as there are tasks, and
 * without SQL: what PostgreSQL knows in shared memory anyway.  The policy says
 * whether it is bad, and keeps the classes from starting that wait for it.  A
 * change from good to bad, or back, is an event; but not of free workers,
 * which change with each task.
 *
 *	  xmin_age			transactions since the oldest snapshot of the server,
 *						or what a standby or a slot keeps: see VACUUM
 *	  replication_lag	bytes of WAL that the slowest of the connected standbys
 *						has not applied (received, if it does not apply)
 *	  wal_rate			bytes of WAL in a second, since the last look
 *	  active_sessions	client sessions of the server that execute something.
 *						It stands for their latency, which nobody measures
 *						without being in the way of every statement: at the
 *						same throughput as many more of them are at work as
 *						each takes longer (Little's law)
 *	  free_workers		of weir.max_workers, in all databases
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "ledger/event_row.h"
#include "ledger/sql.h"
#include "ledger/task_row.h"
#include "sched/health.h"
#include "shmem/health_figures.h"
#include "shmem/settings.h"
#include "shmem/waits.h"

/* Time between two looks */
#define HEALTH_PAUSE_US		INT64CONST(1000000)

/*
 * How old the oldest snapshot is, in transactions.
 */
static int64
measure_xmin_age(void)
{
	TransactionId oldest = GetOldestNonRemovableTransactionId(NULL);
	int32		age = (int32) (XidFromFullTransactionId(ReadNextFullTransactionId()) - oldest);

	return Max(age, 0);
}

/*
 * How many bytes the slowest standby lacks.
 */
static int64
measure_replication_lag(void)
{
	XLogRecPtr	end = GetXLogInsertRecPtr();
	int64		lag = 0;

	for (int i = 0; i < max_wal_senders; i++)
	{
		WalSnd	   *sender = &WalSndCtl->walsnds[i];
		XLogRecPtr	reached = InvalidXLogRecPtr;

		SpinLockAcquire(&sender->mutex);
		if (sender->pid != 0 && (sender->state == WALSNDSTATE_CATCHUP ||
								 sender->state == WALSNDSTATE_STREAMING))
			reached = sender->apply != InvalidXLogRecPtr ? sender->apply :
				sender->flush;
		SpinLockRelease(&sender->mutex);
		if (reached != InvalidXLogRecPtr && reached < end)
			lag = Max(lag, (int64) (end - reached));
	}
	return lag;
}

/*
 * How many bytes of WAL there were in a second, since the last look.
 */
static int64
measure_wal_rate(Scheduler *scheduler, TimestampTz now)
{
	XLogRecPtr	end = GetXLogInsertRecPtr();
	double		seconds = (now - scheduler->wal_at) / (double) USECS_PER_SEC;

	/* too short a time says nothing */
	if (scheduler->wal_at != 0 && seconds < 0.1)
		return scheduler->wal_rate;
	scheduler->wal_rate = scheduler->wal_at == 0 ? 0 :
		(int64) ((end - scheduler->wal_end) / seconds);
	scheduler->wal_end = end;
	scheduler->wal_at = now;
	return scheduler->wal_rate;
}

/*
 * How many client sessions execute something.  One that waits for us does not
 * count: it may wait for a task that waits for it.
 */
static int64
measure_active_sessions(void)
{
	int			n = pgstat_fetch_stat_numbackends();
	int64		active = 0;

	for (int i = 1; i <= n; i++)
	{
		const PgBackendStatus *status =
		&weir_local_beentry(i)->backendStatus;
		PGPROC	   *proc;

		if (status->st_backendType != B_BACKEND ||
			(status->st_state != STATE_RUNNING &&
			 status->st_state != STATE_FASTPATH))
			continue;
		proc = BackendPidGetProc(status->st_procpid);
		if (proc != NULL && !wait_event_is_ours(proc->wait_event_info))
			active++;
	}
	pgstat_clear_backend_activity_snapshot();
	return active;
}

static int64
measure(Scheduler *scheduler, HealthMeasure measure, TimestampTz now)
{
	switch (measure)
	{
		case HEALTH_XMIN_AGE:
			return measure_xmin_age();
		case HEALTH_REPLICATION_LAG:
			return measure_replication_lag();
		case HEALTH_WAL_RATE:
			return measure_wal_rate(scheduler, now);
		case HEALTH_ACTIVE_SESSIONS:
			return measure_active_sessions();
		case HEALTH_FREE_WORKERS:
			break;
	}
	return weir_max_workers - health_busy_workers(InvalidOid);
}

/*
 * Reads the limits.  Caller is in a step.
 */
void
health_configure(Scheduler *scheduler)
{
	HealthRule	rules[HEALTH_MEASURES];
	SqlSession	session;
	uint64		n;

	memset(rules, 0, sizeof(rules));
	sql_begin(&session);
	n = sql_execute("SELECT l.measure, l.bound, l.resume_at, c"
					" FROM weir.health_limit l, unnest(l.classes) c", NULL);
	for (uint64 row = 0; row < n; row++)
	{
		HealthMeasure measure;
		PolicyClass klass;

		if (!health_measure_parse(sql_text(row, 1), &measure) ||
			!class_parse(sql_text(row, 4), &klass))
			continue;
		rules[measure].on = true;
		rules[measure].limit = sql_int8(row, 2);
		rules[measure].resume = sql_int8(row, 3);
		rules[measure].classes |= 1 << klass;
	}
	sql_end(&session);
	scheduler->health_on = n > 0;
	if (memcmp(rules, scheduler->health, sizeof(rules)) != 0)
		scheduler->health_at = 0;
	memcpy(scheduler->health, rules, sizeof(rules));
	for (int i = 0; i < HEALTH_MEASURES; i++)
	{
		policy_set_health(scheduler->policy, (HealthMeasure) i, &rules[i]);
		if (!rules[i].on)
			health_figures_clear(&scheduler->database->health[i]);
	}
	if (!rules[HEALTH_WAL_RATE].on)
		scheduler->wal_at = 0;
	else if (scheduler->wal_at == 0)
		(void) measure_wal_rate(scheduler, GetCurrentTimestamp());
}

/*
 * Is the measure shown as bad?
 */
static bool
shown_bad(Scheduler *scheduler, int measure)
{
	return pg_atomic_read_u32(&scheduler->database->health[measure].bad) != 0;
}

/*
 * Writes an event for each measure that has become bad, or good again.
 */
static void
step_events(Scheduler *scheduler, void *arg)
{
	for (int i = 0; i < HEALTH_FREE_WORKERS; i++)
	{
		HealthFigures *figures = &scheduler->database->health[i];
		bool		bad = shown_bad(scheduler, i);

		if (bad == scheduler->health_told[i])
			continue;
		event_write("health", 0, NULL, NULL, NULL,
					psprintf("{\"measure\": \"%s\", \"state\": \"%s\", \"value\": " INT64_FORMAT ", \"bound\": " INT64_FORMAT "}",
							 health_measure_name((HealthMeasure) i),
							 bad ? "bad" : "good",
							 (int64) pg_atomic_read_u64(&figures->value),
							 scheduler->health[i].limit));
	}
}

/*
 * What is shown has been told.
 */
static void
note_told(Scheduler *scheduler)
{
	for (int i = 0; i < HEALTH_FREE_WORKERS; i++)
		scheduler->health_told[i] = shown_bad(scheduler, i);
}

/*
 * Tells of what has become bad, or good again; what cannot be written is tried
 * again with the next look.
 */
static void
tell(Scheduler *scheduler)
{
	bool		news = false;

	for (int i = 0; i < HEALTH_FREE_WORKERS; i++)
		news |= scheduler->health_told[i] != shown_bad(scheduler, i);
	if (news && scheduler_step(scheduler, "recording health", step_events,
							   NULL))
		note_told(scheduler);
}

/*
 * Begins with a new policy.  What was told of is what is in shared memory.
 */
void
health_restore(Scheduler *scheduler)
{
	scheduler->health_at = 0;
	note_told(scheduler);
}

/*
 * Measures what has a limit, if it is time.  To be called before tasks start.
 */
void
health_review(Scheduler *scheduler, TimestampTz now)
{
	WeirDatabase *database = scheduler->database;

	if (!scheduler->health_on)
		return;
	if (scheduler->health[HEALTH_FREE_WORKERS].on)
		policy_set_other_workers(scheduler->policy,
								 health_busy_workers(database->oid));
	if (now < scheduler->health_at ||
		policy_num_tasks(scheduler->policy) == 0)
		return;
	scheduler->health_at = now + HEALTH_PAUSE_US;
	for (int i = 0; i < HEALTH_MEASURES; i++)
	{
		int64		value;
		bool		bad;

		if (!scheduler->health[i].on)
			continue;
		value = measure(scheduler, (HealthMeasure) i, now);
		bad = policy_tell_health(scheduler->policy, (HealthMeasure) i, value);
		health_figures_write(&database->health[i], value, bad, now);
	}
	tell(scheduler);
}

/*
 * When the next look is.
 */
TimestampTz
health_next_timer(Scheduler *scheduler)
{
	return scheduler->health_on && policy_num_tasks(scheduler->policy) > 0 ?
		scheduler->health_at : POLICY_TIME_NEVER;
}
