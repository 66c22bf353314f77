/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  Several tasks in one transaction.
 *
 * A queue may allow that up to 32 of its tasks share a transaction: for very
 * short ones its start, commit and record are most of the cost.  A batch is
 * what lies in the worker's inbox when the transaction begins, of one queue,
 * with the same settings, without slots.  Each member runs in a subtransaction
 * of its own, which ends with the open portals closed, deferred constraints
 * checked and what it has set undone.  The run rows are written at the end,
 * all at once.
 *
 * A member is taken out of the inbox when its turn comes, not before: so the
 * scheduler can take back those that wait behind a long one, and when the
 * process ends only the current one has begun.
 *
 * A member that fails is rolled back alone and ends the batch; its failure is
 * recorded after the others have been committed.  If these cannot be, or if
 * its neighbours may be why it failed, it goes back to be executed singly, and
 * nothing has been charged.  A member that leaves something behind for the
 * next one ends the batch, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "ledger/run_row.h"
#include "run/batch.h"
#include "run/execute.h"
#include "run/prepare.h"
#include "run/record.h"
#include "run/session.h"
#include "shmem/inbox.h"
#include "shmem/lazy_commit.h"

/* No further member after so long: others wait for the locks of the first */
#define BATCH_US	4000

typedef struct Batch
{
	Attempt    *first;
	TimestampTz started_at;
	uint64		end;			/* position in the inbox */
	int			n;				/* members that are done */
	Attempt    *members[WEIR_MAX_BATCH];
	RunRow		runs[WEIR_MAX_BATCH];
	Attempt    *failed;			/* the one that is not */
	ErrorData  *error;			/* why */
} Batch;

static ProcessUtility_hook_type prev_process_utility = NULL;

/* The current member has said when constraints are checked */
static bool ConstraintsSet = false;

/*
 * Notes that constraints are set for the rest of the transaction: this cannot
 * be undone for the next member.
 */
