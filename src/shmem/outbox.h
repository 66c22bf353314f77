/*-------------------------------------------------------------------------
 *
 * outbox.h
 *	  What a worker reports.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_OUTBOX_H
#define WEIR_OUTBOX_H

#include "shmem/layout.h"

extern void outbox_init(WeirWorker *worker);
extern void outbox_reset(WeirWorker *worker);

/* worker */
extern void outbox_put(WeirWorker *worker, const Completion *completion);

/* worker; scheduler in its place */
extern void outbox_announce(WeirWorker *worker);
extern void outbox_flush(WeirWorker *worker);
extern void outbox_flush_in_turn(WeirWorker *worker);
extern int	outbox_held_back(WeirWorker *worker);
extern uint64 outbox_first_held_back(WeirWorker *worker);

/* scheduler */
extern bool outbox_is_taken(WeirWorker *worker);
extern bool outbox_take(WeirWorker *worker, Completion *completion);

#endif							/* WEIR_OUTBOX_H */
