/*-------------------------------------------------------------------------
 *
 * job.c
 *	  The way between the functions on jobs, which are written in SQL, and
 *	  those who call them.
 *
 * What a job is and when an interval is due are rules that an administrator
 * reads, so they are SQL: private functions, which write private tables and
 * are executed as the extension's owner.  A SECURITY DEFINER function does
 * not know who called it, and a job's tasks must be enqueued by its owner.
 * Hence two small pieces of C: the public functions are all one function,
 * which calls the private one of the same name with the caller in front; and
 * a private function does something as the job's owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "api/job.h"
#include "api/shed.h"
#include "ledger/sql.h"
#include "run/command.h"
#include "shmem/database.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_job_call);
PG_FUNCTION_INFO_V1(weir_job_as);
PG_FUNCTION_INFO_V1(weir_job_wake);
PG_FUNCTION_INFO_V1(weir_job_ramp);
PG_FUNCTION_INFO_V1(weir_job_announce);
PG_FUNCTION_INFO_V1(weir_job_parameters);

/*
 * The call of the private function: its text, and the caller and the
 * arguments as parameters.
 */
static char *
job_call_text(FunctionCallInfo fcinfo, const char *name, Oid *types,
			  Datum *values, char *nulls)
{
	StringInfoData text;
	Oid		   *argtypes;
	int			nargs;

	(void) get_func_signature(fcinfo->flinfo->fn_oid, &argtypes, &nargs);
	Assert(nargs == PG_NARGS());
	initStringInfo(&text);
	appendStringInfo(&text, "SELECT * FROM weir._%s($1", name);
	types[0] = OIDOID;
	values[0] = ObjectIdGetDatum(GetUserId());
	nulls[0] = ' ';
	for (int i = 0; i < nargs; i++)
	{
		appendStringInfo(&text, ", $%d", i + 2);
		types[i + 1] = argtypes[i];
		values[i + 1] = PG_GETARG_DATUM(i);
		nulls[i + 1] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	appendStringInfoChar(&text, ')');
	return text.data;
}

/*
 * Refuses to do anything about jobs for who must not defer code.
 */
void
job_refuse_restricted(void)
{
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot use jobs within a security-restricted operation"),
				 errdetail("Their tasks would run outside of the restriction.")));
}

/*
 * Every public function on jobs: calls the private function of its name as
 * the extension's owner, with the caller as first argument.
 */
Datum
weir_job_call(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		retset = fcinfo->flinfo->fn_retset;
	char	   *name = get_func_name(fcinfo->flinfo->fn_oid);
	Oid			types[FUNC_MAX_ARGS + 1];
	Datum		values[FUNC_MAX_ARGS + 1];
	char		nulls[FUNC_MAX_ARGS + 1];
	char	   *text = job_call_text(fcinfo, name, types, values, nulls);
	SqlSession	session;
	Datum		result = (Datum) 0;
	bool		reads = func_volatile(fcinfo->flinfo->fn_oid) != PROVOLATILE_VOLATILE;

	if (!reads)
		job_refuse_restricted();
	if (retset)
		InitMaterializedSRF(fcinfo, 0);
	sql_begin(&session);
	if (SPI_execute_with_args(text, PG_NARGS() + 1, types, values, nulls,
							  reads, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not call weir._%s()", name);
	if (retset)
	{
		for (uint64 i = 0; i < SPI_processed; i++)
			tuplestore_puttuple(set->setResult, SPI_tuptable->vals[i]);
	}
	else
	{
		Oid			type = get_func_rettype(fcinfo->flinfo->fn_oid);
		int16		length;
		bool		by_value;

		get_typlenbyval(type, &length, &by_value);
		result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
							   &fcinfo->isnull);
		if (!fcinfo->isnull)
			result = SPI_datumTransfer(result, by_value, length);
	}
	sql_end(&session);
	return result;
}

/*
 * weir._as(role, search_path, timezone, command, args, sheds): executes one of
 * our own statements as a role, in its circumstances; the first column of its
 * first row as text.  What it enqueues has others shed, or not.  Nobody but the
 * extension's owner may call it.
 */
Datum
weir_job_as(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	char	   *search_path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *timezone = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char	   *command = text_to_cstring(PG_GETARG_TEXT_PP(3));
	Oid			types[FUNC_MAX_ARGS];
	char		nulls[FUNC_MAX_ARGS];
	Datum	   *values;
	bool	   *isnull;
	int			n;
	Oid			user;
	int			sec_context;
	int			guc_level = NewGUCNestLevel();
	char	   *result = NULL;
	bool		shed_before;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(4), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, &isnull, &n);
	if (n > FUNC_MAX_ARGS)
		elog(ERROR, "too many arguments");
	for (int i = 0; i < n; i++)
	{
		types[i] = TEXTOID;
		nulls[i] = isnull[i] ? 'n' : ' ';
	}
	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(role, (sec_context & ~SECURITY_NOFORCE_RLS) |
						   SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", search_path, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("TimeZone", timezone, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	shed_before = shed_allow(PG_GETARG_BOOL(5));
	PG_TRY();
	{
		if (SPI_execute_with_args(command, n, types, values, nulls, false, 0) < 0)
			elog(ERROR, "could not execute statement as a role");
	}
	PG_FINALLY();
	{
		(void) shed_allow(shed_before);
	}
	PG_END_TRY();
	if (SPI_tuptable != NULL && SPI_processed > 0)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 1);

		if (value != NULL)
		{
			result = SPI_palloc(strlen(value) + 1);
			strcpy(result, value);
		}
	}
	SPI_finish();
	AtEOXact_GUC(true, guc_level);
	SetUserIdAndSecContext(user, sec_context);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/*
 * weir._wake_feeder(): has the scheduler look after the backfills when this
 * transaction has committed.
 */
Datum
weir_job_wake(PG_FUNCTION_ARGS)
{
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_FEED;
	xact_submit(database_require_ready(), &message);
	PG_RETURN_VOID();
}

/*
 * weir._begin_ramp(queue_id): has the tasks of a queue come in a ramp, from
 * when this transaction has committed, if the queue is one that has ramps.
 */
Datum
weir_job_ramp(PG_FUNCTION_ARGS)
{
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_RAMP;
	message.queue = PG_GETARG_INT32(0);
	xact_submit(database_require_ready(), &message);
	PG_RETURN_VOID();
}

/*
 * weir._announce(job_id, first, last): has the scheduler notify of these events
 * of a job when this transaction has committed.
 */
Datum
weir_job_announce(PG_FUNCTION_ARGS)
{
	SubmitMessage message;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_NOTIFY;
	message.queue = PG_GETARG_INT32(0);
	message.first_id = PG_GETARG_INT64(1);
	message.last_id = PG_GETARG_INT64(2);
	xact_submit(database_require_ready(), &message);
	PG_RETURN_VOID();
}

/*
 * weir._parameters(command): how many parameters it has, if it can be parsed.
 */
Datum
weir_job_parameters(PG_FUNCTION_ARGS)
{
	char	   *command = text_to_cstring(PG_GETARG_TEXT_PP(0));

	(void) command_parse(command);
	PG_RETURN_INT32(command_count_params(command));
}
