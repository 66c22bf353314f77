/*-------------------------------------------------------------------------
 *
 * inflight.h
 *	  The in-flight record: which task each worker executed when it died.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_INFLIGHT_H
#define WEIR_INFLIGHT_H

#include "postgres_ext.h"

extern void inflight_collect(void);
extern void inflight_attach(int slot);
extern void inflight_begin(Oid database, int64 task_id, int32 attempt);
extern void inflight_end(void);
extern void inflight_innocent(void);

#endif							/* WEIR_INFLIGHT_H */
