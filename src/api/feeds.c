/*-------------------------------------------------------------------------
 *
 * feeds.c
 *	  Which queue another one feeds.
 *
 * A task of a queue that feeds another starts only when there is room there.
 * So there must be no cycle: when all of its queues are full nothing would ever
 * start.  Who sets what a queue feeds locks out others who do until his
 * transaction has ended, and looks at what is committed by then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "api/feeds.h"
#include "api/request.h"
#include "ledger/queue_config.h"
#include "ledger/sql.h"

/*
 * The caller must be allowed to fill the queue that is fed: places in it are
 * reserved for his tasks.
 */
static void
check_target(const char *name)
{
	const QueueConfig *queue = queue_config_by_name(name);
	TaskRow		task = {0};

	if (queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name),
				 errhint("See the view weir.queues, or create it with weir.create_queue().")));
	task.environment.klass = POLICY_CLASS_BACKFILL;
	task.priority = PG_INT32_MAX;
	request_check_privilege(queue, &task);
}

/*
 * Follows the queues from the one that is fed; refuses if they lead back.
 */
static void
check_cycle(const char *name, const char *feeds)
{
	SqlParams	params = {0};
	SqlSession	session;
	bool		cycle;

	sql_add_text(&params, feeds);
	sql_add_text(&params, name);
	sql_begin(&session);
	sql_execute("LOCK TABLE weir.queue IN SHARE ROW EXCLUSIVE MODE", NULL);
	sql_execute("WITH RECURSIVE fed (name) AS (SELECT $1 UNION"
				" SELECT q.policy ->> 'feeds' FROM weir.queue q"
				" JOIN fed ON fed.name = q.name"
				" WHERE q.policy ->> 'feeds' IS NOT NULL)"
				" SELECT count(*) > 0 FROM fed WHERE name = $2", &params);
	cycle = strcmp(sql_text(0, 1), "t") == 0;
	sql_end(&session);
	if (cycle)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("queue \"%s\" cannot feed queue \"%s\"", name, feeds),
				 errdetail("That queue feeds this one, perhaps by way of others: when all are full, nothing would start.")));
}

/*
 * Checks what a queue of this name is to feed, according to its policy.
 */
void
feeds_check(const char *name, Jsonb *policy)
{
	JsonbValue	buffer;
	char	   *feeds;

	if (!JB_ROOT_IS_OBJECT(policy) ||
		getKeyJsonValueFromContainer(&policy->root, "feeds", strlen("feeds"),
									 &buffer) == NULL)
		return;
	feeds = policy_feeds(policy);
	if (feeds == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("policy parameter \"%s\" must be %s", "feeds",
						"the name of a queue")));
	check_target(feeds);
	check_cycle(name, feeds);
}

/*
 * Refuses to drop a queue that others feed.
 */
void
feeds_refuse_drop(const char *name)
{
	int			n;
	const QueueConfig *queues = queue_config_list(&n);

	for (int i = 0; i < n; i++)
	{
		if (queues[i].feeds_name != NULL &&
			strcmp(queues[i].feeds_name, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("queue \"%s\" cannot be dropped", name),
					 errdetail("Queue \"%s\" feeds it.", queues[i].name),
					 errhint("Change the policy of that queue first.")));
	}
}
