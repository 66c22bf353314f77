/*-------------------------------------------------------------------------
 *
 * named_resource.c
 *	  Named resources: entries found by name, made on demand, forgotten.
 *
 * A named resource has a number, by which the policy and the lock tags know
 * it, as they know a table by its oid.  The number is the hash of the name, or
 * the next one that is not used by another name, and is good for as long as
 * the entry exists.  Nothing that is kept longer than shared memory has it.
 *
 * An entry exists while it is configured by its full name; one that was made
 * after a template, until nobody means it any more: no slot is held or waited
 * for, no transaction has it pinned, no task needs it, and its tokens are
 * all there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "shmem/budget_figures.h"
#include "shmem/named_resource.h"
#include "shmem/resource.h"

#define PINNED_STEP	64

/* What this transaction means */
static ResourceSlot **Pinned = NULL;
static int	NumPinned = 0;

/*
 * The key that a name has, or would have, and its entry: of no resource if
 * there is none, NULL if there is none and the table is full.
 */
static ResourceSlot *
named_resource_probe(WeirDatabase *database, const char *name, uint64 *key)
{
	uint32		id = hash_bytes((const unsigned char *) name, strlen(name));

	for (;; id++)
	{
		ResourceSlot *resource;

		*key = RESOURCE_KEY(RESOURCE_KIND_NAMED, id);
		resource = resource_probe(database, *key);
		if (resource == NULL || resource->key != *key ||
			strcmp(NameStr(resource->name), name) == 0)
			return resource;
	}
}

/*
 * The key of a name, zero if it has no entry.
 */
uint64
named_resource_key(WeirDatabase *database, const char *name)
{
	ResourceSlot *resource;
	uint64		key;

	LWLockAcquire(database->lock, LW_SHARED);
	resource = named_resource_probe(database, name, &key);
	if (resource == NULL || resource->key != key)
		key = 0;
	LWLockRelease(database->lock);
	return key;
}

/*
 * Sets the limits of an entry; the caller has the database's lock.
 */
static void
set_limits(ResourceSlot *resource, const ResourceLimits *limits,
		   bool on_demand)
{
	memset(&resource->rule, 0, sizeof(CapRule));
	resource->rule.slots = limits->slots;
	resource->rule.reserved = limits->reserved;
	resource->gap = limits->gap;
	resource->burst = limits->burst;
	resource->since = limits->since;
	resource->budget = limits->budget;
	resource->has_breaker = limits->has_breaker;
	resource->on_demand = on_demand;
	resource->named = true;
	resource->told = false;
}

/*
 * Puts a new resource into an entry of none.
 */
static void
fill_entry(ResourceSlot *resource, uint64 key, const char *name)
{
	namestrcpy(&resource->name, name);
	pg_atomic_write_u64(&resource->used_at, GetCurrentTimestamp());
	pg_atomic_write_u64(&resource->full_at, 0);
	pg_atomic_write_u64(&resource->opens_at, 0);
	pg_atomic_write_u64(&resource->paused_until, 0);
	pg_atomic_write_u64(&resource->paused_by, 0);
	budget_figures_clear(&resource->used_budget);
	pg_atomic_write_u32(&resource->breaker.state, BREAKER_CLOSED);
	pg_atomic_write_u64(&resource->breaker.since, 0);
	pg_atomic_write_u64(&resource->breaker.until, 0);
	pg_atomic_write_u64(&resource->ramp.began_at, 0);
	resource->key = key;
}

/*
 * The entry of the name; a new one, with these limits, if there is none, NULL
 * if there is no room for it.  The caller has the database's lock.
 */
static ResourceSlot *
enter(WeirDatabase *database, const char *name, const ResourceLimits *limits,
	  bool on_demand)
{
	uint64		key;
	ResourceSlot *resource = named_resource_probe(database, name, &key);

	if (resource != NULL && resource->key != key)
	{
		fill_entry(resource, key, name);
		set_limits(resource, limits, on_demand);
		pg_atomic_fetch_add_u64(&database->resources_entered, 1);
	}
	return resource;
}

/*
 * The same.
 */
