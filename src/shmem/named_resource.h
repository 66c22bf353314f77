/*-------------------------------------------------------------------------
 *
 * named_resource.h
 *	  Named resources: entries found by name, made on demand, forgotten.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_NAMED_RESOURCE_H
#define WEIR_NAMED_RESOURCE_H

#include "shmem/layout.h"

/* What is configured of a named resource */
typedef struct ResourceLimits
{
	int32		slots;			/* 0 = no cap */
	int32		reserved;
	int64		gap;			/* between tokens, us; 0 = no rate */
	int32		burst;
	TimestampTz since;			/* when it was configured */
	BudgetRule	budget;			/* of retries */
	bool		has_breaker;
} ResourceLimits;

extern void named_resource_install(void);
extern uint64 named_resource_key(WeirDatabase *database, const char *name);
extern ResourceSlot *named_resource_enter(WeirDatabase *database,
										  const char *name,
										  const ResourceLimits *limits,
										  bool on_demand);
extern ResourceSlot *named_resource_pin(WeirDatabase *database,
										const char *name,
										const ResourceLimits *limits,
										bool on_demand);
extern void named_resource_limit(WeirDatabase *database,
								 ResourceSlot *resource,
								 const ResourceLimits *limits,
								 bool on_demand);
extern bool named_resource_is_idle(ResourceSlot *resource, TimestampTz since);
extern bool named_resource_forget(WeirDatabase *database,
								  ResourceSlot *resource, TimestampTz since);
extern void named_resource_pause(ResourceSlot *resource, TimestampTz until,
								 int64 task_id);
extern bool named_resource_is_paused(ResourceSlot *resource);

#endif							/* WEIR_NAMED_RESOURCE_H */
