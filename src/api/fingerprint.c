/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *	  The queries that tell whether the input of an interval has changed.
 *
 * The query of a job belongs to whoever owns the job, so it is executed by
 * that role and nobody else: in a task of it, or in its own session, and
 * never while we act as the extension's owner.  Hence three steps: the
 * intervals are read from the ledger, the query is executed as the current
 * user, and what came out is written to the ledger.  What is kept is a
 * digest, no data.
 *
 * A task notes the fingerprint before its command begins.  What others commit
 * in between is then taken for a change, although the command may have read
 * it; the other way round a change would be overlooked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "api/arguments.h"
#include "api/digest.h"
#include "api/job.h"
#include "ledger/sql.h"
#include "run/attempt.h"
#include "run/command.h"

PG_FUNCTION_INFO_V1(weir_fingerprint_check);
PG_FUNCTION_INFO_V1(weir_note_inputs);
PG_FUNCTION_INFO_V1(weir_compare_inputs);

/* Intervals of a job, and what its query gives for them */
typedef struct Inputs
{
	int			n;
	int32		job_id;
	char	   *query;
	char	   *search_path;
	char	   *timezone;
	Datum	   *starts;
	Datum	   *ends;
	Datum	   *versions;
	Datum	   *values;			/* texts */
} Inputs;

/*
 * Puts the circumstances of the job in force, in which its query is executed,
 * and refuses writing; until AtEOXact_GUC().
 */
