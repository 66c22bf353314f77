/*-------------------------------------------------------------------------
 *
 * resource_config.c
 *	  What is configured for named resources, as this process last read it.
 *
 * Read once and kept until somebody changes it, which invalidates the
 * relcache entry of weir.resource.
 *
 * A name that ends in a star is a template: it stands for every name that
 * begins like it and is not configured itself; of several templates the
 * longest counts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "ledger/breaker_config.h"
#include "ledger/budget_config.h"
#include "ledger/identity.h"
#include "ledger/relation_watch.h"
#include "ledger/resource_config.h"
#include "ledger/sql.h"

static MemoryContext ConfigContext = NULL;
static ResourceConfig *Resources = NULL;
static int	NumResources = 0;
static Oid	ResourceRelation = InvalidOid;

/* As queue_config.c: a change that comes while we read is not lost */
static uint64 Changes = 1;
static uint64 ChangesRead = 0;

static void
resource_config_invalidate(Oid relid)
{
	if (!OidIsValid(relid) || relid == ResourceRelation)
		Changes++;
}

void
resource_config_install(void)
{
	relation_watch(resource_config_invalidate);
}

/*
 * Tells all processes, at commit, to read the resources again.
 */
void
resource_config_changed(void)
{
	CacheInvalidateRelcacheByRelid(get_relname_relid("resource",
													 ledger_namespace()));
	/* another call in the same statement is to see it, too */
	CommandCounterIncrement();
}

/*
 * Copies a row of the current result.
 */
static void
resource_config_row(uint64 row, ResourceConfig *resource)
{
	resource->name = pstrdup(sql_text(row, 1));
	resource->template = resource->name[strlen(resource->name) - 1] == '*';
	resource->limits.slots = sql_isnull(row, 2) ? 0 : sql_int4(row, 2);
	resource->limits.reserved = sql_int4(row, 3);
	resource->limits.gap = sql_isnull(row, 4) ? 0 : sql_int8(row, 4);
	resource->limits.burst = sql_int4(row, 5);
	resource->limits.since = sql_int8(row, 6);
	(void) identity_grantee(row, 7, &resource->owner);
	budget_config_of(sql_jsonb(row, 10), &resource->limits.budget);
	breaker_config_parse(sql_jsonb(row, 11), &resource->breaker);
	resource->fallback = breaker_config_fallback(sql_jsonb(row, 11));
	(void) breaker_state_parse(sql_text(row, 12), &resource->breaker.mode);
	resource->breaker.made = sql_int8(row, 13);
	resource->limits.has_breaker = resource->breaker.on;
}

/*
 * Adds the grants of the current result, which come in the order of the
 * resources.
 */
static void
resource_config_grants(uint64 n)
{
	ResourceConfig *resource = Resources;

	for (uint64 row = 0; row < n; row++)
	{
		Oid			role;

		while (resource < Resources + NumResources &&
			   strcmp(resource->name, sql_text(row, 1)) != 0)
			resource++;
		if (resource == Resources + NumResources)
			return;
		if (!identity_grantee(row, 2, &role))
			continue;
		if (resource->grants == NULL)
			resource->grants = palloc(n * sizeof(Oid));
		resource->grants[resource->ngrants++] = role;
	}
}

/*
 * Reads all named resources, as they are committed now.
 */
static void
resource_config_load(void)
{
	uint64		changes = Changes;
	SqlSession	session;
	MemoryContext caller;
	uint64		n;

	ResourceRelation = get_relname_relid("resource", ledger_namespace());
	if (ConfigContext == NULL)
		ConfigContext = AllocSetContextCreate(TopMemoryContext,
											  "pg_weir resources",
											  ALLOCSET_DEFAULT_SIZES);
	ChangesRead = 0;
	sql_begin(&session);
	n = sql_read_latest("SELECT name, slots, reserved, gap, burst, since,"
						" owner_name, owner, owned_at, retry_budget, breaker,"
						" breaker_mode, breaker_since FROM weir.resource"
						" ORDER BY name COLLATE \"C\"");
	MemoryContextReset(ConfigContext);
	caller = MemoryContextSwitchTo(ConfigContext);
	Resources = palloc0(Max(n, 1) * sizeof(ResourceConfig));
	for (NumResources = 0; NumResources < n; NumResources++)
		resource_config_row(NumResources, &Resources[NumResources]);
	n = sql_read_latest("SELECT resource, role_name, role, granted_at"
						" FROM weir.resource_grant"
						" ORDER BY resource COLLATE \"C\"");
	/* SPI has left us in memory of its own, which does not last */
	MemoryContextSwitchTo(ConfigContext);
	resource_config_grants(n);
	MemoryContextSwitchTo(caller);
	sql_end(&session);
	ChangesRead = changes;
}

/*
 * All named resources and templates.  The list is good until the next catalog
 * access.
 */
const ResourceConfig *
resource_config_list(int *n)
{
	if (ChangesRead != Changes)
		resource_config_load();
	*n = NumResources;
	return Resources;
}

/*
 * The one of exactly this name, or NULL.
 */
const ResourceConfig *
resource_config_exact(const char *name)
{
	int			n;
	const ResourceConfig *list = resource_config_list(&n);

	for (int i = 0; i < n; i++)
	{
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	}
	return NULL;
}

/*
 * What limits the resource of this name: it is configured, or the longest
 * template that fits is.  NULL if there is neither.
 */
const ResourceConfig *
resource_config_for(const char *name)
{
	int			n;
	const ResourceConfig *list = resource_config_list(&n);
	const ResourceConfig *best = NULL;
	size_t		longest = 0;

	for (int i = 0; i < n; i++)
	{
		size_t		length = strlen(list[i].name) - 1;

		if (!list[i].template && strcmp(list[i].name, name) == 0)
			return &list[i];
		if (list[i].template && length > longest &&
			strncmp(list[i].name, name, length) == 0)
		{
			best = &list[i];
			longest = length;
		}
	}
	return best;
}

/*
 * Resolves names to resource keys, as they are configured now; names that mean
 * nothing any more are left out.  What a template stands for is entered.
 * Returns the number of keys.
 */
int
resource_config_resolve(WeirDatabase *database, const char *const *names,
						int n, uint64 *needs)
{
	int			nneeds = 0;

	for (int i = 0; i < n; i++)
	{
		const ResourceConfig *config = resource_config_for(names[i]);
		ResourceSlot *resource;

		if (config == NULL)
			continue;
		resource = named_resource_enter(database, names[i], &config->limits,
										config->template);
		if (resource == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("too many resources are in use"),
					 errhint("Raise \"%s\" and restart the server.",
							 "weir.max_resources")));
		needs[nneeds++] = resource->key;
	}
	return nneeds;
}
