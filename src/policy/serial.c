/*-------------------------------------------------------------------------
 *
 * serial.c
 *	  Tasks with the same serial key, one at a time.
 *
 * The tasks of a key stand in a line, in the order of their ids.  Only the
 * first of a line waits like any other task, in its bucket; the others are
 * blocked (admit.c), so that what is done for a key does not depend on how
 * many wait for it.  Who is first follows from the tasks alone, not from the
 * order in which they came:
 *
 *	a task that waits for its run_at does not stand in the line;
 *	one that has begun is first until it has ended, also while it waits for
 *	its next attempt;
 *	else it is the one with the lowest id, also if parents block it.
 *
 * A task that is held no more is first still, until it is said to have ended:
 * whoever has lost sight of it may put it back.
 *
 * As for tasks that expire there is a second table; tasks without a key cost
 * nothing here.  The state of a record there says where its task stands:
 *
 *	DELAYED		not in the line
 *	BLOCKED		in the line, behind the first
 *	READY		first; a lower id takes its place
 *	RUNNING		first, and has begun
 *
 *-------------------------------------------------------------------------
 */
#include "policy/admit.h"
#include "policy/depend.h"
#include "policy/park.h"
#include "policy/preempt.h"
#include "policy/serial.h"

void
policy_serial_init(Policy *policy)
{
	policy_tasks_init(&policy->serial, &policy->memory);
}

/*
 * For policy_map_release.
 */
static void
line_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	policy_memory_release(memory, POLICY_CONTAINER(SerialLine, entry, entry),
						  sizeof(SerialLine));
}

void
policy_serial_release(Policy *policy)
{
	policy_tasks_release(&policy->serial);
	policy_map_release(&policy->lines, &policy->memory, line_release);
}

/*
 * The record of a task, 0 if it has no key.
 */
static uint32_t
serial_find(const Policy *policy, int64_t task_id)
{
	if (policy->serial.used == 0)
		return 0;
	return policy_tasks_find(&policy->serial, task_id);
}

/*
 * The line that a record belongs to; a new one if there is none.
 */
static SerialLine *
line_of(Policy *policy, uint32_t record)
{
	TaskFacts  *facts = policy_task_facts(&policy->serial, record);
	uint64_t	hash = policy_hash(0, (uint64_t) policy_stored_time(facts->deadline));
	PolicyMapEntry *entry = policy_map_find(&policy->lines, hash);
	SerialLine *line;

	if (entry != NULL)
		return POLICY_CONTAINER(SerialLine, entry, entry);
	line = policy_memory_alloc(&policy->memory, sizeof(SerialLine));
	policy_map_insert(&policy->lines, &policy->memory, &line->entry, hash);
	return line;
}

/*
 * Puts a record behind the first one.
 */
static void
line_insert(Policy *policy, SerialLine *line, uint32_t record)
{
	policy_task_facts(&policy->serial, record)->state = TASK_STATE_BLOCKED;
	policy_order_insert(&policy->serial, &line->others, record);
}

/*
 * Makes a record the first one, of a line that has none.
 */
static void
line_set_first(Policy *policy, SerialLine *line, uint32_t record, bool begun)
{
	policy_task_facts(&policy->serial, record)->state =
		begun ? TASK_STATE_RUNNING : TASK_STATE_READY;
	line->first = record;
}

/*
 * Takes the first one's place away from it, which has not begun.  If its task
 * is not held it has none in the line, until it is put back.
 */
static void
line_displace(Policy *policy, SerialLine *line)
{
	uint32_t	record = line->first;
	uint32_t	task = policy_tasks_find(&policy->tasks,
										 policy_task_node(&policy->serial, record)->task_id);

	line->first = 0;
	if (task == 0)
	{
		policy_tasks_delete(&policy->serial, record);
		return;
	}
	line_insert(policy, line, record);
	if (policy_task_facts(&policy->tasks, task)->state != TASK_STATE_READY)
		return;
	policy_task_lift(policy, task);
	policy_depend_hold(policy, task, POLICY_TIME_ALWAYS);
	policy_settle(policy, policy_bucket_of(policy, task));
	/* what was handed to it is for others meanwhile */
	policy_handoff_drop(policy, policy_task_node(&policy->tasks, task)->task_id);
}

/*
 * The first one has left: the next one is first, or the line is no more.
 */
static void
line_pass(Policy *policy, SerialLine *line)
{
	uint32_t	record = policy_order_first(&policy->serial, &line->others);
	uint32_t	task;
	bool		runs;

	line->first = 0;
	if (record == 0)
	{
		policy_map_delete(&policy->lines, &policy->memory, &line->entry);
		line_release(&policy->memory, &line->entry);
		return;
	}
	policy_order_delete(&policy->serial, &line->others, record);
	task = policy_tasks_find(&policy->tasks,
							 policy_task_node(&policy->serial, record)->task_id);
	runs = policy_task_facts(&policy->tasks, task)->state == TASK_STATE_RUNNING;
	line_set_first(policy, line, record, runs);
	if (runs || policy_depend_waits(policy, task))
		return;
	policy_depend_lift(policy, task);
	policy_task_place(policy, task, POLICY_TIME_ALWAYS);
	policy_settle(policy, policy_bucket_of(policy, task));
}

