/*-------------------------------------------------------------------------
 *
 * queue_config.c
 *	  What is configured for queues, as this process last read it.
 *
 * Sessions, workers and the scheduler read the queues once and keep them
 * until somebody changes one, which invalidates the relcache entry of
 * weir.queue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "ledger/budget_config.h"
#include "ledger/identity.h"
#include "ledger/queue_config.h"
#include "ledger/relation_watch.h"
#include "ledger/sql.h"
#include "ledger/task_row.h"

static MemoryContext ConfigContext = NULL;
static QueueConfig *Queues = NULL;
static int	NumQueues = 0;
static Oid	QueueRelation = InvalidOid;

/*
 * How often the queues may have changed, and the number as of which they were
 * read: a change that comes in between is not lost.
 */
static uint64 Changes = 1;
static uint64 ChangesRead = 0;

static void
queue_config_invalidate(Oid relid)
{
	if (!OidIsValid(relid) || relid == QueueRelation)
		Changes++;
}

void
queue_config_install(void)
{
	relation_watch(queue_config_invalidate);
}

/*
 * Tells all processes, at commit, to read the queues again.
 */
void
queue_config_changed(void)
{
	CacheInvalidateRelcacheByRelid(get_relname_relid("queue",
													 ledger_namespace()));
	/* another call in the same statement is to see it, too */
	CommandCounterIncrement();
}

/*
 * The named number of a policy object, or what it is otherwise.
 */
static double
policy_number(Jsonb *policy, const char *name, double otherwise)
{
	JsonbValue	buffer;
	JsonbValue *value;

	if (policy == NULL)
		return otherwise;
	value = getKeyJsonValueFromContainer(&policy->root, name, strlen(name),
										 &buffer);
	if (value == NULL)
		return otherwise;
	if (value->type == jbvBool)
		return value->val.boolean ? 1 : 0;
	if (value->type != jbvNumeric)
		return otherwise;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8,
											  NumericGetDatum(value->val.numeric)));
}

/*
 * Takes the retry parameters out of a policy object: those that it names
 * replace what is there.  Units are seconds.
 */
void
retry_policy_parse(Jsonb *policy, RetryPolicy *retry)
{
	retry->max_attempts = (int32) policy_number(policy, "max_attempts",
												retry->max_attempts);
	retry->base_us = (int64) (1e6 * policy_number(policy, "backoff_base",
												  retry->base_us / 1e6));
	retry->cap_us = (int64) (1e6 * policy_number(policy, "backoff_cap",
												 retry->cap_us / 1e6));
	retry->max_contention = (int32) policy_number(policy, "max_contention",
												  retry->max_contention);
	retry->retry_permanent = policy_number(policy, "retry_permanent",
										   retry->retry_permanent) != 0;
}

/*
 * The name of the queue that a policy object says is fed; NULL if none.
 */
char *
policy_feeds(Jsonb *policy)
{
	JsonbValue	buffer;
	JsonbValue *value = NULL;

	if (policy != NULL)
		value = getKeyJsonValueFromContainer(&policy->root, "feeds",
											 strlen("feeds"), &buffer);
	return value == NULL || value->type != jbvString ? NULL :
		pnstrdup(value->val.string.val, value->val.string.len);
}

/*
 * Copies the row of the current result into a queue's configuration.
 */
static void
queue_config_row(uint64 row, QueueConfig *queue)
{
	Jsonb	   *policy;

	queue->queue_id = sql_int4(row, 1);
	queue->name = pstrdup(sql_text(row, 2));
	(void) class_parse(sql_text(row, 3), &queue->klass);
	queue->capacity = sql_int4(row, 4);
	queue->wait = strcmp(sql_text(row, 5), "wait") == 0;
	queue->sheds = strcmp(sql_text(row, 5), "shed") == 0;
	queue->max_running = sql_int4(row, 6);
	queue->weight = strtod(sql_text(row, 7), NULL);
	queue->paused = strcmp(sql_text(row, 8), "t") == 0;
	(void) identity_grantee(row, 13, &queue->owner);
	queue->settings = sql_jsonb(row, 9);
	queue->grouped = strcmp(sql_text(row, 11), "grouped") == 0;
	queue->batch = sql_int4(row, 12);
	if (sql_text(row, 16) != NULL)
		queue->high_watermark = strtod(sql_text(row, 16), NULL);
	queue->low_watermark = sql_text(row, 17) == NULL ?
		queue->high_watermark / 2 : strtod(sql_text(row, 17), NULL);
	queue->retry.max_attempts = 3;
	queue->retry.base_us = 1000000;
	queue->retry.cap_us = INT64CONST(300) * 1000000;
	queue->retry.max_contention = 10;
	queue->retry.retry_permanent = false;
	policy = sql_jsonb(row, 10);
	retry_policy_parse(policy, &queue->retry);
	queue->feeds_name = policy_feeds(policy);
	queue->ramp_up = (int64) (1e6 * policy_number(policy, "ramp_up", 0));
	budget_config_of_policy(policy, &queue->budget);
}

