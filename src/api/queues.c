/*-------------------------------------------------------------------------
 *
 * queues.c
 *	  Configuring queues: create, alter, drop, grant.
 *
 * All of them are transactional, leave an event, and act at commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "api/arguments.h"
#include "api/feeds.h"
#include "api/policy_parameters.h"
#include "api/request.h"
#include "ledger/event_row.h"
#include "ledger/identity.h"
#include "ledger/sql.h"
#include "ledger/task_row.h"
#include "run/session.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/settings.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_create_queue);
PG_FUNCTION_INFO_V1(weir_alter_queue);
PG_FUNCTION_INFO_V1(weir_drop_queue);
PG_FUNCTION_INFO_V1(weir_grant_queue);
PG_FUNCTION_INFO_V1(weir_revoke_queue);

/* The arguments that create_queue and alter_queue share */
enum
{
	ARG_NAME,
	ARG_CLASS,
	ARG_CAPACITY,
	ARG_ON_FULL,
	ARG_MAX_RUNNING,
	ARG_WEIGHT,
	ARG_BATCH,
	ARG_DURABILITY,
	ARG_SETTINGS,
	ARG_POLICY,
	ARG_HIGH_WATERMARK,
	ARG_LOW_WATERMARK,
	ARG_RESET
};

/*
 * Tells the other processes, at commit.
 */
static void
queues_changed(WeirDatabase *database)
{
	queue_config_changed();
	xact_config_changed(database);
}

/*
 * Checks a fraction of the capacity: the one mark is not nothing, the other
 * not all of it.
 */
static void
check_watermark(FunctionCallInfo fcinfo, int argument, const char *name,
				bool high)
{
	double		mark;

	if (PG_ARGISNULL(argument))
		return;
	mark = PG_GETARG_FLOAT8(argument);
	if (!(mark >= 0 && mark <= 1) || mark == (high ? 0 : 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a fraction of the capacity, %s",
						name, high ? "above 0 and at most 1" :
						"at least 0 and below 1")));
}

/*
 * Checks what create_queue and alter_queue have in common.
 */
static void
check_queue_arguments(FunctionCallInfo fcinfo)
{
	char	   *class = argument_text(fcinfo, ARG_CLASS);
	char	   *on_full = argument_text(fcinfo, ARG_ON_FULL);
	char	   *durability = argument_text(fcinfo, ARG_DURABILITY);
	PolicyClass klass;

	if (class && (!class_parse(class, &klass) || klass == POLICY_CLASS_SYSTEM))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("class \"%s\" does not exist", class),
				 errhint("Classes are \"daily\", \"adhoc\" and \"backfill\".")));
	if (on_full && strcmp(on_full, "reject") != 0 &&
		strcmp(on_full, "wait") != 0 && strcmp(on_full, "shed") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("overflow rule \"%s\" does not exist", on_full),
				 errhint("Rules are \"reject\", \"wait\" and \"shed\".")));
	if (durability && strcmp(durability, "each") != 0 &&
		strcmp(durability, "grouped") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("durability \"%s\" does not exist", durability),
				 errhint("Durabilities are \"each\" and \"grouped\".")));
	argument_check_range(fcinfo, ARG_CAPACITY, "capacity", 1, weir_max_tasks);
	argument_check_range(fcinfo, ARG_MAX_RUNNING, "max_running", 1, 100000);
	argument_check_range(fcinfo, ARG_BATCH, "batch", 1, WEIR_MAX_BATCH);
	if (!PG_ARGISNULL(ARG_WEIGHT) &&
		!(PG_GETARG_FLOAT8(ARG_WEIGHT) >= 0.001 &&
		  PG_GETARG_FLOAT8(ARG_WEIGHT) <= 1000))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between 0.001 and 1000",
						"weight")));
	check_watermark(fcinfo, ARG_HIGH_WATERMARK, "high_watermark", true);
	check_watermark(fcinfo, ARG_LOW_WATERMARK, "low_watermark", false);
	if (!PG_ARGISNULL(ARG_SETTINGS))
		session_check_settings(PG_GETARG_JSONB_P(ARG_SETTINGS));
	if (!PG_ARGISNULL(ARG_POLICY))
		policy_parameters_check(PG_GETARG_JSONB_P(ARG_POLICY), true);
}

