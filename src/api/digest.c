/*-------------------------------------------------------------------------
 *
 * digest.c
 *	  weir.digest(): a hash of a multiset of rows.
 *
 * Each row is written in a canonical way and hashed with SHA-256; the digest
 * is the number of the rows and the sum of their hashes, taken as numbers
 * modulo 2^256.  So the order of the rows does not matter, partial sums of
 * parallel workers can be added, and rows that are there twice count twice;
 * with XOR they would cancel out.
 *
 * A row is the values of its columns in the binary form of the wire protocol,
 * which no setting for dates, time zones or floats has an influence on.  Texts
 * are sent in the encoding of the client; so the database's own is set
 * meanwhile, should that be another one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "api/digest.h"

PG_FUNCTION_INFO_V1(weir_digest_add);
PG_FUNCTION_INFO_V1(weir_digest_combine);
PG_FUNCTION_INFO_V1(weir_digest_final);

/* What is carried from row to row, as the content of a bytea */
typedef struct DigestState
{
	uint64		rows;
	uint8		sum[PG_SHA256_DIGEST_LENGTH];	/* the lowest byte first */
} DigestState;

/* How the columns of a row type are sent */
typedef struct DigestPlan
{
	Oid			type;
	int32		typmod;
	TupleDesc	descriptor;
	FmgrInfo   *send;			/* by column */
} DigestPlan;

/*
 * The state in an argument; checks that nobody else has made it.
 */
static DigestState *
digest_state(FunctionCallInfo fcinfo, int arg)
{
	bytea	   *value = PG_GETARG_BYTEA_P(arg);

	if (VARSIZE(value) != VARHDRSZ + sizeof(DigestState))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("state of a digest has the wrong size")));
	return (DigestState *) VARDATA(value);
}

/*
 * Looks up how rows of this form are sent, into the current memory.
 */
static DigestPlan *
digest_plan_make(TupleDesc descriptor)
{
	DigestPlan *plan = palloc0(sizeof(DigestPlan));

	plan->type = descriptor->tdtypeid;
	plan->typmod = descriptor->tdtypmod;
	plan->descriptor = CreateTupleDescCopy(descriptor);
	plan->send = palloc0(descriptor->natts * sizeof(FmgrInfo));
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
		Oid			function;
		bool		varlena;

		if (attribute->attisdropped)
			continue;
		getTypeBinaryOutputInfo(attribute->atttypid, &function, &varlena);
		fmgr_info(function, &plan->send[i]);
	}
	return plan;
}

/*
 * How rows of this type are sent, looked up for the first of them.
 */
static DigestPlan *
digest_plan(FunctionCallInfo fcinfo, HeapTupleHeader row)
{
	DigestPlan *plan = fcinfo->flinfo->fn_extra;
	Oid			type = HeapTupleHeaderGetTypeId(row);
	int32		typmod = HeapTupleHeaderGetTypMod(row);
	MemoryContext caller;
	TupleDesc	descriptor;

	if (plan && plan->type == type && plan->typmod == typmod)
		return plan;
	caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	descriptor = lookup_rowtype_tupdesc(type, typmod);
	plan = digest_plan_make(descriptor);
	ReleaseTupleDesc(descriptor);
	fcinfo->flinfo->fn_extra = plan;
	MemoryContextSwitchTo(caller);
	return plan;
}

/*
 * Writes a row: each column with its length, -1 for null.
 */
static void
digest_write(const DigestPlan *plan, HeapTuple row, StringInfo buffer)
{
	TupleDesc	descriptor = plan->descriptor;
	Datum	   *values = palloc(descriptor->natts * sizeof(Datum));
	bool	   *nulls = palloc(descriptor->natts * sizeof(bool));

	heap_deform_tuple(row, descriptor, values, nulls);
	for (int i = 0; i < descriptor->natts; i++)
	{
		bytea	   *sent;

		if (TupleDescAttr(descriptor, i)->attisdropped)
			continue;
		if (nulls[i])
		{
			pq_sendint32(buffer, -1);
			continue;
		}
		sent = SendFunctionCall((FmgrInfo *) &plan->send[i], values[i]);
		pq_sendint32(buffer, VARSIZE(sent) - VARHDRSZ);
		appendBinaryStringInfo(buffer, VARDATA(sent), VARSIZE(sent) - VARHDRSZ);
	}
}

