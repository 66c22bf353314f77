/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Whether this ledger is this installation's own.
 *
 * A copy of production must not run production's tasks.  A ledger remembers
 * where it was written: system identifier, oids of the database and of the
 * extension, and the setting weir.installation, since a promoted base backup
 * has the other three in common with its origin.  An empty ledger belongs to
 * whoever writes it first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "ledger/identity.h"
#include "ledger/relation_watch.h"
#include "ledger/sql.h"
#include "shmem/settings.h"

/* Column of weir.identity */
#define ANUM_IDENTITY_ADOPTED_AT	1

/*
 * When the ledger was last adopted, as this process last read it; the first
 * row is where it began.  Any change comes with a relcache invalidation.
 */
static TimestampTz LastAdopted = DT_NOBEGIN;
static bool AdoptedValid = false;
static Oid	IdentityRelation = InvalidOid;

static void
identity_invalidate(Oid relid)
{
	if (!OidIsValid(relid) || relid == IdentityRelation)
		AdoptedValid = false;
}

void
identity_install(void)
{
	relation_watch(identity_invalidate);
}

/*
 * Reads when the ledger was last adopted.
 */
static void
identity_load(void)
{
	Relation	relation;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			n = 0;

	relation = table_open(get_relname_relid("identity", ledger_namespace()),
						  AccessShareLock);
	IdentityRelation = RelationGetRelid(relation);
	AdoptedValid = true;
	LastAdopted = DT_NOBEGIN;
	scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		at = heap_getattr(tuple, ANUM_IDENTITY_ADOPTED_AT,
									  RelationGetDescr(relation), &isnull);

		LastAdopted = Max(LastAdopted, DatumGetTimestampTz(at));
		n++;
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	if (n == 1)
		LastAdopted = DT_NOBEGIN;
}

/*
 * The role of which both were recorded at that time: the one with the oid,
 * whatever it is called by now, so that one that was dropped and made again
 * under its name is another one.  But in a ledger that was adopted since, oids
 * mean nothing and the name counts.  InvalidOid if there is none.
 */
Oid
identity_role(Oid recorded, const char *name, TimestampTz at)
{
	if (!AdoptedValid)
		identity_load();
	if (at < LastAdopted)
		return get_role_oid(name, true);
	return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(recorded)) ?
		recorded : InvalidOid;
}

/*
 * A role in the current result, of which three columns tell: its name, its
 * oid, and when both were recorded.  "public" is InvalidOid.  False if there
 * is no such role any more.
 */
bool
identity_grantee(uint64 row, int column, Oid *role)
{
	char	   *name = sql_text(row, column);

	*role = InvalidOid;
	if (strcmp(name, "public") == 0)
		return true;
	*role = identity_role((Oid) strtoul(sql_text(row, column + 1), NULL, 10),
						  name, sql_int8(row, column + 2));
	return OidIsValid(*role);
}

/* Adds what identifies this place */
static void
identity_params(SqlParams *params)
{
	sql_add_int8(params, (int64) GetSystemIdentifier());
	sql_add(params, OIDOID, ObjectIdGetDatum(MyDatabaseId), false);
	sql_add(params, OIDOID, ObjectIdGetDatum(extension_oid()), false);
	sql_add_text(params, weir_installation ? weir_installation : "");
}

/*
 * Is the ledger empty, or was it last written or adopted here?
 */
bool
identity_matches(void)
{
	SqlSession	session;
	SqlParams	params = {0};
	bool		matches;

	sql_begin(&session);
	identity_params(&params);
	sql_execute("SELECT system_identifier = $1 AND database_oid = $2"
				" AND extension_oid = $3 AND installation = $4"
				" FROM weir.identity ORDER BY adopted_at DESC LIMIT 1",
				&params);
	matches = SPI_processed == 0 || strcmp(sql_text(0, 1), "t") == 0;
	if (SPI_processed == 0)
	{
		sql_execute("SELECT 1 FROM weir.generation LIMIT 1", NULL);
		matches = SPI_processed == 0;
	}
	sql_end(&session);
	return matches;
}

/*
 * Records that this ledger belongs here from now on.
 */
void
identity_record(const char *adopted_by)
{
	SqlSession	session;
	SqlParams	params = {0};

	sql_begin(&session);
	identity_params(&params);
	sql_add_text(&params, adopted_by);
	sql_execute("INSERT INTO weir.identity (adopted_at, system_identifier,"
				" database_oid, extension_oid, installation, adopted_by)"
				" VALUES (greatest(clock_timestamp(), (SELECT max(adopted_at)"
				" + interval '1 microsecond' FROM weir.identity)),"
				" $1, $2, $3, $4, $5)", &params);
	CacheInvalidateRelcacheByRelid(get_relname_relid("identity",
													 ledger_namespace()));
	sql_end(&session);
}
