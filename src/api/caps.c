/*-------------------------------------------------------------------------
 *
 * caps.c
 *	  Capping tables, and holding a slot in any session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "api/gate.h"
#include "api/request.h"
#include "compat.h"
#include "ledger/event_row.h"
#include "ledger/sql.h"
#include "run/session.h"
#include "run/slots.h"
#include "shmem/database.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/xact_actions.h"

PG_FUNCTION_INFO_V1(weir_cap_table);
PG_FUNCTION_INFO_V1(weir_uncap_table);
PG_FUNCTION_INFO_V1(weir_acquire);
PG_FUNCTION_INFO_V1(weir_try_acquire);

/*
 * The table argument: not null, a table, no leaf of a partition tree.
 */
static Oid
table_argument(FunctionCallInfo fcinfo, char **name)
{
	Oid			relid;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "relation")));
	relid = PG_GETARG_OID(0);
	(void) request_table_key(relid, name);
	return relid;
}

/*
 * A cap belongs to the table's owner, and to the root of a partition tree.
 */
static void
check_cappable(Oid relid, const char *name)
{
	if (get_rel_relispartition(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partition", get_rel_name(relid)),
				 errhint("Cap the root of the partition tree, %s: the cap covers all of it.",
						 name)));
	if (!weir_class_ownercheck(relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", name)));
}

static void
add_names(SqlParams *params, Oid relid)
{
	sql_add_text(params, get_namespace_name(get_rel_namespace(relid)));
	sql_add_text(params, get_rel_name(relid));
}

/*
 * weir.cap_table(): sets the number of tasks that may write the table at once.
 */
Datum
weir_cap_table(PG_FUNCTION_ARGS)
{
	char	   *name;
	Oid			relid = table_argument(fcinfo, &name);
	WeirDatabase *database = database_require_ready();
	int32		slots;
	int32		reserved = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	SqlSession	session;
	SqlParams	params = {0};

	check_cappable(relid, name);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "slots"),
				 errhint("Remove a cap with weir.uncap_table().")));
	slots = PG_GETARG_INT32(1);
	if (slots < 1 || slots > POLICY_MAX_SLOTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between 1 and %d",
						"slots", POLICY_MAX_SLOTS)));
	if (reserved < 0 || reserved > slots)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between 0 and the number of slots",
						"reserved")));
	add_names(&params, relid);
	sql_add_int4(&params, slots);
	sql_add_int4(&params, reserved);
	sql_begin(&session);
	sql_execute("INSERT INTO weir.cap (schema_name, table_name, slots, reserved)"
				" VALUES ($1, $2, $3, $4) ON CONFLICT (schema_name, table_name)"
				" DO UPDATE SET slots = $3, reserved = $4", &params);
	sql_end(&session);
	event_write("cap_table", 0, NULL, name, NULL,
				psprintf("{\"slots\": %d, \"reserved\": %d}", slots, reserved));
	xact_config_changed(database);
	PG_RETURN_VOID();
}

/*
 * weir.uncap_table(): removes the cap; says whether there was one.
 */
Datum
weir_uncap_table(PG_FUNCTION_ARGS)
{
	char	   *name;
	Oid			relid = table_argument(fcinfo, &name);
	WeirDatabase *database = database_require_ready();
	SqlSession	session;
	SqlParams	params = {0};
	bool		existed;

	check_cappable(relid, name);
	add_names(&params, relid);
	sql_begin(&session);
	existed = sql_execute("DELETE FROM weir.cap WHERE schema_name = $1"
						  " AND table_name = $2", &params) > 0;
	sql_end(&session);
	if (existed)
	{
		event_write("uncap_table", 0, NULL, name, NULL, NULL);
		xact_config_changed(database);
	}
	PG_RETURN_BOOL(existed);
}

/*
 * Tries each slot that is not reserved and not known to be held.
 */
static bool
try_any_slot(void *arg)
{
	ResourceSlot *resource = arg;
	uint64		held = resource_held(resource);
	int			reserved = Min(resource->reserved, resource->slots);

	/* slots beyond a cap that was lowered count, until they are given back */
	if (reserved == resource->slots ||
		__builtin_popcountll(held >> reserved) >= resource->slots - reserved)
		return false;
	for (int i = reserved; i < resource->slots; i++)
	{
		if ((held & (UINT64CONST(1) << i)) == 0 && slot_try(resource, i, true))
			return true;
	}
	return false;
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

	add_names(&params, relid);
	sql_begin(&session);
	found = sql_execute("SELECT FROM weir.cap WHERE schema_name = $1"
						" AND table_name = $2", &params) > 0;
	sql_end(&session);
	return found;
}

