/*-------------------------------------------------------------------------
 *
 * unfinished.h
 *	  Reading the unfinished tasks, when the scheduler starts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_UNFINISHED_H
#define WEIR_UNFINISHED_H

#include "policy/policy.h"

/* One unfinished task and what is known of its attempts */
typedef struct UnfinishedTask
{
	PolicyTask	task;			/* attempt: the next one */
	bool		autocommit;
	bool		claimed;		/* autocommit: that attempt has begun */
	bool		cancel_wanted;	/* weir.cancel() was committed, not done */
	int32		crashed;		/* attempts that crashed the server */
	int32		charged;		/* attempts that count */
	int32		given_back;		/* interrupted ones that do not */
	int32		max_attempts;
	int64		failed_parent;	/* for which it is to be cancelled, or 0 */
} UnfinishedTask;

typedef void (*UnfinishedVisit) (const UnfinishedTask *task, void *arg);

extern int64 unfinished_read(int64 low, int64 high, int64 window,
							 UnfinishedVisit visit, void *arg);
extern bool unfinished_read_one(int64 task_id, UnfinishedTask *task,
								MemoryContext context);
extern UnfinishedTask *unfinished_copy(const UnfinishedTask *task);
extern int	unfinished_resolve(const char *const *tables, int n,
							   uint64 *needs);

#endif							/* WEIR_UNFINISHED_H */
