/*-------------------------------------------------------------------------
 *
 * request.c
 *	  Reading and checking the arguments of a submission.
 *
 * Whatever is wrong is said here, to the caller, naming the argument: later
 * there is nobody to tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "api/checked.h"
#include "api/enqueue.h"
#include "api/key.h"
#include "api/parents.h"
#include "api/policy_parameters.h"
#include "api/request.h"
#include "api/resource_use.h"
#include "compat.h"
#include "ledger/event_row.h"
#include "run/command.h"
#include "run/session.h"
#include "shmem/database.h"
#include "shmem/resource.h"

#define MAX_PRIORITY	1000000
#define MAX_SPAN_MS (10000 * (int64) (USECS_PER_DAY / 1000))

static char *
text_arg(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/*
 * A text as a JSON string, quotes included.
 */
char *
request_json_string(const char *value)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	escape_json(&buffer, value);
	return buffer.data;
}

/*
 * Where tasks cannot be submitted at all.
 */
static void
check_place(void)
{
	PreventCommandIfReadOnly("weir.enqueue()");
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot enqueue a task within a security-restricted operation"),
				 errdetail("The task would run outside of the restriction.")));
}

/*
 * Would a worker be able to connect as the caller?
 */
static void
check_login(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		login;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for role %u", role);
	login = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	ReleaseSysCache(tuple);
	if (!login)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("role \"%s\" is not permitted to log in",
						GetUserNameFromId(role, true)),
				 errdetail("Tasks run in a process that connects as the role that enqueued them."),
				 errhint("Give the role the LOGIN attribute, or enqueue as another role.")));
	if (weir_database_aclcheck(MyDatabaseId, role, ACL_CONNECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" has no CONNECT privilege on this database",
						GetUserNameFromId(role, true)),
				 errdetail("Tasks run in a process that connects as the role that enqueued them.")));
}

/*
 * Finds the queue and applies the class asked for.
 */
static void
read_queue(FunctionCallInfo fcinfo, EnqueueRequest *request)
{
	char	   *name = text_arg(fcinfo, ARG_QUEUE);
	char	   *class = text_arg(fcinfo, ARG_CLASS);
	TaskRow    *task = &request->task;

	if (name == NULL)
		name = "adhoc";
	request->queue = queue_config_by_name(name);
	if (request->queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name),
				 errhint("See the view weir.queues, or create it with weir.create_queue().")));
	task->environment.queue_id = request->queue->queue_id;
	task->environment.queue = name;
	task->environment.klass = request->queue->klass;
	if (class != NULL && !class_parse(class, &task->environment.klass))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("class \"%s\" does not exist", class),
				 errhint("Classes are \"daily\", \"adhoc\" and \"backfill\".")));
	if (task->environment.klass == POLICY_CLASS_SYSTEM &&
		request->queue->klass != POLICY_CLASS_SYSTEM)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("class \"%s\" is reserved for the extension itself",
						"system")));
}

/*
 * May the caller have this task in the queue, with its class, deadline and
 * priority?
 */
void
request_check_privilege(const QueueConfig *queue, const TaskRow *task)
{
	Oid			user = GetUserId();
	bool		any = false;
	bool		raise_class = task->environment.klass < queue->klass;
	bool		ok = false;

	if (superuser() ||
		(OidIsValid(queue->owner) && has_privs_of_role(user, queue->owner)))
		return;
	for (int i = 0; i < queue->ngrants && !ok; i++)
	{
		QueueGrant *grant = &queue->grants[i];

		if (OidIsValid(grant->role) && !has_privs_of_role(user, grant->role))
			continue;
		any = true;
		ok = task->environment.klass >= Min(grant->max_class, queue->klass) &&
			(!raise_class || task->environment.klass >= grant->max_class) &&
			(!task->has_deadline || grant->may_set_deadline) &&
			task->priority >= grant->min_priority;
	}
	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for queue \"%s\"", queue->name),
				 errhint("The queue's owner can grant it with weir.grant_queue().")));
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for queue \"%s\"", queue->name),
				 errdetail("The class, the deadline or the priority asked for is more than was granted."),
				 errhint("The queue's owner can grant it with weir.grant_queue().")));
}

