/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  The policy's memory: the caller's allocator, and how much is in use.
 *
 * Every block is given back with the size that it was asked for, so the sum
 * is exact and no block needs a header of ours.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_MEMORY_H
#define WEIR_POLICY_MEMORY_H

#include "policy/policy.h"

#ifdef USE_ASSERT_CHECKING
#include <assert.h>
#define WEIR_ASSERT(condition)	assert(condition)
#else
#define WEIR_ASSERT(condition)	((void) 0)
#endif

/* The structure that contains this member */
#define POLICY_CONTAINER(type, member, pointer) \
	((type *) (void *) ((char *) (pointer) - offsetof(type, member)))

typedef struct PolicyMemory
{
	PolicyAllocator allocator;
	size_t		used;			/* bytes */
} PolicyMemory;

extern void *policy_memory_alloc(PolicyMemory *memory, size_t size);
extern void *policy_memory_resize(PolicyMemory *memory, void *pointer,
								  size_t old_size, size_t new_size);
extern void policy_memory_release(PolicyMemory *memory, void *pointer,
								  size_t size);

#endif							/* WEIR_POLICY_MEMORY_H */
