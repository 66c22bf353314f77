/*-------------------------------------------------------------------------
 *
 * scale.h
 *	  What decisions cost, and how that grows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_SCALE_H
#define WEIR_SIM_SCALE_H

#include "tap.h"

extern void scale_check(void);
extern void scale_table(void);

#endif							/* WEIR_SIM_SCALE_H */
