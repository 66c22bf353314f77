/*-------------------------------------------------------------------------
 *
 * lock_wait_row.c
 *	  Rows of weir.lock_wait: long waits of tasks for locks.
 *
 * How such a wait ended is told by the run, if the attempt ended with it; the
 * view weir.lock_wait_history puts the two together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "ledger/lock_wait_row.h"
#include "ledger/sql.h"

/*
 * The end of a chain: who does not wait, the farthest one.  NULL if nobody is
 * known to block.
 */
const LockBlocker *
lock_blockers_root(const LockBlocker *blockers, int n)
{
	while (n > 0)
	{
		if (!blockers[--n].waits)
			return &blockers[n];
	}
	return NULL;
}

/*
 * Adds the processes that block directly, and their tasks, as two arrays.
 */
static void
add_direct(SqlParams *params, const LockWaitRow *row)
{
	Datum		pids[LOCK_WAIT_BLOCKERS];
	Datum		tasks[LOCK_WAIT_BLOCKERS];
	bool		no_task[LOCK_WAIT_BLOCKERS];
	int			n;
	int			lower = 1;

	for (n = 0; n < row->nblockers && row->blockers[n].depth == 1; n++)
	{
		pids[n] = Int32GetDatum(row->blockers[n].pid);
		tasks[n] = Int64GetDatum(row->blockers[n].task_id);
		no_task[n] = row->blockers[n].task_id == 0;
	}
	sql_add(params, INT4ARRAYOID,
			PointerGetDatum(construct_array(pids, n, INT4OID, sizeof(int32),
											true, TYPALIGN_INT)),
			false);
	sql_add(params, INT8ARRAYOID,
			PointerGetDatum(construct_md_array(tasks, no_task, 1, &n, &lower,
											   INT8OID, sizeof(int64),
											   FLOAT8PASSBYVAL,
											   TYPALIGN_DOUBLE)),
			false);
}

/*
 * Writes a row in this transaction.
 */
void
lock_wait_row_insert(const LockWaitRow *row)
{
	const LockBlocker *root = lock_blockers_root(row->blockers, row->nblockers);
	SqlSession	session;
	SqlParams	params = {0};

	sql_begin(&session);
	sql_add_int8(&params, row->task_id);
	sql_add_int4(&params, row->attempt);
	sql_add(&params, TIMESTAMPTZOID, TimestampTzGetDatum(row->since), false);
	sql_add(&params, TIMESTAMPTZOID, TimestampTzGetDatum(row->until), false);
	sql_add_text(&params, row->locktype);
	sql_add_text(&params, row->mode);
	sql_add(&params, OIDOID, ObjectIdGetDatum(row->relation), false);
	add_direct(&params, row);
	sql_add(&params, INT4OID, Int32GetDatum(root ? root->pid : 0), !root);
	sql_add(&params, INT8OID, Int64GetDatum(root ? root->task_id : 0),
			!root || root->task_id == 0);
	sql_add_text(&params, root && OidIsValid(root->role) ?
				 GetUserNameFromId(root->role, true) : NULL);
	sql_add(&params, INT4OID, Int32GetDatum(root ? root->depth : 0), !root);
	sql_execute("INSERT INTO weir.lock_wait (task_id, attempt, since, until,"
				" locktype, mode, relation, blockers, blocker_tasks,"
				" root_blocker, root_task_id, root_role, depth)"
				" SELECT $1, $2, $3, $4, $5, $6,"
				" (SELECT c.oid::regclass::text FROM pg_class c"
				"  WHERE c.oid = $7), $8, $9, $10, $11, $12, $13",
				&params);
	sql_end(&session);
}
