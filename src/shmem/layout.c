/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  Requests and initialises the shared memory.
 *
 * Runs in the postmaster, at server start and again at each crash restart,
 * when everything starts from zero.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "shmem/depth.h"
#include "shmem/health_figures.h"
#include "shmem/inflight.h"
#include "shmem/layout.h"
#include "shmem/resource.h"
#include "shmem/role.h"
#include "shmem/settings.h"
#include "shmem/submit_ring.h"
#include "shmem/worker_slot.h"

#define TRANCHE "weir"

WeirShared *Weir = NULL;

static LWLockPadded *Locks = NULL;
static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/*
 * The size of all of it.
 */
static Size
layout_size(void)
{
	Size		size = MAXALIGN(sizeof(WeirShared));

	size = add_size(size, mul_size(weir_max_databases, MAXALIGN(sizeof(WeirDatabase))));
	size = add_size(size, mul_size(weir_max_workers, MAXALIGN(sizeof(WeirWorker))));
	size = add_size(size, mul_size(weir_max_databases,
								   MAXALIGN(mul_size(weir_max_queues, sizeof(QueueSlot)))));
	size = add_size(size, mul_size(weir_max_databases,
								   MAXALIGN(mul_size(weir_max_resources, sizeof(ResourceSlot)))));
	size = add_size(size, mul_size(weir_max_databases,
								   MAXALIGN(mul_size(WEIR_MAX_ROLES, sizeof(RoleSlot)))));
	return size;
}

static void
layout_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(layout_size());
	RequestNamedLWLockTranche(TRANCHE, 2 + weir_max_databases);
}

/*
 * Cuts the next piece off the area.
 */
static void *
layout_carve(char **area, Size size)
{
	void	   *piece = *area;

	*area += MAXALIGN(size);
	return piece;
}

/*
 * Initialises one database's part.
 */
static void
layout_init_database(WeirDatabase *database, char **area, LWLock *lock)
{
	database->scheduler_procno = -1;
	pg_atomic_init_u32(&database->wanted, 0);
	pg_atomic_init_u32(&database->leave, 0);
	pg_atomic_init_u32(&database->state, SCHEDULER_DOWN);
	pg_atomic_init_u32(&database->paused, 0);
	pg_atomic_init_u32(&database->starving, 0);
	pg_atomic_init_u32(&database->seeded, 0);
	pg_atomic_init_u64(&database->next_id, 1);
	pg_atomic_init_u64(&database->id_limit, 1);
	pg_atomic_init_u32(&database->generation_wanted, 0);
	ConditionVariableInit(&database->progress);
	pg_atomic_init_u64(&database->config_changed, 0);
	pg_atomic_init_u64(&database->config_applied, 0);
	pg_atomic_init_u32(&database->rebuild_wanted, 0);
	pg_atomic_init_u64(&database->foreign_changed, 0);
	pg_atomic_init_u32(&database->enforcing, 0);
	pg_atomic_init_u64(&database->resources_entered, 0);
	pg_atomic_init_u32(&database->no_process, 0);
	pg_atomic_init_u32(&database->waiting, 0);
	ramp_figures_init(&database->ramp);
	for (int i = 0; i < HEALTH_MEASURES; i++)
		health_figures_init(&database->health[i]);
	pg_atomic_init_u64(&database->preemptions, 0);
	pg_atomic_init_u64(&database->preempted, 0);
	pg_atomic_init_u64(&database->worked, 0);
	ConditionVariableInit(&database->finished);
	pg_atomic_init_u32(&database->finish_waiters, 0);
	database->lock = lock;
	submit_ring_init(&database->ring);
	database->queues = layout_carve(area, mul_size(weir_max_queues,
												   sizeof(QueueSlot)));
	depth_init(database);
	database->resources = layout_carve(area, mul_size(weir_max_resources,
													  sizeof(ResourceSlot)));
	resource_init(database);
	database->roles = layout_carve(area, mul_size(WEIR_MAX_ROLES,
												  sizeof(RoleSlot)));
	role_init(database);
}

static void
layout_startup(void)
{
	bool		found;
	char	   *area;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	area = ShmemInitStruct("pg_weir", layout_size(), &found);
	Weir = (WeirShared *) area;
	Locks = GetNamedLWLockTranche(TRANCHE);
	if (!found)
	{
		memset(area, 0, layout_size());
		(void) layout_carve(&area, sizeof(WeirShared));
		Weir->launcher_procno = -1;
		pg_atomic_init_u32(&Weir->launcher_starved, 0);
		pg_atomic_init_u32(&Weir->databases_changed, 0);
		pg_atomic_init_u32(&Weir->enforcing, 0);
		Weir->databases = layout_carve(&area,
									   weir_max_databases * MAXALIGN(sizeof(WeirDatabase)));
		Weir->workers = layout_carve(&area,
									 weir_max_workers * MAXALIGN(sizeof(WeirWorker)));
		for (int i = 0; i < weir_max_databases; i++)
			layout_init_database(&Weir->databases[i], &area, &Locks[2 + i].lock);
		worker_slot_init();
		inflight_collect();
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Hooks into the server's start; called while libraries are preloaded.
 */
void
layout_install_hooks(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = layout_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = layout_startup;
}

/*
 * The lock of that number; see the list in layout.h.
 */
LWLock *
layout_lock(int number)
{
	return &Locks[number].lock;
}

/*
 * Raises the error for a server that did not preload the library.
 */
void
layout_require(void)
{
	if (Weir == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_weir must be loaded via \"%s\"",
						"shared_preload_libraries"),
				 errhint("Add pg_weir to \"%s\" and restart the server.",
						 "shared_preload_libraries")));
}
