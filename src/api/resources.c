/*-------------------------------------------------------------------------
 *
 * resources.c
 *	  Configuring named resources: cap, uncap, grant, revoke.
 *
 * All of them are transactional, leave an event, and act at commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "api/request.h"
#include "api/resource_use.h"
#include "ledger/breaker_config.h"
#include "ledger/budget_config.h"
#include "ledger/event_row.h"
#include "ledger/identity.h"
#include "ledger/sql.h"
#include "run/command.h"
#include "run/session.h"
#include "shmem/database.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_cap_resource);
PG_FUNCTION_INFO_V1(weir_uncap_resource);
PG_FUNCTION_INFO_V1(weir_set_breaker);
PG_FUNCTION_INFO_V1(weir_grant_resource);
PG_FUNCTION_INFO_V1(weir_revoke_resource);

/* The arguments of cap_resource */
enum
{
	ARG_NAME,
	ARG_SLOTS,
	ARG_RESERVED,
	ARG_RATE,
	ARG_PER,
	ARG_BURST,
	ARG_BREAKER,
	ARG_RETRY_BUDGET
};

/*
 * Tells the other processes, at commit.
 */
static void
resources_changed(WeirDatabase *database)
{
	resource_config_changed();
	xact_config_changed(database);
}

/*
 * A name that a resource or a template can have.
 */
static char *
name_argument(FunctionCallInfo fcinfo)
{
	char	   *name = argument_required_text(fcinfo, ARG_NAME, "name");
	char	   *star = strchr(name, '*');

	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("resource name \"%s\" is too long", name),
				 errdetail("It may have %d bytes at most.", NAMEDATALEN - 1)));
	if (star != NULL && (star == name || star[1] != '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid resource name \"%s\"", name),
				 errdetail("A star at the end makes a template, such as \"tenant:*\"; there can be none elsewhere.")));
	return name;
}

/*
 * There is no resource of exactly this name; a template may stand for it.
 */
static void
refuse_unknown(const char *name)
{
	const ResourceConfig *template = resource_config_for(name);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("resource \"%s\" does not exist", name),
			 template != NULL ?
			 errdetail("It is one of those that the template \"%s\" stands for.",
					   template->name) : 0,
			 template != NULL ?
			 errhint("Give the name of the template: what is set holds for all of them.") :
			 errhint("See the view weir.resources, or define it with weir.cap_resource().")));
}

/*
 * The resource of exactly this name, which the caller is to change.
 */
static const ResourceConfig *
require_resource(const char *name)
{
	const ResourceConfig *config = resource_config_exact(name);

	if (config == NULL)
		refuse_unknown(name);
	if (!resource_may_alter(config))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of resource \"%s\"", name)));
	return config;
}

/*
 * Slots and reservation.
 */
static void
check_slots(FunctionCallInfo fcinfo)
{
	int			slots = PG_ARGISNULL(ARG_SLOTS) ? 0 : PG_GETARG_INT32(ARG_SLOTS);

	argument_check_range(fcinfo, ARG_SLOTS, "slots", 1, POLICY_MAX_SLOTS);
	if (!PG_ARGISNULL(ARG_RESERVED) &&
		(PG_GETARG_INT32(ARG_RESERVED) < 0 ||
		 PG_GETARG_INT32(ARG_RESERVED) > slots))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between 0 and the number of slots",
						"reserved")));
	if (PG_ARGISNULL(ARG_SLOTS) && PG_ARGISNULL(ARG_RATE) &&
		PG_ARGISNULL(ARG_BREAKER))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arguments \"%s\", \"%s\" and \"%s\" must not all be null",
						"slots", "rate", "breaker"),
				 errhint("Remove a cap with weir.uncap_resource().")));
}

/*
 * The time between two tokens, rounded up: a rate is never exceeded; zero for
 * no rate.
 */
static int64
read_gap(FunctionCallInfo fcinfo)
{
	double		per = 1e6;
	double		rate;
	double		gap;

	argument_check_range(fcinfo, ARG_BURST, "burst", 1, POLICY_MAX_BURST);
	if (!PG_ARGISNULL(ARG_PER))
		per = 1e3 * (double) session_interval_ms(PG_GETARG_INTERVAL_P(ARG_PER));
	if (per <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a positive interval of at least a millisecond",
						"per")));
	if (PG_ARGISNULL(ARG_RATE))
	{
		if (!PG_ARGISNULL(ARG_BURST))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" needs a rate", "burst")));
		return 0;
	}
	rate = PG_GETARG_FLOAT8(ARG_RATE);
	gap = ceil(per / rate);
	if (!(rate > 0) || !(gap >= 1) || gap > (double) POLICY_MAX_GAP ||
		per / rate < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range", "rate"),
				 errdetail("Starts can be between a microsecond and 366 days apart.")));
	return (int64) gap;
}

/*
 * The breaker and the retry budget; what they say is looked at later.
 */
