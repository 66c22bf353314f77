/*-------------------------------------------------------------------------
 *
 * task_order.c
 *	  An order of tasks in which parents come first.
 *
 * A task is put into the order when the last of its parents is.  Of those that
 * could be next the one that became so first is: tasks that are given in such
 * an order, and those without parents, keep theirs.  What is left over waits
 * for itself.  All of it takes time in proportion to tasks and edges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/task_order.h"

/*
 * For each task the places of its children, all in one array: those of task i
 * from first[i] to first[i + 1].
 */
static int *
children(const TaskParents *tasks, int n, int *first)
{
	int64		nedges = 0;
	int		   *all;

	memset(first, 0, (n + 2) * sizeof(int));
	for (int i = 0; i < n; i++)
	{
		nedges += tasks[i].n;
		/* two further on: it is the end of the one before, once filled */
		for (int j = 0; j < tasks[i].n; j++)
			first[tasks[i].places[j] + 2]++;
	}
	for (int i = 2; i <= n; i++)
		first[i] += first[i - 1];
	all = palloc_extended(Max(nedges, 1) * sizeof(int), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < tasks[i].n; j++)
			all[first[tasks[i].places[j] + 1]++] = i;
	}
	return all;
}

/*
 * Finds the order; returns how many tasks are in it, all or those that wait for
 * no cycle.
 */
int
task_order(const TaskParents *tasks, int n, int *order)
{
	int		   *first = palloc((n + 2) * sizeof(int));
	int		   *all = children(tasks, n, first);
	int		   *missing = palloc(Max(n, 1) * sizeof(int));
	int			nordered = 0;

	for (int i = 0; i < n; i++)
	{
		missing[i] = tasks[i].n;
		if (missing[i] == 0)
			order[nordered++] = i;
	}
	for (int next = 0; next < nordered; next++)
	{
		int			task = order[next];

		for (int j = first[task]; j < first[task + 1]; j++)
		{
			if (--missing[all[j]] == 0)
				order[nordered++] = all[j];
		}
	}
	return nordered;
}

/*
 * The tasks of a cycle, each followed by one that it waits for; there is one,
 * since not all are in the order.
 */
int
task_order_cycle(const TaskParents *tasks, int n, const int *order,
				 int nordered, int *cycle)
{
	bool	   *ordered = palloc0(n * sizeof(bool));
	int		   *seen = palloc0(n * sizeof(int));	/* step, from 1 */
	int			task = 0;
	int			steps = 0;
	int			start;

	for (int i = 0; i < nordered; i++)
		ordered[order[i]] = true;
	while (ordered[task])
		task++;
	/* each of the others waits for another one: that way leads round */
	while (seen[task] == 0)
	{
		int			j = 0;

		cycle[steps++] = task;
		seen[task] = steps;
		while (ordered[tasks[task].places[j]])
			j++;
		task = tasks[task].places[j];
	}
	start = seen[task] - 1;
	memmove(cycle, cycle + start, (steps - start) * sizeof(int));
	return steps - start;
}
