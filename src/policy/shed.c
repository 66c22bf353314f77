/*-------------------------------------------------------------------------
 *
 * shed.c
 *	  Which tasks go when a queue is full that sheds.
 *
 * The oldest of the lowest class: so the tasks of such a queue that wait, for
 * whatever, stand in one order by age for each class.  The links of a task's
 * own record are taken by the order that it waits in, hence a second table, as
 * for those that expire: a task of a queue that sheds needs as much again as
 * its record, the others cost nothing here.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/place.h"
#include "policy/shed.h"

/*
 * The order that a task of the bucket stands in.
 */
static TaskOrder *
shed_order(PolicyBucket *bucket)
{
	return &bucket->queue->shed[bucket->klass];
}

/*
 * A task waits, or goes on to wait for something else.
 */
void
policy_shed_enter(Policy *policy, uint32_t task)
{
	PolicyBucket *bucket = policy_bucket_of(policy, task);
	int64_t		task_id = policy_task_node(&policy->tasks, task)->task_id;
	uint32_t	record;

	if (!bucket->queue->sheds ||
		policy_tasks_find(&policy->shed, task_id) != 0)
		return;
	record = policy_tasks_add(&policy->shed, task_id);
	policy_task_node(&policy->shed, record)->key =
		policy_stored_time(policy_task_facts(&policy->tasks, task)->enqueued_at);
	policy_task_facts(&policy->shed, record)->state = TASK_STATE_READY;
	policy_order_insert(&policy->shed, shed_order(bucket), record);
}

/*
 * A task waits no more.
 */
void
policy_shed_leave(Policy *policy, uint32_t task)
{
	PolicyBucket *bucket = policy_bucket_of(policy, task);
	uint32_t	record;

	if (!bucket->queue->sheds)
		return;
	record = policy_tasks_find(&policy->shed,
							   policy_task_node(&policy->tasks, task)->task_id);
	policy_order_delete(&policy->shed, shed_order(bucket), record);
	policy_tasks_delete(&policy->shed, record);
}

/*
 * Lets all tasks of a queue that wait enter, or leave.
 */
static void
shed_all(Policy *policy, const PolicyQueue *queue, bool enter)
{
	uint32_t	task;

	for (task = 1; task < policy->tasks.fresh; task++)
	{
		uint8_t		state = policy_task_facts(&policy->tasks, task)->state;

		if (state == TASK_STATE_FREE || state == TASK_STATE_RUNNING ||
			policy_bucket_of(policy, task)->queue != queue)
			continue;
		if (enter)
			policy_shed_enter(policy, task);
		else
			policy_shed_leave(policy, task);
	}
}

/*
 * Has the queue shed tasks, or not.
 */
void
policy_shed_configure(Policy *policy, PolicyQueue *queue, bool sheds)
{
	if (queue->sheds == sheds)
		return;
	if (!sheds)
		shed_all(policy, queue, false);
	queue->sheds = sheds;
	if (sheds)
		shed_all(policy, queue, true);
}

/*
 * The tasks that are shed next, and how many there are of them, at most n.
 */
int
policy_next_shed(Policy *policy, uint32_t queue, PolicyShed *shed, int n)
{
	PolicyQueue *entry = policy_queue_find(policy, queue);
	uint32_t	records[POLICY_MAX_SHED];
	int			found = 0;
	int			klass;

	if (entry == NULL || !entry->sheds)
		return 0;
	for (klass = POLICY_NUM_CLASSES - 1; klass >= 0; klass--)
	{
		int			more = policy_order_peek(&policy->shed,
											 &entry->shed[klass], records,
											 n - found);
		int			i;

		for (i = 0; i < more; i++)
		{
			shed[found].task_id =
				policy_task_node(&policy->shed, records[i])->task_id;
			shed[found++].klass = (PolicyClass) klass;
		}
	}
	return found;
}
