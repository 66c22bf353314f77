/*-------------------------------------------------------------------------
 *
 * cap_watch.c
 *	  Noticing that the name of a capped table means another table.
 *
 * A cap belongs to a name: it follows a table that is recreated or renamed
 * into place.  The system cache tells by hash value which name in which
 * schema has changed, for every way in which it can, so the caps need to be
 * read again only when that is one of theirs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "sched/cap_watch.h"

typedef struct WatchedName
{
	uint32		hash;			/* of (name, schema) in the cache */
	Oid			schema;			/* InvalidOid: it does not exist */
	NameData	name;
	Oid			relid;			/* what it meant; InvalidOid: nothing */
} WatchedName;

static WatchedName *Watched = NULL;
static int	NumWatched = 0;
static WatchedName *Previous = NULL;
static int	NumPrevious = 0;
static bool Stale = false;
static bool Installed = false;

static void
cap_watch_relation(Datum arg, int cacheid, uint32 hashvalue)
{
	for (int i = 0; i < NumWatched && !Stale; i++)
		Stale = hashvalue == 0 || hashvalue == Watched[i].hash;
}

/*
 * A schema or a role has changed: it may be one that a cap names.
 */
static void
cap_watch_others(Datum arg, int cacheid, uint32 hashvalue)
{
	Stale = NumWatched > 0;
}

/*
 * Starts a new list; the old one is kept until cap_watch_end().
 */
void
cap_watch_begin(void)
{
	if (!Installed)
	{
		CacheRegisterSyscacheCallback(RELNAMENSP, cap_watch_relation,
									  (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACENAME, cap_watch_others,
									  (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, cap_watch_others, (Datum) 0);
		Installed = true;
	}
	Stale = false;
	/* an error before the end leaves the old list in force */
	if (Previous)
		pfree(Previous);
	Previous = Watched;
	NumPrevious = NumWatched;
	Watched = NULL;
	NumWatched = 0;
}

/*
 * Adds a cap's name and what it means now.  Returns what it meant before;
 * InvalidOid if it meant nothing or is new.
 */
Oid
cap_watch_add(const char *schema, const char *name, Oid relid)
{
	WatchedName *watched;

	if (Watched == NULL)
		Watched = MemoryContextAlloc(TopMemoryContext, sizeof(WatchedName));
	else
		Watched = repalloc(Watched, (NumWatched + 1) * sizeof(WatchedName));
	watched = &Watched[NumWatched++];
	watched->schema = get_namespace_oid(schema, true);
	namestrcpy(&watched->name, name);
	watched->relid = relid;
	watched->hash = GetSysCacheHashValue2(RELNAMENSP, CStringGetDatum(name),
										  ObjectIdGetDatum(watched->schema));
	for (int i = 0; i < NumPrevious; i++)
	{
		if (Previous[i].schema == watched->schema &&
			strcmp(NameStr(Previous[i].name), name) == 0)
			return Previous[i].relid;
	}
	return InvalidOid;
}

void
cap_watch_end(void)
{
	if (Previous)
		pfree(Previous);
	Previous = NULL;
	NumPrevious = 0;
}

/*
 * Does a watched name mean something else by now?  Invalidations are taken in
 * when a transaction starts, so an empty one is executed, unless there is
 * nothing to watch.
 */
bool
cap_watch_is_stale(void)
{
	if (NumWatched == 0)
		return false;
	StartTransactionCommand();
	CommitTransactionCommand();
	return Stale;
}
