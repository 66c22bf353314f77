/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The configuration parameters, all called weir.*.
 *
 * Those that size shared memory can only be set at server start; the others
 * are read where they are used, so that a reload is enough.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "shmem/settings.h"

bool		weir_enabled = true;
bool		weir_enforce = true;
int			weir_generation_size = 1000000;
char	   *weir_installation = NULL;
int			weir_lock_sample_interval = 100;
int			weir_max_crashes = 2;
int			weir_max_databases = 8;
int			weir_max_queues = 128;
int			weir_max_resources = 4096;
int			weir_max_result = 1024;
int			weir_max_starvation = 86400000;
int			weir_max_tasks = 1000000;
int			weir_max_wait = 30000;
int			weir_max_workers = 4;
int			weir_ramp_up = 10000;
int			weir_retention = 0;
int			weir_worker_idle_timeout = 30000;
int			weir_worker_start_timeout = 10000;

/*
 * Defines the parameters that need no shared memory.
 */
static void
settings_define_behaviour(void)
{
	DefineCustomBoolVariable("weir.enabled",
							 "Sets whether tasks are started.",
							 "When off, running tasks finish and none starts.",
							 &weir_enabled, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("weir.enforce",
							 "Sets whether caps bind sessions that write a table without having asked for a slot.",
							 "When off, caps bind tasks and weir.acquire() alone, whatever they say.",
							 &weir_enforce, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.generation_size",
							"Sets the number of task ids in one generation of the ledger.",
							"Takes effect with the next generation.",
							&weir_generation_size, 1000000, 100, INT_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("weir.installation",
							   "Sets the name of this installation.",
							   "A ledger that was written under another name stays paused until weir.adopt() is called.",
							   &weir_installation, "",
							   PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.lock_sample_interval",
							"Sets the time between two looks at which tasks wait for locks.",
							"Zero does not look.",
							&weir_lock_sample_interval, 100, 0, 60000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.max_crashes",
							"Sets how often a task may crash the server before it is put into the dead letters.",
							NULL,
							&weir_max_crashes, 2, 1, 100,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.max_result",
							"Sets the maximum size of the result that is stored with a run.",
							"A larger result is not stored, and the run says so.",
							&weir_max_result, 1024, 0, 1024 * 1024,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.max_starvation",
							"Sets the time that a task may wait for its start before an event says why it does.",
							"Zero never says so.",
							&weir_max_starvation, 86400000, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.max_wait",
							"Sets the maximum time that a session waits for a slot or for room in a queue.",
							NULL,
							&weir_max_wait, 30000, 1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.ramp_up",
							"Sets the time in which starts come back to everything after an outage.",
							"Zero lets everything start at once.",
							&weir_ramp_up, 10000, 0, 86400000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.retention",
							"Sets the age at which a closed generation of the ledger is dropped.",
							"Zero keeps the ledger for ever.",
							&weir_retention, 0, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.worker_idle_timeout",
							"Sets the time after which an idle worker leaves.",
							NULL,
							&weir_worker_idle_timeout, 30000, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.worker_start_timeout",
							"Sets the time in which a worker must have started.",
							NULL,
							&weir_worker_start_timeout, 10000, 100, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

/*
 * Defines the parameters that size shared memory.
 */
static void
settings_define_sizes(void)
{
	DefineCustomIntVariable("weir.max_databases",
							"Sets the maximum number of databases with the extension.",
							NULL,
							&weir_max_databases, 8, 1, 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.max_queues",
							"Sets the maximum number of queues in a database.",
							NULL,
							&weir_max_queues, 128, 8, 65536,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.max_resources",
							"Sets the maximum number of capped resources in a database.",
							NULL,
							&weir_max_resources, 4096, 16, 1 << 20,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.max_tasks",
							"Sets the maximum sum of the capacities of a database's queues.",
							NULL,
							&weir_max_tasks, 1000000, 1000, 100000000,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.max_workers",
							"Sets the maximum number of workers of the server.",
							"They count against max_worker_processes.",
							&weir_max_workers, 4, 1, 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

/*
 * Defines all parameters and reserves the prefix.  A library that is not
 * preloaded has no shared memory to size, and comes too late to do so.
 */
void
settings_define(void)
{
	settings_define_behaviour();
	if (!process_shared_preload_libraries_in_progress)
		return;
	settings_define_sizes();
	MarkGUCPrefixReserved("weir");
}
