/*-------------------------------------------------------------------------
 *
 * heap.h
 *	  Pairing heap of structures that embed their node.
 *
 * A heap is the pointer to its first node, NULL when empty.  Insertion is
 * O(1), deletion of any node O(log n) amortised.  A node's key must not
 * change while it is in a heap: delete, change, insert.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_HEAP_H
#define WEIR_POLICY_HEAP_H

#include <stdbool.h>

typedef struct PolicyHeapNode
{
	struct PolicyHeapNode *child;	/* the leftmost */
	struct PolicyHeapNode *next;	/* sibling to the right */
	struct PolicyHeapNode *previous;	/* sibling to the left, or parent */
} PolicyHeapNode;

/* Does a go before b? */
typedef bool (*PolicyHeapBefore) (const PolicyHeapNode *a,
								  const PolicyHeapNode *b);

extern void policy_heap_insert(PolicyHeapNode **heap, PolicyHeapNode *node,
							   PolicyHeapBefore before);
extern void policy_heap_delete(PolicyHeapNode **heap, PolicyHeapNode *node,
							   PolicyHeapBefore before);

#endif							/* WEIR_POLICY_HEAP_H */
