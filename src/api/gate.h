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

/* What a session in line does; "arg" is handed to each */
typedef struct GateCalls
{
	void		(*counted) (void *arg); /* it is one of the waiters; or NULL */
	bool		(*attempt) (void *arg); /* tries to get what is waited for */
	bool		(*stuck) (void *arg);	/* does it wait for us?  NULL: cannot */
	void		(*refuse) (void *arg);	/* raises the error: time is over */
	void	   *arg;
} GateCalls;

extern bool gate_wait(uint64 resource, pg_atomic_uint32 *waiters,
					  ConditionVariable *freed, int64 timeout_ms,
					  const GateCalls *calls);
extern void gate_uncount(int code, Datum arg);

#endif							/* WEIR_GATE_H */
