/*-------------------------------------------------------------------------
 *
 * upkeep.h
 *	  The generations of the ledger: made ahead, closed, dropped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_UPKEEP_H
#define WEIR_UPKEEP_H

#include "sched/scheduler.h"

extern void upkeep(Scheduler *scheduler);

#endif							/* WEIR_UPKEEP_H */
