/*-------------------------------------------------------------------------
 *
 * database.h
 *	  The per-database part of shared memory: finding it, waking its
 *	  scheduler, holding it down.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_DATABASE_H
#define WEIR_DATABASE_H

#include "shmem/layout.h"

extern WeirDatabase *database_find(Oid oid);
extern WeirDatabase *database_claim(Oid oid);
extern WeirDatabase *database_request(Oid oid);
extern bool database_release(WeirDatabase *database, bool gone);
extern WeirDatabase *database_mine(void);
extern WeirDatabase *database_require_ready(void);
extern WeirDatabase *database_require_judged(void);
extern void database_extension_changes(bool changes);

extern SchedulerState database_state(WeirDatabase *database);
extern void database_set_state(WeirDatabase *database, SchedulerState state);
extern bool database_launch(WeirDatabase *database);
extern void database_launch_failed(WeirDatabase *database);
extern WeirDatabase *database_enter(Oid oid);
extern pid_t database_ask_to_leave(WeirDatabase *database, bool *launching);
extern void database_attach_scheduler(WeirDatabase *database);
extern void database_detach_scheduler(WeirDatabase *database);
extern void database_wake(WeirDatabase *database);
extern void database_config_sync(WeirDatabase *database);

extern void databases_changed(void);
extern void launcher_attach(void);
extern void launcher_detach(void);
extern void launcher_wake(void);

#endif							/* WEIR_DATABASE_H */
