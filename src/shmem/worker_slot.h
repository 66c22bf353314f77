/*-------------------------------------------------------------------------
 *
 * worker_slot.h
 *	  Worker slots: claimed, entered, left; what runs there and is to be
 *	  cancelled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_WORKER_SLOT_H
#define WEIR_WORKER_SLOT_H

#include "shmem/layout.h"

extern void worker_slot_init(void);

/* scheduler */
extern WeirWorker *worker_slot_claim(Oid database, Oid role);
extern void worker_slot_free(WeirWorker *worker);
extern bool worker_slot_give_up(WeirWorker *worker, bool stopped);
extern void worker_slot_dismiss(WeirWorker *worker);
extern void worker_slot_wake(WeirWorker *worker);
extern void worker_slot_add_lock_wait(WeirWorker *worker, int64 task_id,
									  int32 attempt, int64 time);
extern void worker_slot_ask_to_yield(WeirWorker *worker, int64 task_id);

/* Whom worker_slot_evict() terminates; the others leave when idle */
typedef enum EvictForce
{
	EVICT_NONE,
	EVICT_BUSY,
	EVICT_ALL
} EvictForce;

/* whoever holds the database down, and the launcher */
extern int	worker_slot_evict(Oid database, bool orphaned, EvictForce force,
							  pid_t *pids);
extern void worker_slot_forget_database(Oid database);

/* worker */
extern Datum worker_slot_datum(WeirWorker *worker);
extern WeirWorker *worker_slot_from_datum(Datum datum);
extern bool worker_slot_attach(WeirWorker *worker, Datum datum);
extern void worker_slot_ready(WeirWorker *worker);
extern void worker_slot_detach(WeirWorker *worker, bool terminated);
extern TimestampTz worker_slot_busy_since(WeirWorker *worker);
extern void worker_slot_begin(WeirWorker *worker,
							  const Assignment *assignment);
extern void worker_slot_end(WeirWorker *worker);
extern bool worker_slot_is_to_yield(WeirWorker *worker, int64 task_id);
extern CancelCause worker_slot_cancelled(WeirWorker *worker, Oid *actor);

/* anybody */
extern int64 worker_slot_executes(WeirWorker *worker, int32 *attempt);
extern WeirWorker *worker_slot_holding(Oid database, int64 task_id,
									   int32 *attempt);
extern bool worker_slot_preempt(Oid database, int64 task_id, int64 for_task);
extern bool worker_slot_cancel(Oid database, int64 task_id,
							   CancelCause cause, Oid actor);
extern void worker_slot_terminate(Oid database, int64 task_id);
extern bool worker_slot_was_cancelled(const WeirWorker *worker, int64 task_id,
									  int32 attempt);

#endif							/* WEIR_WORKER_SLOT_H */
