/*-------------------------------------------------------------------------
 *
 * capped.c
 *	  Which cap a table is under.
 *
 * A cap belongs to a name and to the root of a partition tree.  For the tables
 * that this session writes both are looked up once and kept until the relation
 * cache is told that the table, or one above it in its tree, has changed, or
 * until the configuration has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/capped.h"
#include "ledger/relation_watch.h"
#include "shmem/database.h"
#include "shmem/resource.h"
#include "shmem/waits.h"

/* A table that this session has written */
typedef struct WrittenTable
{
	Oid			relid;			/* key */
	Oid			root;			/* of its partition tree, or itself */
	ResourceSlot *resource;		/* NULL: has no cap */
} WrittenTable;

static HTAB *WrittenTables = NULL;
static bool WrittenTablesValid = false;
static uint64 WrittenTablesConfig = 0;	/* config_applied when they were read */

/* The change of the configuration that was waited for last */
static uint64 ConfigAwaited = 0;

static void
capped_invalidate(Oid relid)
{
	if (WrittenTablesValid &&
		(!OidIsValid(relid) ||
		 hash_search(WrittenTables, &relid, HASH_FIND, NULL) != NULL))
		WrittenTablesValid = false;
}

void
capped_install(void)
{
	relation_watch(capped_invalidate);
}

/*
 * Adds the names by which a cap is kept.
 */
void
cap_add_names(SqlParams *params, Oid relid)
{
	sql_add_text(params, get_namespace_name(get_rel_namespace(relid)));
	sql_add_text(params, get_rel_name(relid));
}

/*
 * The name of a resource's table.
 */
char *
cap_name(const ResourceSlot *resource)
{
	Oid			relid = RESOURCE_ID(resource->key);
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		return psprintf("%u", relid);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  name);
}

/*
 * What the resource is called in messages.
 */
char *
cap_title(const ResourceSlot *resource)
{
	if (RESOURCE_KIND(resource->key) == RESOURCE_KIND_NAMED)
		return psprintf("resource \"%s\"", NameStr(resource->name));
	return psprintf("table %s", cap_name(resource));
}

/*
 * Is there a cap of that name?  The scheduler may not have noticed yet that
 * another table has come to be called so.
 */
static bool
cap_by_name(Oid relid)
{
	SqlSession	session;
	SqlParams	params = {0};
	bool		found;

	cap_add_names(&params, relid);
	sql_begin(&session);
	found = sql_execute("SELECT FROM weir.cap WHERE schema_name = $1"
						" AND table_name = $2", &params) > 0;
	sql_end(&session);
	return found;
}

/*
 * The resource of a table; NULL if it has no cap.
 */
ResourceSlot *
cap_resource_of(WeirDatabase *database, uint64 key)
{
	ResourceSlot *resource;

	database_config_sync(database);
	resource = resource_find(database, key);
	if (resource == NULL && cap_by_name(RESOURCE_ID(key)))
	{
		pg_atomic_fetch_add_u64(&database->config_changed, 1);
		database_config_sync(database);
		resource = resource_find(database, key);
	}
	return resource == NULL || resource->rule.slots == 0 ? NULL : resource;
}

/*
 * Gives the scheduler a moment to follow the configuration.  A statement that
 * did not ask for pg_weir must not fail, nor wait long, because the scheduler
 * is busy or gone: then what was in force stays so.
 */
static void
config_await(WeirDatabase *database)
{
	uint64		wanted = pg_atomic_read_u64(&database->config_changed);
	TimestampTz start = GetCurrentTimestamp();

	if (wanted == ConfigAwaited)
		return;
	ConfigAwaited = wanted;
	while (pg_atomic_read_u64(&database->config_applied) < wanted &&
		   database_state(database) == SCHEDULER_RUNNING &&
		   !TimestampDifferenceExceeds(start, GetCurrentTimestamp(), 1000))
	{
		database_wake(database);
		ConditionVariableTimedSleep(&database->progress, 100,
									wait_event(WEIR_WAIT_SCHEDULER_ANSWER));
	}
	ConditionVariableCancelSleep();
}

