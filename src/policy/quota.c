/*-------------------------------------------------------------------------
 *
 * quota.c
 *	  Counting the tasks of an owner that have not ended.
 *
 * Only those of owners with a limit are counted: each has a record in a second
 * table, from when it is added until it is said to have ended, also while it
 * is not held.  The record has the owner in place of a bucket.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/place.h"
#include "policy/quota.h"

void
policy_quota_init(Policy *policy)
{
	policy_tasks_init(&policy->quota, &policy->memory);
}

void
policy_quota_release(Policy *policy)
{
	policy_tasks_release(&policy->quota);
}

/*
 * Is the task counted?
 */
bool
policy_quota_has(const Policy *policy, int64_t task_id)
{
	return policy->quota.used > 0 &&
		policy_tasks_find(&policy->quota, task_id) != 0;
}

/*
 * Counts a task, unless it is counted already.
 */
void
policy_quota_enter(Policy *policy, int64_t task_id, PolicyOwner *owner)
{
	uint32_t	record;

	if (!owner->counted || policy_quota_has(policy, task_id))
		return;
	record = policy_tasks_add(&policy->quota, task_id);
	policy_task_facts(&policy->quota, record)->state = TASK_STATE_READY;
	policy_task_facts(&policy->quota, record)->bucket = owner->id;
	owner->unfinished++;
}

/*
 * A task has ended.  If it is held nevertheless, it will be heard of again.
 */
void
policy_quota_ended(Policy *policy, int64_t task_id)
{
	uint32_t	record;
	PolicyOwner *owner;

	if (!policy_quota_has(policy, task_id) ||
		policy_tasks_find(&policy->tasks, task_id) != 0)
		return;
	record = policy_tasks_find(&policy->quota, task_id);
	owner = policy_owner_get(policy,
							 policy_task_facts(&policy->quota, record)->bucket);
	policy_tasks_delete(&policy->quota, record);
	owner->unfinished--;
	policy_owner_check(policy, owner);
}

/*
 * Counts the tasks of an owner from now on, those that are held included.
 */
void
policy_quota_configure(Policy *policy, PolicyOwner *owner, bool counted)
{
	uint32_t	task;

	if (owner->counted == counted)
		return;
	owner->counted = counted;
	for (task = 1; counted && task < policy->tasks.fresh; task++)
	{
		if (policy_task_facts(&policy->tasks, task)->state == TASK_STATE_FREE ||
			policy_bucket_of(policy, task)->owner != owner)
			continue;
		policy_quota_enter(policy,
						   policy_task_node(&policy->tasks, task)->task_id,
						   owner);
	}
}
