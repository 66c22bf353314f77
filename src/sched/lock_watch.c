/*-------------------------------------------------------------------------
 *
 * lock_watch.c
 *	  Which tasks wait for locks, since when, and for whom.
 *
 * While workers have something in hand, each of them is looked at every
 * weir.lock_sample_interval: a few words of shared memory, and no lock.  Who
 * blocks whom takes all locks of the lock manager, so it is asked only for
 * waits that have lasted for LOOK_AFTER_US, for each once in LOOK_AGAIN_US,
 * and never more than LOOK_MAX times in a row.  A wait of LONG_US or more gets
 * a row in the ledger when it is over; one of ALERT_US that ends at a session an
 * event, since nothing here does anything about sessions.
 *
 * What is known here is as of the last sample.  A parallel worker of a task
 * that waits is not seen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ledger/event_row.h"
#include "ledger/lock_wait_row.h"
#include "sched/adapt.h"
#include "sched/inherit.h"
#include "sched/lock_watch.h"
#include "shmem/lock_wait.h"
#include "shmem/settings.h"
#include "shmem/worker_slot.h"

#define LOOK_AFTER_US	INT64CONST(200000)
#define LOOK_AGAIN_US	INT64CONST(1000000)
#define LOOK_MAX		32
#define LONG_US			INT64CONST(1000000)
#define ALERT_US		INT64CONST(5000000)

/* The attempt that a worker executes, and its wait */
typedef struct LockWatch
{
	int64		task_id;		/* 0 = none when it was seen last */
	int32		attempt;
	bool		waiting;		/* "wait" is under way */
	bool		told;			/* for whom, in an event */
	LockWait	wait;
	Oid			relation;		/* that it is about, as far as known */
	TimestampTz looked_at;		/* 0 = not yet who blocks it */
	int			nblockers;
	LockBlocker blockers[LOCK_WAIT_BLOCKERS];	/* in order of depth */
} LockWatch;

/* One round of looking who blocks whom */
typedef struct LookStep
{
	TimestampTz now;
	int			left;			/* of LOOK_MAX */
	LockData   *locks;			/* NULL until needed */
} LookStep;

static bool
watch_is_mine(Scheduler *scheduler, const WeirWorker *worker)
{
	return worker->database == scheduler->database->oid;
}

/*
 * The process of a worker; NULL if it is none any more.
 */
static PGPROC *
watch_process(WeirWorker *worker)
{
	int			procno = worker->procno;
	PGPROC	   *process;

	if (procno < 0)
		return NULL;
	process = GetPGProcByNumber(procno);
	return process->pid == worker->pid ? process : NULL;
}

/*
 * The wait is over: notes it for the ledger if it was long.
 */
static void
watch_end_wait(LockWatch *watch, TimestampTz now, List **rows)
{
	if (watch->waiting && now - watch->wait.since >= LONG_US)
	{
		LockWaitRow *row = palloc0(sizeof(LockWaitRow));

		row->task_id = watch->task_id;
		row->attempt = watch->attempt;
		row->since = watch->wait.since;
		row->until = now;
		row->locktype = LockTagTypeNames[watch->wait.tag.locktag_type];
		row->mode = GetLockmodeName(watch->wait.tag.locktag_lockmethodid,
									watch->wait.mode);
		row->relation = watch->relation;
		row->nblockers = watch->nblockers;
		memcpy(row->blockers, watch->blockers, sizeof(row->blockers));
		*rows = lappend(*rows, row);
	}
	watch->waiting = watch->told = false;
	watch->looked_at = 0;
	watch->nblockers = 0;
}

/*
 * Looks at one worker: what it executes now, and whether that waits.
 */
static void
watch_worker(LockWatch *watch, WeirWorker *worker, TimestampTz now,
			 int64 elapsed, List **rows)
{
	PGPROC	   *process = watch_process(worker);
	LockWait	wait;
	int32		attempt;
	int64		task_id = worker_slot_executes(worker, &attempt);

	if (task_id != watch->task_id || attempt != watch->attempt)
		watch_end_wait(watch, now, rows);
	watch->task_id = task_id;
	watch->attempt = attempt;
	if (task_id == 0 || process == NULL || !lock_wait_read(process, &wait))
	{
		watch_end_wait(watch, now, rows);
		return;
	}
	if (watch->wait.since != wait.since)
		watch_end_wait(watch, now, rows);
	if (!watch->waiting)
	{
		watch->waiting = true;
		watch->wait = wait;
		watch->relation = lock_wait_relation(&wait.tag);
	}
	worker_slot_add_lock_wait(worker, task_id, attempt,
							  Min(elapsed, now - wait.since));
}

/*
 * Is the one for whom it waits in the end no task of ours?
 */
