/*-------------------------------------------------------------------------
 *
 * admit.c
 *	  The life of a task in the policy.
 *
 * A task is blocked (by parents, depend.c, or by those of its key, serial.c),
 * delayed (in the order of timers), ready (in the order of its bucket) or
 * running (it has a run, which knows its slots).  tasks.h says how these follow
 * one another.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/admit.h"
#include "policy/bucket.h"
#include "policy/budget.h"
#include "policy/choose.h"
#include "policy/depend.h"
#include "policy/expiry.h"
#include "policy/park.h"
#include "policy/preempt.h"
#include "policy/quota.h"
#include "policy/rank.h"
#include "policy/ramp.h"
#include "policy/rate.h"
#include "policy/risk.h"
#include "policy/runs.h"
#include "policy/serial.h"
#include "policy/shed.h"
#include "policy/solo.h"
#include "policy/window.h"

/*
 * Tasks that become ready at a time, when very many are due at once: a start
 * does not wait for all of them to be looked at.
 */
#define PROMOTE_BATCH	1024

/*
 * Puts a task, which is in no order, where it waits: for its time, for others
 * of its key, or in its bucket.  The caller settles the bucket.
 */
void
policy_task_place(Policy *policy, uint32_t task, PolicyTime run_at)
{
	TaskNode   *node = policy_task_node(&policy->tasks, task);
	TaskFacts  *facts = policy_task_facts(&policy->tasks, task);
	PolicyBucket *bucket = policy->buckets[facts->bucket];

	if (run_at <= policy->now && !policy_serial_enter(policy, task))
	{
		policy_depend_hold(policy, task, POLICY_TIME_ALWAYS);
		return;
	}
	policy_shed_enter(policy, task);
	if (run_at > policy->now)
	{
		node->key = run_at;
		facts->state = TASK_STATE_DELAYED;
		bucket->ndelayed++;
		bucket->queue->delayed++;
		policy_order_insert(&policy->tasks, &policy->timers, task);
		policy_serial_leave(policy, node->task_id);
		return;
	}
	node->key = policy_risk_rank(policy, task);
	facts->state = TASK_STATE_READY;
	policy_count_ready(policy, bucket, 1);
	policy_order_insert(&policy->tasks, &bucket->order, task);
	policy_risk_enter(policy, task);
}

/*
 * Takes a task that waits out of the order that it is in.  The caller settles
 * the bucket.
 */
void
policy_task_lift(Policy *policy, uint32_t task)
{
	PolicyBucket *bucket = policy_bucket_of(policy, task);

	policy_shed_leave(policy, task);
	if (policy_task_facts(&policy->tasks, task)->state == TASK_STATE_DELAYED)
	{
		policy_order_delete(&policy->tasks, &policy->timers, task);
		bucket->ndelayed--;
		bucket->queue->delayed--;
	}
	else if (policy_task_facts(&policy->tasks, task)->state == TASK_STATE_BLOCKED)
		policy_depend_lift(policy, task);
	else
	{
		policy_order_delete(&policy->tasks, &bucket->order, task);
		policy_count_ready(policy, bucket, -1);
		policy_risk_leave(policy, task);
	}
}

/*
 * The rank of a task may have changed.
 */
void
policy_task_rerank(Policy *policy, uint32_t task)
{
	if (policy_task_facts(&policy->tasks, task)->state != TASK_STATE_READY)
		return;
	policy_task_lift(policy, task);
	policy_task_place(policy, task, POLICY_TIME_ALWAYS);
	policy_settle(policy, policy_bucket_of(policy, task));
}

/*
 * Makes the record of a task of the bucket.  The caller places the task.
 */
static uint32_t
task_record(Policy *policy, const PolicyBucket *bucket,
			const PolicyTask *task)
{
	uint32_t	index = policy_tasks_add(&policy->tasks, task->task_id);
	TaskFacts  *facts = policy_task_facts(&policy->tasks, index);

	facts->enqueued_at = policy_store_time(task->enqueued_at);
	facts->deadline = policy_store_time(task->deadline);
	facts->bucket = bucket->index;
	facts->attempt = task->attempt;
	facts->priority = policy_priority(task->priority);
	facts->firm = task->firm;
	facts->preempted = (uint8_t) (task->preempted < 3 ? task->preempted : 3);
	policy_quota_enter(policy, task->task_id, bucket->owner);
	policy_age_add(&bucket->queue->ages, task->enqueued_at);
	return index;
}

/*
 * Deletes the record of a task that is in no order.
 */
