/*-------------------------------------------------------------------------
 *
 * let_through.h
 *	  The record of writes that a cap did not hold back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LET_THROUGH_H
#define WEIR_LET_THROUGH_H

#include "shmem/layout.h"

extern void let_through_install(void);
extern void let_through_record(const ResourceSlot *resource, const char *kind,
							   const char *cause);

#endif							/* WEIR_LET_THROUGH_H */
