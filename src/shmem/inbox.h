/*-------------------------------------------------------------------------
 *
 * inbox.h
 *	  What a worker has in hand.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_INBOX_H
#define WEIR_INBOX_H

#include "shmem/layout.h"

extern void inbox_init(WeirWorker *worker);
extern void inbox_reset(WeirWorker *worker);

/* scheduler */
extern void inbox_assign(WeirWorker *worker, const Assignment *assignment);
extern void inbox_hand_over(WeirWorker *worker);
extern void inbox_forget(WeirWorker *worker, int place,
						 Assignment *assignment);

/* worker; scheduler, to take back */
extern bool inbox_peek(WeirWorker *worker, uint64 *position,
					   Assignment *assignment);
extern bool inbox_look_ahead(WeirWorker *worker, int n, int64 *task_id);
extern uint64 inbox_end(WeirWorker *worker);
extern bool inbox_take(WeirWorker *worker, uint64 position);
extern bool inbox_next(WeirWorker *worker, Assignment *assignment);

/* anybody */
extern int	inbox_unread(WeirWorker *worker);
extern int	inbox_load(WeirWorker *worker);
extern const Assignment *inbox_in_hand(WeirWorker *worker, int *from);

#endif							/* WEIR_INBOX_H */
