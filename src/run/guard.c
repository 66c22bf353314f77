/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Keeps a task from releasing its slots.
 *
 * In mode autocommit slots are session-level advisory locks, which
 * pg_advisory_unlock_all() would release.  It is refused there, in the hook
 * that sees every function before it is executed, builtins included: there is
 * no moment at which the slot is not held.  The hook is installed in workers
 * only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "utils/fmgroids.h"

#include "run/attempt.h"
#include "run/guard.h"

static object_access_hook_type prev_object_access_hook = NULL;

static void
guard_object_access(ObjectAccessType access, Oid classId, Oid objectId,
					int subId, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, classId, objectId, subId, arg);
	if (access == OAT_FUNCTION_EXECUTE &&
		objectId == F_PG_ADVISORY_UNLOCK_ALL &&
		CurrentAttempt != NULL && CurrentAttempt->session_slots)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_advisory_unlock_all() is not allowed in a task in mode \"%s\" that holds slots",
						"autocommit"),
				 errhint("Release locks one by one with pg_advisory_unlock().")));
}

void
guard_install(void)
{
	prev_object_access_hook = object_access_hook;
	object_access_hook = guard_object_access;
}
