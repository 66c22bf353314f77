/*-------------------------------------------------------------------------
 *
 * cap_watch.h
 *	  Noticing that the name of a capped table means another table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CAP_WATCH_H
#define WEIR_CAP_WATCH_H

#include "postgres_ext.h"

extern void cap_watch_begin(void);
extern Oid	cap_watch_add(const char *schema, const char *name, Oid relid);
extern void cap_watch_end(void);
extern bool cap_watch_is_stale(void);

#endif							/* WEIR_CAP_WATCH_H */
