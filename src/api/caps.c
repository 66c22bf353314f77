/*-------------------------------------------------------------------------
 *
 * caps.c
 *	  Capping tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "api/arguments.h"
#include "api/capped.h"
#include "compat.h"
#include "ledger/event_row.h"
#include "ledger/sql.h"
#include "shmem/database.h"
#include "shmem/resource.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_cap_table);
PG_FUNCTION_INFO_V1(weir_uncap_table);

/*
 * A cap belongs to the table's owner, and to the root of a partition tree.
 */
static void
check_cappable(Oid relid, const char *name)
{
	if (get_rel_relispartition(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partition", get_rel_name(relid)),
				 errhint("Cap the root of the partition tree, %s: the cap covers all of it.",
						 name)));
	if (!weir_class_ownercheck(relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", name)));
}

/*
 * The number of slots, and of those that are reserved.
 */
static void
read_slots(FunctionCallInfo fcinfo, int32 *slots, int32 *reserved)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "slots"),
				 errhint("Remove a cap with weir.uncap_table().")));
	*slots = PG_GETARG_INT32(1);
	if (*slots < 1 || *slots > POLICY_MAX_SLOTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between 1 and %d",
						"slots", POLICY_MAX_SLOTS)));
	*reserved = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	if (*reserved < 0 || *reserved > *slots)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between 0 and the number of slots",
						"reserved")));
}

/*
 * Whom the cap binds, and what becomes of those who cannot wait; NULL where it
 * is to stay as it is.
 */
static void
read_enforcement(FunctionCallInfo fcinfo, char **enforce, char **unsafe)
{
	CapEnforce	parsed;

	*enforce = argument_text(fcinfo, 3);
	*unsafe = argument_text(fcinfo, 4);
	if (*enforce != NULL && !cap_enforce_parse(*enforce, &parsed))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be \"tasks\", \"observe\" or \"everyone\"",
						"enforce")));
	if (*unsafe != NULL && strcmp(*unsafe, "allow") != 0 &&
		strcmp(*unsafe, "error") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be \"allow\" or \"error\"",
						"if_unsafe_to_wait")));
}

/*
 * Whether the cap adapts; NULL where that is to stay as it is.
 */
static char *
read_adaptive(FunctionCallInfo fcinfo)
{
	char	   *adaptive = argument_text(fcinfo, 6);
	CapAdaptive parsed;

	if (adaptive != NULL && !cap_adaptive_parse(adaptive, &parsed))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be \"off\", \"observe\" or \"act\"",
						"adaptive")));
	return adaptive;
}

/*
 * The roles that the cap does not bind, as an array of their names; zero where
 * they are to stay as they are.
 */