static void
record_delete(Policy *policy, uint32_t task)
{
	policy_age_remove(&policy_bucket_of(policy, task)->queue->ages,
					  policy_stored_time(policy_task_facts(&policy->tasks, task)->enqueued_at));
	policy_tasks_delete(&policy->tasks, task);
}

/*
 * Adds a task, unless one of this id is there.
 */
bool
policy_add(Policy *policy, const PolicyTask *task)
{
	PolicyBucket *bucket;
	uint32_t	index;

	if (policy_tasks_find(&policy->tasks, task->task_id) != 0)
		return false;
	bucket = policy_bucket_get(policy, task);
	index = task_record(policy, bucket, task);
	policy_risk_set(policy, task);
	policy_serial_add(policy, task);
	if (task->nparents > 0)
	{
		policy_depend_block(policy, index, task);
		(void) policy_serial_enter(policy, index);
	}
	else
	{
		policy_expiry_set(policy, task->task_id, task->expires_at);
		policy_task_place(policy, index, task->run_at);
	}
	policy_settle(policy, bucket);
	return true;
}

/*
 * Forgets a task that waits.
 */
static void
task_forget(Policy *policy, uint32_t task)
{
	PolicyBucket *bucket = policy_bucket_of(policy, task);
	int64_t		task_id = policy_task_node(&policy->tasks, task)->task_id;

	policy_expiry_drop(policy, task_id);
	policy_handoff_drop(policy, task_id);
	policy_serial_forget(policy, task_id);
	policy_task_lift(policy, task);
	policy_risk_drop(policy, task_id);
	record_delete(policy, task);
	policy_settle(policy, bucket);
	policy_bucket_check(policy, bucket);
}

/*
 * Removes a task that waits.  One that runs is not removed: it ends.
 */
bool
policy_remove(Policy *policy, int64_t task_id)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);

	if (task == 0 ||
		policy_task_facts(&policy->tasks, task)->state == TASK_STATE_RUNNING)
		return false;
	task_forget(policy, task);
	return true;
}

/*
 * Forgets a task that waits, and says what it was.
 */
void
policy_task_give_out(Policy *policy, uint32_t task, PolicyEnd *end)
{
	end->task_id = policy_task_node(&policy->tasks, task)->task_id;
	end->queue = policy_bucket_of(policy, task)->queue->id;
	end->attempt = policy_task_facts(&policy->tasks, task)->attempt;
	task_forget(policy, task);
}

/*
 * Takes out a task that waits.
 */
bool
policy_take_out(Policy *policy, int64_t task_id, PolicyEnd *end)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);

	if (task == 0 ||
		policy_task_facts(&policy->tasks, task)->state == TASK_STATE_RUNNING)
		return false;
	policy_task_give_out(policy, task, end);
	return true;
}

/*
 * Gives out the task that has waited too long, the longest first.
 */
bool
policy_next_expired(Policy *policy, PolicyTime now, PolicyEnd *expired)
{
	const TaskNode *first = policy_expiry_first(policy);

	if (first == NULL || first->key > now)
		return false;
	policy_task_give_out(policy,
						 policy_tasks_find(&policy->tasks, first->task_id),
						 expired);
	return true;
}

/*
 * Changes what is not NULL.  Of a task that runs, priority and deadline count
 * when it waits again, and run_at not at all.
 */
bool
policy_change(Policy *policy, int64_t task_id, const int32_t *priority,
			  const PolicyTime *deadline, const PolicyTime *run_at)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);
	PolicyTime	start = POLICY_TIME_ALWAYS;
	TaskFacts  *facts;

	if (task == 0)
		return false;
	facts = policy_task_facts(&policy->tasks, task);
	if (priority != NULL)
		facts->priority = policy_priority(*priority);
	if (deadline != NULL)
		facts->deadline = policy_store_time(*deadline);
	if (deadline != NULL && (facts->state == TASK_STATE_RUNNING ||
							 policy_depend_waits(policy, task)))
		policy_risk_move(policy, task);
	if (facts->state == TASK_STATE_RUNNING)
		return true;
	if (policy_depend_waits(policy, task))
	{
		if (run_at != NULL)
			policy_task_node(&policy->tasks, task)->key = *run_at;
		return true;
	}
	if (facts->state == TASK_STATE_DELAYED)
		start = policy_task_node(&policy->tasks, task)->key;
	if (run_at != NULL)
		start = *run_at;
	policy_task_lift(policy, task);
	if (deadline != NULL)
		policy_risk_move(policy, task);
	policy_task_place(policy, task, start);
	policy_settle(policy, policy_bucket_of(policy, task));
	return true;
}

