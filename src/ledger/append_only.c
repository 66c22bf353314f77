/*-------------------------------------------------------------------------
 *
 * append_only.c
 *	  The ledger's triggers: nothing is changed or deleted, and loading a
 *	  ledger is noticed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "ledger/append_only.h"
#include "shmem/database.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_append_only);
PG_FUNCTION_INFO_V1(weir_ledger_loaded);

/* Retention alone may delete: the nesting level that is allowed to, or 0 */
static int	SuspendedLevel = 0;

/*
 * Lets this (sub)transaction delete; only retention does so.
 */
void
append_only_suspend(bool suspend)
{
	SuspendedLevel = suspend ? GetCurrentTransactionNestLevel() : 0;
}

/*
 * Refuses UPDATE, DELETE and TRUNCATE, whoever tries.
 */
Datum
weir_append_only(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));
	if (SuspendedLevel != 0 &&
		SuspendedLevel == GetCurrentTransactionNestLevel())
		PG_RETURN_POINTER(NULL);
	SuspendedLevel = 0;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("table \"%s\" is append-only",
					RelationGetRelationName(trigger->tg_relation)),
			 errdetail("The ledger proves what happened; its rows are never changed or deleted."),
			 errhint("Set \"%s\" to drop old generations of it.",
					 "weir.retention")));
	PG_RETURN_POINTER(NULL);	/* keep compiler quiet */
}

/*
 * Tells the scheduler that a ledger has been loaded (or its own has grown).
 */
Datum
weir_ledger_loaded(PG_FUNCTION_ARGS)
{
	WeirDatabase *database = database_mine();

	if (database != NULL && database->scheduler_pid != MyProcPid)
		xact_rebuild(database);
	PG_RETURN_POINTER(NULL);
}
