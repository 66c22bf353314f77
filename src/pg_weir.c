/*-------------------------------------------------------------------------
 *
 * pg_weir.c
 *	  Loading the library.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "api/enforce.h"
#include "api/lifecycle.h"
#include "ledger/environment.h"
#include "ledger/generation.h"
#include "ledger/identity.h"
#include "ledger/queue_config.h"
#include "ledger/resource_config.h"
#include "sched/launcher.h"
#include "shmem/layout.h"
#include "shmem/named_resource.h"
#include "shmem/lazy_commit.h"
#include "shmem/settings.h"
#include "shmem/xact_actions.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * Without preloading there is no shared memory: functions then say so.  In
 * the binary mode of pg_upgrade nothing of ours may run.
 */
void
_PG_init(void)
{
	settings_define();
	environment_install();
	generation_install();
	identity_install();
	queue_config_install();
	resource_config_install();
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	layout_install_hooks();
	lazy_commit_install();
	named_resource_install();
	xact_actions_install();
	launcher_register();
	lifecycle_install_hooks();
	enforce_install_hooks();
}
