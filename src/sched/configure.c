/*-------------------------------------------------------------------------
 *
 * configure.c
 *	  Following the configuration: queues, caps, pauses, and who else holds
 *	  slots.
 *
 * Whoever changes the configuration adds one to a counter at commit.  The
 * scheduler compares it before it takes in messages, so that what was
 * configured before a task was submitted is known before the task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "ledger/event_row.h"
#include "ledger/queue_config.h"
#include "ledger/resource_config.h"
#include "ledger/sql.h"
#include "ledger/unfinished.h"
#include "sched/adapt.h"
#include "sched/ahead.h"
#include "sched/breakers.h"
#include "sched/cap_watch.h"
#include "sched/classes.h"
#include "sched/configure.h"
#include "sched/downstream.h"
#include "sched/duration.h"
#include "sched/feed.h"
#include "sched/health.h"
#include "sched/quota.h"
#include "sched/watermark.h"
#include "sched/windows.h"
#include "shmem/database.h"
#include "shmem/depth.h"
#include "shmem/inbox.h"
#include "shmem/named_resource.h"
#include "shmem/resource.h"
#include "shmem/settings.h"

/* Pause after the configuration could not be read */
#define CONFIGURE_RETRY_US	INT64CONST(1000000)

/* The longest time that starts are kept apart after a pause */
#define SPREAD_MAX_US		INT64CONST(30000000)

/*
 * Tells the policy of all queues, and of those that are gone.
 */
static void
configure_queues(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	int			n;
	const QueueConfig *queues = queue_config_list(&n);

	for (int i = 0; i < n; i++)
	{
		/* before that, since it may be resumed */
		policy_set_queue_ramp(scheduler->policy, queues[i].queue_id,
							  queues[i].ramp_up);
		policy_set_queue(scheduler->policy, queues[i].queue_id,
						 queues[i].max_running, queues[i].weight,
						 queues[i].paused);
		policy_set_shedding(scheduler->policy, queues[i].queue_id,
							queues[i].sheds);
		policy_set_queue_budget(scheduler->policy, queues[i].queue_id,
								&queues[i].budget);
		ahead_set_queue(scheduler, &queues[i]);
	}
	watermark_configure(scheduler, queues, n);
	downstream_configure(scheduler, queues, n);
	for (int i = 0; i < weir_max_queues; i++)
	{
		int32		queue_id = database->queues[i].queue;

		if (queue_id != 0 && queue_config_by_id(queue_id) == NULL)
			policy_drop_queue(scheduler->policy, queue_id);
	}
}

static void
warn_too_many(const char *name)
{
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("too many resources are capped, the cap of %s is not in force",
					name),
			 errhint("Raise \"%s\" and restart the server.",
					 "weir.max_resources")));
}

/*
 * The cap of one row of the current result.  Roles that are gone have been
 * left out.
 */
static void
configure_rule(uint64 row, CapRule *rule)
{
	const char *roles = sql_text(row, 8);
	int			length;

	memset(rule, 0, sizeof(CapRule));
	rule->slots = sql_int4(row, 2);
	rule->reserved = sql_int4(row, 3);
	(void) cap_enforce_parse(sql_text(row, 6), &rule->enforce);
	rule->refuse_unsafe = strcmp(sql_text(row, 7), "error") == 0;
	(void) cap_adaptive_parse(sql_text(row, 9), &rule->adaptive);
	rule->row_locks = strcmp(sql_text(row, 10), "t") == 0;
	while (rule->nexempt < WEIR_MAX_EXEMPT &&
		   sscanf(roles, "%u%n", &rule->exempt[rule->nexempt], &length) == 1)
	{
		rule->nexempt++;
		roles += length;
	}
}

/*
 * Enters the cap of one row of the current result, and records that its name
 * has come to mean another table.  Says whether it concerns every session.
 */
static bool
configure_cap(Scheduler *scheduler, uint64 row)
{
	const char *name = sql_text(row, 1);
	uint64		key;
	Oid			before;
	CapRule		rule;

	if (unfinished_resolve(&name, 1, &key) == 0)
		key = 0;
	before = cap_watch_add(sql_text(row, 4), sql_text(row, 5),
						   RESOURCE_ID(key));
	configure_rule(row, &rule);
	if (key == 0)
		return rule.enforce != CAP_TASKS;
	if (!resource_set(scheduler->database, key, &rule))
		warn_too_many(name);
	if (OidIsValid(before) && before != RESOURCE_ID(key))
		event_write("cap_follows", 0, NULL, name, NULL,
					psprintf("{\"from\": %u, \"to\": %u}", before,
							 RESOURCE_ID(key)));
	return rule.enforce != CAP_TASKS;
}

/*
 * Enters the named resources, and sets what their templates say of those that
 * were made after one.  What is not configured any more loses its limits when
 * the reading ends.
 */