/*
 * A finite point in time.
 */
static bool
read_time(FunctionCallInfo fcinfo, int arg, const char *name,
		  TimestampTz *value)
{
	if (PG_ARGISNULL(arg))
		return false;
	*value = PG_GETARG_TIMESTAMPTZ(arg);
	if (TIMESTAMP_NOT_FINITE(*value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be finite", name)));
	return true;
}

/*
 * The longest time that something may take; NULL if there is no limit.
 */
static Interval *
read_limit(FunctionCallInfo fcinfo, int arg, const char *name)
{
	Interval   *limit;

	if (PG_ARGISNULL(arg))
		return NULL;
	limit = PG_GETARG_INTERVAL_P(arg);
	if (session_interval_ms(limit) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a positive interval of at least a millisecond",
						name)));
	return limit;
}

/*
 * A span of time, kept without months and days, which are not the same length
 * everywhere; NULL if there is none.
 */
static Interval *
read_span(FunctionCallInfo fcinfo, int arg, const char *name)
{
	Interval   *span;
	int64		ms;

	if (PG_ARGISNULL(arg))
		return NULL;
	ms = session_interval_ms(PG_GETARG_INTERVAL_P(arg));
	if (ms <= 0 || ms > MAX_SPAN_MS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be an interval of at least a millisecond and at most 10000 days",
						name)));
	span = palloc0(sizeof(Interval));
	span->time = ms * 1000;
	return span;
}

/*
 * How long the task may wait.
 */
static void
read_queue_timeout(FunctionCallInfo fcinfo, TaskRow *task)
{
	task->queue_timeout = read_span(fcinfo, ARG_QUEUE_TIMEOUT,
									"queue_timeout");
	if (task->queue_timeout == NULL)
		return;
	if (!IS_VALID_TIMESTAMP(task_row_expires_at(task)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"%s\" reaches beyond the end of time",
						"queue_timeout")));
}

/*
 * Times, priority and the numbers of attempts.
 */
static void
read_numbers(FunctionCallInfo fcinfo, EnqueueRequest *request)
{
	TaskRow    *task = &request->task;

	task->priority = PG_ARGISNULL(ARG_PRIORITY) ? 0 : PG_GETARG_INT32(ARG_PRIORITY);
	if (task->priority < -MAX_PRIORITY || task->priority > MAX_PRIORITY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between %d and %d",
						"priority", -MAX_PRIORITY, MAX_PRIORITY)));
	task->enqueued_at = GetCurrentTransactionStartTimestamp();
	task->has_run_at = read_time(fcinfo, ARG_RUN_AT, "run_at", &task->run_at);
	task->has_deadline = read_time(fcinfo, ARG_DEADLINE, "deadline",
								   &task->deadline);
	task->timeout = read_limit(fcinfo, ARG_TIMEOUT, "timeout");
	task->lock_timeout = read_limit(fcinfo, ARG_LOCK_TIMEOUT, "lock_timeout");
	read_queue_timeout(fcinfo, task);
	task->environment.max_attempts = task->environment.autocommit ? 1 :
		request->queue->retry.max_attempts;
	if (!PG_ARGISNULL(ARG_MAX_ATTEMPTS))
		task->environment.max_attempts = PG_GETARG_INT32(ARG_MAX_ATTEMPTS);
	if (task->environment.max_attempts < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be at least 1", "max_attempts")));
}

/*
 * The resource of a table, and its qualified name.  A leaf of a partition
 * tree stands for the root.
 */