/*
 * The resource of a table; NULL if it has no cap.
 */
static ResourceSlot *
capped_resource(WeirDatabase *database, uint64 key)
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

/*
 * The resource of a capped table on which the caller may hold a slot.
 */
static ResourceSlot *
resource_argument(FunctionCallInfo fcinfo, char **name)
{
	Oid			relid = table_argument(fcinfo, name);
	uint64		key = request_table_key(relid, name);
	WeirDatabase *database = database_require_ready();
	AclMode		writes = ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE;
	ResourceSlot *resource;

	if (pg_class_aclmask(RESOURCE_ID(key), GetUserId(), writes, ACLMASK_ANY) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", *name),
				 errdetail("To hold a slot of a table takes a privilege to write it.")));
	resource = capped_resource(database, key);
	if (resource == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s has no cap", *name),
				 errhint("Set one with weir.cap_table().")));
	return resource;
}

/*
 * The processes that hold slots of the resource, for a message.
 */
static char *
holders_text(ResourceSlot *resource)
{
	LockData   *locks = GetLockStatusData();
	StringInfoData buffer;

	initStringInfo(&buffer);
	for (int i = 0; i < locks->nelements; i++)
	{
		LockInstanceData *lock = &locks->locks[i];

		if (lock->locktag.locktag_type == LOCKTAG_ADVISORY &&
			lock->locktag.locktag_field1 == MyDatabaseId &&
			lock->locktag.locktag_field2 == RESOURCE_ID(resource->key) &&
			lock->locktag.locktag_field4 == RESOURCE_KIND(resource->key) &&
			lock->locktag.locktag_field3 != SLOT_GATE && lock->holdMask != 0)
			appendStringInfo(&buffer, "%s%d", buffer.len > 0 ? ", " : "",
							 lock->pid);
	}
	return buffer.data;
}

/* What a session in line for a slot tries */
typedef struct SlotRequest
{
	ResourceSlot *resource;
	const char *name;
} SlotRequest;

static bool
try_request(void *arg)
{
	return try_any_slot(((SlotRequest *) arg)->resource);
}

/*
 * Refuses: all slots are held.
 */
static void
refuse_busy(const SlotRequest *request, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("no slot of table %s is free", request->name),
			 errdetail("Slots are held by processes: %s.",
					   holders_text(request->resource)),
			 errhint("%s", hint)));
}

static void
refuse_request(void *arg)
{
	refuse_busy(arg, "Try again later, or wait longer.");
}

/*
 * Waits in line for a slot.  The scheduler is told of the line, which it
 * leaves freed slots to, and of its end.
 */
static void
wait_for_slot(WeirDatabase *database, SlotRequest *request, int64 timeout)
{
	if (timeout == 0)
		refuse_request(request);
	pg_atomic_fetch_add_u64(&database->foreign_changed, 1);
	PG_TRY();
	{
		gate_wait(request->resource->key, &request->resource->gate_waiters,
				  &request->resource->freed, timeout, try_request,
				  refuse_request, request);
	}
	PG_FINALLY();
	{
		pg_atomic_fetch_add_u64(&database->foreign_changed, 1);
		database_wake(database);
	}
	PG_END_TRY();
}

/*
 * weir.acquire(): holds a slot of the table until the end of the transaction.
 */
Datum
weir_acquire(PG_FUNCTION_ARGS)
{
	char	   *name;
	ResourceSlot *resource = resource_argument(fcinfo, &name);
	WeirDatabase *database = database_mine();
	int64		timeout = weir_max_wait;
	SlotRequest request = {resource, name};

	if (slots_holds(resource->key))
		PG_RETURN_VOID();
	if (!PG_ARGISNULL(1))
		timeout = session_interval_ms(PG_GETARG_INTERVAL_P(1));
	if (timeout < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be negative", "wait")));
	/* who is in line goes first */
	if (pg_atomic_read_u32(&resource->gate_waiters) == 0 &&
		try_any_slot(resource))
		PG_RETURN_VOID();
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
		slots_holds_any())
		refuse_busy(&request,
					"This transaction has written or holds a slot already, and does not wait: others may wait for it. Acquire first.");
	wait_for_slot(database, &request, timeout);
	PG_RETURN_VOID();
}

/*
 * weir.try_acquire(): the same without waiting; says whether it got a slot.
 */
Datum
weir_try_acquire(PG_FUNCTION_ARGS)
{
	char	   *name;
	ResourceSlot *resource = resource_argument(fcinfo, &name);

	if (slots_holds(resource->key))
		PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(pg_atomic_read_u32(&resource->gate_waiters) == 0 &&
				   try_any_slot(resource));
}
