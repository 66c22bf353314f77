/*-------------------------------------------------------------------------
 *
 * acquire.c
 *	  Holding a slot of a capped table, or of a named resource, in any session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/inval.h"

#include "api/arguments.h"
#include "api/capped.h"
#include "api/request.h"
#include "api/resource_use.h"
#include "api/slot_line.h"
#include "run/session.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

PG_FUNCTION_INFO_V1(weir_acquire);
PG_FUNCTION_INFO_V1(weir_try_acquire);
PG_FUNCTION_INFO_V1(weir_acquire_resource);
PG_FUNCTION_INFO_V1(weir_try_acquire_resource);

/*
 * The resource of a capped table on which the caller may hold a slot.
 */
static ResourceSlot *
resource_argument(FunctionCallInfo fcinfo)
{
	char	   *name;
	Oid			relid = argument_table(fcinfo, &name);
	uint64		key = request_table_key(relid, &name);
	WeirDatabase *database = database_require_ready();
	AclMode		writes = ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE;
	ResourceSlot *resource;

	if (pg_class_aclmask(RESOURCE_ID(key), GetUserId(), writes, ACLMASK_ANY) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errdetail("To hold a slot of a table takes a privilege to write it.")));
	resource = cap_resource_of(database, key);
	if (resource == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s has no cap", name),
				 errhint("Set one with weir.cap_table().")));
	return resource;
}

/*
 * The named resource on which the caller may hold a slot.
 */
static ResourceSlot *
named_argument(FunctionCallInfo fcinfo)
{
	WeirDatabase *database = database_require_ready();
	char	   *name = argument_required_text(fcinfo, 0, "name");
	ResourceSlot *resource;

	database_config_sync(database);
	resource = resource_use(database, name);
	if (resource->rule.slots == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("resource \"%s\" has no slots", name),
				 errdetail("It has a rate, for which starts of tasks count.")));
	return resource;
}

/*
 * Has the resource slots to be had?
 */
static bool
has_slots(const CapRule *rule)
{
	return rule->slots > 0;
}

/*
 * Holds a slot until the end of the transaction; the second argument says how
 * long to wait for it.  False if the resource has lost its slots meanwhile.
 */
static bool
acquire_slot(FunctionCallInfo fcinfo, ResourceSlot *resource)
{
	int64		timeout = weir_max_wait;

	if (slots_holds(resource->key))
		return true;
	if (!PG_ARGISNULL(1))
		timeout = session_interval_ms(PG_GETARG_INTERVAL_P(1));
	if (timeout < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be negative", "wait")));
	/* who is in line goes first */
	if (slot_room(resource) && slot_try_any(resource))
		return true;
	if (!slot_may_wait())
		slot_refuse_busy(resource,
						 "This transaction has written or holds a slot already, and does not wait: others may wait for it. Acquire first.");
	if (timeout == 0)
		slot_refuse_busy(resource, "Try again later, or wait longer.");
	(void) slot_wait(resource, true, has_slots, timeout);
	if (slots_holds(resource->key))
		return true;
	/* what has changed is found by who looks again */
	AcceptInvalidationMessages();
	return false;
}

/*
 * The same without waiting; says whether a slot is held.
 */
static bool
try_acquire_slot(ResourceSlot *resource)
{
	return slots_holds(resource->key) ||
		(slot_room(resource) && slot_try_any(resource));
}

/*
 * weir.acquire(): holds a slot of the table until the end of the transaction.
 */
Datum
weir_acquire(PG_FUNCTION_ARGS)
{
	/* where there is no cap any more, the second look says so */
	while (!acquire_slot(fcinfo, resource_argument(fcinfo)))
		CHECK_FOR_INTERRUPTS();
	PG_RETURN_VOID();
}

/*
 * weir.try_acquire(): the same without waiting; says whether it got a slot.
 */
Datum
weir_try_acquire(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(try_acquire_slot(resource_argument(fcinfo)));
}

/*
 * weir.acquire_resource(): holds a slot of the named resource until the end of
 * the transaction.
 */
Datum
weir_acquire_resource(PG_FUNCTION_ARGS)
{
	while (!acquire_slot(fcinfo, named_argument(fcinfo)))
		CHECK_FOR_INTERRUPTS();
	PG_RETURN_VOID();
}

/*
 * weir.try_acquire_resource(): the same without waiting; says whether it got
 * a slot.
 */
Datum
weir_try_acquire_resource(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(try_acquire_slot(named_argument(fcinfo)));
}