static void
configure_named(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	int			n;
	const ResourceConfig *list = resource_config_list(&n);

	for (int i = 0; i < n; i++)
	{
		if (list[i].template)
			continue;
		if (named_resource_enter(database, list[i].name, &list[i].limits,
								 false) == NULL)
			warn_too_many(list[i].name);
	}
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];
		const ResourceConfig *config;

		if (!resource_in_use(resource) ||
			RESOURCE_KIND(resource->key) != RESOURCE_KIND_NAMED)
			continue;
		config = resource_config_for(NameStr(resource->name));
		if (config != NULL)
			named_resource_limit(database, resource, &config->limits,
								 config->template);
	}
}

/*
 * When the tokens of a resource were or are all there.  What was taken before
 * shared memory was lost is not known: then none was left.
 */
static TimestampTz
configure_full_at(const WeirDatabase *database, ResourceSlot *resource)
{
	TimestampTz known = (TimestampTz) pg_atomic_read_u64(&resource->full_at);

	if (known != 0 || resource->since >= database->counted_at)
		return known;
	return database->counted_at + resource->gap * resource->burst;
}

/*
 * Tells the policy of a resource.
 */
static void
configure_tell(Scheduler *scheduler, ResourceSlot *resource)
{
	policy_set_resource(scheduler->policy, resource->key,
						resource->rule.slots, resource->rule.reserved);
	if (RESOURCE_KIND(resource->key) == RESOURCE_KIND_NAMED)
		policy_set_rate(scheduler->policy, resource->key,
						GetCurrentTimestamp(), resource->gap, resource->burst,
						configure_full_at(scheduler->database, resource));
	policy_set_resource_budget(scheduler->policy, resource->key,
							   &resource->budget);
	resource->told = true;
}

/*
 * Tells the policy of resources that sessions have entered.
 */
void
configure_entered(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	uint64		entered = pg_atomic_read_u64(&database->resources_entered);

	if (entered == scheduler->entered_seen)
		return;
	scheduler->entered_seen = entered;
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (!resource_in_use(resource) || resource->told)
			continue;
		configure_tell(scheduler, resource);
		breakers_configure_one(scheduler, resource);
	}
}

/*
 * Enters the caps of the tables that exist by their names now, and the named
 * resources.
 */
static void
configure_caps(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	SqlSession	session;
	uint64		n;
	uint32		enforcing = 0;

	resource_begin_reading(database);
	cap_watch_begin();
	sql_begin(&session);
	n = sql_execute("SELECT quote_ident(schema_name) || '.' ||"
					" quote_ident(table_name), slots, reserved, schema_name,"
					" table_name, enforce, if_unsafe_to_wait,"
					" array_to_string(ARRAY(SELECT r.oid"
					"  FROM pg_roles r WHERE r.rolname = ANY (exempt)), ' '),"
					" adaptive, row_locks"
					" FROM weir.cap", NULL);
	for (uint64 row = 0; row < n; row++)
		enforcing += configure_cap(scheduler, row);
	cap_watch_end();
	sql_end(&session);
	configure_named(scheduler);
	resource_end_reading(database);
	resource_set_enforcing(database, enforcing);
	/* entries without a cap are told too: tasks may wait for them */
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (!resource_in_use(resource))
			continue;
		configure_tell(scheduler, resource);
		if (RESOURCE_KIND(resource->key) == RESOURCE_KIND_NAMED)
			breakers_configure(scheduler, resource);
	}
	adapt_apply(scheduler);
}

/*
 * Do library and SQL objects have the same version?  If not, nothing starts
 * until ALTER EXTENSION UPDATE.
 */
static bool
configure_version(Scheduler *scheduler)
{
	char	   *version = extension_version();
	bool		same = version != NULL && strcmp(version, PG_WEIR_VERSION) == 0;

	if (!same && !scheduler->other_version)
		ereport(LOG,
				(errmsg("extension \"%s\" has version %s and its library %s, no task is started",
						"pg_weir", version ? version : "none",
						PG_WEIR_VERSION),
				 errhint("Execute ALTER EXTENSION pg_weir UPDATE.")));
	scheduler->other_version = !same;
	return same;
}

static void
step_configure(Scheduler *scheduler, void *arg)
{
	SqlSession	session;
	bool		paused;

	configure_queues(scheduler);
	classes_configure(scheduler);
	health_configure(scheduler);
	quota_configure(scheduler);
	configure_caps(scheduler);
	duration_tell(scheduler);
	sql_begin(&session);
	sql_execute("SELECT paused FROM weir.control", NULL);
	paused = SPI_processed == 1 && strcmp(sql_text(0, 1), "t") == 0;
	sql_end(&session);
	scheduler->paused_all = paused | !configure_version(scheduler);
	pg_atomic_write_u32(&scheduler->database->paused, paused);
	policy_set_paused(scheduler->policy, paused);
}

/*
 * Says that the configuration is followed up to the counter.
 */
void
configure_acknowledge(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;

	scheduler->config_seen = pg_atomic_read_u64(&database->config_changed);
	pg_atomic_write_u64(&database->config_applied, scheduler->config_seen);
	ConditionVariableBroadcast(&database->progress);
}

