/*-------------------------------------------------------------------------
 *
 * task_order.h
 *	  An order of tasks in which parents come first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_TASK_ORDER_H
#define WEIR_TASK_ORDER_H

/* The parents of a task: places of tasks, perhaps one more than once */
typedef struct TaskParents
{
	int			n;
	const int  *places;
} TaskParents;

extern int	task_order(const TaskParents *tasks, int n, int *order);
extern int	task_order_cycle(const TaskParents *tasks, int n,
							 const int *order, int nordered, int *cycle);

#endif							/* WEIR_TASK_ORDER_H */
