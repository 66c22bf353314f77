/*-------------------------------------------------------------------------
 *
 * fair.c
 *	  Fair trees: buckets in order of rank, and in turn by weight.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/fair.h"

/* One turn in so many goes by rank */
#define FAIR_RANK_TURN	20

/*
 * Does item a go before item b, by rank?
 */
bool
policy_fair_item_before(const FairItem *a, const FairItem *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->task_id < b->task_id;
}

/*
 * The item of a node in an order of ranks, NULL for none.
 */
static FairItem *
fair_item(PolicyHeapNode *node)
{
	return node == NULL ? NULL : POLICY_CONTAINER(FairItem, by_rank, node);
}

/*
 * The order of ranks.
 */
static bool
rank_before(const PolicyHeapNode *a, const PolicyHeapNode *b)
{
	return policy_fair_item_before(POLICY_CONTAINER(FairItem, by_rank, a),
								   POLICY_CONTAINER(FairItem, by_rank, b));
}

/*
 * The order of tags.  Equal tags go by rank, so that equal queues start with
 * the one whose task is the oldest.
 */
static bool
tag_before(const PolicyHeapNode *a, const PolicyHeapNode *b)
{
	const FairNode *x = POLICY_CONTAINER(FairNode, by_tag, a);
	const FairNode *y = POLICY_CONTAINER(FairNode, by_tag, b);

	if (x->tag != y->tag)
		return x->tag < y->tag;
	return policy_fair_item_before(&x->item, &y->item);
}

/*
 * Puts an active node into the two orders of the branch above it.
 */
static void
node_link(FairNode *node)
{
	policy_heap_insert(&node->above->ranks, &node->item.by_rank, rank_before);
	policy_heap_insert(&node->above->tags, &node->by_tag, tag_before);
}

/*
 * Takes a node out of them.
 */
static void
node_unlink(FairNode *node)
{
	policy_heap_delete(&node->above->ranks, &node->item.by_rank, rank_before);
	policy_heap_delete(&node->above->tags, &node->by_tag, tag_before);
}

/*
 * Brings a node, and those above it, up to date after the order of ranks below
 * it changed.
 */
static void
node_refresh(FairNode *node)
{
	for (; node != NULL; node = node->parent)
	{
		FairItem   *best = fair_item(node->below.ranks);

		if (node->active && best != NULL &&
			best->rank == node->item.rank &&
			best->task_id == node->item.task_id)
			return;
		if (node->active)
			node_unlink(node);
		else if (node->tag < node->above->time)
			node->tag = node->above->time;
		node->active = best != NULL;
		if (best != NULL)
		{
			node->item.rank = best->rank;
			node->item.task_id = best->task_id;
			node_link(node);
		}
	}
}

/*
 * The node of a branch by its id; a new one if there is none.
 */
static FairNode *
node_get(FairSpace *space, FairBranch *above, FairNode *parent, uint32_t id,
		 const double *weight)
{
	uint64_t	hash = policy_hash((uint64_t) (uintptr_t) above, id);
	PolicyMapEntry *entry = policy_map_find(&space->nodes, hash);
	FairNode   *node;

	for (; entry != NULL; entry = policy_map_next(entry))
	{
		node = POLICY_CONTAINER(FairNode, entry, entry);
		if (node->above == above && node->id == id)
			return node;
	}
	node = policy_memory_alloc(space->memory, sizeof(FairNode));
	node->above = above;
	node->parent = parent;
	node->weight = weight;
	node->id = id;
	node->tag = above->time + 1.0 / *weight;
	policy_map_insert(&space->nodes, space->memory, &node->entry, hash);
	if (parent != NULL)
		parent->references++;
	return node;
}

/*
 * The node of an owner in a queue in a tree, with one more reference to it.
 */
FairNode *
policy_fair_get(FairSpace *space, FairRoot *root, uint32_t queue,
				const double *queue_weight, uint32_t owner,
				const double *owner_weight)
{
	FairNode   *node = node_get(space, &root->branch, NULL, queue,
								queue_weight);

	node = node_get(space, &node->below, node, owner, owner_weight);
	node->references++;
	return node;
}

/*
 * Gives a reference back; what nobody refers to is freed, and so on upwards.
 */
