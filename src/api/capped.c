/*-------------------------------------------------------------------------
 *
 * capped.c
 *	  Which cap a table is under.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/lsyscache.h"

#include "api/capped.h"
#include "shmem/database.h"
#include "shmem/resource.h"

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
	return resource == NULL || resource->slots == 0 ? NULL : resource;
}