static void
check_rules(FunctionCallInfo fcinfo)
{
	BudgetRule	rule;
	BreakerRule breaker;
	char	   *fallback;

	if (!PG_ARGISNULL(ARG_BREAKER))
	{
		breaker_config_parse(PG_GETARG_JSONB_P(ARG_BREAKER), &breaker);
		fallback = breaker_config_fallback(PG_GETARG_JSONB_P(ARG_BREAKER));
		/* what is wrong with its mode depends on the task */
		if (fallback)
			command_refuse(command_parse(fallback), true);
	}
	if (!PG_ARGISNULL(ARG_RETRY_BUDGET))
		budget_config_of(PG_GETARG_JSONB_P(ARG_RETRY_BUDGET), &rule);
}

/*
 * What is configured, for the event.
 */
static char *
limits_detail(FunctionCallInfo fcinfo, const char *name)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	appendStringInfo(&buffer, "{\"resource\": %s",
					 request_json_string(name));
	if (!PG_ARGISNULL(ARG_SLOTS))
		appendStringInfo(&buffer, ", \"slots\": %d, \"reserved\": %d",
						 PG_GETARG_INT32(ARG_SLOTS),
						 PG_ARGISNULL(ARG_RESERVED) ? 0 : PG_GETARG_INT32(ARG_RESERVED));
	if (!PG_ARGISNULL(ARG_RATE))
		appendStringInfo(&buffer, ", \"rate\": %g, \"burst\": %d",
						 PG_GETARG_FLOAT8(ARG_RATE),
						 PG_ARGISNULL(ARG_BURST) ? 1 : PG_GETARG_INT32(ARG_BURST));
	if (!PG_ARGISNULL(ARG_BREAKER))
		appendStringInfo(&buffer, ", \"breaker\": %s",
						 JsonbToCString(NULL,
										&PG_GETARG_JSONB_P(ARG_BREAKER)->root,
										0));
	if (!PG_ARGISNULL(ARG_RETRY_BUDGET))
		appendStringInfo(&buffer, ", \"%s\": %s", BUDGET_PARAMETER,
						 JsonbToCString(NULL,
										&PG_GETARG_JSONB_P(ARG_RETRY_BUDGET)->root,
										0));
	appendStringInfoChar(&buffer, '}');
	return buffer.data;
}

/*
 * weir.cap_resource(): defines a named resource, or a template, or changes its
 * limits.
 */
Datum
weir_cap_resource(PG_FUNCTION_ARGS)
{
	char	   *name = name_argument(fcinfo);
	WeirDatabase *database = database_require_ready();
	bool		exists;
	int64		gap;
	SqlSession	session;
	SqlParams	params = {0};

	check_slots(fcinfo);
	gap = read_gap(fcinfo);
	check_rules(fcinfo);
	exists = resource_config_exact(name) != NULL;
	if (exists)
		(void) require_resource(name);
	sql_add_text(&params, name);
	argument_add(&params, fcinfo, ARG_SLOTS, INT4OID);
	argument_add(&params, fcinfo, ARG_RESERVED, INT4OID);
	argument_add(&params, fcinfo, ARG_RATE, FLOAT8OID);
	argument_add(&params, fcinfo, ARG_PER, INTERVALOID);
	argument_add(&params, fcinfo, ARG_BURST, INT4OID);
	sql_add(&params, INT8OID, Int64GetDatum(gap), gap == 0);
	sql_add_text(&params, GetUserNameFromId(GetUserId(), false));
	sql_add_bool(&params, exists);
	argument_add(&params, fcinfo, ARG_RETRY_BUDGET, JSONBOID);
	argument_add(&params, fcinfo, ARG_BREAKER, JSONBOID);
	sql_begin(&session);
	if (sql_execute("INSERT INTO weir.resource AS r (name, slots, reserved,"
					" rate, per, burst, gap, owner_name, owner, retry_budget,"
					" breaker)"
					" VALUES ($1, $2,"
					" coalesce($3, 0), $4, CASE WHEN $4 IS NOT NULL THEN"
					"  coalesce($5, interval '1 second') END,"
					" coalesce($6, 1), $7, $8,"
					" (SELECT oid FROM pg_roles WHERE rolname = $8), $10, $11)"
					" ON CONFLICT (name) DO UPDATE SET slots = excluded.slots,"
					" reserved = excluded.reserved, rate = excluded.rate,"
					" per = excluded.per, burst = excluded.burst,"
					" gap = excluded.gap, since = excluded.since,"
					" retry_budget = excluded.retry_budget,"
					" breaker = excluded.breaker,"
	/* what is known of one that was removed is not for the next */
					" breaker_mode = CASE WHEN r.breaker IS NULL"
					"  THEN excluded.breaker_mode ELSE r.breaker_mode END,"
					" breaker_since = CASE WHEN r.breaker IS NULL"
					"  THEN excluded.breaker_since ELSE r.breaker_since END"
					" WHERE $9", &params) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("resource \"%s\" already exists", name),
				 errdetail("It was defined at the same time.")));
	sql_end(&session);
	event_write("cap_resource", 0, NULL, NULL, NULL,
				limits_detail(fcinfo, name));
	resources_changed(database);
	PG_RETURN_VOID();
}