static bool
watch_is_foreign(const LockWatch *watch)
{
	const LockBlocker *root = lock_blockers_root(watch->blockers,
												 watch->nblockers);

	return watch->waiting && root != NULL && root->task_id == 0;
}

/*
 * The table whose row a process waits for, as a transaction to end: it holds
 * the row's place in line meanwhile.
 */
static Oid
look_row_lock(LookStep *look, int pid)
{
	if (look->locks == NULL)
		look->locks = GetLockStatusData();
	for (int i = 0; i < look->locks->nelements; i++)
	{
		const LockInstanceData *lock = &look->locks->locks[i];

		if (lock->pid == pid && lock->holdMask != 0 &&
			lock->locktag.locktag_type == LOCKTAG_TUPLE)
			return lock_wait_relation(&lock->locktag);
	}
	return InvalidOid;
}

/*
 * The slot of the worker that a process is; -1 if it is none of this database.
 */
static int
look_slot(Scheduler *scheduler, int pid)
{
	for (int i = 0; i < weir_max_workers && pid != 0; i++)
	{
		if (watch_is_mine(scheduler, &Weir->workers[i]) &&
			Weir->workers[i].pid == pid)
			return i;
	}
	return -1;
}

/*
 * Adds a process to those that block, unless it is there or there is no room.
 */
static void
look_add(Scheduler *scheduler, LockWatch *watch, int pid, int depth)
{
	PGPROC	   *process = pid == 0 ? NULL : BackendPidGetProc(pid);
	LockBlocker *blocker = &watch->blockers[watch->nblockers];

	if (watch->nblockers == LOCK_WAIT_BLOCKERS)
		return;
	for (int i = 0; i < watch->nblockers; i++)
	{
		if (watch->blockers[i].pid == pid)
			return;
	}
	memset(blocker, 0, sizeof(LockBlocker));
	blocker->pid = pid;
	blocker->depth = depth;
	blocker->waits = process != NULL && lock_wait_is_on(process);
	if (process != NULL)
		blocker->role = process->roleId;
	blocker->slot = look_slot(scheduler, pid);
	if (blocker->slot >= 0)
		blocker->task_id = worker_slot_executes(&Weir->workers[blocker->slot],
												&blocker->attempt);
	watch->nblockers++;
}

/*
 * Follows from one who waits to who blocks it, and on to whoever blocks them.
 */
static void
look_follow(Scheduler *scheduler, LookStep *look, LockWatch *watch, int pid)
{
	int			depth = 0;

	watch->nblockers = 0;
	for (int i = 0; i <= watch->nblockers && look->left > 0; i++)
	{
		List	   *pids;
		ListCell   *cell;

		if (i > 0)
		{
			if (!watch->blockers[i - 1].waits)
				continue;
			pid = watch->blockers[i - 1].pid;
			depth = watch->blockers[i - 1].depth;
		}
		look->left--;
		pids = lock_wait_blockers(pid);
		foreach(cell, pids)
			look_add(scheduler, watch, lfirst_int(cell), depth + 1);
	}
}

/*
 * Is it time to ask who blocks it?
 */
static bool
look_is_due(const LockWatch *watch, TimestampTz now)
{
	return watch->waiting && now - watch->wait.since >= LOOK_AFTER_US &&
		now - watch->looked_at >= LOOK_AGAIN_US;
}

/*
 * Asks who blocks those that wait for long.
 */
static void
step_look(Scheduler *scheduler, void *arg)
{
	LookStep   *look = arg;

	for (int i = 0; i < weir_max_workers && look->left > 0; i++)
	{
		LockWatch  *watch = &scheduler->lock_watches[i];
		int			pid = Weir->workers[i].pid;

		if (!look_is_due(watch, look->now))
			continue;
		watch->looked_at = look->now;
		look_follow(scheduler, look, watch, pid);
		if (!OidIsValid(watch->relation) &&
			watch->wait.tag.locktag_type == LOCKTAG_TRANSACTION)
			watch->relation = look_row_lock(look, pid);
	}
}

/*
 * Tells of a session that blocks a task for long.
 */
static void
step_tell(Scheduler *scheduler, void *arg)
{
	const LockWatch *watch = arg;
	const LockBlocker *root = lock_blockers_root(watch->blockers,
												 watch->nblockers);
	char	   *relation = get_rel_name(watch->relation);
	char	   *role = GetUserNameFromId(root->role, true);
	StringInfoData detail;

	if (relation != NULL)
		relation = quote_qualified_identifier(get_namespace_name(get_rel_namespace(watch->relation)),
											  relation);
	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"attempt\": %d, \"pid\": %d, \"role\": ",
					 watch->attempt, root->pid);
	escape_json(&detail, role ? role : "");
	appendStringInfo(&detail, ", \"depth\": %d, \"seconds\": %.3f}",
					 root->depth,
					 (scheduler->round_at - watch->wait.since) / 1e6);
	event_write("blocked_by_session", watch->task_id, NULL, relation, NULL,
				detail.data);
}