/*
 * Opens resources and windows, looks at deadlines and makes tasks ready whose
 * time has come; says whether there are more tasks than it did at once.
 */
bool
policy_promote(Policy *policy, PolicyTime now)
{
	int			n;

	policy_set_now(policy, now);
	policy_rate_open_due(policy);
	policy_ramp_step_due(policy);
	policy_budget_open_due(policy);
	policy_window_open_due(policy);
	policy_risk_look_due(policy);
	policy_handoff_review(policy);
	for (n = 0; n < PROMOTE_BATCH; n++)
	{
		uint32_t	task = policy_order_first(&policy->tasks, &policy->timers);

		if (task == 0 ||
			policy_task_node(&policy->tasks, task)->key > policy->now)
			return false;
		policy_task_lift(policy, task);
		policy_task_place(policy, task, POLICY_TIME_ALWAYS);
		policy_settle(policy, policy_bucket_of(policy, task));
	}
	return true;
}

/*
 * Starts the first task of a bucket that has room everywhere.
 */
static void
run_start(Policy *policy, PolicyBucket *bucket, PolicyStart *start)
{
	uint32_t	task = policy_order_first(&policy->tasks, &bucket->order);
	TaskNode   *node = policy_task_node(&policy->tasks, task);
	TaskFacts  *facts = policy_task_facts(&policy->tasks, task);
	uint32_t	run = policy_run_get(policy);

	start->task_id = node->task_id;
	start->queue = bucket->queue->id;
	start->owner = bucket->owner->id;
	start->klass = (PolicyClass) bucket->klass;
	start->attempt = facts->attempt;
	start->solo = bucket->solo;
	policy->runs[run].started_at = policy->now;
	policy_run_take(policy, run, bucket, start);
	policy_budget_count(policy, bucket, facts->attempt);
	policy_task_lift(policy, task);
	policy_expiry_suspend(policy, node->task_id);
	policy_serial_begin(policy, node->task_id);
	facts->state = TASK_STATE_RUNNING;
	node->left = run;
	policy->runs[run].task = task;
	policy->runs[run].charged = !bucket->solo;
	policy_run_count(policy, bucket, 1);
	policy_run_count_worker(policy, bucket, 1);
	policy->last_start = task;
	if (bucket->solo)
		policy_solo_reset(policy);
	else
		policy_fair_charge(&policy->classes[bucket->klass].line, bucket->node);
	policy_settle(policy, bucket);
	policy_risk_start(policy, node->task_id);
	policy_handoff_drop(policy, node->task_id);
}

/*
 * Adds a task that runs already, unless one of this id is there.
 */
bool
policy_add_running(Policy *policy, const PolicyTask *task,
				   const PolicyGrant *grants, int ngrants)
{
	PolicyTask	begun = *task;
	PolicyBucket *bucket;
	uint32_t	index;
	uint32_t	run;

	if (policy_tasks_find(&policy->tasks, task->task_id) != 0)
		return false;
	bucket = policy_bucket_get(policy, task);
	index = task_record(policy, bucket, task);
	policy_task_facts(&policy->tasks, index)->state = TASK_STATE_RUNNING;
	begun.begun = true;
	policy_serial_add(policy, &begun);
	policy_expiry_set(policy, task->task_id, task->expires_at);
	policy_expiry_suspend(policy, task->task_id);
	run = policy_run_get(policy);
	policy_task_node(&policy->tasks, index)->left = run;
	policy->runs[run].task = index;
	policy_run_adopt(policy, run, bucket, grants, ngrants);
	policy_run_count(policy, bucket, 1);
	policy_run_count_worker(policy, bucket, 1);
	policy_settle(policy, bucket);
	policy_risk_set(policy, task);
	policy_risk_start(policy, task->task_id);
	return true;
}

/*
 * The next start, or false if nothing can start.
 */
bool
policy_next(Policy *policy, PolicyTime now, PolicyStart *start)
{
	PolicyChoice choice;
	bool		more;

	do
	{
		more = policy_promote(policy, now);
		if (policy_choose(policy, policy->now, &choice))
		{
			policy_count_start(policy, &choice);
			run_start(policy, choice.bucket, start);
			return true;
		}
	} while (more && policy_may_start(policy));
	return false;
}

/*
 * Ends a run: its slots are free, and its bucket counts one less.  The caller
 * puts the task elsewhere.
 */
