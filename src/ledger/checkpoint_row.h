/*-------------------------------------------------------------------------
 *
 * checkpoint_row.h
 *	  Rows of weir.task_checkpoint.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CHECKPOINT_ROW_H
#define WEIR_CHECKPOINT_ROW_H

#include "utils/jsonb.h"

extern void checkpoint_row_insert(int64 task_id, int32 attempt, int32 number,
								  const Jsonb *checkpoint);
extern Jsonb *checkpoint_row_last(int64 task_id);

#endif							/* WEIR_CHECKPOINT_ROW_H */
