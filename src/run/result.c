/*-------------------------------------------------------------------------
 *
 * result.c
 *	  Catching the rows of a statement as JSON.
 *
 * A destination receiver that turns each row into a JSON object and keeps the
 * text until it exceeds weir.max_result; from then on it only drops rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "run/result.h"
#include "shmem/settings.h"

typedef struct ResultReceiver
{
	DestReceiver pub;
	MemoryContext context;		/* lives as long as the attempt */
	MemoryContext row_context;
	TupleDesc	descriptor;		/* NULL until it was started */
	bool		too_big;
	StringInfoData text;
} ResultReceiver;

static void
result_startup(DestReceiver *self, int operation, TupleDesc descriptor)
{
	ResultReceiver *receiver = (ResultReceiver *) self;

	MemoryContext caller = MemoryContextSwitchTo(receiver->context);

	/* a row without a declared type needs one to be converted */
	receiver->descriptor = BlessTupleDesc(CreateTupleDescCopy(descriptor));
	MemoryContextSwitchTo(caller);
}

static bool
result_receive(TupleTableSlot *slot, DestReceiver *self)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	MemoryContext caller;
	HeapTuple	tuple;
	Datum		row;
	char	   *json;

	if (receiver->too_big)
		return true;
	caller = MemoryContextSwitchTo(receiver->row_context);
	tuple = ExecFetchSlotHeapTuple(slot, false, NULL);
	row = heap_copy_tuple_as_datum(tuple, receiver->descriptor);
	json = TextDatumGetCString(DirectFunctionCall1(row_to_json, row));
	if (receiver->text.len > 1)
		appendStringInfoChar(&receiver->text, ',');
	if (receiver->text.len + strlen(json) > (Size) weir_max_result * 1024)
		receiver->too_big = true;
	else
		appendStringInfoString(&receiver->text, json);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(receiver->row_context);
	return true;
}

static void
result_shutdown(DestReceiver *self)
{
}

static void
result_destroy(DestReceiver *self)
{
	ResultReceiver *receiver = (ResultReceiver *) self;

	MemoryContextDelete(receiver->row_context);
	pfree(receiver->text.data);
	pfree(receiver);
}

/*
 * Makes a receiver that lives in the context.
 */
DestReceiver *
result_receiver_create(MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	ResultReceiver *receiver = palloc0(sizeof(ResultReceiver));

	receiver->pub.receiveSlot = result_receive;
	receiver->pub.rStartup = result_startup;
	receiver->pub.rShutdown = result_shutdown;
	receiver->pub.rDestroy = result_destroy;
	receiver->pub.mydest = DestNone;
	receiver->context = context;
	receiver->row_context = AllocSetContextCreate(context,
												  "pg_weir result row",
												  ALLOCSET_SMALL_SIZES);
	initStringInfo(&receiver->text);
	appendStringInfoChar(&receiver->text, '[');
	MemoryContextSwitchTo(caller);
	return &receiver->pub;
}

/*
 * What was converted last, if it is short.  Most tasks call a function that
 * returns the same each time, or nothing.
 */
static char LastText[128];
static Jsonb *LastJson = NULL;

static Jsonb *
result_convert_again(ResultReceiver *receiver)
{
	Jsonb	   *json;

	if (LastJson == NULL || strcmp(receiver->text.data, LastText) != 0)
		return NULL;
	json = MemoryContextAlloc(receiver->context, VARSIZE(LastJson));
	return memcpy(json, LastJson, VARSIZE(LastJson));
}

static void
result_remember(ResultReceiver *receiver, const Jsonb *json)
{
	if (receiver->text.len >= sizeof(LastText))
		return;
	if (LastJson)
		pfree(LastJson);
	LastJson = NULL;
	LastJson = MemoryContextAlloc(TopMemoryContext, VARSIZE(json));
	memcpy(LastJson, json, VARSIZE(json));
	strcpy(LastText, receiver->text.data);
}

/*
 * Converts the text, in a subtransaction: a column of type json can hold what
 * jsonb does not take, which must not fail the task.
 */
static Jsonb *
result_convert(ResultReceiver *receiver, const char **not_stored)
{
	ResourceOwner owner = CurrentResourceOwner;
	Jsonb	   *volatile json = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(receiver->context);
	PG_TRY();
	{
		json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
												  CStringGetDatum(receiver->text.data)));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(receiver->context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		json = NULL;
		*not_stored = "The result cannot be converted to jsonb and was not stored.";
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	return json;
}

/*
 * The caught rows as a JSON array; NULL if the statement returns no rows, or
 * if they are not stored: then says why.
 */
Jsonb *
result_receiver_json(DestReceiver *self, const char **not_stored)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	MemoryContext caller = CurrentMemoryContext;
	Jsonb	   *json;

	*not_stored = NULL;
	if (receiver->descriptor == NULL)
		return NULL;
	if (receiver->too_big)
	{
		*not_stored = "The result is larger than \"weir.max_result\" and was not stored.";
		return NULL;
	}
	appendStringInfoChar(&receiver->text, ']');
	json = result_convert_again(receiver);
	if (json == NULL)
	{
		json = result_convert(receiver, not_stored);
		if (json)
			result_remember(receiver, json);
	}
	MemoryContextSwitchTo(caller);
	return json;
}
