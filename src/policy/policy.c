/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  Admission: life of the policy, its configuration, and what is asked of
 *	  it as a whole.
 *
 * Tasks come and go in admit.c, decisions are taken in choose.c.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/park.h"
#include "policy/bucket.h"
#include "policy/depend.h"
#include "policy/place.h"
#include "policy/preempt.h"
#include "policy/quota.h"
#include "policy/ramp.h"
#include "policy/rate.h"
#include "policy/risk.h"
#include "policy/serial.h"
#include "policy/shed.h"
#include "policy/slots.h"
#include "policy/solo.h"
#include "policy/window.h"

#define DEFAULT_FLOOR_SHARE	0.05

/*
 * A policy without workers: nothing starts until it is told of some.
 */
Policy *
policy_create(const PolicyAllocator *allocator)
{
	PolicyMemory memory = {*allocator, 0};
	Policy	   *policy = policy_memory_alloc(&memory, sizeof(Policy));
	int			klass;

	policy->memory = memory;
	policy->now = POLICY_TIME_ALWAYS;
	policy->fair.memory = &policy->memory;
	policy_tasks_init(&policy->tasks, &policy->memory);
	policy_tasks_init(&policy->expiry, &policy->memory);
	policy_tasks_init(&policy->shed, &policy->memory);
	policy_depend_init(policy);
	policy_serial_init(policy);
	policy_quota_init(policy);
	policy_solo_reset(policy);
	policy->last_changed_risk = &policy->changed_risks;
	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		policy_set_class(policy, (PolicyClass) klass, 0, 0,
						 DEFAULT_FLOOR_SHARE, 1.0);
	policy_windows_init(policy->windows);
	policy->classes[POLICY_CLASS_SYSTEM].line.by_rank = true;
	policy->classes[POLICY_CLASS_DAILY].line.by_rank = true;
	return policy;
}

/*
 * Gives everything back.
 */
void
policy_destroy(Policy *policy)
{
	PolicyMemory memory;

	policy_tasks_release(&policy->tasks);
	policy_tasks_release(&policy->expiry);
	policy_tasks_release(&policy->shed);
	policy_depend_release(policy);
	policy_risks_release(policy);
	policy_handoffs_release(policy);
	policy_serial_release(policy);
	policy_quota_release(policy);
	policy_ramp_free(policy, &policy->ramp);
	policy_buckets_release(policy);
	policy_fair_release(&policy->fair);
	policy_places_release(policy);
	policy_memory_release(&policy->memory, policy->runs,
						  policy->nruns * sizeof(PolicyRun));
	memory = policy->memory;
	policy_memory_release(&memory, policy, sizeof(Policy));
	WEIR_ASSERT(memory.used == 0);
}

/*
 * How many tasks may run at a time; fewer than run now is no error.
 */
void
policy_set_workers(Policy *policy, int workers)
{
	policy->workers = workers;
}

/*
 * What a class may use: see choose.c.
 */
void
policy_set_class(Policy *policy, PolicyClass klass, int reserved,
				 int max_share, double floor_share, double weight)
{
	ClassState *state = &policy->classes[klass];

	state->reserved = reserved > 0 ? reserved : 0;
	state->max_share = max_share;
	state->weight = policy_weight(weight);
	state->floor_share = 0;
	if (floor_share > 0)
		state->floor_share = floor_share < 1 ? floor_share : 1;
}

/*
 * Sets up or changes a queue.
 */
void
policy_set_queue(Policy *policy, uint32_t queue, int max_running,
				 double weight, bool paused)
{
	PolicyQueue *entry = policy_queue_get(policy, queue);
	bool		resumed = entry->paused && !paused;

	entry->configured = true;
	policy_queue_configure(entry, max_running, weight, paused);
	if (resumed)
		policy_ramp_resume(policy, entry);
	policy_wake(policy, &entry->place);
}

/*
 * Has a queue, which is set up, shed tasks when it is full, or not.
 */
void
policy_set_shedding(Policy *policy, uint32_t queue, bool sheds)
{
	PolicyQueue *entry = policy_queue_find(policy, queue);

	if (entry != NULL)
		policy_shed_configure(policy, entry, sheds);
}

/*
 * Holds the tasks of a queue back, because the queue that it feeds is full, or
 * lets them go on.
 */
void
policy_hold_up_queue(Policy *policy, uint32_t queue, bool hold)
{
	PolicyQueue *entry = policy_queue_find(policy, queue);

	if (entry == NULL)
		return;
	entry->held_up = hold;
	policy_wake(policy, &entry->place);
}

/*
 * Forgets what was set of a queue.  Tasks that are still in it run as in a
 * queue that was never set.
 */
