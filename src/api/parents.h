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

extern void parents_read(FunctionCallInfo fcinfo, TaskRow *task);

#endif							/* WEIR_PARENTS_H */
