/*-------------------------------------------------------------------------
 *
 * adopt.c
 *	  Taking over a ledger that was written elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "api/arguments.h"
#include "ledger/event_row.h"
#include "ledger/generation.h"
#include "ledger/identity.h"
#include "ledger/interval.h"
#include "ledger/sql.h"
#include "shmem/database.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_adopt);

/*
 * Makes a generation's tables go with the extension again: a restore makes
 * them as ordinary tables.
 */
static void
adopt_tables(const Generation *generation)
{
	Oid			tables[2] = {generation->task, generation->run};

	for (int i = 0; i < lengthof(tables); i++)
	{
		ObjectAddress child;
		ObjectAddress extension;

		deleteDependencyRecordsForSpecific(RelationRelationId, tables[i],
										   DEPENDENCY_AUTO,
										   ExtensionRelationId,
										   extension_oid());
		ObjectAddressSet(child, RelationRelationId, tables[i]);
		ObjectAddressSet(extension, ExtensionRelationId, extension_oid());
		recordDependencyOn(&child, &extension, DEPENDENCY_AUTO);
	}
}

/*
 * Ends all unfinished tasks; their number.
 */
static int64
cancel_unfinished(const char *actor)
{
	SqlSession	session;
	SqlParams	params = {0};
	int			n;
	const Generation *list = generation_list(&n);
	int		   *ids = palloc(Max(n, 1) * sizeof(int));
	int64		cancelled = 0;

	for (int i = 0; i < n; i++)
		ids[i] = list[i].open ? list[i].generation_id : 0;
	sql_begin(&session);
	sql_add_text(&params, actor);
	for (int i = 0; i < n; i++)
	{
		if (ids[i] == 0)
			continue;
		cancelled += sql_execute(psprintf("INSERT INTO weir.run_%d (task_id, attempt, outcome,"
										  " final, charged, finished_at, actor, reason)"
										  " SELECT t.task_id, coalesce(l.attempt, 0) + 1, 'cancelled',"
										  "  true, false, clock_timestamp(), $1, 'adopt'"
										  " FROM weir.task_%d t LEFT JOIN LATERAL"
										  "  (SELECT r.attempt, r.final FROM weir.run_%d r"
										  "    WHERE r.task_id = t.task_id"
										  "    ORDER BY r.attempt DESC LIMIT 1) l ON true"
										  " WHERE l.final IS NOT TRUE",
										  ids[i], ids[i], ids[i]), &params);
	}
	sql_execute("DELETE FROM weir.unique_key WHERE free_at IS NULL", NULL);
	interval_cancel_backfills();
	sql_end(&session);
	return cancelled;
}

/*
 * weir.adopt(): says that this ledger belongs here from now on, and what
 * becomes of its unfinished tasks.
 */
Datum
weir_adopt(PG_FUNCTION_ARGS)
{
	char	   *unfinished = argument_required_text(fcinfo, 0, "unfinished");
	char	   *actor = GetUserNameFromId(GetUserId(), false);
	bool		cancel = strcmp(unfinished, "cancel") == 0;
	WeirDatabase *database;
	int64		cancelled = 0;
	const Generation *list;
	int			n;

	if (!cancel && strcmp(unfinished, "keep") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be \"keep\" or \"cancel\"",
						"unfinished")));
	database = database_require_judged();
	if (database_state(database) != SCHEDULER_UNADOPTED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the ledger of this database is adopted already")));
	list = generation_list(&n);
	for (int i = 0; i < n; i++)
		adopt_tables(&list[i]);
	if (cancel)
		cancelled = cancel_unfinished(actor);
	identity_record(actor);
	event_write("adopt", 0, NULL, NULL, unfinished, NULL);
	xact_rebuild(database);
	PG_RETURN_INT64(cancelled);
}