ResourceSlot *
named_resource_enter(WeirDatabase *database, const char *name,
					 const ResourceLimits *limits, bool on_demand)
{
	ResourceSlot *resource;

	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	resource = enter(database, name, limits, on_demand);
	LWLockRelease(database->lock);
	return resource;
}

/*
 * The same, for a transaction that means the resource: it is not forgotten
 * before the transaction has ended.
 */
ResourceSlot *
named_resource_pin(WeirDatabase *database, const char *name,
				   const ResourceLimits *limits, bool on_demand)
{
	ResourceSlot *resource;

	for (int i = 0; i < NumPinned; i++)
	{
		if (strcmp(NameStr(Pinned[i]->name), name) == 0)
			return Pinned[i];
	}
	if (Pinned == NULL)
		Pinned = MemoryContextAlloc(TopMemoryContext,
									PINNED_STEP * sizeof(ResourceSlot *));
	else if (NumPinned % PINNED_STEP == 0)
		Pinned = repalloc(Pinned,
						  (NumPinned + PINNED_STEP) * sizeof(ResourceSlot *));
	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	resource = enter(database, name, limits, on_demand);
	if (resource != NULL)
	{
		pg_atomic_fetch_add_u32(&resource->pins, 1);
		Pinned[NumPinned++] = resource;
	}
	LWLockRelease(database->lock);
	return resource;
}

/*
 * The transaction has ended, and what it had to tell the scheduler is posted:
 * this callback is installed before that of xact_actions.c, and so called
 * after it.  Cannot fail.
 */
static void
unpin_all(ResourceReleasePhase phase, bool isCommit, bool isTopLevel,
		  void *arg)
{
	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !isTopLevel)
		return;
	while (NumPinned > 0)
	{
		ResourceSlot *resource = Pinned[--NumPinned];

		pg_atomic_write_u64(&resource->used_at, GetCurrentTimestamp());
		pg_atomic_fetch_sub_u32(&resource->pins, 1);
	}
}

void
named_resource_install(void)
{
	RegisterResourceReleaseCallback(unpin_all, NULL);
}

/*
 * Changes the limits of an entry.
 */
void
named_resource_limit(WeirDatabase *database, ResourceSlot *resource,
					 const ResourceLimits *limits, bool on_demand)
{
	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	set_limits(resource, limits, on_demand);
	LWLockRelease(database->lock);
}

/*
 * Does nobody mean the resource any more, and has not since that time, as far
 * as sessions go?
 */
bool
named_resource_is_idle(ResourceSlot *resource, TimestampTz since)
{
	return pg_atomic_read_u32(&resource->pins) == 0 &&
		(TimestampTz) pg_atomic_read_u64(&resource->used_at) < since &&
		pg_atomic_read_u64(&resource->held) == 0 &&
		pg_atomic_read_u32(&resource->gate_waiters) == 0;
}

/*
 * Forgets an idle resource.  One whose number was the first choice of another
 * name stays, or that one would not be found.
 */
bool
named_resource_forget(WeirDatabase *database, ResourceSlot *resource,
					  TimestampTz since)
{
	uint64		next = resource->key + 1;
	ResourceSlot *other;
	bool		idle;

	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	other = resource_probe(database, next);
	idle = named_resource_is_idle(resource, since) &&
		(other == NULL || other->key != next);
	if (idle)
	{
		resource->rule.slots = 0;
		resource->gap = 0;
		resource->budget.window = 0;
		resource->has_breaker = false;
		resource_vacate(database, resource);
	}
	LWLockRelease(database->lock);
	return idle;
}

/*
 * A task says that nothing is to start on the resource before that time.
 */
void
named_resource_pause(ResourceSlot *resource, TimestampTz until, int64 task_id)
{
	uint64		before = pg_atomic_read_u64(&resource->paused_until);

	while ((TimestampTz) before < until)
	{
		if (!pg_atomic_compare_exchange_u64(&resource->paused_until, &before,
											(uint64) until))
			continue;
		pg_atomic_write_u64(&resource->paused_by, (uint64) task_id);
		return;
	}
}

bool
named_resource_is_paused(ResourceSlot *resource)
{
	TimestampTz until = (TimestampTz) pg_atomic_read_u64(&resource->paused_until);

	return until != 0 && until > GetCurrentTimestamp();
}
