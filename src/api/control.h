/*-------------------------------------------------------------------------
 *
 * control.h
 *	  Acting on tasks: cancel, retry, expedite.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include "ledger/task_row.h"
#include "shmem/layout.h"

/* What became of the wish to end a task that waits */
typedef enum EndVerdict
{
	END_DONE,
	END_HAS_BEGUN,				/* a worker has it in hand */
	END_TOO_LATE				/* it has ended */
} EndVerdict;

extern void control_cancel_running(WeirDatabase *database);
extern EndVerdict control_end_waiting(WeirDatabase *database,
									  const TaskRow *task, const char *reason,
									  uint32 places);

#endif							/* WEIR_CONTROL_H */