static void
batch_process_utility(PlannedStmt *pstmt, const char *queryString,
					  bool readOnlyTree, ProcessUtilityContext context,
					  ParamListInfo params, QueryEnvironment *queryEnv,
					  DestReceiver *dest, QueryCompletion *qc)
{
	if (IsA(pstmt->utilityStmt, ConstraintsSetStmt))
		ConstraintsSet = true;
	if (prev_process_utility)
		prev_process_utility(pstmt, queryString, readOnlyTree, context,
							 params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

/*
 * Called in a worker.
 */
void
batch_install(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = batch_process_utility;
}

/*
 * Does the scheduler allow it in a batch of the queue?
 */
static bool
batch_takes(const Assignment *assignment, int32 queue)
{
	return assignment->queue == queue && assignment->ngrants == 0 &&
		!assignment->solo && !assignment->singly;
}

/*
 * May this attempt be the first of a batch, and is there a second one?
 */
bool
batch_may_begin(Attempt *first)
{
	int32		queue = first->assignment->queue;
	Assignment	next;
	uint64		position;

	return first->batch > 1 && batch_takes(first->assignment, queue) &&
		inbox_peek(first->worker, &position, &next) &&
		batch_takes(&next, queue);
}

/*
 * Executes a member in a subtransaction; false if it has failed.
 */
static bool
batch_execute_member(Batch *batch, Attempt *attempt)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	ConstraintsSet = false;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		ExecuteResult result;
		int			settings;

		if (attempt != batch->first)
			attempt_enter(attempt, true);
		settings = NewGUCNestLevel();
		attempt_check_cancelled(attempt);
		execute_command(attempt_command(attempt), attempt->task->args, false,
						attempt->context, &result);
		attempt_finish_command();
		attempt_check_cancelled(attempt);
		attempt_disarm();
		AtEOXact_GUC(false, settings);
		session_pass_on();
		record_success(attempt, &result, &batch->runs[batch->n]);
		ReleaseCurrentSubTransaction();
		batch->members[batch->n++] = attempt;
		done = true;
	}
	PG_CATCH();
	{
		batch->error = attempt_catch(attempt);
		batch->failed = attempt;
		RollbackAndReleaseCurrentSubTransaction();
		QueryCancelPending = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return done;
}

/*
 * Must the last member that is done remain the last?  Temporary tables of the
 * transaction would be there for the next one, and constraints as it has set
 * them.
 */
static bool
batch_is_over(const Batch *batch)
{
	return batch->n == batch->first->batch || ConstraintsSet ||
		(MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) != 0 ||
		batch->runs[batch->n - 1].finished_at - batch->started_at > BATCH_US;
}

/*
 * Takes the next member out of the inbox, if it may join; NULL if not.
 */
static Attempt *
batch_next(Batch *batch)
{
	Attempt    *first = batch->first;
	Assignment *assignment = MemoryContextAlloc(first->context,
												sizeof(Assignment));
	Attempt    *attempt = MemoryContextAllocZero(first->context,
												 sizeof(Attempt));
	uint64		position;

	if (!inbox_peek(first->worker, &position, assignment) ||
		position >= batch->end ||
		!batch_takes(assignment, first->assignment->queue))
		return NULL;
	attempt->worker = first->worker;
	attempt->assignment = assignment;
	attempt->context = first->context;
	if (!attempt_may_join(attempt, first) ||
		!inbox_take(first->worker, position))
		return NULL;
	attempt_begin(attempt);
	return attempt;
}

/*
 * Writes the runs of those that are done, and commits.
 */
static void
batch_commit(Batch *batch)
{
	if (batch->n == 0)
	{
		AbortCurrentTransaction();
		return;
	}
	session_undo();
	run_rows_insert(batch->runs, batch->n);
	for (int i = 0; i < batch->n; i++)
	{
		batch->members[i]->duration =
			Max(1, (GetCurrentTimestamp() - batch->started_at) / batch->n);
		record_promise(batch->members[i], &batch->runs[i]);
	}
	if (batch->first->grouped)
		lazy_commit_request();
	CommitTransactionCommand();
}

/*
 * Rolls everything back while an error of the transaction is being handled,
 * and has each member executed singly.
 */
static void
batch_give_up(Batch *batch)
{
	ErrorData  *error = attempt_catch(batch->first);

	AbortCurrentTransaction();
	QueryCancelPending = false;
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("could not commit %d tasks in one transaction, they are executed singly",
					batch->n),
			 errdetail_internal("%s", error->message)));
	for (int i = 0; i < batch->n; i++)
		record_report(batch->members[i], COMPLETION_SINGLY, 0);
	if (batch->failed)
		record_report(batch->failed, COMPLETION_SINGLY, 0);
}

/*
 * May it be because of the transaction, or of what others have done in it,
 * that a member has failed?  What cannot be done in a subtransaction, locks
 * that are held on, and functions of ours that wait only in a transaction that
 * has done nothing yet.
 */
static bool
batch_may_be_why(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
			return true;
		default:
			return false;
	}
}

/*
 * Executes the attempt, for which the transaction has begun and the settings
 * are in force, and those that may join it.
 */
void
batch_execute(Attempt *first)
{
	Batch	   *batch = MemoryContextAllocZero(first->context, sizeof(Batch));
	Attempt    *volatile attempt = first;
	volatile bool committed = false;

	batch->first = first;
	batch->started_at = first->started_at;
	/* what comes later may rely on what a snapshot of ours does not show */
	batch->end = inbox_end(first->worker);
	PG_TRY();
	{
		while (attempt != NULL && batch_execute_member(batch, attempt))
			attempt = batch_is_over(batch) ? NULL : batch_next(batch);
		batch_commit(batch);
		committed = true;
	}
	PG_CATCH();
	{
		batch_give_up(batch);
	}
	PG_END_TRY();
	if (!committed || batch->failed == NULL)
		return;
	if (batch_may_be_why(batch->error))
		record_report(batch->failed, COMPLETION_SINGLY, 0);
	else
		record_failure(batch->failed, batch->error);
}
