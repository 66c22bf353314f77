/*-------------------------------------------------------------------------
 *
 * heap.c
 *	  Pairing heap of structures that embed their node.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>

#include "policy/heap.h"

/*
 * Makes one heap of two, either of which may be empty.  Siblings of the two
 * are ignored, the result has none.
 */
static PolicyHeapNode *
heap_merge(PolicyHeapNode *a, PolicyHeapNode *b, PolicyHeapBefore before)
{
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	if (before(b, a))
	{
		PolicyHeapNode *swap = a;

		a = b;
		b = swap;
	}
	b->next = a->child;
	if (b->next != NULL)
		b->next->previous = b;
	b->previous = a;
	a->child = b;
	a->next = NULL;
	a->previous = NULL;
	return a;
}

/*
 * Makes one heap of a list of siblings: in pairs from left to right, then the
 * pairs together.  This is what keeps later deletions cheap.
 */
static PolicyHeapNode *
heap_merge_siblings(PolicyHeapNode *node, PolicyHeapBefore before)
{
	PolicyHeapNode *pairs = NULL;
	PolicyHeapNode *merged = NULL;

	while (node != NULL)
	{
		PolicyHeapNode *second = node->next;
		PolicyHeapNode *rest = second == NULL ? NULL : second->next;

		node->next = NULL;
		node->previous = NULL;
		if (second != NULL)
		{
			second->next = NULL;
			second->previous = NULL;
		}
		node = heap_merge(node, second, before);
		node->next = pairs;
		pairs = node;
		node = rest;
	}
	while (pairs != NULL)
	{
		PolicyHeapNode *rest = pairs->next;

		pairs->next = NULL;
		merged = heap_merge(merged, pairs, before);
		pairs = rest;
	}
	return merged;
}

/*
 * Adds a node that is in no heap.
 */
void
policy_heap_insert(PolicyHeapNode **heap, PolicyHeapNode *node,
				   PolicyHeapBefore before)
{
	node->child = NULL;
	node->next = NULL;
	node->previous = NULL;
	*heap = heap_merge(*heap, node, before);
}

/*
 * Takes a node out of the heap that it is in.
 */
void
policy_heap_delete(PolicyHeapNode **heap, PolicyHeapNode *node,
				   PolicyHeapBefore before)
{
	PolicyHeapNode *below = heap_merge_siblings(node->child, before);

	if (*heap == node)
		*heap = below;
	else
	{
		if (node->previous->child == node)
			node->previous->child = node->next;
		else
			node->previous->next = node->next;
		if (node->next != NULL)
			node->next->previous = node->previous;
		*heap = heap_merge(*heap, below, before);
	}
	node->child = NULL;
	node->next = NULL;
	node->previous = NULL;
}
