/*-------------------------------------------------------------------------
 *
 * depend.c
 *	  Tasks that wait for the ends of others.
 *
 * There is an edge for each pair of a task that is blocked and a parent that
 * has not ended as it must.  A parent is an id: it may end before it is heard
 * of, or have failed and be brought back some day.  So parents stand in a
 * table of their own, by id, each with two lists of edges: to the tasks that
 * are to be cancelled if it fails, and to the others.
 *
 * While a task is blocked its record needs no links for an order: "left" is
 * its first edge, "right" the number of its edges, "depth" what its parents'
 * failure means, and the key is its run_at.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/admit.h"
#include "policy/depend.h"
#include "policy/expiry.h"
#include "policy/park.h"
#include "policy/quota.h"
#include "policy/serial.h"
#include "policy/shed.h"

/* Pages kept when the last edge goes, so that a small table does not flap */
#define EDGE_PAGES_KEPT	4

static PolicyEdge *
edge_at(const Policy *policy, uint32_t edge)
{
	return &policy->edges.pages[edge >> EDGE_PAGE_SHIFT][edge & EDGE_PAGE_MASK];
}

/*
 * Gives back all pages but "keep" of them.
 */
static void
edges_trim(Policy *policy, uint32_t keep)
{
	EdgeTable  *table = &policy->edges;

	while (table->npages > keep)
		policy_memory_release(&policy->memory, table->pages[--table->npages],
							  EDGE_PAGE_SIZE * sizeof(PolicyEdge));
}

void
policy_depend_init(Policy *policy)
{
	policy_tasks_init(&policy->parents, &policy->memory);
	policy->edges.fresh = 1;
}

void
policy_depend_release(Policy *policy)
{
	policy_tasks_release(&policy->parents);
	edges_trim(policy, 0);
	policy_memory_release(&policy->memory, policy->edges.pages,
						  policy->edges.room * sizeof(PolicyEdge *));
}

/*
 * An edge that is not in use.
 */
static uint32_t
edge_get(Policy *policy)
{
	EdgeTable  *table = &policy->edges;
	uint32_t	edge = table->free;

	table->used++;
	if (edge != 0)
	{
		table->free = edge_at(policy, edge)->next;
		return edge;
	}
	edge = table->fresh++;
	if (edge >> EDGE_PAGE_SHIFT < table->npages)
		return edge;
	if (table->npages == table->room)
	{
		uint32_t	room = table->room + table->room / 4 + EDGE_PAGES_KEPT;

		table->pages = policy_memory_resize(&policy->memory, table->pages,
											table->room * sizeof(PolicyEdge *),
											room * sizeof(PolicyEdge *));
		table->room = room;
	}
	table->pages[table->npages++] =
		policy_memory_alloc(&policy->memory,
							EDGE_PAGE_SIZE * sizeof(PolicyEdge));
	return edge;
}

/*
 * The list that an edge of this task to a parent belongs to.
 */
static uint32_t *
edge_list(const Policy *policy, uint32_t parent, uint32_t task)
{
	TaskNode   *node = policy_task_node(&policy->parents, parent);

	return policy_task_facts(&policy->tasks, task)->depth ==
		POLICY_ON_FAILURE_CANCEL ? &node->left : &node->right;
}

/*
 * Takes an edge out of its parent's list, and the parent away with its last
 * one.
 */
static void
edge_unlink(Policy *policy, uint32_t edge)
{
	EdgeTable  *table = &policy->edges;
	PolicyEdge *this = edge_at(policy, edge);
	TaskNode   *node = policy_task_node(&policy->parents, this->parent);

	if (this->next != 0)
		edge_at(policy, this->next)->previous = this->previous;
	if (this->previous != 0)
		edge_at(policy, this->previous)->next = this->next;
	else
		*edge_list(policy, this->parent, this->child) = this->next;
	if (node->left == 0 && node->right == 0)
		policy_tasks_delete(&policy->parents, this->parent);
	this->next = table->free;
	table->free = edge;
	if (--table->used == 0)
	{
		table->free = 0;
		table->fresh = 1;
		edges_trim(policy, EDGE_PAGES_KEPT);
	}
}

/*
 * Adds an edge from a task to a parent.
 */
static void
edge_add(Policy *policy, uint32_t task, int64_t parent_id)
{
	TaskNode   *node = policy_task_node(&policy->tasks, task);
	uint32_t	parent = policy_tasks_find(&policy->parents, parent_id);
	uint32_t	edge = edge_get(policy);
	PolicyEdge *this = edge_at(policy, edge);
	uint32_t   *list;

	if (parent == 0)
	{
		parent = policy_tasks_add(&policy->parents, parent_id);
		policy_task_facts(&policy->parents, parent)->state = TASK_STATE_BLOCKED;
		policy_task_node(&policy->parents, parent)->left = 0;
		policy_task_node(&policy->parents, parent)->right = 0;
	}
	list = edge_list(policy, parent, task);
	this->child = task;
	this->parent = parent;
	this->next = *list;
	this->previous = 0;
	this->next_parent = node->left;
	this->previous_parent = 0;
	if (node->left != 0)
		edge_at(policy, node->left)->previous_parent = edge;
	if (*list != 0)
		edge_at(policy, *list)->previous = edge;
	*list = edge;
	node->left = edge;
	node->right++;
}

/*
 * Blocks a task, which is in no order, without a parent to wait for.
 */
