/*-------------------------------------------------------------------------
 *
 * verify_serial.c
 *	  Are the lines of the serial keys sound?
 *
 *-------------------------------------------------------------------------
 */
#include "policy/depend.h"
#include "policy/serial.h"
#include "verify.h"

/*
 * Does a line have a first task, and are the others in the order of their ids
 * and blocked?  Counts the others.
 */
static const char *
verify_line(const Policy *policy, const SerialLine *line, uint32_t *others)
{
	const TaskTable *table = &policy->serial;
	uint32_t	record = line->others.first;
	uint32_t	task;
	int			n = verify_order(table, &line->others);

	if (n < 0)
		return "the order of a line is wrong";
	*others += (uint32_t) n;
	if (line->first == 0 ||
		!policy_serial_is_first(policy, policy_task_node(table, line->first)->task_id))
		return "nobody is the first of a line";
	task = policy_tasks_find(&policy->tasks,
							 policy_task_node(table, line->first)->task_id);
	if (task != 0 && policy_task_facts(&policy->tasks, task)->state == TASK_STATE_BLOCKED &&
		!policy_depend_waits(policy, task))
		return "the first of a line is blocked by nobody";
	for (; record != 0; record = policy_task_node(table, record)->right)
	{
		task = policy_tasks_find(&policy->tasks,
								 policy_task_node(table, record)->task_id);
		if (task == 0 ||
			policy_task_facts(&policy->tasks, task)->state != TASK_STATE_BLOCKED)
			return "another one than the first of a line is not blocked";
	}
	return NULL;
}

/*
 * Are the lines of the serial keys sound, and all who stand in them there?
 */
const char *
verify_lines(const Policy *policy)
{
	const TaskTable *table = &policy->serial;
	uint32_t	firsts = 0;
	uint32_t	others = 0;
	uint32_t	i;
	const PolicyMapEntry *entry;

	for (i = 0; i < policy->lines.nheads; i++)
		for (entry = policy->lines.heads[i]; entry != NULL;
			 entry = entry->next)
		{
			const char *complaint;

			complaint = verify_line(policy, POLICY_CONTAINER(SerialLine, entry, entry),
									&others);
			if (complaint != NULL)
				return complaint;
			firsts++;
		}
	for (i = 1; i < table->fresh; i++)
		switch ((TaskState) policy_task_facts(table, i)->state)
		{
			case TASK_STATE_READY:
			case TASK_STATE_RUNNING:
				firsts--;
				break;
			case TASK_STATE_BLOCKED:
				others--;
				break;
			case TASK_STATE_DELAYED:
				if (policy_tasks_find(&policy->tasks,
									  policy_task_node(table, i)->task_id) == 0)
					return "a task that is gone has a key";
				break;
			case TASK_STATE_FREE:
				break;
		}
	return firsts == 0 && others == 0 ? NULL : "the lines are wrong";
}

/*
 * Has no task a serial key, held or not?
 */
bool
verify_no_keys(const Policy *policy)
{
	return policy->serial.used == 0 && policy->lines.nentries == 0;
}