/*
 * The same in the encoding of the database, whatever the client's is.
 */
static void
digest_write_row(const DigestPlan *plan, HeapTuple row, StringInfo buffer)
{
	int			encoding = pg_get_client_encoding();

	if (encoding == GetDatabaseEncoding())
	{
		digest_write(plan, row, buffer);
		return;
	}
	/* from and to the database's own there is nothing to be looked up */
	PG_TRY();
	{
		(void) SetClientEncoding(GetDatabaseEncoding());
		digest_write(plan, row, buffer);
	}
	PG_FINALLY();
	{
		(void) SetClientEncoding(encoding);
	}
	PG_END_TRY();
}

/*
 * Adds a number to the sum.
 */
static void
digest_sum(DigestState *state, const uint8 *number)
{
	unsigned int carry = 0;

	for (int i = 0; i < PG_SHA256_DIGEST_LENGTH; i++)
	{
		carry += state->sum[i] + number[i];
		state->sum[i] = (uint8) carry;
		carry >>= 8;
	}
}

/*
 * Adds a row to a state; one that is null as a whole has none.
 */
static void
digest_add(DigestState *state, const DigestPlan *plan, HeapTuple row)
{
	StringInfoData buffer;
	bytea	   *hash;

	initStringInfo(&buffer);
	pq_begintypsend(&buffer);
	if (row)
		digest_write_row(plan, row, &buffer);
	hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea,
											   PointerGetDatum(pq_endtypsend(&buffer))));
	digest_sum(state, (uint8 *) VARDATA_ANY(hash));
	state->rows++;
}

/*
 * The state as text: the number of rows, and the sum in hexadecimal digits.
 */
static char *
digest_text(const DigestState *state)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, UINT64_FORMAT ":", state->rows);
	for (int i = PG_SHA256_DIGEST_LENGTH - 1; i >= 0; i--)
		appendStringInfo(&text, "%02x", state->sum[i]);
	return text.data;
}

/*
 * The digest of rows that are at hand: what weir.digest() gives for them.
 */
char *
digest_of_rows(HeapTuple *rows, uint64 n, TupleDesc descriptor)
{
	DigestPlan *plan = digest_plan_make(descriptor);
	DigestState state = {0};

	for (uint64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		digest_add(&state, plan, rows[i]);
	}
	return digest_text(&state);
}

/*
 * The transition: adds a row.  A row that is null as a whole counts, too.
 */
Datum
weir_digest_add(PG_FUNCTION_ARGS)
{
	DigestState *state;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("weir._digest_add() called outside of an aggregate")));
	state = digest_state(fcinfo, 0);
	if (PG_ARGISNULL(1))
		digest_add(state, NULL, NULL);
	else
	{
		HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
		HeapTupleData tuple = {0};

		tuple.t_len = HeapTupleHeaderGetDatumLength(row);
		tuple.t_data = row;
		digest_add(state, digest_plan(fcinfo, row), &tuple);
	}
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/*
 * Adds what a parallel worker has come to.
 */
Datum
weir_digest_combine(PG_FUNCTION_ARGS)
{
	DigestState *state;
	DigestState *other;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("weir._digest_combine() called outside of an aggregate")));
	state = digest_state(fcinfo, 0);
	other = digest_state(fcinfo, 1);
	digest_sum(state, other->sum);
	state->rows += other->rows;
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

Datum
weir_digest_final(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(digest_text(digest_state(fcinfo, 0))));
}
