/*-------------------------------------------------------------------------
 *
 * gate.h
 *	  Waiting in line, first come first served.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_GATE_H
#define WEIR_GATE_H

#include "port/atomics.h"
#include "shmem/layout.h"

/* Tries to get what is waited for; raises the error when time is over */
typedef bool (*GateTry) (void *arg);
typedef void (*GateRefuse) (void *arg);

extern void gate_wait(uint64 resource, pg_atomic_uint32 *waiters,
					  ConditionVariable *freed, int64 timeout_ms,
					  GateTry attempt, GateRefuse refuse, void *arg);
extern void gate_uncount(int code, Datum arg);

#endif							/* WEIR_GATE_H */