uint64
request_table_key(Oid relid, char **name)
{
	char	   *relname;
	char		relkind;

	if (get_rel_relispartition(relid))
		relid = llast_oid(get_partition_ancestors(relid));
	relname = get_rel_name(relid);
	if (relname == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	relkind = get_rel_relkind(relid);
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", relname)));
	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a temporary table", relname),
				 errdetail("Other sessions cannot use it.")));
	*name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									   relname);
	return RESOURCE_KEY(RESOURCE_KIND_TABLE, relid);
}

static void
check_write_privilege(Oid relid, const char *name)
{
	AclMode		writes = ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE;

	if (pg_class_aclmask(relid, GetUserId(), writes, ACLMASK_ANY) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errdetail("A task declares the tables that it writes; this takes a privilege to write.")));
}

/*
 * Adds what the task needs; false if it is known already.
 */
static bool
add_need(EnqueueRequest *request, uint64 key)
{
	for (int i = 0; i < request->nneeds; i++)
	{
		if (request->needs[i] == key)
			return false;
	}
	if (request->nneeds == POLICY_MAX_NEEDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a task can declare at most %d tables and resources",
						POLICY_MAX_NEEDS)));
	request->needs[request->nneeds++] = key;
	return true;
}

/*
 * Reads the tables that the task writes.
 */
static void
read_tables(FunctionCallInfo fcinfo, EnqueueRequest *request)
{
	Datum	   *oids;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(ARG_TABLES))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(ARG_TABLES), REGCLASSOID,
					  sizeof(Oid), true, TYPALIGN_INT, &oids, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;
		uint64		key;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls",
							"tables")));
		key = request_table_key(DatumGetObjectId(oids[i]), &name);
		check_write_privilege(RESOURCE_ID(key), name);
		if (add_need(request, key))
			request->task.tables[request->task.ntables++] = name;
	}
}

/*
 * Reads the named resources that the task needs.
 */
static void
read_resources(FunctionCallInfo fcinfo, EnqueueRequest *request)
{
	TaskRow    *task = &request->task;
	Datum	   *names;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(ARG_RESOURCES))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(ARG_RESOURCES), TEXTOID, -1, false,
					  TYPALIGN_INT, &names, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls",
							"resources")));
		name = TextDatumGetCString(names[i]);
		if (add_need(request, resource_use(request->database, name)->key))
			task->resources[task->nresources++] = name;
	}
}

/*
 * Parses and checks the command.
 */
static void
read_command(FunctionCallInfo fcinfo, EnqueueRequest *request, int nargs)
{
	TaskRow    *task = &request->task;
	bool		autocommit = task->environment.autocommit;
	bool		analyze = (PG_ARGISNULL(ARG_VALIDATE) || PG_GETARG_BOOL(ARG_VALIDATE)) &&
	!task->has_run_at && !task->after;
	bool		known;
	List	   *statements = NIL;

	task->command = text_arg(fcinfo, ARG_COMMAND);
	if (task->command == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "command")));
	known = checked_find(task->command, autocommit, analyze, &request->nparams);
	if (!known)
	{
		statements = command_parse(task->command);
		command_refuse(statements, autocommit);
		request->nparams = command_count_params(task->command);
	}
	if (nargs >= 0)
		command_check_args(request->nparams, nargs);
	if (known || (analyze && !command_analyze(statements, task->command)))
		return;
	checked_remember(task->command, autocommit, analyze, request->nparams);
}

/*
 * The task's own policy; the argument "max_attempts" goes before what it says
 * of attempts.
 */
static void
read_policy(FunctionCallInfo fcinfo, TaskRow *task)
{
	RetryPolicy retry = {0};

	if (PG_ARGISNULL(ARG_POLICY))
		return;
	task->policy = PG_GETARG_JSONB_P(ARG_POLICY);
	policy_parameters_check(task->policy, false);
	retry.max_attempts = task->environment.max_attempts;
	retry_policy_parse(task->policy, &retry);
	if (PG_ARGISNULL(ARG_MAX_ATTEMPTS))
		task->environment.max_attempts = retry.max_attempts;
}

/*
 * The key under which no other unfinished task may exist.
 */