/*
 * Looks for the cap of a root that the scheduler may not have heard of.  False
 * if that cannot be told without waiting for who has locked the configuration.
 */
static bool
written_resource(WeirDatabase *database, Oid root, ResourceSlot **resource)
{
	uint64		key = RESOURCE_KEY(RESOURCE_KIND_TABLE, root);

	*resource = resource_find(database, key);
	if (*resource != NULL && (*resource)->rule.slots > 0)
		return true;
	if (!ConditionalLockRelationOid(get_relname_relid("cap", ledger_namespace()),
									AccessShareLock))
		return false;
	if (cap_by_name(root))
	{
		pg_atomic_fetch_add_u64(&database->config_changed, 1);
		config_await(database);
		*resource = resource_find(database, key);
	}
	return true;
}

/*
 * Can no cap be on the table?  Those of the extension itself are written when
 * we look, and write, too.
 */
static bool
never_capped(Oid relid)
{
	Oid			extension = extension_oid();

	return !OidIsValid(extension) || relid < FirstNormalObjectId ||
		get_rel_persistence(relid) == RELPERSISTENCE_TEMP ||
		get_rel_namespace(relid) == ledger_namespace();
}

static void
written_add(Oid relid, Oid root, ResourceSlot *resource)
{
	WrittenTable *table = hash_search(WrittenTables, &relid, HASH_ENTER, NULL);

	table->root = root;
	table->resource = resource;
}

/*
 * Starts a new list of written tables if the old one is not good any more.
 */
static void
written_prepare(WeirDatabase *database)
{
	uint64		config = pg_atomic_read_u64(&database->config_applied);
	HASHCTL		control = {0};

	if (WrittenTablesValid && config == WrittenTablesConfig)
		return;
	WrittenTablesValid = false;
	if (WrittenTables)
		hash_destroy(WrittenTables);
	WrittenTables = NULL;
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(WrittenTable);
	control.hcxt = CacheMemoryContext;
	WrittenTables = hash_create("pg_weir written tables", 32, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	WrittenTablesConfig = config;
	WrittenTablesValid = true;
}

/*
 * Looks a table up and notes it, and all that are above it in its tree.
 */
static ResourceSlot *
written_read(WeirDatabase *database, Oid relid)
{
	List	   *ancestors = NIL;
	Oid			root = relid;
	ResourceSlot *resource = NULL;
	ListCell   *cell;

	if (get_rel_relispartition(relid))
	{
		ancestors = get_partition_ancestors(relid);
		root = llast_oid(ancestors);
	}
	if (!never_capped(root) && !written_resource(database, root, &resource))
		return NULL;
	/* invalidations may have come in meanwhile */
	written_prepare(database);
	foreach(cell, ancestors)
		written_add(lfirst_oid(cell), root, resource);
	written_add(relid, root, resource);
	return resource;
}

/*
 * The resource whose cap concerns whoever writes the table, task or not; NULL
 * if there is none.
 */
ResourceSlot *
cap_over_writes(WeirDatabase *database, Oid relid)
{
	WrittenTable *table;
	ResourceSlot *resource;

	if (pg_atomic_read_u64(&database->config_applied) <
		pg_atomic_read_u64(&database->config_changed))
		config_await(database);
	written_prepare(database);
	table = hash_search(WrittenTables, &relid, HASH_FIND, NULL);
	/* an entry for a table that is no more may have been given away */
	if (table == NULL ||
		(table->resource != NULL &&
		 table->resource->key != RESOURCE_KEY(RESOURCE_KIND_TABLE, table->root)))
		resource = written_read(database, relid);
	else
		resource = table->resource;
	return resource != NULL && resource->rule.slots > 0 &&
		resource->rule.enforce != CAP_TASKS ? resource : NULL;
}
