/*-------------------------------------------------------------------------
 *
 * expiry.c
 *	  Tasks that are to start by a certain time, or not at all.
 *
 * A second table of tasks, and an order of them by the time when they expire.
 * The links of a task's own record are taken by the order that it waits in,
 * and most tasks never expire: they cost nothing here.  One that does needs
 * as much again as its record.
 *
 * While a task is in a worker's hands it stands in the table, but not in the
 * order: it may come back without having begun.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/expiry.h"

/*
 * The record of a task, 0 if it does not expire.
 */
static uint32_t
expiry_find(const Policy *policy, int64_t task_id)
{
	if (policy->expiry.used == 0)
		return 0;
	return policy_tasks_find(&policy->expiry, task_id);
}

/*
 * Is a record in the order?
 */
static bool
expiry_counts(const Policy *policy, uint32_t record)
{
	return policy_task_facts(&policy->expiry, record)->state ==
		TASK_STATE_DELAYED;
}

/*
 * The task, which has no such time yet, is to start before it.
 */
void
policy_expiry_set(Policy *policy, int64_t task_id, PolicyTime expires_at)
{
	uint32_t	record;

	if (expires_at == POLICY_TIME_NEVER)
		return;
	record = policy_tasks_add(&policy->expiry, task_id);
	policy_task_node(&policy->expiry, record)->key = expires_at;
	policy_task_facts(&policy->expiry, record)->state = TASK_STATE_DELAYED;
	policy_order_insert(&policy->expiry, &policy->expiries, record);
}

/*
 * The task is given to a worker.
 */
void
policy_expiry_suspend(Policy *policy, int64_t task_id)
{
	uint32_t	record = expiry_find(policy, task_id);

	if (record == 0)
		return;
	policy_order_delete(&policy->expiry, &policy->expiries, record);
	policy_task_facts(&policy->expiry, record)->state = TASK_STATE_RUNNING;
}

/*
 * The task came back from a worker, and has not begun.
 */
void
policy_expiry_resume(Policy *policy, int64_t task_id)
{
	uint32_t	record = expiry_find(policy, task_id);

	if (record == 0)
		return;
	policy_task_facts(&policy->expiry, record)->state = TASK_STATE_DELAYED;
	policy_order_insert(&policy->expiry, &policy->expiries, record);
}

/*
 * A suspended task, whose time was how long it may wait, waits from now on.
 */
void
policy_expiry_start(Policy *policy, int64_t task_id, PolicyTime from)
{
	uint32_t	record = expiry_find(policy, task_id);
	TaskNode   *node;

	if (record == 0)
		return;
	node = policy_task_node(&policy->expiry, record);
	if (from > POLICY_TIME_NEVER - node->key)
		node->key = POLICY_TIME_NEVER;
	else
		node->key += from;
	policy_expiry_resume(policy, task_id);
}

/*
 * The task has begun, or is gone.
 */
void
policy_expiry_drop(Policy *policy, int64_t task_id)
{
	uint32_t	record = expiry_find(policy, task_id);

	if (record == 0)
		return;
	if (expiry_counts(policy, record))
		policy_order_delete(&policy->expiry, &policy->expiries, record);
	policy_tasks_delete(&policy->expiry, record);
}

/*
 * The task that expires first, and when; NULL if none does.
 */
const TaskNode *
policy_expiry_first(const Policy *policy)
{
	uint32_t	record = policy_order_first(&policy->expiry,
											&policy->expiries);

	return record == 0 ? NULL : policy_task_node(&policy->expiry, record);
}
