/*-------------------------------------------------------------------------
 *
 * roles.c
 *	  Limits of roles: limit_role, unlimit_role.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "api/arguments.h"
#include "api/request.h"
#include "ledger/event_row.h"
#include "ledger/identity.h"
#include "ledger/sql.h"
#include "shmem/database.h"
#include "shmem/settings.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_limit_role);
PG_FUNCTION_INFO_V1(weir_unlimit_role);

/*
 * The name of the role that is limited.
 */
static char *
read_role(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "role")));
	return GetUserNameFromId(PG_GETARG_OID(0), false);
}

static double
read_weight(FunctionCallInfo fcinfo)
{
	double		weight = PG_ARGISNULL(3) ? 1 : PG_GETARG_FLOAT8(3);

	if (!(weight >= 0.001 && weight <= 1000))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between 0.001 and 1000",
						"weight")));
	return weight;
}

/*
 * Only so many roles have a place in shared memory.  Caller is within
 * sql_begin().
 */
static void
check_number(void)
{
	sql_execute("SELECT count(*)::int FROM weir.role_limit", NULL);
	if (sql_int4(0, 1) > WEIR_MAX_ROLES)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many roles have limits"),
				 errdetail("At most %d roles of a database can have them.",
						   WEIR_MAX_ROLES)));
}

/*
 * What was said of a role that has several rows, under former names: they go.
 * $2 is its name.  Caller is within sql_begin().
 */
static bool
remove_limits(const SqlParams *params)
{
	return sql_execute("DELETE FROM weir.role_limit WHERE role_name = $2 OR"
					   " (role <> 0 AND role = " IDENTITY_OID
					   " AND NOT EXISTS (SELECT FROM weir.identity i"
					   "  WHERE i.adopted_at > limited_at AND i.adopted_at >"
					   "  (SELECT min(adopted_at) FROM weir.identity)))",
					   params) > 0;
}

/*
 * weir.limit_role(): sets what the tasks of a role may use.
 */
Datum
weir_limit_role(PG_FUNCTION_ARGS)
{
	char	   *role = read_role(fcinfo);
	double		weight = read_weight(fcinfo);
	WeirDatabase *database = database_require_ready();
	MemoryContext context = CurrentMemoryContext;
	char	   *detail;
	SqlSession	session;
	SqlParams	params = {0};

	argument_check_range(fcinfo, 1, "max_queued", 1, weir_max_tasks);
	argument_check_range(fcinfo, 2, "max_running", 1, 100000);
	argument_add(&params, fcinfo, 1, INT4OID);
	sql_add_text(&params, role);
	argument_add(&params, fcinfo, 2, INT4OID);
	sql_add(&params, FLOAT8OID, Float8GetDatum(weight), false);
	sql_begin(&session);
	(void) remove_limits(&params);
	sql_execute("INSERT INTO weir.role_limit (max_queued, role_name,"
				" max_running, weight, role) VALUES ($1, $2, $3, $4, "
				IDENTITY_OID ")", &params);
	check_number();
	sql_execute("SELECT jsonb_strip_nulls(jsonb_build_object('role', $2,"
				" 'max_queued', $1, 'max_running', $3, 'weight', $4))",
				&params);
	detail = MemoryContextStrdup(context, sql_text(0, 1));
	sql_end(&session);
	event_write("limit_role", 0, NULL, NULL, NULL, detail);
	xact_config_changed(database);
	PG_RETURN_VOID();
}

/*
 * weir.unlimit_role(): removes the limits of a role, which may be gone; says
 * whether there were any.
 */
Datum
weir_unlimit_role(PG_FUNCTION_ARGS)
{
	char	   *name = argument_text(fcinfo, 1);
	char	   *role = name ? name : read_role(fcinfo);
	WeirDatabase *database = database_require_ready();
	SqlSession	session;
	SqlParams	params = {0};
	bool		existed;

	sql_add_int4(&params, 0);
	sql_add_text(&params, role);
	sql_begin(&session);
	existed = remove_limits(&params);
	sql_end(&session);
	if (existed)
	{
		event_write("unlimit_role", 0, NULL, NULL, NULL,
					psprintf("{\"role\": %s}", request_json_string(role)));
		xact_config_changed(database);
	}
	PG_RETURN_BOOL(existed);
}