/*
 * Notes the key of a task that is added.  One that has begun is first at once;
 * another one when it enters the line.
 */
void
policy_serial_add(Policy *policy, const PolicyTask *task)
{
	uint32_t	record;
	SerialLine *line;

	/* perhaps it is put back, and first still */
	if (task->serial_key == 0 || serial_find(policy, task->task_id) != 0)
	{
		if (task->begun)
			policy_serial_begin(policy, task->task_id);
		return;
	}
	record = policy_tasks_add(&policy->serial, task->task_id);
	policy_task_node(&policy->serial, record)->key = 0;
	policy_task_facts(&policy->serial, record)->deadline =
		policy_store_time((PolicyTime) task->serial_key);
	policy_task_facts(&policy->serial, record)->state = TASK_STATE_DELAYED;
	if (!task->begun)
		return;
	line = line_of(policy, record);
	if (line->first != 0 &&
		policy_task_facts(&policy->serial, line->first)->state == TASK_STATE_READY)
		line_displace(policy, line);
	if (line->first == 0)
		line_set_first(policy, line, record, true);
	else
		line_insert(policy, line, record);
}

/*
 * A task, which is in no order, waits for its run_at no more: is it the first
 * of its key, or has it none?
 */
bool
policy_serial_enter(Policy *policy, uint32_t task)
{
	int64_t		task_id = policy_task_node(&policy->tasks, task)->task_id;
	uint32_t	record = serial_find(policy, task_id);
	TaskState	state;
	SerialLine *line;

	if (record == 0)
		return true;
	state = (TaskState) policy_task_facts(&policy->serial, record)->state;
	if (state != TASK_STATE_DELAYED)
		return state != TASK_STATE_BLOCKED;
	line = line_of(policy, record);
	if (line->first != 0 &&
		(policy_task_facts(&policy->serial, line->first)->state == TASK_STATE_RUNNING ||
		 policy_task_node(&policy->serial, line->first)->task_id < task_id))
	{
		line_insert(policy, line, record);
		return false;
	}
	if (line->first != 0)
		line_displace(policy, line);
	line_set_first(policy, line, record, false);
	return true;
}

/*
 * A task waits for its run_at.  One that has begun keeps its place.
 */
void
policy_serial_leave(Policy *policy, int64_t task_id)
{
	uint32_t	record = serial_find(policy, task_id);
	TaskFacts  *facts;
	TaskState	state;

	if (record == 0)
		return;
	facts = policy_task_facts(&policy->serial, record);
	state = (TaskState) facts->state;
	if (state == TASK_STATE_DELAYED || state == TASK_STATE_RUNNING)
		return;
	facts->state = TASK_STATE_DELAYED;
	if (state == TASK_STATE_READY)
		line_pass(policy, line_of(policy, record));
	else
		policy_order_delete(&policy->serial,
							&line_of(policy, record)->others, record);
}

/*
 * The first task of its key is given to a worker.
 */
void
policy_serial_begin(Policy *policy, int64_t task_id)
{
	uint32_t	record = serial_find(policy, task_id);

	if (record != 0 && policy_serial_is_first(policy, task_id))
		policy_task_facts(&policy->serial, record)->state = TASK_STATE_RUNNING;
}

/*
 * The task is held no more.  If it was the first it stays so until it has
 * ended.
 */
void
policy_serial_forget(Policy *policy, int64_t task_id)
{
	uint32_t	record = serial_find(policy, task_id);

	if (record == 0 || policy_serial_is_first(policy, task_id))
		return;
	if (policy_task_facts(&policy->serial, record)->state == TASK_STATE_BLOCKED)
		policy_order_delete(&policy->serial,
							&line_of(policy, record)->others, record);
	policy_tasks_delete(&policy->serial, record);
}

/*
 * Is the task the first one of its key, whether it is held or not?
 */
bool
policy_serial_is_first(const Policy *policy, int64_t task_id)
{
	uint32_t	record = serial_find(policy, task_id);
	TaskState	state;

	if (record == 0)
		return false;
	state = (TaskState) policy_task_facts(&policy->serial, record)->state;
	return state == TASK_STATE_READY || state == TASK_STATE_RUNNING;
}

/*
 * A task has ended.  If it is held nevertheless, it will be heard of again.
 */
void
policy_serial_ended(Policy *policy, int64_t task_id)
{
	uint32_t	record = serial_find(policy, task_id);
	SerialLine *line;

	if (record == 0 || !policy_serial_is_first(policy, task_id) ||
		policy_tasks_find(&policy->tasks, task_id) != 0)
		return;
	line = line_of(policy, record);
	policy_tasks_delete(&policy->serial, record);
	line_pass(policy, line);
}