static int
fingerprint_enter(const char *search_path, const char *timezone)
{
	int			guc_level = NewGUCNestLevel();

	(void) set_config_option("search_path", search_path, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("TimeZone", timezone, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("transaction_read_only", "on", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return guc_level;
}

/*
 * Analyzes a query, as the current user.
 */
static SPIPlanPtr
fingerprint_prepare(const char *query)
{
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	SPIPlanPtr	plan = SPI_prepare(query, lengthof(types), types);

	if (plan == NULL)
		elog(ERROR, "could not prepare a fingerprint query: %s",
			 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Refuses a query that does something else than reading, or whose answer is
 * another one each time.  As it is rewritten, so within views, too.
 */
static void
fingerprint_refuse(SPIPlanPtr plan)
{
	List	   *sources = SPI_plan_get_plan_sources(plan);
	Query	   *query = NULL;

	if (list_length(sources) == 1)
	{
		CachedPlanSource *source = linitial(sources);

		if (list_length(source->query_list) == 1)
			query = linitial_node(Query, source->query_list);
	}
	if (query == NULL || query->commandType != CMD_SELECT ||
		query->hasModifyingCTE || query->hasForUpdate)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fingerprint must be one query that only reads")));
	if (contain_volatile_functions((Node *) query))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fingerprint must not call volatile functions"),
				 errdetail("Its answer would be another one each time.")));
}

/*
 * weir._check_fingerprint(role, search_path, timezone, query): refuses what
 * cannot be the query of a job of that role.  It is analyzed as that role, and
 * not executed.
 */
Datum
weir_fingerprint_check(PG_FUNCTION_ARGS)
{
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(3));
	Oid			user;
	int			sec_context;
	int			guc_level;

	if (strlen(query) > COMMAND_MAX_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("fingerprint is too long"),
				 errdetail("It has %zu bytes, and at most %d are allowed.",
						   strlen(query), COMMAND_MAX_LENGTH)));
	if (command_count_params(query) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fingerprint has too many parameters"),
				 errdetail("It uses $%d.", command_count_params(query)),
				 errhint("$1 is the start of the interval, $2 its end.")));
	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(PG_GETARG_OID(0),
						   (sec_context & ~SECURITY_NOFORCE_RLS) |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	guc_level = fingerprint_enter(text_to_cstring(PG_GETARG_TEXT_PP(1)),
								  text_to_cstring(PG_GETARG_TEXT_PP(2)));
	SPI_connect();
	fingerprint_refuse(fingerprint_prepare(query));
	SPI_finish();
	AtEOXact_GUC(true, guc_level);
	SetUserIdAndSecContext(user, sec_context);
	PG_RETURN_VOID();
}

/*
 * Takes the intervals that the last statement of the ledger has returned: the
 * job, its query, search path and time zone, start, end and version.
 */
static Inputs *
inputs_take(MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	Inputs	   *inputs = palloc0(sizeof(Inputs));

	inputs->n = (int) SPI_processed;
	if (inputs->n > 0)
	{
		inputs->job_id = sql_int4(0, 1);
		inputs->query = pstrdup(sql_text(0, 2));
		inputs->search_path = pstrdup(sql_text(0, 3));
		inputs->timezone = pstrdup(sql_text(0, 4));
		inputs->starts = palloc(inputs->n * sizeof(Datum));
		inputs->ends = palloc(inputs->n * sizeof(Datum));
		inputs->versions = palloc(inputs->n * sizeof(Datum));
		inputs->values = palloc(inputs->n * sizeof(Datum));
	}
	for (int i = 0; i < inputs->n; i++)
	{
		inputs->starts[i] = Int64GetDatum(sql_int8(i, 5));
		inputs->ends[i] = Int64GetDatum(sql_int8(i, 6));
		inputs->versions[i] = Int32GetDatum(sql_int4(i, 7));
	}
	MemoryContextSwitchTo(caller);
	return inputs;
}

/*
 * Executes the query for one interval: the digest of its rows.
 */
static char *
inputs_execute(SPIPlanPtr plan, Datum start, Datum end)
{
	Datum		arguments[] = {start, end};
	char	   *value;

	if (SPI_execute_plan(plan, arguments, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute a fingerprint query");
	value = digest_of_rows(SPI_tuptable->vals, SPI_processed,
						   SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
	return value;
}

/*
 * Executes the query for all intervals, as the current user.
 */
static void
inputs_evaluate(Inputs *inputs)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext interval = AllocSetContextCreate(caller, "pg_weir fingerprint",
												   ALLOCSET_SMALL_SIZES);
	int			guc_level = fingerprint_enter(inputs->search_path,
											  inputs->timezone);
	SPIPlanPtr	plan;

	SPI_connect();
	plan = fingerprint_prepare(inputs->query);
	for (int i = 0; i < inputs->n; i++)
	{
		char	   *value;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(interval);
		value = inputs_execute(plan, inputs->starts[i], inputs->ends[i]);
		MemoryContextSwitchTo(caller);
		inputs->values[i] = CStringGetTextDatum(value);
		MemoryContextReset(interval);
	}
	SPI_finish();
	AtEOXact_GUC(true, guc_level);
	MemoryContextDelete(interval);
}

static void
inputs_add_array(SqlParams *params, Oid array_type, Oid type, Datum *values,
				 int n)
{
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	sql_add(params, array_type,
			PointerGetDatum(construct_array(values, n, type, length, by_value,
											alignment)), false);
}

/*
 * The parameters of a statement that writes the intervals: the job, its query,
 * starts, versions and fingerprints.
 */
static void
inputs_add(SqlParams *params, const Inputs *inputs)
{
	sql_add_int4(params, inputs->job_id);
	sql_add_text(params, inputs->query);
	inputs_add_array(params, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
					 inputs->starts, inputs->n);
	inputs_add_array(params, INT4ARRAYOID, INT4OID, inputs->versions, inputs->n);
	inputs_add_array(params, TEXTARRAYOID, TEXTOID, inputs->values, inputs->n);
}

/*
 * weir.note_inputs(): notes the fingerprints of the intervals that the task
 * produces, if its job has a query for them.
 */
Datum
weir_note_inputs(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	SqlSession	session;
	SqlParams	params = {0};
	Inputs	   *inputs;

	require_task("weir.note_inputs()");
	sql_add_int8(&params, CurrentAttempt->assignment->task_id);
	sql_begin(&session);
	(void) sql_execute("SELECT * FROM weir._inputs_of_task($1)", &params);
	inputs = inputs_take(context);
	sql_end(&session);
	if (inputs->n > 0)
	{
		inputs_evaluate(inputs);
		params.n = 0;
		inputs_add(&params, inputs);
		sql_add_int4(&params, CurrentAttempt->assignment->attempt);
		sql_begin(&session);
		(void) sql_execute("SELECT weir._keep_fingerprints($1, $2, $3, $4, $5, $6)",
						   &params);
		sql_end(&session);
	}
	PG_RETURN_INT32(inputs->n);
}

/*
 * weir.compare_inputs(job, from_time, to_time, reprocess): the intervals whose
 * input has another fingerprint than when they were done, which are corrected.
 */
Datum
weir_compare_inputs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = CurrentMemoryContext;
	Oid			caller = GetUserId();
	SqlSession	session;
	SqlParams	params = {0};
	Inputs	   *inputs;

	job_refuse_restricted();
	InitMaterializedSRF(fcinfo, 0);
	sql_add(&params, OIDOID, ObjectIdGetDatum(caller), false);
	sql_add_text(&params, argument_text(fcinfo, 0));
	sql_add(&params, TIMESTAMPTZOID, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	sql_add(&params, TIMESTAMPTZOID, PG_GETARG_DATUM(2), PG_ARGISNULL(2));
	sql_begin(&session);
	(void) sql_execute("SELECT * FROM weir._inputs_to_compare($1, $2, $3, $4)",
					   &params);
	inputs = inputs_take(context);
	sql_end(&session);
	if (inputs->n == 0)
		return (Datum) 0;
	inputs_evaluate(inputs);
	params.n = 0;
	inputs_add(&params, inputs);
	sql_add(&params, OIDOID, ObjectIdGetDatum(caller), false);
	sql_add_bool(&params, PG_ARGISNULL(3) || PG_GETARG_BOOL(3));
	sql_begin(&session);
	(void) sql_execute("SELECT * FROM weir._correct_inputs($1, $2, $3, $4, $5, $6, $7)",
					   &params);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(set->setResult, SPI_tuptable->vals[i]);
	sql_end(&session);
	return (Datum) 0;
}