static Datum
read_exempt(FunctionCallInfo fcinfo)
{
	Datum	   *roles;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(5))
		return (Datum) 0;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(5), REGROLEOID, sizeof(Oid), true,
					  TYPALIGN_INT, &roles, &nulls, &n);
	if (n > WEIR_MAX_EXEMPT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a cap can exempt at most %d roles", WEIR_MAX_EXEMPT),
				 errhint("Exempt a role that they are members of.")));
	for (int i = 0; i < n; i++)
	{
		char	   *name = NULL;

		if (!nulls[i])
			name = GetUserNameFromId(DatumGetObjectId(roles[i]), true);
		if (name == NULL)
			ereport(ERROR,
					(errcode(nulls[i] ? ERRCODE_NULL_VALUE_NOT_ALLOWED :
							 ERRCODE_UNDEFINED_OBJECT),
					 errmsg("argument \"%s\" must contain roles that exist and no nulls",
							"exempt")));
		roles[i] = CStringGetTextDatum(name);
	}
	return PointerGetDatum(construct_array(roles, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/*
 * weir.cap_table(): sets how many may write the table at once, and who.
 */
Datum
weir_cap_table(PG_FUNCTION_ARGS)
{
	char	   *name;
	Oid			relid = argument_table(fcinfo, &name);
	WeirDatabase *database = database_require_ready();
	int32		slots;
	int32		reserved;
	char	   *enforce;
	char	   *unsafe;
	Datum		exempt;
	char	   *adaptive;
	char	   *detail;
	MemoryContext caller = CurrentMemoryContext;
	SqlSession	session;
	SqlParams	params = {0};

	check_cappable(relid, name);
	read_slots(fcinfo, &slots, &reserved);
	read_enforcement(fcinfo, &enforce, &unsafe);
	exempt = read_exempt(fcinfo);
	adaptive = read_adaptive(fcinfo);
	cap_add_names(&params, relid);
	sql_add_int4(&params, slots);
	sql_add_int4(&params, reserved);
	sql_add_text(&params, enforce);
	sql_add_text(&params, unsafe);
	sql_add(&params, TEXTARRAYOID, exempt, exempt == (Datum) 0);
	sql_add_text(&params, adaptive);
	sql_add(&params, BOOLOID, PG_ARGISNULL(7) ? (Datum) 0 : PG_GETARG_DATUM(7),
			PG_ARGISNULL(7));
	sql_begin(&session);
	sql_execute("INSERT INTO weir.cap AS c (schema_name, table_name, slots,"
				" reserved, enforce, if_unsafe_to_wait, exempt, adaptive, row_locks)"
				" VALUES ($1, $2, $3, $4, coalesce($5, 'tasks'),"
				"  coalesce($6, 'allow'), coalesce($7, '{}'),"
				"  coalesce($8, 'observe'), coalesce($9, false))"
				" ON CONFLICT (schema_name, table_name)"
				" DO UPDATE SET slots = $3, reserved = $4,"
				"  enforce = coalesce($5, c.enforce),"
				"  if_unsafe_to_wait = coalesce($6, c.if_unsafe_to_wait),"
				"  exempt = coalesce($7, c.exempt),"
				"  adaptive = coalesce($8, c.adaptive),"
				"  row_locks = coalesce($9, c.row_locks)"
				" RETURNING jsonb_build_object('slots', slots, 'reserved',"
				"  reserved, 'enforce', enforce, 'if_unsafe_to_wait',"
				"  if_unsafe_to_wait, 'exempt', exempt, 'adaptive',"
				"  adaptive, 'row_locks', row_locks)::text", &params);
	detail = MemoryContextStrdup(caller, sql_text(0, 1));
	sql_end(&session);
	event_write("cap_table", 0, NULL, name, NULL, detail);
	xact_cap_set(database);
	PG_RETURN_VOID();
}

/*
 * The name of a table that is gone, whose cap waits for another one of that
 * name.  It is the business of who owns the schema, or of a superuser.
 */
static void
check_gone(RangeVar *table, const char *name)
{
	Oid			schema = get_namespace_oid(table->schemaname, true);

	if (OidIsValid(schema) ? !weir_namespace_ownercheck(schema, GetUserId()) :
		!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of schema %s",
						quote_identifier(table->schemaname)),
				 errdetail("There is no table %s; its cap belongs to the owner of the schema.",
						   name)));
}

/*
 * Reads for which table a cap is to be removed: one that exists, or the name
 * of one that does not any more.
 */
static void
read_capped(FunctionCallInfo fcinfo, SqlParams *params, char **name)
{
	char	   *text = argument_text(fcinfo, 1);
	RangeVar   *table;
	Oid			relid;

	if (text == NULL || !PG_ARGISNULL(0))
	{
		relid = argument_table(fcinfo, name);
		check_cappable(relid, *name);
		cap_add_names(params, relid);
		return;
	}
	table = makeRangeVarFromNameList(weir_qualified_name(text));
	if (table->schemaname == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must name the schema of the table, too",
						"name"),
				 errhint("The view weir.resources shows the names of capped tables.")));
	*name = quote_qualified_identifier(table->schemaname, table->relname);
	relid = RangeVarGetRelid(table, NoLock, true);
	if (OidIsValid(relid))
		check_cappable(relid, *name);
	else
		check_gone(table, *name);
	sql_add_text(params, table->schemaname);
	sql_add_text(params, table->relname);
}

/*
 * weir.uncap_table(): removes the cap; says whether there was one.
 */
Datum
weir_uncap_table(PG_FUNCTION_ARGS)
{
	char	   *name;
	WeirDatabase *database = database_require_ready();
	SqlSession	session;
	SqlParams	params = {0};
	bool		existed;

	read_capped(fcinfo, &params, &name);
	sql_begin(&session);
	existed = sql_execute("DELETE FROM weir.cap WHERE schema_name = $1"
						  " AND table_name = $2", &params) > 0;
	sql_end(&session);
	if (existed)
	{
		event_write("uncap_table", 0, NULL, name, NULL, NULL);
		xact_config_changed(database);
	}
	PG_RETURN_BOOL(existed);
}
