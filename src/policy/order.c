/*-------------------------------------------------------------------------
 *
 * order.c
 *	  Tasks in the order of their keys.
 *
 * The heap is leftist: the depth of a node is the distance to the nearest
 * place below it where a child is missing, and that of the left child is never
 * less than that of the right one, so the way down to the right has at most
 * log2(n + 1) nodes, and merging walks that way alone.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/order.h"

/*
 * How far from the end of the list a task is put that came a little late.
 */
#define ORDER_MAX_STEPS	8

/*
 * Does task a go before task b?
 */
static bool
order_before(const TaskTable *table, uint32_t a, uint32_t b)
{
	const TaskNode *x = policy_task_node(table, a);
	const TaskNode *y = policy_task_node(table, b);

	if (x->key != y->key)
		return x->key < y->key;
	return x->task_id < y->task_id;
}

/*
 * The depth of a node of the heap, 0 of none.
 */
static int
heap_depth(const TaskTable *table, uint32_t node)
{
	return node == 0 ? 0 : policy_task_facts(table, node)->depth;
}

/*
 * Restores depths and sides from a node upwards, as far as they change; at
 * least up to "upto", whose descendants were rearranged.
 */
static void
heap_fix(const TaskTable *table, uint32_t node, uint32_t upto)
{
	bool		beyond = false;

	while (node != 0)
	{
		TaskNode   *links = policy_task_node(table, node);
		TaskFacts  *facts = policy_task_facts(table, node);
		uint8_t		depth;

		if (heap_depth(table, links->left) < heap_depth(table, links->right))
		{
			uint32_t	swap = links->left;

			links->left = links->right;
			links->right = swap;
		}
		depth = (uint8_t) (heap_depth(table, links->right) + 1);
		if (beyond && depth == facts->depth)
			break;
		facts->depth = depth;
		beyond = beyond || node == upto;
		node = links->parent;
	}
}

/*
 * Makes one heap of two, either of which may be empty; returns its root,
 * which has no parent.
 */
static uint32_t
heap_merge(const TaskTable *table, uint32_t a, uint32_t b)
{
	uint32_t	root;
	uint32_t	below;
	uint32_t	other;

	if (a == 0 || b == 0)
		return a == 0 ? b : a;
	root = order_before(table, b, a) ? b : a;
	other = root == a ? b : a;
	below = root;

	/* down the right side of both, always on with the one that goes first */
	while (other != 0)
	{
		TaskNode   *links = policy_task_node(table, below);
		uint32_t	right = links->right;

		if (right != 0 && !order_before(table, other, right))
		{
			below = right;
			continue;
		}
		links->right = other;
		policy_task_node(table, other)->parent = below;
		below = other;
		other = right;
	}
	policy_task_node(table, root)->parent = 0;
	heap_fix(table, below, root);
	return root;
}

/*
 * Adds a task to the heap.
 */
static void
heap_insert(const TaskTable *table, TaskOrder *order, uint32_t task)
{
	TaskNode   *links = policy_task_node(table, task);

	links->left = 0;
	links->right = 0;
	links->parent = 0;
	policy_task_facts(table, task)->depth = 1;
	order->root = heap_merge(table, order->root, task);
}

/*
 * Takes a task out of the heap: what is below it takes its place.
 */
static void
heap_delete(const TaskTable *table, TaskOrder *order, uint32_t task)
{
	TaskNode   *links = policy_task_node(table, task);
	uint32_t	parent = links->parent;
	uint32_t	below;

	if (links->left != 0)
		policy_task_node(table, links->left)->parent = 0;
	if (links->right != 0)
		policy_task_node(table, links->right)->parent = 0;
	below = heap_merge(table, links->left, links->right);
	if (parent == 0)
		order->root = below;
	else
	{
		TaskNode   *above = policy_task_node(table, parent);

		if (above->left == task)
			above->left = below;
		else
			above->right = below;
		if (below != 0)
			policy_task_node(table, below)->parent = parent;
		heap_fix(table, parent, parent);
	}
}

/*
 * Puts a task into the list behind "previous" (0: at the start).
 */
static void
list_insert(const TaskTable *table, TaskOrder *order, uint32_t task,
			uint32_t previous)
{
	TaskNode   *links = policy_task_node(table, task);
	uint32_t	next = previous == 0 ? order->first :
	policy_task_node(table, previous)->right;

	links->left = previous;
	links->right = next;
	policy_task_facts(table, task)->depth = 0;
	if (previous == 0)
		order->first = task;
	else
		policy_task_node(table, previous)->right = task;
	if (next == 0)
		order->last = task;
	else
		policy_task_node(table, next)->left = task;
}

/*
 * Takes a task out of the list.
 */
static void
list_delete(const TaskTable *table, TaskOrder *order, uint32_t task)
{
	TaskNode   *links = policy_task_node(table, task);

	if (links->left == 0)
		order->first = links->right;
	else
		policy_task_node(table, links->left)->right = links->right;
	if (links->right == 0)
		order->last = links->left;
	else
		policy_task_node(table, links->right)->left = links->left;
}

/*
 * The task that goes first, 0 if there is none.
 */
uint32_t
policy_order_first(const TaskTable *table, const TaskOrder *order)
{
	if (order->first == 0 || order->root == 0)
		return order->first == 0 ? order->root : order->first;
	return order_before(table, order->root, order->first) ?
		order->root : order->first;
}

/*
 * Adds a task by its key: near the end of the list, or else to the heap.
 */
void
policy_order_insert(const TaskTable *table, TaskOrder *order, uint32_t task)
{
	uint32_t	previous = order->last;
	int			steps = 0;

	while (previous != 0 && order_before(table, task, previous))
	{
		if (++steps > ORDER_MAX_STEPS)
		{
			heap_insert(table, order, task);
			return;
		}
		previous = policy_task_node(table, previous)->left;
	}
	list_insert(table, order, task, previous);
}

/*
 * Takes a task out.
 */
void
policy_order_delete(const TaskTable *table, TaskOrder *order, uint32_t task)
{
	if (policy_task_facts(table, task)->depth > 0)
		heap_delete(table, order, task);
	else
		list_delete(table, order, task);
}

/*
 * The place of the one among the nodes that goes first.
 */
static int
peek_first(const TaskTable *table, const uint32_t *nodes, int n)
{
	int			first = 0;
	int			i;

	for (i = 1; i < n; i++)
		if (order_before(table, nodes[i], nodes[first]))
			first = i;
	return first;
}

/*
 * The first n tasks, at most POLICY_ORDER_PEEK, in order; returns how many
 * there are.  Next in the heap can only be children of those that were.
 */
int
policy_order_peek(const TaskTable *table, const TaskOrder *order,
				  uint32_t *tasks, int n)
{
	uint32_t	nodes[POLICY_ORDER_PEEK + 2];
	int			nnodes = 0;
	int			found = 0;

	if (order->root != 0)
		nodes[nnodes++] = order->root;
	if (order->first != 0)
		nodes[nnodes++] = order->first;
	while (found < n && nnodes > 0)
	{
		int			at = peek_first(table, nodes, nnodes);
		const TaskNode *links = policy_task_node(table, nodes[at]);
		bool		listed = policy_task_facts(table, nodes[at])->depth == 0;

		tasks[found++] = nodes[at];
		nodes[at] = nodes[--nnodes];
		if (!listed && links->left != 0)
			nodes[nnodes++] = links->left;
		if (links->right != 0)
			nodes[nnodes++] = links->right;
	}
	return found;
}