static void
run_end(Policy *policy, uint32_t task)
{
	uint32_t	run = policy_task_node(&policy->tasks, task)->left;

	policy_run_count(policy, policy_bucket_of(policy, task), -1);
	if (!policy->runs[run].ending)
		policy_run_count_worker(policy, policy_bucket_of(policy, task), -1);
	policy_run_end_probes(policy, task);
	policy_run_put(policy, run);
}

/*
 * Counts an attempt that is over as preempted if it was to be.
 */
static void
run_note_preemption(Policy *policy, uint32_t task)
{
	TaskFacts  *facts = policy_task_facts(&policy->tasks, task);

	if (policy->runs[policy_task_node(&policy->tasks, task)->left].preempted_for != 0 &&
		facts->preempted < 3)
		facts->preempted++;
}

/*
 * After a task of the bucket ended: there may be room in its queue, with its
 * owner and in the resources that it needed.
 */
static void
run_wake(Policy *policy, PolicyBucket *bucket)
{
	int			i;

	policy_wake(policy, &bucket->queue->place);
	policy_wake(policy, &bucket->owner->place);
	for (i = 0; i < bucket->nneeds; i++)
		policy_wake(policy, &bucket->needs[i]->place);
	policy_budget_wake(policy, bucket);
	policy_bucket_check(policy, bucket);
}

/*
 * A task that ran is gone.
 */
bool
policy_finished(Policy *policy, int64_t task_id)
{
	uint32_t	task = policy_run_find(policy, task_id);
	PolicyBucket *bucket;

	if (task == 0)
		return false;
	bucket = policy_bucket_of(policy, task);
	run_end(policy, task);
	/* its record may be given to a task that was not started here */
	if (policy->last_start == task)
		policy->last_start = 0;
	policy_expiry_drop(policy, task_id);
	policy_risk_drop(policy, task_id);
	policy_serial_forget(policy, task_id);
	record_delete(policy, task);
	run_wake(policy, bucket);
	return true;
}

/*
 * A task that ran waits for its next attempt, with its age.
 */
static bool
run_again(Policy *policy, int64_t task_id, int32_t attempt, PolicyTime run_at,
		  bool solo, bool retry)
{
	uint32_t	task = policy_run_find(policy, task_id);
	PolicyBucket *old;
	PolicyBucket *bucket;

	if (task == 0)
		return false;
	old = policy_bucket_of(policy, task);
	if (policy_task_facts(&policy->tasks, task)->attempt == attempt)
		retry = old->retry;
	bucket = policy_bucket_twin(policy, old, solo, retry);
	if (policy_task_facts(&policy->tasks, task)->attempt == attempt)
		policy_run_give_back(policy, task);
	else
		run_note_preemption(policy, task);
	run_end(policy, task);
	if (policy_task_facts(&policy->tasks, task)->attempt == attempt)
		policy_expiry_resume(policy, task_id);
	else
		policy_expiry_drop(policy, task_id);
	policy_task_facts(&policy->tasks, task)->attempt = attempt;
	policy_task_facts(&policy->tasks, task)->bucket = bucket->index;
	policy_risk_stop(policy, task_id);
	policy_task_place(policy, task, run_at);
	policy_settle(policy, bucket);
	run_wake(policy, old);
	return true;
}

bool
policy_again(Policy *policy, int64_t task_id, int32_t attempt,
			 PolicyTime run_at, bool solo)
{
	return run_again(policy, task_id, attempt, run_at, solo, false);
}

bool
policy_retry(Policy *policy, int64_t task_id, int32_t attempt,
			 PolicyTime run_at, bool solo)
{
	return run_again(policy, task_id, attempt, run_at, solo, true);
}

/*
 * A task that was to run did not: it waits as before, and its start counts
 * neither for the shares of its queue and owner, nor, as far as that can still
 * be told, for that of its class.
 */
bool
policy_put_back(Policy *policy, int64_t task_id)
{
	uint32_t	task = policy_run_find(policy, task_id);
	PolicyBucket *bucket;
	bool		charged;

	if (task == 0)
		return false;
	bucket = policy_bucket_of(policy, task);
	charged = policy->runs[policy_task_node(&policy->tasks, task)->left].charged;
	policy_run_give_back(policy, task);
	run_end(policy, task);
	if (charged)
		policy_fair_refund(&policy->classes[bucket->klass].line, bucket->line,
						   policy->last_start == task);
	if (policy->last_start == task)
	{
		policy_uncount_start(policy);
		policy->last_start = 0;
	}
	policy_expiry_resume(policy, task_id);
	policy_risk_stop(policy, task_id);
	policy_task_place(policy, task, POLICY_TIME_ALWAYS);
	policy_settle(policy, bucket);
	run_wake(policy, bucket);
	return true;
}