/*
 * Finds the queues that are fed; they follow their names.
 */
static void
queue_config_feeds(void)
{
	for (int i = 0; i < NumQueues; i++)
	{
		for (int j = 0; j < NumQueues && Queues[i].feeds_name; j++)
		{
			if (strcmp(Queues[i].feeds_name, Queues[j].name) == 0)
				Queues[i].feeds = Queues[j].queue_id;
		}
	}
}

/*
 * Adds the grants of the current result to their queues.
 */
static void
queue_config_grants(uint64 n)
{
	for (uint64 row = 0; row < n; row++)
	{
		int32		queue_id = sql_int4(row, 1);
		QueueConfig *queue = NULL;
		QueueGrant *grant;
		Oid			role;

		for (int i = 0; i < NumQueues; i++)
		{
			if (Queues[i].queue_id == queue_id)
				queue = &Queues[i];
		}
		if (queue == NULL || !identity_grantee(row, 5, &role))
			continue;
		if (queue->grants == NULL)
			queue->grants = palloc(n * sizeof(QueueGrant));
		grant = &queue->grants[queue->ngrants++];
		grant->role = role;
		(void) class_parse(sql_text(row, 2), &grant->max_class);
		grant->may_set_deadline = strcmp(sql_text(row, 3), "t") == 0;
		grant->min_priority = sql_int4(row, 4);
	}
}

/*
 * Reads all queues, as they are committed now.
 */
static void
queue_config_load(void)
{
	uint64		changes = Changes;
	SqlSession	session;
	MemoryContext caller;
	uint64		n;

	QueueRelation = get_relname_relid("queue", ledger_namespace());
	if (ConfigContext == NULL)
		ConfigContext = AllocSetContextCreate(TopMemoryContext,
											  "pg_weir queues",
											  ALLOCSET_DEFAULT_SIZES);
	ChangesRead = 0;
	sql_begin(&session);
	n = sql_read_latest("SELECT queue_id, name, class, capacity, on_full,"
						" max_running, weight::text, paused, settings,"
						" policy, durability, batch,"
						" owner_name, owner, owned_at,"
						" high_watermark::text, low_watermark::text"
						" FROM weir.queue ORDER BY queue_id");
	MemoryContextReset(ConfigContext);
	caller = MemoryContextSwitchTo(ConfigContext);
	Queues = palloc0(Max(n, 1) * sizeof(QueueConfig));
	for (NumQueues = 0; NumQueues < n; NumQueues++)
		queue_config_row(NumQueues, &Queues[NumQueues]);
	queue_config_feeds();
	n = sql_read_latest("SELECT queue_id, max_class, may_set_deadline,"
						" min_priority, role_name, role, granted_at"
						" FROM weir.queue_grant WHERE max_class IS NOT NULL");
	/* SPI has left us in memory of its own, which does not last */
	MemoryContextSwitchTo(ConfigContext);
	queue_config_grants(n);
	MemoryContextSwitchTo(caller);
	sql_end(&session);
	ChangesRead = changes;
}

/*
 * All queues.  The list is good until the next catalog access.
 */
const QueueConfig *
queue_config_list(int *n)
{
	if (ChangesRead != Changes)
		queue_config_load();
	*n = NumQueues;
	return Queues;
}

const QueueConfig *
queue_config_by_name(const char *name)
{
	int			n;
	const QueueConfig *queues = queue_config_list(&n);

	for (int i = 0; i < n; i++)
	{
		if (strcmp(queues[i].name, name) == 0)
			return &queues[i];
	}
	return NULL;
}

const QueueConfig *
queue_config_by_id(int32 queue_id)
{
	int			n;
	const QueueConfig *queues = queue_config_list(&n);

	for (int i = 0; i < n; i++)
	{
		if (queues[i].queue_id == queue_id)
			return &queues[i];
	}
	return NULL;
}
