/*-------------------------------------------------------------------------
 *
 * read_ahead.h
 *	  Reading the tasks that lie in the inbox at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_READ_AHEAD_H
#define WEIR_READ_AHEAD_H

#include "ledger/task_row.h"
#include "shmem/layout.h"

extern TaskRow *read_ahead(WeirWorker *worker, int64 task_id);

#endif							/* WEIR_READ_AHEAD_H */
