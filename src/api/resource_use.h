/*-------------------------------------------------------------------------
 *
 * resource_use.h
 *	  Naming a resource, and who may do so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RESOURCE_USE_H
#define WEIR_RESOURCE_USE_H

#include "ledger/resource_config.h"
#include "shmem/layout.h"

extern bool resource_name_is_template(const char *name);
extern bool resource_may_alter(const ResourceConfig *config);
extern ResourceSlot *resource_use(WeirDatabase *database, const char *name);

#endif							/* WEIR_RESOURCE_USE_H */
