/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  Reading arguments of the functions that configure and control.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ARGUMENTS_H
#define WEIR_ARGUMENTS_H

#include "fmgr.h"

#include "ledger/queue_config.h"
#include "ledger/sql.h"
#include "shmem/layout.h"

extern char *argument_text(FunctionCallInfo fcinfo, int arg);
extern char *argument_required_text(FunctionCallInfo fcinfo, int arg,
									const char *name);
extern void argument_check_range(FunctionCallInfo fcinfo, int arg,
								 const char *name, int min, int max);
extern void argument_add(SqlParams *params, FunctionCallInfo fcinfo, int arg,
						 Oid type);
extern char *argument_grantee(FunctionCallInfo fcinfo, int arg);
extern Oid	argument_table(FunctionCallInfo fcinfo, char **name);
extern const QueueConfig *argument_queue(FunctionCallInfo fcinfo, int arg,
										 const char *name);
extern void require_queue_open(int32 queue_id, const char *name,
							   QueueSlot *slot);
extern void require_may_see(int64 task_id);
extern void require_task(const char *function);
extern void require_queue_owner(const QueueConfig *queue);
extern bool may_act_on(Oid owner, const char *owner_name,
					   TimestampTz enqueued_at);
extern bool may_see(Oid owner, const char *owner_name,
					TimestampTz enqueued_at);
extern int64 *argument_task_ids(FunctionCallInfo fcinfo, int arg, int *n);

#endif							/* WEIR_ARGUMENTS_H */