/*
 * The scheduler holds all unfinished tasks in its memory: the sum of the
 * capacities is bounded.  Caller is within sql_begin().
 */
static void
check_total_capacity(void)
{
	int64		total;

	sql_execute("SELECT sum(capacity)::bigint FROM weir.queue", NULL);
	total = sql_int8(0, 1);
	if (total > weir_max_tasks)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("sum of the capacities of all queues would exceed \"%s\"",
						"weir.max_tasks"),
				 errdetail("It would be " INT64_FORMAT ", and the limit is %d.",
						   total, weir_max_tasks),
				 errhint("Lower another queue's capacity, or raise \"%s\" and restart the server.",
						 "weir.max_tasks")));
}

/*
 * Adds the properties of a queue, as $2 to $12.
 */
static void
add_properties(SqlParams *params, FunctionCallInfo fcinfo)
{
	argument_add(params, fcinfo, ARG_CLASS, TEXTOID);
	argument_add(params, fcinfo, ARG_CAPACITY, INT4OID);
	argument_add(params, fcinfo, ARG_ON_FULL, TEXTOID);
	argument_add(params, fcinfo, ARG_MAX_RUNNING, INT4OID);
	argument_add(params, fcinfo, ARG_WEIGHT, FLOAT8OID);
	argument_add(params, fcinfo, ARG_BATCH, INT4OID);
	argument_add(params, fcinfo, ARG_DURABILITY, TEXTOID);
	argument_add(params, fcinfo, ARG_SETTINGS, JSONBOID);
	argument_add(params, fcinfo, ARG_POLICY, JSONBOID);
	argument_add(params, fcinfo, ARG_HIGH_WATERMARK, FLOAT8OID);
	argument_add(params, fcinfo, ARG_LOW_WATERMARK, FLOAT8OID);
}

/*
 * The low mark lies below the high one, and means nothing without it.  Caller
 * is within sql_begin().
 */
static void
check_watermarks(const char *name)
{
	SqlParams	params = {0};

	sql_add_text(&params, name);
	sql_execute("SELECT low_watermark >= coalesce(high_watermark, 0)"
				" FROM weir.queue WHERE name = $1", &params);
	if (!sql_isnull(0, 1) && strcmp(sql_text(0, 1), "t") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be less than \"%s\"",
						"low_watermark", "high_watermark")));
}

/*
 * What was said of the queue, for its event; "last" is what the last parameter
 * says.  Caller is within sql_begin().
 */
static char *
queue_detail(const SqlParams *params, const char *last, MemoryContext context)
{
	char	   *detail;

	sql_execute(psprintf("SELECT nullif(jsonb_strip_nulls(jsonb_build_object("
						 "'class', $2, 'capacity', $3, 'on_full', $4,"
						 " 'max_running', $5, 'weight', $6, 'batch', $7,"
						 " 'durability', $8, 'settings', $9, 'policy', $10,"
						 " 'high_watermark', $11, 'low_watermark', $12,"
						 " '%s', $13)), '{}')",
						 last), params);
	detail = sql_text(0, 1);
	return detail ? MemoryContextStrdup(context, detail) : NULL;
}

/*
 * weir.create_queue(): makes a queue that belongs to the caller.
 */