static void
read_unique_key(FunctionCallInfo fcinfo, EnqueueRequest *request)
{
	char	   *on_conflict = text_arg(fcinfo, ARG_ON_CONFLICT);

	request->unique_key = text_arg(fcinfo, ARG_UNIQUE_KEY);
	request->task.unique_for = read_span(fcinfo, ARG_UNIQUE_FOR, "unique_for");
	if (request->task.unique_for && request->unique_key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is given without \"%s\"",
						"unique_for", "unique_key")));
	if (on_conflict == NULL || strcmp(on_conflict, "skip") == 0)
		request->on_conflict = CONFLICT_SKIP;
	else if (strcmp(on_conflict, "replace") == 0)
		request->on_conflict = CONFLICT_REPLACE;
	else if (strcmp(on_conflict, "join") == 0)
		request->on_conflict = CONFLICT_JOIN;
	else if (strcmp(on_conflict, "error") == 0)
		request->on_conflict = CONFLICT_ERROR;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be \"skip\", \"replace\", \"join\" or \"error\"",
						"on_conflict")));
}

/*
 * The key whose tasks run one at a time.
 */
static void
read_serial_key(FunctionCallInfo fcinfo, EnqueueRequest *request, bool many,
				const Jsonb *args)
{
	char	   *key = text_arg(fcinfo, ARG_SERIAL_KEY);

	if (many || key == NULL)
		request->serial_key = key;
	else
		request->task.serial_key = key_expand("serial_key", key, args);
}

static void
read_mode(FunctionCallInfo fcinfo, TaskRow *task)
{
	char	   *mode = text_arg(fcinfo, ARG_MODE);

	if (mode == NULL || strcmp(mode, "transaction") == 0)
		task->environment.autocommit = false;
	else if (strcmp(mode, "autocommit") == 0)
		task->environment.autocommit = true;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mode \"%s\" does not exist", mode),
				 errhint("Modes are \"transaction\" and \"autocommit\".")));
}

/*
 * Who asks, and from where.
 */
static void
read_circumstances(TaskRow *task)
{
	Environment *environment = &task->environment;

	task->environment.owner = GetUserId();
	environment->owner_name = GetUserNameFromId(task->environment.owner, false);
	environment->search_path = namespace_search_path;
	environment->timezone = pg_get_timezone_name(session_timezone);
	environment->session_user_name = GetUserNameFromId(GetSessionUserId(), false);
	environment->application_name = application_name;
	environment->client_addr = client_address();
}

/*
 * Reads all arguments.  With "many" the arguments of the command are an array
 * of arrays.
 */
void
request_read(FunctionCallInfo fcinfo, EnqueueRequest *request, bool many)
{
	TaskRow    *task = &request->task;
	Jsonb	   *args = PG_ARGISNULL(ARG_ARGS) ? NULL : PG_GETARG_JSONB_P(ARG_ARGS);
	int			visit;

	memset(request, 0, sizeof(EnqueueRequest));
	request->database = database_require_ready();
	check_place();
	check_login(GetUserId());
	read_mode(fcinfo, task);
	read_queue(fcinfo, request);
	read_numbers(fcinfo, request);
	request_check_privilege(request->queue, task);
	read_tables(fcinfo, request);
	read_resources(fcinfo, request);
	task->settings = PG_ARGISNULL(ARG_SETTINGS) ? NULL : PG_GETARG_JSONB_P(ARG_SETTINGS);
	read_policy(fcinfo, task);
	read_unique_key(fcinfo, request);
	read_serial_key(fcinfo, request, many, args);
	parents_read(fcinfo, task);
	task->reason = text_arg(fcinfo, ARG_REASON);
	read_circumstances(task);
	if (many)
		request->many_args = args;
	else
		task->args = args;
	visit = session_visit(request->queue->settings, task->settings);
	read_command(fcinfo, request, many ? -1 : args_count(args));
	session_unvisit(visit);
}
