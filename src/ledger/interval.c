/*-------------------------------------------------------------------------
 *
 * interval.c
 *	  What the C code has to know of the intervals of jobs.
 *
 * The rules of jobs are SQL (sql/parts/intervals.sql).  An interval is done
 * when the task of a version of it has succeeded: the run row says so, in the
 * transaction of its effect.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "ledger/interval.h"
#include "ledger/sql.h"

/*
 * The task of a newer version of an interval that this task produces; -1 if
 * the newer version is without a task, 0 if there is none.  The job stays
 * locked, so that none can be made meanwhile.
 */
int64
interval_newer_task(int64 task_id)
{
	SqlSession	session;
	SqlParams	params = {0};
	int64		newer = 0;

	sql_begin(&session);
	sql_add_int8(&params, task_id);
	if (sql_execute("SELECT FROM weir.job j WHERE j.job_id ="
					" (SELECT i.job_id FROM weir.interval i WHERE i.task_id = $1 LIMIT 1)"
					" FOR NO KEY UPDATE", &params) > 0 &&
		sql_execute("SELECT coalesce(n.task_id, -1) FROM weir.interval i"
					" JOIN weir.interval n USING (job_id, interval_start)"
					" WHERE i.task_id = $1 AND n.version > i.version"
					" ORDER BY n.version DESC LIMIT 1", &params) > 0)
		newer = sql_int8(0, 1);
	sql_end(&session);
	return newer;
}

/*
 * Keeps what the intervals need of the runs of a generation that is about to
 * be dropped: what is done stays done.  In the caller's SQL session, as the
 * next one.
 */
void
interval_keep_ends(int32 generation_id)
{
	sql_execute(psprintf("INSERT INTO weir.interval_end"
						 " (task_id, attempt, outcome, started_at, finished_at, result)"
						 " SELECT DISTINCT r.task_id, r.attempt, r.outcome, r.started_at,"
						 " r.finished_at, r.result"
						 " FROM weir.run_%d r JOIN weir.interval i USING (task_id)"
						 " WHERE r.final AND NOT EXISTS"
						 " (SELECT FROM weir.run_%d b WHERE b.task_id = r.task_id"
						 " AND b.attempt > r.attempt)",
						 generation_id, generation_id), NULL);
}

/*
 * Ends all backfills, whose tasks are cancelled with the rest of a ledger, and
 * forgets the intervals that wait for their inputs.
 */
void
interval_cancel_backfills(void)
{
	sql_execute("UPDATE weir.backfill SET state = 'cancelled',"
				" state_reason = 'adopt', ended_at = clock_timestamp()"
				" WHERE state IN ('running', 'paused')", NULL);
	sql_execute("DELETE FROM weir.blocked_interval", NULL);
}