/*
 * An event about one resource, and perhaps a role.
 */
static void
write_event(const char *kind, const char *name, const char *role)
{
	char	   *detail = psprintf("{\"resource\": %s%s%s}",
								  request_json_string(name),
								  role ? ", \"role\": " : "",
								  role ? request_json_string(role) : "");

	event_write(kind, 0, NULL, NULL, NULL, detail);
}

/*
 * weir.uncap_resource(): removes a named resource or template, and its grants;
 * says whether there was one.
 */
Datum
weir_uncap_resource(PG_FUNCTION_ARGS)
{
	char	   *name = argument_required_text(fcinfo, ARG_NAME, "name");
	WeirDatabase *database = database_require_ready();
	SqlSession	session;
	SqlParams	params = {0};

	if (resource_config_exact(name) == NULL)
		PG_RETURN_BOOL(false);
	(void) require_resource(name);
	sql_add_text(&params, name);
	sql_begin(&session);
	sql_execute("DELETE FROM weir.resource_grant WHERE resource = $1", &params);
	sql_execute("DELETE FROM weir.resource WHERE name = $1", &params);
	sql_end(&session);
	write_event("uncap_resource", name, NULL);
	resources_changed(database);
	PG_RETURN_BOOL(true);
}

/*
 * weir.set_breaker(): closes a breaker, holds it open, or switches it off.
 */
Datum
weir_set_breaker(PG_FUNCTION_ARGS)
{
	char	   *name = argument_required_text(fcinfo, 0, "resource");
	char	   *text = argument_required_text(fcinfo, 1, "state");
	WeirDatabase *database = database_require_ready();
	BreakerState state;
	SqlSession	session;
	SqlParams	params = {0};

	if (!breaker_state_parse(text, &state) || state == BREAKER_OPEN ||
		state == BREAKER_HALF_OPEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("breaker state \"%s\" cannot be set", text),
				 errhint("States that can be set are \"closed\", \"forced_open\" and \"disabled\".")));
	if (!require_resource(name)->breaker.on)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("resource \"%s\" has no breaker", name),
				 errhint("Give it one with weir.cap_resource().")));
	sql_add_text(&params, name);
	sql_add_text(&params, text);
	sql_begin(&session);
	sql_execute("UPDATE weir.resource SET breaker_mode = $2,"
				" breaker_since = clock_timestamp() WHERE name = $1", &params);
	sql_end(&session);
	event_write("set_breaker", 0, NULL, NULL, argument_text(fcinfo, 2),
				psprintf("{\"resource\": %s, \"state\": \"%s\"}",
						 request_json_string(name), text));
	resources_changed(database);
	PG_RETURN_VOID();
}

/*
 * weir.grant_resource(): lets a role use a resource, or all that a template
 * stands for.
 */
Datum
weir_grant_resource(PG_FUNCTION_ARGS)
{
	char	   *name = argument_required_text(fcinfo, 0, "resource");
	WeirDatabase *database = database_require_ready();
	char	   *role = argument_grantee(fcinfo, 1);
	SqlSession	session;
	SqlParams	params = {0};

	(void) require_resource(name);
	sql_add_text(&params, name);
	sql_add_text(&params, role);
	sql_begin(&session);
	sql_execute("INSERT INTO weir.resource_grant (resource, role_name, role)"
				" VALUES ($1, $2, " IDENTITY_OID ")"
				" ON CONFLICT (resource, role_name) DO UPDATE SET"
				" role = excluded.role, granted_at = excluded.granted_at",
				&params);
	sql_end(&session);
	write_event("grant_resource", name, role);
	resources_changed(database);
	PG_RETURN_VOID();
}

/*
 * weir.revoke_resource(): takes back what was granted.  A role that is gone
 * can be named, too.
 */
Datum
weir_revoke_resource(PG_FUNCTION_ARGS)
{
	char	   *name = argument_required_text(fcinfo, 0, "resource");
	WeirDatabase *database = database_require_ready();
	char	   *role = argument_required_text(fcinfo, 1, "role_name");
	SqlSession	session;
	SqlParams	params = {0};

	(void) require_resource(name);
	sql_add_text(&params, name);
	sql_add_text(&params, role);
	sql_begin(&session);
	sql_execute("DELETE FROM weir.resource_grant"
				" WHERE resource = $1 AND " IDENTITY_IS_GRANTEE, &params);
	sql_end(&session);
	write_event("revoke_resource", name, role);
	resources_changed(database);
	PG_RETURN_VOID();
}