/*
 * Reads the configuration.  If that fails the old one stays in force, and it
 * is tried again a little later.
 */
bool
configure(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	uint64		changed = pg_atomic_read_u64(&database->config_changed);

	policy_set_workers(scheduler->policy, weir_max_workers);
	scheduler->slots_changed = true;
	if (!scheduler_step(scheduler, "reading the configuration", step_configure,
						NULL))
	{
		scheduler->configure_at = GetCurrentTimestamp() + CONFIGURE_RETRY_US;
		return false;
	}
	windows_follow(scheduler);
	/* a queue or a role may have room for chunks now */
	feed_note_end(scheduler);
	scheduler->configure_at = 0;
	scheduler->config_seen = changed;
	/* who has changed it since may have said so before we wrote the number */
	if (pg_atomic_read_u64(&database->config_changed) != changed)
		resource_suspect_enforcing(database);
	pg_atomic_write_u64(&database->config_applied, changed);
	ConditionVariableBroadcast(&database->progress);
	return true;
}

void
configure_if_changed(Scheduler *scheduler)
{
	if (scheduler->configure_at != 0 ?
		GetCurrentTimestamp() >= scheduler->configure_at :
		pg_atomic_read_u64(&scheduler->database->config_changed) !=
		scheduler->config_seen)
		(void) configure(scheduler);
}

/*
 * The slots of a resource that tasks of the policy hold now.
 */
static uint64
configure_own_slots(Scheduler *scheduler, uint64 key)
{
	uint64		own = 0;
	const Assignment *assignment;

	for (int i = 0; i < weir_max_workers; i++)
	{
		WeirWorker *worker = &Weir->workers[i];

		if (worker->database != scheduler->database->oid)
			continue;
		for (int from = 0; (assignment = inbox_in_hand(worker, &from)) != NULL;)
		{
			if (!policy_is_running(scheduler->policy, assignment->task_id))
				continue;
			for (int k = 0; k < assignment->ngrants; k++)
			{
				if (assignment->grants[k].resource == key)
					own |= UINT64CONST(1) << assignment->grants[k].slot;
			}
		}
	}
	return own;
}

/*
 * Tells the policy until when a task has paused the resource.  Starts are kept
 * apart for half as long as the pause still lasts.
 */
static void
configure_pause(Scheduler *scheduler, ResourceSlot *resource)
{
	TimestampTz until = (TimestampTz) pg_atomic_read_u64(&resource->paused_until);
	TimestampTz now;

	if (until == 0)
		return;
	now = GetCurrentTimestamp();
	if (until > now)
		policy_pause_resource(scheduler->policy, resource->key, until,
							  Min((until - now) / 2, SPREAD_MAX_US));
}

/*
 * Forgets resources that were made after a template, or have lost their cap,
 * and that nobody means any more, since before this round took messages in.
 */
void
configure_forget(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];

		if (!resource_in_use(resource) ||
			RESOURCE_KIND(resource->key) != RESOURCE_KIND_NAMED ||
			!resource->on_demand ||
			!named_resource_is_idle(resource, scheduler->round_at) ||
			!policy_forget_resource(scheduler->policy, resource->key, now))
			continue;
		/* somebody has come to mean it in this moment */
		if (named_resource_forget(database, resource, scheduler->round_at))
			continue;
		configure_tell(scheduler, resource);
		breakers_configure_one(scheduler, resource);
	}
}

/*
 * Shows when starts are possible that rates and pauses hold back.
 */
void
configure_publish(Scheduler *scheduler)
{
	PolicyTimes times;

	while (policy_next_times(scheduler->policy, &times))
	{
		ResourceSlot *resource = resource_find(scheduler->database,
											   times.resource);

		if (resource == NULL)
			continue;
		pg_atomic_write_u64(&resource->full_at,
							times.full_at == POLICY_TIME_ALWAYS ? 0 :
							times.full_at);
		pg_atomic_write_u64(&resource->opens_at,
							times.opens_at == POLICY_TIME_ALWAYS ? 0 :
							times.opens_at);
	}
}

/*
 * Tells the policy which slots others hold and who waits at a gate, if that
 * has changed.
 */
void
configure_foreign(Scheduler *scheduler)
{
	WeirDatabase *database = scheduler->database;
	uint64		changed = pg_atomic_read_u64(&database->foreign_changed);

	if (changed == scheduler->foreign_seen && !scheduler->slots_changed)
		return;
	scheduler->foreign_seen = changed;
	scheduler->slots_changed = false;
	for (int i = 0; i < weir_max_resources; i++)
	{
		ResourceSlot *resource = &database->resources[i];
		uint64		held;

		if (!resource_in_use(resource))
			continue;
		configure_pause(scheduler, resource);
		if (resource->rule.slots == 0)
			continue;
		held = resource_held(resource);
		if (held != 0)
			held &= ~configure_own_slots(scheduler, resource->key);
		policy_set_foreign(scheduler->policy, resource->key, held,
						   pg_atomic_read_u32(&resource->gate_waiters) > 0);
	}
}
