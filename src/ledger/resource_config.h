/*-------------------------------------------------------------------------
 *
 * resource_config.h
 *	  What is configured for named resources, as this process last read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RESOURCE_CONFIG_H
#define WEIR_RESOURCE_CONFIG_H

#include "shmem/named_resource.h"

typedef struct ResourceConfig
{
	char	   *name;			/* of a template: with the star */
	bool		template;
	Oid			owner;			/* InvalidOid if the role is gone */
	ResourceLimits limits;
	BreakerRule breaker;
	char	   *fallback;		/* command, while the breaker is open; or NULL */
	int			ngrants;
	Oid		   *grants;			/* roles that may use it; InvalidOid = all */
} ResourceConfig;

extern void resource_config_install(void);
extern void resource_config_changed(void);
extern const ResourceConfig *resource_config_list(int *n);
extern const ResourceConfig *resource_config_exact(const char *name);
extern const ResourceConfig *resource_config_for(const char *name);
extern int	resource_config_resolve(WeirDatabase *database,
									const char *const *names, int n,
									uint64 *needs);

#endif							/* WEIR_RESOURCE_CONFIG_H */
