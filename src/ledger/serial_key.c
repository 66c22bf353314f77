/*-------------------------------------------------------------------------
 *
 * serial_key.c
 *	  Serial keys: what the scheduler knows them by, and who waits for whom.
 *
 * A key belongs to the role that owns its tasks, in all queues: nobody can hold
 * up the tasks of others by using a key of theirs.  The scheduler keeps 64 bits
 * of a digest of both.  Keys that have these in common would wait for one
 * another, which is as improbable as it is harmless, and cannot be brought
 * about from outside.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"

#include "ledger/generation.h"
#include "ledger/serial_key.h"
#include "ledger/sql.h"

/*
 * What the policy takes for the key; never zero.
 */
uint64
serial_key_digest(Oid owner, const char *key)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
	uint64		digest;

	if (context == NULL || pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) &owner, sizeof(owner)) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) key, strlen(key)) < 0 ||
		pg_cryptohash_final(context, hash, sizeof(hash)) < 0)
		elog(ERROR, "could not compute the digest of a serial key");
	pg_cryptohash_free(context);
	memcpy(&digest, hash, sizeof(digest));
	return digest == 0 ? 1 : digest;
}

/* Those of a generation that have not ended, of the keys asked for */
#define KEYED_TASKS \
	"SELECT t.task_id, v.owner, t.serial_key, s.begun," \
	" s.begun OR t.after IS NOT NULL" \
	"  OR coalesce(t.run_at <= pg_catalog.clock_timestamp(), true) AS stands" \
	" FROM weir.task_%1$d t" \
	" JOIN weir.environment v ON v.environment_id = t.environment_id" \
	" LEFT JOIN LATERAL" \
	" (SELECT r.attempt, r.final FROM weir.run_%1$d r" \
	"   WHERE r.task_id = t.task_id ORDER BY r.attempt DESC LIMIT 1) l ON true" \
	" CROSS JOIN LATERAL" \
	" (SELECT a.task_id IS NOT NULL OR coalesce(l.attempt, 0) >" \
	"   coalesce((SELECT max(b.attempt) FROM weir.run_%1$d b" \
	"    WHERE b.task_id = t.task_id AND b.outcome = 'retried'), 0) AS begun" \
	"   FROM (SELECT) d LEFT JOIN weir._show_assigned() a" \
	"    ON a.task_id = t.task_id) s" \
	" WHERE (SELECT true FROM wanted LIMIT 1)" \
	" AND t.serial_key IS NOT NULL AND l.final IS NOT TRUE" \
	" AND EXISTS (SELECT FROM wanted w WHERE w.owner = v.owner" \
	"  AND w.serial_key = t.serial_key)"

/* The order of policy/serial.c */
#define KEYED_WAITS \
	"SELECT * FROM" \
	" (SELECT k.task_id, first_value(k.task_id) OVER line AS first," \
	"   row_number() OVER line - 1 AS before" \
	"  FROM keyed k WHERE k.stands" \
	"  WINDOW line AS (PARTITION BY k.owner, k.serial_key" \
	"   ORDER BY k.begun DESC, k.task_id)) q" \
	" WHERE q.before > 0 AND q.task_id = ANY ($1)"

/*
 * Calls "visit" for those of the tasks that do not start because of another
 * one of their key.
 */
void
serial_key_visit_waiting(ArrayType *tasks, SerialVisit visit, void *arg)
{
	int			n;
	const Generation *list = generation_list(&n);
	const char *delimiter = "";
	StringInfoData query;
	SqlParams	params = {0};
	SqlSession	session;

	initStringInfo(&query);
	appendStringInfoString(&query,
						   "WITH wanted AS MATERIALIZED"
						   " (SELECT DISTINCT v.owner, t.serial_key FROM weir.task t"
						   "  JOIN weir.environment v USING (environment_id)"
						   "  WHERE t.task_id = ANY ($1) AND t.serial_key IS NOT NULL),"
						   " keyed AS (");
	for (int i = 0; i < n; i++)
	{
		if (!list[i].open)
			continue;
		appendStringInfoString(&query, delimiter);
		appendStringInfo(&query, KEYED_TASKS, list[i].generation_id);
		delimiter = " UNION ALL ";
	}
	appendStringInfoString(&query, ") " KEYED_WAITS);
	/* no open generation, no task */
	if (*delimiter == '\0')
		return;
	sql_begin(&session);
	sql_add(&params, INT8ARRAYOID, PointerGetDatum(tasks), false);
	sql_execute(query.data, &params);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		SerialWait	wait;

		wait.task_id = sql_int8(row, 1);
		wait.first = sql_int8(row, 2);
		wait.before = sql_int8(row, 3);
		visit(&wait, arg);
	}
	sql_end(&session);
}
