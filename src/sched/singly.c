/*-------------------------------------------------------------------------
 *
 * singly.c
 *	  Tasks that must not share a transaction with others.
 *
 * A batch that could not commit is rolled back, and so is a member that may
 * have failed because of its neighbours.  None of that counts as an attempt,
 * so these tasks have to be told from others, or the same could happen over
 * and over: until they have ended they are executed one by one.
 *
 * A scheduler that starts anew does not know them.  Then they may be batched
 * once more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "sched/singly.h"

void
singly_add(Scheduler *scheduler, int64 task_id)
{
	if (scheduler->singly == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = control.entrysize = sizeof(int64);
		control.hcxt = scheduler->context;
		scheduler->singly = hash_create("pg_weir single tasks", 64, &control,
										HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(scheduler->singly, &task_id, HASH_ENTER, NULL);
}

bool
singly_has(Scheduler *scheduler, int64 task_id)
{
	return scheduler->singly != NULL &&
		hash_get_num_entries(scheduler->singly) > 0 &&
		hash_search(scheduler->singly, &task_id, HASH_FIND, NULL) != NULL;
}

/*
 * The task has ended.
 */
void
singly_remove(Scheduler *scheduler, int64 task_id)
{
	if (scheduler->singly != NULL)
		(void) hash_search(scheduler->singly, &task_id, HASH_REMOVE, NULL);
}
