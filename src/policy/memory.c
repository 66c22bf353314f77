/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  The policy's memory: the caller's allocator, and how much is in use.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/memory.h"

/*
 * Zeroed memory: every structure of the policy starts from zeros.
 */
void *
policy_memory_alloc(PolicyMemory *memory, size_t size)
{
	void	   *pointer;

	pointer = memory->allocator.alloc(memory->allocator.context, size);
	memset(pointer, 0, size);
	memory->used += size;
	return pointer;
}

/*
 * Changes the size of a block, which may be NULL and of size 0; what is new
 * in it is zero.
 */
void *
policy_memory_resize(PolicyMemory *memory, void *pointer, size_t old_size,
					 size_t new_size)
{
	if (pointer == NULL)
		return policy_memory_alloc(memory, new_size);
	pointer = memory->allocator.resize(memory->allocator.context, pointer,
									   new_size);
	if (new_size > old_size)
		memset((char *) pointer + old_size, 0, new_size - old_size);
	memory->used += new_size - old_size;
	return pointer;
}

/*
 * Gives a block back; NULL is nothing to give.
 */
void
policy_memory_release(PolicyMemory *memory, void *pointer, size_t size)
{
	if (pointer == NULL)
		return;
	memory->used -= size;
	memory->allocator.release(memory->allocator.context, pointer);
}
