/*-------------------------------------------------------------------------
 *
 * resource.c
 *	  Capped resources and the hint of which slots are held.
 *
 * The scheduler enters a resource when it reads the configuration; an entry
 * stays (with a cap of zero when uncapped), so that pointers to it remain good
 * while its slots are held.  Only when the table is full is one given to
 * another resource that has no cap, is not held and not waited for, as those
 * of tables that were recreated.  Named resources come and go
 * (named_resource.c).  "held" has one bit per slot, set by
 * the process that got the advisory lock and cleared when the lock is gone:
 * in between the lock manager may know better, and decides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "shmem/budget_figures.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

/*
 * The place of a text among the names; -1 if it is none of them.
 */
static int
name_parse(const char *text, const char *const names[], int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(text, names[i]) == 0)
			return i;
	}
	return -1;
}

/*
 * Whom a cap binds, from its name.
 */
bool
cap_enforce_parse(const char *text, CapEnforce *enforce)
{
	static const char *const names[] = {"tasks", "observe", "everyone"};
	int			i = name_parse(text, names, lengthof(names));

	*enforce = (CapEnforce) Max(i, 0);
	return i >= 0;
}

/*
 * Whether it adapts, from its name.
 */
bool
cap_adaptive_parse(const char *text, CapAdaptive *adaptive)
{
	static const char *const names[] = {"off", "observe", "act"};
	int			i = name_parse(text, names, lengthof(names));

	*adaptive = (CapAdaptive) Max(i, 0);
	return i >= 0;
}

static void
breaker_figures_init(BreakerFigures *figures)
{
	pg_atomic_init_u32(&figures->state, BREAKER_CLOSED);
	pg_atomic_init_u32(&figures->calls, 0);
	pg_atomic_init_u32(&figures->failures, 0);
	pg_atomic_init_u32(&figures->slow, 0);
	pg_atomic_init_u32(&figures->probing, 0);
	pg_atomic_init_u64(&figures->since, 0);
	pg_atomic_init_u64(&figures->until, 0);
}

void
ramp_figures_init(RampFigures *figures)
{
	pg_atomic_init_u64(&figures->began_at, 0);
	pg_atomic_init_u64(&figures->ends_at, 0);
	pg_atomic_init_u64(&figures->step_at, 0);
	pg_atomic_init_u32(&figures->allowed, 0);
	pg_atomic_init_u32(&figures->total, 0);
}

/*
 * At the start of the server, and never again: sessions may be in line.
 */
void
resource_init(WeirDatabase *database)
{
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		resource->key = 0;
		memset(&resource->rule, 0, sizeof(CapRule));
		pg_atomic_init_u64(&resource->held, 0);
		pg_atomic_init_u32(&resource->gate_waiters, 0);
		pg_atomic_init_u32(&resource->handed, 0);
		pg_atomic_init_u64(&resource->head_since, 0);
		pg_atomic_init_u32(&resource->beside, 0);
		pg_atomic_init_u64(&resource->waited, 0);
		pg_atomic_init_u64(&resource->let_through, 0);
		pg_atomic_init_u64(&resource->refused, 0);
		pg_atomic_init_u64(&resource->would_wait, 0);
		ConditionVariableInit(&resource->freed);
		pg_atomic_init_u32(&resource->limit, 0);
		pg_atomic_init_u32(&resource->backfill_limit, 0);
		pg_atomic_init_u32(&resource->lock_share, 0);
		pg_atomic_init_u64(&resource->left_to, 0);
		pg_atomic_init_u32(&resource->pins, 0);
		pg_atomic_init_u64(&resource->used_at, 0);
		pg_atomic_init_u64(&resource->full_at, 0);
		pg_atomic_init_u64(&resource->opens_at, 0);
		pg_atomic_init_u64(&resource->paused_until, 0);
		pg_atomic_init_u64(&resource->paused_by, 0);
		budget_figures_init(&resource->used_budget);
		breaker_figures_init(&resource->breaker);
		ramp_figures_init(&resource->ramp);
	}
}

/*
 * The configuration is going to be read again.  What it said before stays in
 * force meanwhile: others look at it all the time.
 */
void
resource_begin_reading(WeirDatabase *database)
{
	for (int i = 0; i < weir_max_resources; i++)
		database->resources[i].named = false;
}

/*
 * It has been read to the end: what it did not name has no cap any more.  Those
 * in line look what has become of the cap that they wait under.
 */
void
resource_end_reading(WeirDatabase *database)
{
	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (pg_atomic_read_u32(&resource->gate_waiters) > 0)
			ConditionVariableBroadcast(&resource->freed);
		if (resource->named)
			continue;
		memset(&resource->rule, 0, sizeof(CapRule));
		resource->gap = 0;
		resource->budget.window = 0;
		resource->has_breaker = false;
		resource->on_demand = true;
		pg_atomic_write_u64(&resource->paused_until, 0);
	}
	LWLockRelease(database->lock);
}

