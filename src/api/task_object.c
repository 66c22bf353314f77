/*-------------------------------------------------------------------------
 *
 * task_object.c
 *	  A task as a JSON object: the arguments of weir.enqueue() by name.
 *
 * Names and types of the arguments are those of the function in the catalog,
 * so what it takes can be said here, too; a value becomes an argument as those
 * of commands do.  Besides there is "key", by which other tasks of the same
 * call name this one in "after".
 *
 * What an object does not say is null, which stands for the default.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

#include "api/enqueue.h"
#include "api/parents.h"
#include "api/task_object.h"
#include "ledger/sql.h"
#include "run/params.h"

#define NARGS	(ARG_VALIDATE + 1)

struct TaskReader
{
	char	   *names[NARGS];	/* of the arguments of weir.enqueue() */
	Oid			types[NARGS];
};

/*
 * Reads names and types of the arguments.
 */
static void
reader_describe(TaskReader *reader, HeapTuple proc)
{
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n = get_func_arg_info(proc, &types, &names, &modes);

	if (n != NARGS)
		elog(ERROR, "weir.enqueue() has %d arguments", n);
	memcpy(reader->names, names, sizeof(reader->names));
	memcpy(reader->types, types, sizeof(reader->types));
}

/*
 * Prepares to read objects; all is in the current memory.
 */
TaskReader *
task_reader_create(void)
{
	TaskReader *reader = palloc0(sizeof(TaskReader));
	Oid			namespace = ledger_namespace();
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP,
										   CStringGetDatum("enqueue"));

	for (int i = 0; i < list->n_members; i++)
	{
		HeapTuple	proc = &list->members[i]->tuple;

		if (((Form_pg_proc) GETSTRUCT(proc))->pronamespace == namespace)
			reader_describe(reader, proc);
	}
	ReleaseSysCacheList(list);
	if (reader->names[0] == NULL)
		elog(ERROR, "weir.enqueue() does not exist");
	return reader;
}

/*
 * The argument of that name, or -1.
 */
static int
reader_find(const TaskReader *reader, const char *name)
{
	for (int i = 0; i < NARGS; i++)
	{
		if (strcmp(reader->names[i], name) == 0)
			return i;
	}
	return -1;
}

static void
refuse_name(const TaskReader *reader, const TaskObject *object,
			const char *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < NARGS; i++)
		appendStringInfo(&known, "%s, ", reader->names[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" does not exist", name),
			 errdetail("%s has it.", object->name),
			 errhint("Parameters are %sand key.", known.data)));
}

/*
 * The key of an object, or one that "after" names.
 */
static char *
read_key(const TaskObject *object, const JsonbValue *value)
{
	if (value->type != jbvString || value->val.string.len == 0 ||
		value->val.string.len > TASK_KEY_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a key must be a string of 1 to %d bytes",
						TASK_KEY_LENGTH),
				 errdetail("%s has, or names, something else.",
						   object->name)));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/*
 * Reads "after": keys of tasks of the same call, and ids of others.  Returns
 * the ids as an argument.
 */
static NullableDatum
read_after(TaskObject *object, const JsonbValue *value)
{
	NullableDatum ids = {0};
	JsonbContainer *array;
	Datum	   *values;
	bool		isnull;
	int			n = 0;

	if (value->type != jbvBinary ||
		!JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerIsScalar(value->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" must be an array", "after"),
				 errdetail("%s has something else.", object->name),
				 errhint("Name tasks of the same call by their keys, as strings, and others by their ids, as numbers.")));
	array = value->val.binary.data;
	if (JsonContainerSize(array) > MAX_PARENTS)
		parents_refuse_many();
	object->keys = palloc(Max(JsonContainerSize(array), 1) * sizeof(char *));
	values = palloc(Max(JsonContainerSize(array), 1) * sizeof(Datum));
	for (int i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);

		if (element->type == jbvNumeric)
			values[n++] = params_value(element, INT8OID, &isnull);
		else
			object->keys[object->nkeys++] = read_key(object, element);
	}
	ids.isnull = n == 0;
	ids.value = PointerGetDatum(construct_array(values, n, INT8OID,
												sizeof(int64), FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	return ids;
}

/*
 * Reads the members of an object into the arguments of weir.enqueue().
 */
static void
read_members(const TaskReader *reader, JsonbValue *value, TaskObject *object,
			 FunctionCallInfo call)
{
	JsonbIterator *iterator = JsonbIteratorInit(value->val.binary.data);
	JsonbIteratorToken token;
	JsonbValue	member;

	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		char	   *name;
		int			arg;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(member.val.string.val, member.val.string.len);
		(void) JsonbIteratorNext(&iterator, &member, true);
		arg = reader_find(reader, name);
		if (arg < 0 && strcmp(name, "key") != 0)
			refuse_name(reader, object, name);
		if (member.type == jbvNull)
			continue;
		if (arg < 0)
			object->key = read_key(object, &member);
		else if (arg == ARG_AFTER)
			call->args[arg] = read_after(object, &member);
		else
			call->args[arg].value = params_value(&member, reader->types[arg],
												 &call->args[arg].isnull);
	}
}

static void
object_error_context(void *arg)
{
	errcontext("%s of the call", ((TaskObject *) arg)->name);
}

/*
 * Reads and checks a task, as weir.enqueue() does.  Its parents among the
 * tasks of the same call are only known by their keys.
 */
void
task_object_read(const TaskReader *reader, JsonbValue *value, TaskObject *object)
{
	ErrorContextCallback context;

	LOCAL_FCINFO(call, NARGS);

	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a task must be a JSON object"),
				 errdetail("%s is something else.", object->name),
				 errhint("It has the parameters of weir.enqueue(), as in '{\"key\": \"load\", \"command\": \"SELECT 1\"}'.")));
	InitFunctionCallInfoData(*call, NULL, NARGS, InvalidOid, NULL, NULL);
	for (int i = 0; i < NARGS; i++)
		call->args[i].isnull = true;
	context.callback = object_error_context;
	context.arg = object;
	context.previous = error_context_stack;
	error_context_stack = &context;
	read_members(reader, value, object, call);
	/* what it names may be made by a task that goes before it */
	if (object->waits || object->nkeys > 0)
	{
		call->args[ARG_VALIDATE].isnull = false;
		call->args[ARG_VALIDATE].value = BoolGetDatum(false);
	}
	request_read(call, &object->request, false);
	error_context_stack = context.previous;
}
