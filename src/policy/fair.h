/*-------------------------------------------------------------------------
 *
 * fair.h
 *	  Fair trees: buckets in order of rank, and in turn by weight.
 *
 * A fair tree holds buckets of one class that wait for the same thing: for a
 * worker (the tree of buckets that can run) or for room in a resource, a queue
 * or with an owner (the trees of parked buckets).  Its root branches by queue,
 * a queue's node by owner, an owner's node holds the buckets.  At each level
 * there are two orders: by the best rank below, and by virtual time.
 *
 * Virtual time is start-time fair queueing.  Every node has a tag; the node
 * with the smallest tag has its turn, and pays for it by its tag growing by
 * 1 / weight.  The branch's own time follows the smallest tag served.  A node
 * that comes (again) starts at the branch's time if its tag is behind it:
 * nobody saves up credit while there is nothing to run.  A new node pays for
 * one turn in advance, so that it gains nothing by leaving and coming back.
 * A queue whose buckets are parked or busy keeps its node, and with it its
 * place in the line of those that can run, as long as a bucket refers to it.
 *
 * Every 20th turn of a tree goes by rank instead, whatever the tags say: what
 * is oldest in the class moves, however small the weight of its queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_FAIR_H
#define WEIR_POLICY_FAIR_H

#include "policy/heap.h"
#include "policy/map.h"

/* What stands in the order of ranks: a bucket, or a node */
typedef struct FairItem
{
	PolicyHeapNode by_rank;
	PolicyTime	rank;
	int64_t		task_id;		/* decides between equal ranks */
} FairItem;

typedef struct FairBranch
{
	PolicyHeapNode *ranks;		/* items */
	PolicyHeapNode *tags;		/* nodes; none at the lowest level */
	double		time;
	double		before;			/* the time before the last turn */
} FairBranch;

typedef struct FairNode
{
	PolicyMapEntry entry;
	FairItem	item;			/* its best; valid while active */
	PolicyHeapNode by_tag;
	FairBranch *above;			/* the branch that it belongs to */
	struct FairNode *parent;	/* the node of that branch, NULL for a root */
	FairBranch	below;
	double		tag;
	const double *weight;
	uint32_t	id;				/* queue or owner */
	uint32_t	references;		/* of buckets, or of nodes below */
	bool		active;			/* something is below */
} FairNode;

typedef struct FairRoot
{
	FairBranch	branch;
	uint32_t	turns;
	bool		by_rank;		/* always by rank, never in turn */
} FairRoot;

/* The nodes of all trees, by branch and id */
typedef struct FairSpace
{
	PolicyMemory *memory;
	PolicyMap	nodes;
} FairSpace;

extern FairNode *policy_fair_get(FairSpace *space, FairRoot *root,
								 uint32_t queue, const double *queue_weight,
								 uint32_t owner, const double *owner_weight);
extern void policy_fair_put(FairSpace *space, FairNode *node);
extern void policy_fair_release(FairSpace *space);
extern void policy_fair_insert(FairNode *node, FairItem *item);
extern void policy_fair_delete(FairNode *node, FairItem *item);
extern void policy_fair_update(FairNode *node, FairItem *item,
							   PolicyTime rank, int64_t task_id);
extern bool policy_fair_item_before(const FairItem *a, const FairItem *b);
extern FairItem *policy_fair_best(const FairRoot *root);
extern FairItem *policy_fair_turn(const FairRoot *root);
extern void policy_fair_charge(FairRoot *root, FairNode *node);
extern void policy_fair_refund(FairRoot *root, FairNode *node, bool last);

/*
 * Is there nothing in the tree?
 */
static inline bool
policy_fair_empty(const FairRoot *root)
{
	return root->branch.ranks == NULL;
}

#endif							/* WEIR_POLICY_FAIR_H */
