/*-------------------------------------------------------------------------
 *
 * interval.h
 *	  What the C code has to know of the intervals of jobs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_INTERVAL_H
#define WEIR_INTERVAL_H

extern int64 interval_newer_task(int64 task_id);
extern void interval_keep_ends(int32 generation_id);
extern void interval_cancel_backfills(void);

#endif							/* WEIR_INTERVAL_H */
