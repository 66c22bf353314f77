/*-------------------------------------------------------------------------
 *
 * enforce.c
 *	  Caps that bind every session: the hooks.
 *
 * INSERT, UPDATE, DELETE and MERGE come by when their plan is started: plain
 * ones, those in a CTE, in functions and triggers, prepared ones, and what
 * foreign keys cascade to.  So does SELECT FOR UPDATE, where a cap counts row
 * locks as writes.  COPY FROM and TRUNCATE are utility commands.  Who may not
 * do it is not let near a slot: privileges are checked first.
 *
 * When a plan is started its snapshot has been taken.  It is too old for who
 * then gets a slot: the statement is to see what the last holder has written.
 * So a READ COMMITTED statement gets a new one.  If it has to wait it gives the
 * old one up before, which also lets vacuum go on.
 *
 * Where no cap concerns other sessions, all that this costs is a look at one
 * number in shared memory per writing statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/snapmgr.h"

#include "api/admit_write.h"
#include "api/capped.h"
#include "api/enforce.h"
#include "api/let_through.h"
#include "compat.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/settings.h"

static ExecutorStart_hook_type prev_executor_start = NULL;
static ProcessUtility_hook_type prev_process_utility = NULL;

/*
 * The entry of this database, if there are caps to be looked for; else NULL.
 */
static WeirDatabase *
enforce_database(void)
{
	WeirDatabase *database;

	if (Weir == NULL || pg_atomic_read_u32(&Weir->enforcing) == 0 ||
		!weir_enforce || XactReadOnly || IsInParallelMode())
		return NULL;
	database = database_mine();
	if (database == NULL || pg_atomic_read_u32(&database->enforcing) == 0 ||
		database->scheduler_pid == MyProcPid)
		return NULL;
	return database;
}

/*
 * Adds a cap.  Those that only observe come last: their record makes the
 * transaction one that has written.
 */
static List *
add_cap(List *resources, ResourceSlot *resource)
{
	if (slots_holds(resource->key) || list_member_ptr(resources, resource))
		return resources;
	if (resource->rule.enforce == CAP_EVERYONE)
		return lcons(resource, resources);
	return lappend(resources, resource);
}

/*
 * Adds the cap over a table that is going to be written.
 */
static List *
add_written(List *resources, WeirDatabase *database, Oid relid)
{
	ResourceSlot *resource = cap_over_writes(database, relid);

	return resource == NULL ? resources : add_cap(resources, resource);
}

/*
 * Adds the cap over a table whose rows are going to be locked, if it counts
 * that.  Those locks that sharers take, foreign keys' own among them, exclude
 * no other sharer and are never counted.
 */
static List *
add_row_locked(List *resources, WeirDatabase *database,
			   const PlanRowMark *mark, Oid relid)
{
	ResourceSlot *resource;

	if (mark->markType != ROW_MARK_EXCLUSIVE &&
		mark->markType != ROW_MARK_NOKEYEXCLUSIVE)
		return resources;
	resource = cap_over_writes(database, relid);
	return resource == NULL || !resource->rule.row_locks ? resources :
		add_cap(resources, resource);
}

/*
 * Gives up the snapshot of a statement, if it can be had anew; says whether.
 * What is not on top of the stack is somebody else's.
 */
static bool
snapshot_give_up(QueryDesc *queryDesc, bool *portal)
{
	if (IsolationUsesXactSnapshot() || !ActiveSnapshotSet() ||
		(queryDesc != NULL && queryDesc->snapshot != GetActiveSnapshot()))
		return false;
	*portal = ActivePortal != NULL &&
		ActivePortal->portalSnapshot == GetActiveSnapshot();
	if (*portal)
		ActivePortal->portalSnapshot = NULL;
	if (queryDesc != NULL)
	{
		UnregisterSnapshot(queryDesc->snapshot);
		queryDesc->snapshot = InvalidSnapshot;
	}
	PopActiveSnapshot();
	InvalidateCatalogSnapshotConditionally();
	return true;
}

/*
 * Takes a new one.  It must be a copy of its own, because the portal counts
 * its command on; one that the portal knows of must be on the portal's level.
 */
static void
snapshot_renew(QueryDesc *queryDesc, bool portal)
{
	if (portal)
	{
		PushActiveSnapshotWithLevel(GetTransactionSnapshot(),
									ActivePortal->createLevel);
		ActivePortal->portalSnapshot = GetActiveSnapshot();
	}
	else
		PushCopiedSnapshot(GetTransactionSnapshot());
	if (queryDesc != NULL)
		queryDesc->snapshot = RegisterSnapshot(GetActiveSnapshot());
}

/*
 * Has the transaction a slot of any of them?
 */
static bool
holds_any(const List *resources)
{
	ListCell   *cell;

	foreach(cell, resources)
	{
		if (slots_holds(((ResourceSlot *) lfirst(cell))->key))
			return true;
	}
	return false;
}

