/*-------------------------------------------------------------------------
 *
 * feed.h
 *	  Feeding the backfills' chunks to their queues.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_FEED_H
#define WEIR_FEED_H

#include "sched/scheduler.h"

extern void feed_wake(Scheduler *scheduler);
extern void feed_note_end(Scheduler *scheduler);
extern void feed(Scheduler *scheduler);
extern TimestampTz feed_next_timer(Scheduler *scheduler);

#endif							/* WEIR_FEED_H */
