/*-------------------------------------------------------------------------
 *
 * hold.h
 *	  Databases that are kept free of our processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_HOLD_H
#define WEIR_HOLD_H

#include "shmem/layout.h"

extern bool hold_place(Oid database);
extern void hold_lift(Oid database);
extern bool hold_stands(Oid database);
extern bool hold_stands_locked(Oid database);

#endif							/* WEIR_HOLD_H */