void
policy_drop_queue(Policy *policy, uint32_t queue)
{
	static const BudgetRule none;
	PolicyQueue *entry = policy_queue_find(policy, queue);

	if (entry == NULL)
		return;
	entry->configured = true;
	policy_set_queue_budget(policy, queue, &none);
	entry->configured = false;
	entry->held_up = false;
	entry->ramp_length = 0;
	policy_ramp_free(policy, &entry->ramp);
	policy_shed_configure(policy, entry, false);
	policy_queue_configure(entry, 0, 1.0, false);
	policy_set_duration(policy, queue, 0);
	policy_wake(policy, &entry->place);
	policy_queue_check(policy, entry);
}

/*
 * Sets up or changes what an owner may use.
 */
void
policy_set_owner(Policy *policy, uint32_t owner, int max_running,
				 double weight, bool counted)
{
	PolicyOwner *entry = policy_owner_get(policy, owner);

	entry->configured = true;
	policy_owner_configure(entry, max_running, weight);
	policy_quota_configure(policy, entry, counted);
	policy_wake(policy, &entry->place);
}

/*
 * Forgets what was set of an owner.
 */
void
policy_drop_owner(Policy *policy, uint32_t owner)
{
	PolicyOwner *entry = policy_owner_get(policy, owner);

	entry->configured = false;
	policy_owner_configure(entry, 0, 1.0);
	policy_quota_configure(policy, entry, false);
	policy_wake(policy, &entry->place);
	policy_owner_check(policy, entry);
}

/*
 * How many tasks of an owner have not ended, of those that are counted, and
 * how many run.
 */
void
policy_owner_counts(Policy *policy, uint32_t owner, uint32_t *unfinished,
					uint32_t *running)
{
	PolicyOwner *entry = policy_owner_get(policy, owner);

	*unfinished = entry->unfinished;
	*running = entry->running;
	policy_owner_check(policy, entry);
}

/*
 * Sets, changes or (with 0 slots) removes a cap, also while slots are held:
 * running tasks keep theirs.
 */
void
policy_set_resource(Policy *policy, uint64_t resource, int slots,
					int reserved)
{
	PolicyResource *entry = policy_resource_get(policy, resource);

	policy_slots_configure(entry, slots, reserved);
	policy_rate_settle(policy, entry);
	policy_wake(policy, &entry->place);
	policy_resource_check(policy, entry);
}

/*
 * Limits how many slots tasks of ours hold, where less is more; 0 is no limit.
 */
void
policy_set_limit(Policy *policy, uint64_t resource, int limit,
				 int backfill_limit)
{
	PolicyResource *entry = policy_resource_find(policy, resource);

	if (entry == NULL || entry->slots == 0)
		return;
	entry->limit = limit;
	entry->backfill_limit = backfill_limit;
	policy_wake(policy, &entry->place);
}

/*
 * Leaves a resource to a class, and those before it; to all with
 * POLICY_NUM_CLASSES.  If it is left to one already, the better one counts.
 */
void
policy_leave_to(Policy *policy, uint64_t resource, int klass)
{
	PolicyResource *entry = policy_resource_find(policy, resource);

	if (entry == NULL || entry->slots == 0)
		return;
	if (klass == POLICY_NUM_CLASSES)
		entry->barred_from = 0;
	else if (entry->barred_from == 0 || klass < entry->barred_from)
		entry->barred_from = klass + 1;
	policy_wake(policy, &entry->place);
}

/*
 * Tells what sessions outside of the scheduler hold, and whether one waits.
 */
void
policy_set_foreign(Policy *policy, uint64_t resource, uint64_t held,
				   bool gate_waiting)
{
	PolicyResource *entry = policy_resource_get(policy, resource);

	entry->foreign = held;
	entry->gate_waiting = gate_waiting;
	policy_wake(policy, &entry->place);
	policy_resource_check(policy, entry);
}

/*
 * Holds back all tasks of an owner, or lets them go on.
 */
void
policy_hold_owner(Policy *policy, uint32_t owner, bool hold)
{
	PolicyOwner *entry = policy_owner_get(policy, owner);

	entry->held = hold;
	policy_wake(policy, &entry->place);
	policy_owner_check(policy, entry);
}

/*
 * Stops and continues all starts.
 */
void
policy_set_paused(Policy *policy, bool paused)
{
	policy->paused = paused;
}

/*
 * Tells the time, as policy_next does.
 */
void
policy_set_now(Policy *policy, PolicyTime now)
{
	if (now > policy->now)
		policy->now = now;
}

/*
 * The number of unfinished tasks.
 */
uint64_t
policy_num_tasks(Policy *policy)
{
	return policy->tasks.used;
}

/*
 * Bytes in use, without what the allocator adds.
 */
size_t
policy_memory(Policy *policy)
{
	return policy->memory.used;
}