Datum
weir_create_queue(PG_FUNCTION_ARGS)
{
	char	   *name = argument_required_text(fcinfo, ARG_NAME, "name");
	WeirDatabase *database = database_require_ready();
	char	   *owner = GetUserNameFromId(GetUserId(), false);
	MemoryContext context = CurrentMemoryContext;
	char	   *detail;
	SqlSession	session;
	SqlParams	params = {0};

	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("queue name \"%s\" is too long", name),
				 errdetail("It may have %d bytes at most.", NAMEDATALEN - 1)));
	check_queue_arguments(fcinfo);
	if (queue_config_by_name(name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists", name)));
	if (!PG_ARGISNULL(ARG_POLICY))
		feeds_check(name, PG_GETARG_JSONB_P(ARG_POLICY));
	sql_add_text(&params, name);
	add_properties(&params, fcinfo);
	sql_add_text(&params, owner);
	sql_begin(&session);
	sql_execute("INSERT INTO weir.queue (name, class, capacity, on_full,"
				" max_running, weight, batch, durability, settings, policy,"
				" high_watermark, low_watermark, owner_name, owner) VALUES"
				" ($1, coalesce($2, 'adhoc'), coalesce($3, 10000),"
				" coalesce($4, 'reject'), $5, coalesce($6, 1),"
				" coalesce($7, 1), coalesce($8, 'each'), $9, $10, $11,"
				" $12, $13,"
				" (SELECT oid FROM pg_roles WHERE rolname = $13))",
				&params);
	check_watermarks(name);
	check_total_capacity();
	detail = queue_detail(&params, "owner", context);
	sql_end(&session);
	event_write("create_queue", 0, name, NULL, NULL, detail);
	queues_changed(database);
	PG_RETURN_VOID();
}

/*
 * weir.alter_queue(): null keeps, reset clears.
 */
Datum
weir_alter_queue(PG_FUNCTION_ARGS)
{
	const QueueConfig *queue = argument_queue(fcinfo, ARG_NAME, "name");
	WeirDatabase *database = database_require_ready();
	char	   *name = pstrdup(queue->name);
	MemoryContext context = CurrentMemoryContext;
	char	   *detail;
	SqlSession	session;
	SqlParams	params = {0};

	require_queue_owner(queue);
	check_queue_arguments(fcinfo);
	if (!PG_ARGISNULL(ARG_POLICY))
		feeds_check(name, PG_GETARG_JSONB_P(ARG_POLICY));
	sql_add_text(&params, name);
	add_properties(&params, fcinfo);
	argument_add(&params, fcinfo, ARG_RESET, TEXTARRAYOID);
	sql_begin(&session);
	sql_execute("SELECT r FROM unnest($13) r WHERE r IS NULL OR r NOT IN"
				" ('max_running', 'settings', 'policy', 'high_watermark',"
				" 'low_watermark')", &params);
	if (SPI_processed > 0 && sql_text(0, 1) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not contain nulls", "reset")));
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be reset", sql_text(0, 1)),
				 errhint("What can be reset is max_running, settings, policy, high_watermark and low_watermark.")));
	sql_execute("UPDATE weir.queue SET class = coalesce($2, class),"
				" capacity = coalesce($3, capacity),"
				" on_full = coalesce($4, on_full),"
				" max_running = CASE WHEN 'max_running' = ANY ($13) THEN NULL"
				"  ELSE coalesce($5, max_running) END,"
				" weight = coalesce($6, weight),"
				" batch = coalesce($7, batch),"
				" durability = coalesce($8, durability),"
				" settings = CASE WHEN 'settings' = ANY ($13) THEN NULL"
				"  ELSE coalesce($9, settings) END,"
				" policy = CASE WHEN 'policy' = ANY ($13) THEN NULL"
				"  ELSE coalesce($10, policy) END,"
				" high_watermark = CASE WHEN 'high_watermark' = ANY ($13)"
				"  THEN NULL ELSE coalesce($11, high_watermark) END,"
				" low_watermark = CASE WHEN 'low_watermark' = ANY ($13)"
				"  THEN NULL ELSE coalesce($12, low_watermark) END"
				" WHERE name = $1", &params);
	check_watermarks(name);
	check_total_capacity();
	detail = queue_detail(&params, "reset", context);
	sql_end(&session);
	event_write("alter_queue", 0, name, NULL, NULL, detail);
	queues_changed(database);
	PG_RETURN_VOID();
}

/*
 * weir.drop_queue(): only an empty one.
 */