/*
 * Does not return before the transaction may write under all the caps, of
 * which it holds no slot yet.
 */
static void
enforce_caps(WeirDatabase *database, const List *resources,
			 QueryDesc *queryDesc)
{
	ResourceSlot *resource;
	bool		gave_up = false;
	bool		portal = false;

	while ((resource = admit_write(database, resources)) != NULL)
	{
		if (!gave_up)
			gave_up = snapshot_give_up(queryDesc, &portal);
		admit_wait(database, resource);
	}
	/* a slot had at once can have come free after the snapshot, too */
	if (!gave_up && holds_any(resources))
		gave_up = snapshot_give_up(queryDesc, &portal);
	if (gave_up)
		snapshot_renew(queryDesc, portal);
}

/*
 * May the current user execute the plan?  Others who look at privileges have
 * their say when it is started in earnest.
 */
static bool
plan_permitted(PlannedStmt *plan)
{
	ExecutorCheckPerms_hook_type others = ExecutorCheckPerms_hook;
	bool		permitted = false;

	ExecutorCheckPerms_hook = NULL;
	PG_TRY();
	{
		permitted = weir_plan_permitted(plan);
	}
	PG_FINALLY();
	{
		ExecutorCheckPerms_hook = others;
	}
	PG_END_TRY();
	return permitted;
}

/*
 * Admits a plan that writes, or locks rows.
 */
static void
enforce_plan(WeirDatabase *database, QueryDesc *queryDesc)
{
	PlannedStmt *plan = queryDesc->plannedstmt;
	List	   *resources = NIL;
	ListCell   *cell;

	foreach(cell, plan->resultRelations)
		resources = add_written(resources, database,
								rt_fetch(lfirst_int(cell), plan->rtable)->relid);
	foreach(cell, plan->rowMarks)
	{
		PlanRowMark *mark = lfirst_node(PlanRowMark, cell);

		resources = add_row_locked(resources, database, mark,
								   rt_fetch(mark->rti, plan->rtable)->relid);
	}
	if (resources != NIL && plan_permitted(plan))
		enforce_caps(database, resources, queryDesc);
}

static void
enforce_executor_start(QueryDesc *queryDesc, int eflags)
{
	PlannedStmt *plan = queryDesc->plannedstmt;
	WeirDatabase *database;

	if ((plan->resultRelations != NIL || plan->rowMarks != NIL) &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 &&
		(database = enforce_database()) != NULL)
		enforce_plan(database, queryDesc);
	if (prev_executor_start)
		prev_executor_start(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
}

/*
 * Adds the cap over the table that a utility command names, if the user has
 * the privilege, on a column at least.
 */
static List *
add_named(List *resources, WeirDatabase *database, RangeVar *range,
		  AclMode mode)
{
	Oid			relid = RangeVarGetRelid(range, NoLock, true);

	if (!OidIsValid(relid) ||
		(pg_class_aclcheck(relid, GetUserId(), mode) != ACLCHECK_OK &&
		 (mode != ACL_INSERT ||
		  pg_attribute_aclcheck_all(relid, GetUserId(), mode,
									ACLMASK_ANY) != ACLCHECK_OK)))
		return resources;
	return add_written(resources, database, relid);
}

/*
 * Admits COPY FROM and TRUNCATE, before they have locked the table.
 */
static void
enforce_utility(WeirDatabase *database, Node *stmt)
{
	List	   *resources = NIL;
	ListCell   *cell;

	if (IsA(stmt, CopyStmt))
		resources = add_named(resources, database, ((CopyStmt *) stmt)->relation,
							  ACL_INSERT);
	else
	{
		foreach(cell, ((TruncateStmt *) stmt)->relations)
			resources = add_named(resources, database, lfirst(cell),
								  ACL_TRUNCATE);
	}
	if (resources != NIL)
		enforce_caps(database, resources, NULL);
}

/*
 * Is it a utility command that writes tables as a cap means it?
 */
static bool
utility_writes(Node *stmt)
{
	return IsA(stmt, TruncateStmt) ||
		(IsA(stmt, CopyStmt) && ((CopyStmt *) stmt)->is_from &&
		 ((CopyStmt *) stmt)->relation != NULL);
}

static void
enforce_process_utility(PlannedStmt *pstmt, const char *queryString,
						bool readOnlyTree, ProcessUtilityContext context,
						ParamListInfo params, QueryEnvironment *queryEnv,
						DestReceiver *dest, QueryCompletion *qc)
{
	WeirDatabase *database;

	if (utility_writes(pstmt->utilityStmt) &&
		(database = enforce_database()) != NULL)
		enforce_utility(database, pstmt->utilityStmt);
	if (prev_process_utility)
		prev_process_utility(pstmt, queryString, readOnlyTree, context, params,
							 queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

void
enforce_install_hooks(void)
{
	capped_install();
	let_through_install();
	prev_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = enforce_executor_start;
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = enforce_process_utility;
}
