/*-------------------------------------------------------------------------
 *
 * overload.h
 *	  Deadlines when there is too much to do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_OVERLOAD_H
#define WEIR_SIM_OVERLOAD_H

#include "tap.h"

extern void overload_run(uint64_t seed, int n);

#endif							/* WEIR_SIM_OVERLOAD_H */
