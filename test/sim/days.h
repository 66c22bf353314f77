/*-------------------------------------------------------------------------
 *
 * days.h
 *	  Days of a large warehouse, in simulated time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_DAYS_H
#define WEIR_SIM_DAYS_H

#include "tap.h"

extern void days_run(uint64_t tasks, int workers, int resources);

#endif							/* WEIR_SIM_DAYS_H */