void
policy_depend_hold(Policy *policy, uint32_t task, PolicyTime run_at)
{
	TaskNode   *node = policy_task_node(&policy->tasks, task);
	PolicyBucket *bucket = policy_bucket_of(policy, task);

	node->key = run_at;
	node->left = node->right = 0;
	policy_task_facts(&policy->tasks, task)->state = TASK_STATE_BLOCKED;
	bucket->nblocked++;
	bucket->queue->dependent++;
	policy_shed_enter(policy, task);
}

/*
 * Does a task that is not running wait for a parent?
 */
bool
policy_depend_waits(const Policy *policy, uint32_t task)
{
	return policy_task_facts(&policy->tasks, task)->state == TASK_STATE_BLOCKED &&
		policy_task_node(&policy->tasks, task)->right > 0;
}

/*
 * Blocks a task, which is in no order, until its parents have ended.
 */
void
policy_depend_block(Policy *policy, uint32_t task, const PolicyTask *spec)
{
	int			i;

	policy_task_facts(&policy->tasks, task)->depth = (uint8_t) spec->on_failure;
	policy_depend_hold(policy, task, spec->run_at);
	for (i = 0; i < spec->nparents; i++)
		edge_add(policy, task, spec->parents[i]);
	if (spec->wait_limit > 0)
	{
		policy_expiry_set(policy, spec->task_id, spec->wait_limit);
		policy_expiry_suspend(policy, spec->task_id);
	}
}

/*
 * Takes a task away that is blocked.
 */
void
policy_depend_lift(Policy *policy, uint32_t task)
{
	TaskNode   *node = policy_task_node(&policy->tasks, task);
	PolicyBucket *bucket = policy_bucket_of(policy, task);

	while (node->left != 0)
	{
		uint32_t	edge = node->left;

		node->left = edge_at(policy, edge)->next_parent;
		edge_unlink(policy, edge);
	}
	policy_task_facts(&policy->tasks, task)->depth = 0;
	bucket->nblocked--;
	bucket->queue->dependent--;
}

/*
 * A task whose last parent has ended waits like any other from now on.
 */
static void
depend_unblock(Policy *policy, uint32_t task)
{
	TaskNode   *node = policy_task_node(&policy->tasks, task);
	PolicyBucket *bucket = policy_bucket_of(policy, task);
	PolicyTime	run_at = node->key;

	policy_depend_lift(policy, task);
	policy_expiry_start(policy, node->task_id,
						run_at > policy->now ? run_at : policy->now);
	policy_task_place(policy, task, run_at);
	policy_settle(policy, bucket);
}

/*
 * Takes the edges of a list away whose tasks can do with that end of their
 * parent.
 */
static void
depend_satisfy(Policy *policy, uint32_t first, bool succeeded)
{
	while (first != 0)
	{
		PolicyEdge *edge = edge_at(policy, first);
		TaskNode   *node = policy_task_node(&policy->tasks, edge->child);
		uint32_t	this = first;
		uint32_t	task = edge->child;

		first = edge->next;
		if (!succeeded && policy_task_facts(&policy->tasks, task)->depth !=
			POLICY_ON_FAILURE_RUN)
			continue;
		if (node->right == 1)
		{
			depend_unblock(policy, task);
			continue;
		}
		node->right--;
		if (edge->next_parent != 0)
			edge_at(policy, edge->next_parent)->previous_parent =
				edge->previous_parent;
		if (edge->previous_parent != 0)
			edge_at(policy, edge->previous_parent)->next_parent =
				edge->next_parent;
		else
			node->left = edge->next_parent;
		edge_unlink(policy, this);
	}
}

/*
 * A task is not to wait for its parents any more.
 */
bool
policy_unblock(Policy *policy, int64_t task_id, PolicyTime now)
{
	uint32_t	task = policy_tasks_find(&policy->tasks, task_id);

	policy_set_now(policy, now);
	if (task == 0 || !policy_depend_waits(policy, task))
		return false;
	depend_unblock(policy, task);
	return true;
}

/*
 * Does any task wait for the end of this one, or could because of its key, or
 * is it counted until then?
 */
bool
policy_is_parent(Policy *policy, int64_t task_id)
{
	return (policy->parents.used > 0 &&
			policy_tasks_find(&policy->parents, task_id) != 0) ||
		policy_serial_is_first(policy, task_id) ||
		policy_quota_has(policy, task_id);
}

/*
 * A task that must be cancelled if this parent has failed.
 */
bool
policy_next_orphan(Policy *policy, int64_t parent_id, PolicyEnd *orphan)
{
	uint32_t	parent = policy_tasks_find(&policy->parents, parent_id);
	uint32_t	edge;
	uint32_t	task;

	if (parent == 0)
		return false;
	edge = policy_task_node(&policy->parents, parent)->left;
	if (edge == 0)
		return false;
	task = edge_at(policy, edge)->child;
	policy_task_give_out(policy, task, orphan);
	return true;
}

/*
 * A parent has ended.
 */
static void
depend_parent_ended(Policy *policy, int64_t parent_id, bool succeeded)
{
	uint32_t	parent = policy_tasks_find(&policy->parents, parent_id);
	uint32_t	others;

	if (parent == 0)
		return;
	/* the parent goes with its last edge */
	others = policy_task_node(&policy->parents, parent)->right;
	if (succeeded)
		depend_satisfy(policy,
					   policy_task_node(&policy->parents, parent)->left, true);
	depend_satisfy(policy, others, succeeded);
}

/*
 * A task that others may wait for has ended.
 */
void
policy_parent_ended(Policy *policy, int64_t task_id, bool succeeded,
					PolicyTime now)
{
	policy_set_now(policy, now);
	depend_parent_ended(policy, task_id, succeeded);
	policy_serial_ended(policy, task_id);
	policy_quota_ended(policy, task_id);
}