/*
 * Says how many caps bind or observe sessions that do not ask for a slot:
 * where there are none a statement looks no further.  A cap whose table does
 * not exist now counts.  Only the scheduler knows the number.
 */
void
resource_set_enforcing(WeirDatabase *database, uint32 n)
{
	uint32		before = pg_atomic_exchange_u32(&database->enforcing, n);

	pg_atomic_fetch_add_u32(&Weir->enforcing, n - before);
}

/*
 * There may be one by now.  Cannot fail.
 */
void
resource_suspect_enforcing(WeirDatabase *database)
{
	uint32		none = 0;

	if (pg_atomic_compare_exchange_u32(&database->enforcing, &none, 1))
		pg_atomic_fetch_add_u32(&Weir->enforcing, 1);
}

/*
 * The entry of the key, or one of no resource where it can be put, or NULL if
 * the table is full.  The caller has the database's lock.
 */
ResourceSlot *
resource_probe(WeirDatabase *database, uint64 key)
{
	uint32		start = hash_bytes((unsigned char *) &key, sizeof(key));
	ResourceSlot *forgotten = NULL;

	Assert(LWLockHeldByMe(database->lock));
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource;

		resource = &database->resources[(start + i) % weir_max_resources];
		if (resource->key == key)
			return resource;
		if (resource->key == RESOURCE_FORGOTTEN && forgotten == NULL)
			forgotten = resource;
		if (resource->key == 0)
			return forgotten ? forgotten : resource;
	}
	return forgotten;
}

/*
 * Takes the resource out of an entry.  What leads to no other entry any more
 * becomes free.  The caller has the database's lock.
 */
void
resource_vacate(WeirDatabase *database, ResourceSlot *resource)
{
	int			i = resource - database->resources;

	Assert(LWLockHeldByMeInMode(database->lock, LW_EXCLUSIVE));
	resource->key = RESOURCE_FORGOTTEN;
	if (database->resources[(i + 1) % weir_max_resources].key != 0)
		return;
	while (database->resources[i].key == RESOURCE_FORGOTTEN)
	{
		database->resources[i].key = 0;
		i = (i + weir_max_resources - 1) % weir_max_resources;
	}
}

/*
 * An entry without a cap that nobody uses, or NULL.  Given to another key it
 * is passed on the way to others as before.
 */
static ResourceSlot *
resource_unused(WeirDatabase *database)
{
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (RESOURCE_KIND(resource->key) == RESOURCE_KIND_TABLE &&
			resource->rule.slots == 0 && !resource->named &&
			pg_atomic_read_u64(&resource->held) == 0 &&
			pg_atomic_read_u32(&resource->beside) == 0 &&
			pg_atomic_read_u32(&resource->gate_waiters) == 0)
			return resource;
	}
	return NULL;
}

/*
 * Enters or changes a cap; false if the table is full.
 */
bool
resource_set(WeirDatabase *database, uint64 key, const CapRule *rule)
{
	ResourceSlot *resource;

	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	resource = resource_probe(database, key);
	/* the table is full, so each way leads past every entry */
	if (resource == NULL)
		resource = resource_unused(database);
	if (resource)
	{
		resource->key = key;
		resource->gap = 0;
		resource->budget.window = 0;
		resource->has_breaker = false;
		pg_atomic_write_u64(&resource->paused_until, 0);
		resource->rule = *rule;
		resource->named = true;
	}
	LWLockRelease(database->lock);
	return resource != NULL;
}

/*
 * A copy of the rule that is not half an old one.
 */
CapRule
resource_rule(WeirDatabase *database, ResourceSlot *resource)
{
	CapRule		rule;

	LWLockAcquire(database->lock, LW_SHARED);
	rule = resource->rule;
	LWLockRelease(database->lock);
	return rule;
}

ResourceSlot *
resource_find(WeirDatabase *database, uint64 key)
{
	ResourceSlot *resource;

	LWLockAcquire(database->lock, LW_SHARED);
	resource = resource_probe(database, key);
	if (resource && resource->key != key)
		resource = NULL;
	LWLockRelease(database->lock);
	return resource;
}

/*
 * Do sessions wait in line that go before the task?
 */
bool
resource_line_first(ResourceSlot *resource, const Assignment *assignment)
{
	return assignment->klass != POLICY_CLASS_DAILY &&
		pg_atomic_read_u32(&resource->gate_waiters) > 0;
}

/*
 * Notes that this process got, or gave back, a slot.  Cannot fail.
 */
void
resource_mark(ResourceSlot *resource, int slot, bool held)
{
	uint64		bit = UINT64CONST(1) << slot;

	if (held)
		pg_atomic_fetch_or_u64(&resource->held, bit);
	else
	{
		pg_atomic_fetch_and_u64(&resource->held, ~bit);
		if (pg_atomic_read_u32(&resource->gate_waiters) > 0)
			ConditionVariableBroadcast(&resource->freed);
	}
}

uint64
resource_held(ResourceSlot *resource)
{
	return pg_atomic_read_u64(&resource->held);
}