Datum
weir_drop_queue(PG_FUNCTION_ARGS)
{
	const QueueConfig *queue = argument_queue(fcinfo, 0, "name");
	WeirDatabase *database = database_require_ready();
	char	   *name = pstrdup(queue->name);
	int32		queue_id = queue->queue_id;
	QueueSlot  *slot = depth_slot(database, queue_id);
	SqlSession	session;
	SqlParams	params = {0};

	require_queue_owner(queue);
	if (queue_id <= 100)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("queue \"%s\" cannot be dropped", name),
				 errdetail("It belongs to the extension.")));
	feeds_refuse_drop(name);
	/* first closed, then looked into: a task that comes now sees the one */
	xact_close_queue(slot);
	if (pg_atomic_read_u32(&slot->depth) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("queue \"%s\" is not empty", name),
				 errdetail("It has %u unfinished tasks.",
						   pg_atomic_read_u32(&slot->depth)),
				 errhint("Wait for them with weir.drain(), or cancel them.")));
	sql_add_int4(&params, queue_id);
	sql_begin(&session);
	sql_execute("DELETE FROM weir.queue_grant WHERE queue_id = $1", &params);
	sql_execute("DELETE FROM weir.queue WHERE queue_id = $1", &params);
	sql_end(&session);
	event_write("drop_queue", 0, name, NULL, NULL, NULL);
	queues_changed(database);
	PG_RETURN_VOID();
}

/*
 * weir.grant_queue(): lets a role enqueue.
 */
Datum
weir_grant_queue(PG_FUNCTION_ARGS)
{
	const QueueConfig *queue = argument_queue(fcinfo, 0, "queue");
	WeirDatabase *database = database_require_ready();
	char	   *name = pstrdup(queue->name);
	char	   *role = argument_grantee(fcinfo, 1);
	char	   *class = argument_text(fcinfo, 2);
	PolicyClass klass = queue->klass;
	bool		may_set_deadline = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	int32		min_priority = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4);
	SqlSession	session;
	SqlParams	params = {0};

	require_queue_owner(queue);
	if (class && (!class_parse(class, &klass) || klass == POLICY_CLASS_SYSTEM))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("class \"%s\" does not exist", class),
				 errhint("Classes are \"daily\", \"adhoc\" and \"backfill\".")));
	sql_add_int4(&params, queue->queue_id);
	sql_add_text(&params, role);
	sql_add_text(&params, class_name(klass));
	sql_add_bool(&params, may_set_deadline);
	sql_add_int4(&params, min_priority);
	sql_begin(&session);
	sql_execute("INSERT INTO weir.queue_grant (queue_id, role_name, max_class,"
				" may_set_deadline, min_priority, role)"
				" VALUES ($1, $2, $3, $4, $5, " IDENTITY_OID ")"
				" ON CONFLICT (queue_id, role_name) DO UPDATE SET"
				" role = excluded.role, granted_at = excluded.granted_at,"
				" max_class = excluded.max_class,"
				" may_set_deadline = excluded.may_set_deadline,"
				" min_priority = excluded.min_priority", &params);
	sql_end(&session);
	event_write("grant_queue", 0, name, NULL, NULL,
				psprintf("{\"role\": %s, \"max_class\": \"%s\", \"may_set_deadline\": %s, \"min_priority\": %d}",
						 request_json_string(role), class_name(klass),
						 may_set_deadline ? "true" : "false", min_priority));
	queues_changed(database);
	PG_RETURN_VOID();
}

/*
 * weir.revoke_queue(): takes back what was granted.  A role that is gone can
 * be named, too.
 */
Datum
weir_revoke_queue(PG_FUNCTION_ARGS)
{
	const QueueConfig *queue = argument_queue(fcinfo, 0, "queue");
	WeirDatabase *database = database_require_ready();
	int32		queue_id = queue->queue_id;
	char	   *name = pstrdup(queue->name);
	char	   *role = argument_required_text(fcinfo, 1, "role_name");
	SqlSession	session;
	SqlParams	params = {0};

	require_queue_owner(queue);
	sql_add_int4(&params, queue_id);
	sql_add_text(&params, role);
	sql_begin(&session);
	/* a dump has to tell that what CREATE EXTENSION grants was taken back */
	if (queue_id <= 100 && strcmp(role, "public") == 0)
		sql_execute("UPDATE weir.queue_grant SET max_class = NULL"
					" WHERE queue_id = $1 AND role_name = $2", &params);
	else
		sql_execute("DELETE FROM weir.queue_grant"
					" WHERE queue_id = $1 AND " IDENTITY_IS_GRANTEE, &params);
	sql_end(&session);
	event_write("revoke_queue", 0, name, NULL, NULL,
				psprintf("{\"role\": %s}", request_json_string(role)));
	queues_changed(database);
	PG_RETURN_VOID();
}
