/*-------------------------------------------------------------------------
 *
 * parents.h
 *	  The tasks that a new one waits for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_PARENTS_H
#define WEIR_PARENTS_H

#include "fmgr.h"

#include "ledger/task_row.h"

/* Most parents of a task, but of those that collect for a group */
#define MAX_PARENTS	1000

extern void parents_read(FunctionCallInfo fcinfo, TaskRow *task);
extern void parents_check(int64 task_id);
extern void parents_refuse_many(void);
extern void parents_add(TaskRow *task, const int64 *ids, int n);

#endif							/* WEIR_PARENTS_H */
