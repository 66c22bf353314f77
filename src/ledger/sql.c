/*-------------------------------------------------------------------------
 *
 * sql.c
 *	  Running the ledger's own SQL, as the extension's owner.
 *
 * Configuration and rebuild are read and written by SQL, through this one
 * envelope: the user is switched to the owner of the extension, the search
 * path is pinned, values are always bound.  An error in between needs no
 * cleaning up, the abort of the (sub)transaction resets all three.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "ledger/sql.h"

/*
 * The extension's oid in this database, or InvalidOid.
 */
Oid
extension_oid(void)
{
	return get_extension_oid("pg_weir", true);
}

/*
 * Fetches a copy of the extension's catalog row; NULL if there is none.
 */
static HeapTuple
extension_tuple(TupleDesc *descriptor)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("pg_weir"));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	*descriptor = CreateTupleDescCopy(RelationGetDescr(relation));
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return tuple;
}

/*
 * The role that the ledger belongs to.
 */
Oid
extension_owner(void)
{
	TupleDesc	descriptor;
	HeapTuple	tuple = extension_tuple(&descriptor);

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" does not exist in this database",
						"pg_weir")));
	return ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
}

/*
 * The version of the SQL objects, to be compared with the library's.
 */
char *
extension_version(void)
{
	TupleDesc	descriptor;
	HeapTuple	tuple = extension_tuple(&descriptor);
	Datum		version;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	version = heap_getattr(tuple, Anum_pg_extension_extversion, descriptor,
						   &isnull);
	return isnull ? NULL : TextDatumGetCString(version);
}

Oid
ledger_namespace(void)
{
	return get_namespace_oid("weir", false);
}

/*
 * Becomes the ledger's owner, with a pinned search path.
 */
void
sql_begin(SqlSession *session)
{
	Oid			owner = extension_owner();

	GetUserIdAndSecContext(&session->user, &session->sec_context);
	SetUserIdAndSecContext(owner,
						   session->sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
	session->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	session->snapshot = !ActiveSnapshotSet();
	if (session->snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
}

/*
 * Becomes who one was.  Results of statements are gone after that.
 */
void
sql_end(SqlSession *session)
{
	SPI_finish();
	if (session->snapshot)
		PopActiveSnapshot();
	AtEOXact_GUC(true, session->guc_level);
	SetUserIdAndSecContext(session->user, session->sec_context);
}

/*
 * Executes one statement and says how many rows it affected or returned.
 */
uint64
sql_execute(const char *command, const SqlParams *params)
{
	int			result;

	if (params == NULL)
		result = SPI_execute(command, false, 0);
	else
		result = SPI_execute_with_args(command, params->n,
									   (Oid *) params->types,
									   (Datum *) params->values,
									   params->nulls, false, 0);
	if (result < 0)
		elog(ERROR, "statement of the ledger failed: %s",
			 SPI_result_code_string(result));
	return SPI_processed;
}

/* Hands the rows of a query to a function */
typedef struct SqlReceiver
{
	DestReceiver receiver;
	SqlVisit	visit;
	void	   *arg;
} SqlReceiver;

static bool
receiver_slot(TupleTableSlot *slot, DestReceiver *self)
{
	SqlReceiver *receiver = (SqlReceiver *) self;

	slot_getallattrs(slot);
	receiver->visit(slot->tts_values, slot->tts_isnull, receiver->arg);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc descriptor)
{
}

static void
receiver_nothing(DestReceiver *self)
{
}

/*
 * Executes a query of many rows, which are visited one by one and not kept.
 */
void
sql_visit(const char *query, const SqlParams *params, SqlVisit visit,
		  void *arg)
{
	SqlReceiver receiver = {0};
	SPIExecuteOptions options = {0};
	int			result;

	receiver.receiver.receiveSlot = receiver_slot;
	receiver.receiver.rStartup = receiver_startup;
	receiver.receiver.rShutdown = receiver_nothing;
	receiver.receiver.rDestroy = receiver_nothing;
	/* the nearest thing: rows are taken by who knows what to do with them */
	receiver.receiver.mydest = DestTuplestore;
	receiver.visit = visit;
	receiver.arg = arg;
	options.dest = &receiver.receiver;
	options.params = makeParamList(params->n);
	for (int i = 0; i < params->n; i++)
	{
		ParamExternData *param = &options.params->params[i];

		param->value = params->values[i];
		param->isnull = params->nulls[i] == 'n';
		param->pflags = PARAM_FLAG_CONST;
		param->ptype = params->types[i];
	}
	result = SPI_execute_extended(query, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "query of the ledger failed: %s",
			 SPI_result_code_string(result));
}

/*
 * Executes a query on what is committed now, even where the transaction goes
 * on seeing what was: configuration holds for all alike.
 */
uint64
sql_read_latest(const char *query)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
	int			result = SPI_execute_snapshot(plan, NULL, NULL,
											  GetLatestSnapshot(),
											  InvalidSnapshot, true, false, 0);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "query of the ledger failed: %s",
			 SPI_result_code_string(result));
	return SPI_processed;
}

void
sql_add(SqlParams *params, Oid type, Datum value, bool isnull)
{
	Assert(params->n < SQL_MAX_PARAMS);
	params->types[params->n] = type;
	params->values[params->n] = value;
	params->nulls[params->n] = isnull ? 'n' : ' ';
	params->n++;
}

/* Adds a text; NULL stands for the SQL null */
void
sql_add_text(SqlParams *params, const char *value)
{
	sql_add(params, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0,
			value == NULL);
}

void
sql_add_int4(SqlParams *params, int32 value)
{
	sql_add(params, INT4OID, Int32GetDatum(value), false);
}

void
sql_add_int8(SqlParams *params, int64 value)
{
	sql_add(params, INT8OID, Int64GetDatum(value), false);
}

void
sql_add_bool(SqlParams *params, bool value)
{
	sql_add(params, BOOLOID, BoolGetDatum(value), false);
}

/*
 * A column of the last result as text, in the SPI memory; NULL if null.
 * Columns count from 1.
 */
char *
sql_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						column);
}

/*
 * A jsonb column, copied into the current memory; NULL if null.
 */
Jsonb *
sql_jsonb(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

bool
sql_isnull(uint64 row, int column)
{
	bool		isnull;

	(void) SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 column, &isnull);
	return isnull;
}

/* A bigint (or timestamp) column; zero if null */
int64
sql_int8(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* An integer column; zero if null */
int32
sql_int4(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}
