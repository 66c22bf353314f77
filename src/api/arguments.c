/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  Reading arguments of the functions that configure and control, and who
 *	  may call them for what.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "api/request.h"
#include "ledger/identity.h"
#include "ledger/task_row.h"
#include "run/attempt.h"

PG_FUNCTION_INFO_V1(weir_may_see);
PG_FUNCTION_INFO_V1(weir_role);

/*
 * A text argument; NULL if it is null.
 */
char *
argument_text(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/*
 * A text argument that is neither null nor empty.
 */
char *
argument_required_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	char	   *value = argument_text(fcinfo, arg);

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	if (value[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", name)));
	return value;
}

/*
 * Refuses a number that is out of range; null is not a number.
 */
void
argument_check_range(FunctionCallInfo fcinfo, int arg, const char *name,
					 int min, int max)
{
	if (!PG_ARGISNULL(arg) &&
		(PG_GETARG_INT32(arg) < min || PG_GETARG_INT32(arg) > max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between %d and %d",
						name, min, max)));
}

/*
 * Passes an argument on to a statement as it is, or as null.
 */
void
argument_add(SqlParams *params, FunctionCallInfo fcinfo, int arg, Oid type)
{
	sql_add(params, type, PG_ARGISNULL(arg) ? (Datum) 0 : PG_GETARG_DATUM(arg),
			PG_ARGISNULL(arg));
}

/*
 * The role that something is granted to, by name; "public" is everybody.
 */
char *
argument_grantee(FunctionCallInfo fcinfo, int arg)
{
	char	   *role = argument_required_text(fcinfo, arg, "role_name");

	if (strcmp(role, "public") != 0)
		(void) get_role_oid(role, false);
	return role;
}

/*
 * The first argument, called "relation": a table.
 */
Oid
argument_table(FunctionCallInfo fcinfo, char **name)
{
	Oid			relid;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "relation")));
	relid = PG_GETARG_OID(0);
	(void) request_table_key(relid, name);
	return relid;
}

/*
 * The queue that the argument called "name" names; it must exist.
 */
const QueueConfig *
argument_queue(FunctionCallInfo fcinfo, int arg, const char *name)
{
	char	   *value = argument_required_text(fcinfo, arg, name);
	const QueueConfig *queue = queue_config_by_name(value);

	if (queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", value),
				 errhint("See the view weir.queues, or create it with weir.create_queue().")));
	return queue;
}

/*
 * Refuses new tasks for a queue that is being drained or dropped.  Called when
 * room has been reserved: whoever drops it looks at the depth after closing
 * it, and opens it again after all have been told that it is gone.
 */
void
require_queue_open(int32 queue_id, const char *name, QueueSlot *slot)
{
	if (pg_atomic_read_u32(&slot->draining) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("queue \"%s\" is being drained or dropped", name),
				 errhint("Try again when that has ended.")));
	AcceptInvalidationMessages();
	if (queue_config_by_id(queue_id) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name)));
}

/*
 * Refuses who may not control the queue: it takes its owner, or a superuser.
 */
void
require_queue_owner(const QueueConfig *queue)
{
	if (superuser() ||
		(OidIsValid(queue->owner) &&
		 has_privs_of_role(GetUserId(), queue->owner)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("must be owner of queue \"%s\"", queue->name)));
}

/*
 * May the caller act on a task that was enqueued by that role then?
 */
bool
may_act_on(Oid owner, const char *owner_name, TimestampTz enqueued_at)
{
	Oid			role;

	if (superuser())
		return true;
	role = identity_role(owner, owner_name, enqueued_at);
	return OidIsValid(role) && has_privs_of_role(GetUserId(), role);
}

/*
 * May the caller see the text, the arguments and the outcome of such a task?
 */
bool
may_see(Oid owner, const char *owner_name, TimestampTz enqueued_at)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_MONITOR) ||
		may_act_on(owner, owner_name, enqueued_at);
}

/*
 * The same for the views.
 */
Datum
weir_may_see(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(may_see(PG_GETARG_OID(0),
						   text_to_cstring(PG_GETARG_TEXT_PP(1)),
						   PG_GETARG_TIMESTAMPTZ(2)));
}

/*
 * Which role is meant by one that was recorded; null if it is gone.
 */
Datum
weir_role(PG_FUNCTION_ARGS)
{
	Oid			role = identity_role(PG_GETARG_OID(0),
									 text_to_cstring(PG_GETARG_TEXT_PP(1)),
									 PG_GETARG_TIMESTAMPTZ(2));

	if (!OidIsValid(role))
		PG_RETURN_NULL();
	PG_RETURN_OID(role);
}

/*
 * Refuses who may not see what became of the task.
 */
void
require_may_see(int64 task_id)
{
	TaskRow    *task = task_row_read(task_id);

	if (task == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("task " INT64_FORMAT " does not exist", task_id),
				 errhint("A task can be waited for after its enqueue has committed.")));
	if (!may_see(task->environment.owner, task->environment.owner_name,
				 task->enqueued_at))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of task " INT64_FORMAT, task_id)));
}

/*
 * Refuses to speak of the task where there is none.
 */
void
require_task(const char *function)
{
	if (CurrentAttempt == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s can only be called inside a task", function)));
}

/*
 * The ids of an array argument, or of a single bigint.
 */
int64 *
argument_task_ids(FunctionCallInfo fcinfo, int arg, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	int64	   *ids;
	bool		one = get_fn_expr_argtype(fcinfo->flinfo, arg) == INT8OID;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null",
						one ? "task_id" : "task_ids")));
	if (one)
	{
		ids = palloc(sizeof(int64));
		ids[0] = PG_GETARG_INT64(arg);
		*n = 1;
		return ids;
	}
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), INT8OID, sizeof(int64),
					  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, n);
	ids = palloc(Max(*n, 1) * sizeof(int64));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls",
							"task_ids")));
		ids[i] = DatumGetInt64(values[i]);
	}
	return ids;
}
