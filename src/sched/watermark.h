/*-------------------------------------------------------------------------
 *
 * watermark.h
 *	  Tells when a queue has become high, and low again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SCHED_WATERMARK_H
#define WEIR_SCHED_WATERMARK_H

#include "ledger/queue_config.h"
#include "sched/scheduler.h"

extern void watermark_configure(Scheduler *scheduler,
								const QueueConfig *queues, int n);
extern void watermark_restore(Scheduler *scheduler);
extern void watermark_review(Scheduler *scheduler);
extern TimestampTz watermark_next_timer(Scheduler *scheduler);

#endif							/* WEIR_SCHED_WATERMARK_H */
