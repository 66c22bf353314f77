/*-------------------------------------------------------------------------
 *
 * authority.c
 *	  Whether this worker still is what it was when it connected.
 *
 * A process caches at connection what its role is: superuser or not, allowed
 * to log in or not.  So when any role, membership or database changes, the
 * worker gives its next task back unstarted and leaves; a new one connects
 * under the rules as they are then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/syscache.h"

#include "run/authority.h"

static bool Stale = false;

static void
authority_invalidate(Datum arg, int cacheid, uint32 hashvalue)
{
	Stale = true;
}

void
authority_watch(void)
{
	CacheRegisterSyscacheCallback(AUTHOID, authority_invalidate, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, authority_invalidate,
								  (Datum) 0);
	CacheRegisterSyscacheCallback(DATABASEOID, authority_invalidate,
								  (Datum) 0);
	Stale = false;
}

/*
 * False when something has changed since authority_watch().
 */
bool
authority_holds(void)
{
	return !Stale;
}