/*
 * Tells of it once, when it is time.
 */
static void
watch_tell(Scheduler *scheduler, LockWatch *watch)
{
	if (watch->told || !watch_is_foreign(watch) ||
		scheduler->round_at - watch->wait.since < ALERT_US ||
		scheduler->other_version)
		return;
	watch->told = true;
	(void) scheduler_step(scheduler, "telling of a session", step_tell, watch);
}

static void
step_write(Scheduler *scheduler, void *arg)
{
	ListCell   *cell;

	foreach(cell, (List *) arg)
		lock_wait_row_insert(lfirst(cell));
}

/*
 * Is there anything to be looked at: tasks in hand, or a wait that has to be
 * found over?
 */
static bool
watch_is_needed(Scheduler *scheduler)
{
	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if ((watch_is_mine(scheduler, worker) &&
			 pg_atomic_read_u64(&worker->in_hand) != 0) ||
			scheduler->lock_watches[i].waiting)
			return true;
	}
	return false;
}

/*
 * Has not seen anybody yet.
 */
void
lock_watch_init(Scheduler *scheduler)
{
	scheduler->lock_watches =
		MemoryContextAllocZero(scheduler->context,
							   weir_max_workers * sizeof(LockWatch));
}

/*
 * Looks at all workers, if it is time.
 */
void
lock_watch(Scheduler *scheduler)
{
	TimestampTz now = scheduler->round_at;
	int64		interval = weir_lock_sample_interval * INT64CONST(1000);
	int64		elapsed = now - scheduler->lock_sampled_at;
	LookStep	look = {now, LOOK_MAX, NULL};
	List	   *rows = NIL;
	bool		due = false;

	if (interval == 0 && scheduler->grants != NIL)
		inherit_forget(scheduler);
	if (interval == 0 || elapsed < interval)
		return;
	scheduler->lock_sampled_at = now;
	for (int i = 0; i < weir_max_workers; i++)
	{
		LockWatch  *watch = &scheduler->lock_watches[i];

		if (watch_is_mine(scheduler, &Weir->workers[i]))
		{
			watch_worker(watch, &Weir->workers[i], now, elapsed, &rows);
			adapt_note_sample(scheduler, &Weir->workers[i], watch->task_id,
							  watch->waiting, watch->relation,
							  watch_is_foreign(watch));
		}
		else
			watch_end_wait(watch, now, &rows);
		due |= look_is_due(watch, now);
	}
	adapt(scheduler, elapsed);
	if (due)
		(void) scheduler_step(scheduler, "looking for who blocks tasks",
							  step_look, &look);
	inherit_review(scheduler);
	for (int i = 0; i < weir_max_workers; i++)
		watch_tell(scheduler, &scheduler->lock_watches[i]);
	if (rows != NIL && !scheduler->other_version)
		(void) scheduler_step(scheduler, "recording waits for locks",
							  step_write, rows);
}

/*
 * When to look next; never while nothing is in hand.
 */
TimestampTz
lock_watch_next_timer(Scheduler *scheduler)
{
	if (weir_lock_sample_interval == 0 || !watch_is_needed(scheduler))
		return POLICY_TIME_NEVER;
	return scheduler->lock_sampled_at +
		weir_lock_sample_interval * INT64CONST(1000);
}

/*
 * Does the worker execute that attempt?
 */
static bool
watch_still(int slot, int64 task_id, int32 attempt)
{
	int32		executes;

	return task_id != 0 &&
		worker_slot_executes(&Weir->workers[slot], &executes) == task_id &&
		executes == attempt;
}

/*
 * The next task that waits for a lock which another task holds, directly or by
 * way of others; both still do what they did when they were looked at.
 * "position" is 0 at first.  False if there is no other.
 */
bool
lock_watch_next_pair(Scheduler *scheduler, int *position, LockPair *pair)
{
	for (; *position < weir_max_workers * LOCK_WAIT_BLOCKERS; (*position)++)
	{
		int			slot = *position / LOCK_WAIT_BLOCKERS;
		int			n = *position % LOCK_WAIT_BLOCKERS;
		const LockWatch *watch = &scheduler->lock_watches[slot];
		const LockBlocker *blocker = &watch->blockers[n];

		if (n >= watch->nblockers || blocker->slot < 0 ||
			!watch_still(slot, watch->task_id, watch->attempt) ||
			!watch_still(blocker->slot, blocker->task_id, blocker->attempt))
			continue;
		pair->task_id = watch->task_id;
		pair->attempt = watch->attempt;
		pair->since = watch->wait.since;
		pair->blocker_id = blocker->task_id;
		pair->blocker_attempt = blocker->attempt;
		pair->depth = blocker->depth;
		(*position)++;
		return true;
	}
	return false;
}
