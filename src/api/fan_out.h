/*-------------------------------------------------------------------------
 *
 * fan_out.h
 *	  Groups of tasks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_FAN_OUT_H
#define WEIR_FAN_OUT_H

#include "ledger/task_row.h"
#include "shmem/layout.h"

extern bool group_cancel(WeirDatabase *database, const TaskRow *collector,
						 const char *reason);

#endif							/* WEIR_FAN_OUT_H */
