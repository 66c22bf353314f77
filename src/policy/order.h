/*-------------------------------------------------------------------------
 *
 * order.h
 *	  Tasks in the order of their keys.
 *
 * An order is made of the links in the task records and needs no memory of
 * its own.  Tasks mostly arrive in order: those form a list, to which adding
 * and from which taking the first is O(1); the others go to a leftist heap,
 * where everything is O(log n), not only on average: no operation on millions
 * of tasks may take long.  Equal keys go by task id.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_ORDER_H
#define WEIR_POLICY_ORDER_H

#include "policy/tasks.h"

typedef struct TaskOrder
{
	uint32_t	first;			/* of the list */
	uint32_t	last;
	uint32_t	root;			/* of the heap */
} TaskOrder;

#define POLICY_ORDER_PEEK	POLICY_MAX_SHED

extern uint32_t policy_order_first(const TaskTable *table,
								   const TaskOrder *order);
extern void policy_order_insert(const TaskTable *table, TaskOrder *order,
								uint32_t task);
extern void policy_order_delete(const TaskTable *table, TaskOrder *order,
								uint32_t task);
extern int	policy_order_peek(const TaskTable *table, const TaskOrder *order,
							  uint32_t *tasks, int n);

#endif							/* WEIR_POLICY_ORDER_H */
