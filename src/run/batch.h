/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  Several tasks in one transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_BATCH_H
#define WEIR_BATCH_H

#include "run/attempt.h"

extern void batch_install(void);
extern bool batch_may_begin(Attempt *first);
extern void batch_execute(Attempt *first);

#endif							/* WEIR_BATCH_H */