void
policy_fair_put(FairSpace *space, FairNode *node)
{
	while (node != NULL && --node->references == 0)
	{
		FairNode   *parent = node->parent;

		WEIR_ASSERT(!node->active);
		policy_map_delete(&space->nodes, space->memory, &node->entry);
		policy_memory_release(space->memory, node, sizeof(FairNode));
		node = parent;
	}
}

/*
 * For policy_map_release.
 */
static void
node_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	policy_memory_release(memory, POLICY_CONTAINER(FairNode, entry, entry),
						  sizeof(FairNode));
}

/*
 * Frees all nodes, whoever refers to them.
 */
void
policy_fair_release(FairSpace *space)
{
	policy_map_release(&space->nodes, space->memory, node_release);
}

/*
 * Adds an item, whose rank is set, below an owner's node.
 */
void
policy_fair_insert(FairNode *node, FairItem *item)
{
	policy_heap_insert(&node->below.ranks, &item->by_rank, rank_before);
	node_refresh(node);
}

/*
 * Takes an item out.
 */
void
policy_fair_delete(FairNode *node, FairItem *item)
{
	policy_heap_delete(&node->below.ranks, &item->by_rank, rank_before);
	node_refresh(node);
}

/*
 * Changes the rank of an item.
 */
void
policy_fair_update(FairNode *node, FairItem *item, PolicyTime rank,
				   int64_t task_id)
{
	policy_heap_delete(&node->below.ranks, &item->by_rank, rank_before);
	item->rank = rank;
	item->task_id = task_id;
	policy_fair_insert(node, item);
}

/*
 * The item that has the best rank in the tree, NULL if there is none.
 */
FairItem *
policy_fair_best(const FairRoot *root)
{
	FairItem   *item = fair_item(root->branch.ranks);

	if (item == NULL)
		return NULL;
	item = fair_item(POLICY_CONTAINER(FairNode, item, item)->below.ranks);
	return fair_item(POLICY_CONTAINER(FairNode, item, item)->below.ranks);
}

/*
 * The item whose turn it is, NULL if there is none.
 */
FairItem *
policy_fair_turn(const FairRoot *root)
{
	FairNode   *node;

	if (root->by_rank || root->turns % FAIR_RANK_TURN == FAIR_RANK_TURN - 1 ||
		root->branch.tags == NULL)
		return policy_fair_best(root);
	node = POLICY_CONTAINER(FairNode, by_tag, root->branch.tags);
	node = POLICY_CONTAINER(FairNode, by_tag, node->below.tags);
	return fair_item(node->below.ranks);
}

/*
 * Moves the tag of a node, which may stand in its order.
 */
static void
node_move_tag(FairNode *node, double by)
{
	if (node->active)
		policy_heap_delete(&node->above->tags, &node->by_tag, tag_before);
	node->tag += by;
	if (node->active)
		policy_heap_insert(&node->above->tags, &node->by_tag, tag_before);
}

/*
 * A turn was taken by an item below this owner's node.  The time of a branch
 * follows the smallest tag, not that of the node served: one served by rank
 * may be far ahead, and newcomers must not start there.
 */
void
policy_fair_charge(FairRoot *root, FairNode *node)
{
	root->turns++;
	for (; node != NULL; node = node->parent)
	{
		FairBranch *above = node->above;
		const FairNode *first = POLICY_CONTAINER(FairNode, by_tag,
												 above->tags);

		WEIR_ASSERT(node->active);
		above->before = above->time;
		if (first->tag > above->time)
			above->time = first->tag;
		node_move_tag(node, 1.0 / *node->weight);
	}
}

/*
 * A turn that was paid for came to nothing.  If it was the last one, time goes
 * back as well: owners for whom there is no worker lose their turn in every
 * round, and must not lose what they have waited for.  After others whoever
 * is behind the branch's time is brought up to it when he comes again, as
 * always.
 */
void
policy_fair_refund(FairRoot *root, FairNode *node, bool last)
{
	root->turns--;
	for (; node != NULL; node = node->parent)
	{
		node_move_tag(node, -1.0 / *node->weight);
		if (last)
			node->above->time = node->above->before;
	}
}
