/*-------------------------------------------------------------------------
 *
 * prepare.h
 *	  Whether an attempt may begin here and now.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_PREPARE_H
#define WEIR_PREPARE_H

#include "run/attempt.h"

typedef enum Readiness
{
	READY,
	NOT_MY_AUTHORITY,			/* this worker is stale */
	SLOT_TAKEN,
	NEEDS_CHANGED,				/* the ledger has to be read again */
	ENDED_ALREADY				/* the ledger knows how */
} Readiness;

extern bool attempt_may_join(Attempt *attempt, const Attempt *first);
extern Readiness attempt_prepare(Attempt *attempt, uint64 *taken);

#endif							/* WEIR_PREPARE_H */
