/*-------------------------------------------------------------------------
 *
 * health_figures.c
 *	  What was measured of the server's health, for show.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "shmem/health_figures.h"
#include "shmem/settings.h"

static const char *const measure_names[] = {
	"xmin_age", "replication_lag", "wal_rate", "active_sessions",
	"free_workers"
};

const char *
health_measure_name(HealthMeasure measure)
{
	return measure_names[measure];
}

bool
health_measure_parse(const char *name, HealthMeasure *measure)
{
	for (int i = 0; i < HEALTH_MEASURES; i++)
	{
		if (strcmp(name, measure_names[i]) == 0)
		{
			*measure = (HealthMeasure) i;
			return true;
		}
	}
	return false;
}

/*
 * At the start of the server.
 */
void
health_figures_init(HealthFigures *figures)
{
	pg_atomic_init_u32(&figures->bad, 0);
	pg_atomic_init_u64(&figures->value, 0);
	pg_atomic_init_u64(&figures->since, 0);
	pg_atomic_init_u64(&figures->measured_at, 0);
}

/*
 * Nothing is measured any more.
 */
void
health_figures_clear(HealthFigures *figures)
{
	pg_atomic_write_u64(&figures->measured_at, 0);
	pg_atomic_write_u64(&figures->since, 0);
	pg_atomic_write_u32(&figures->bad, 0);
}

/*
 * A measure was taken.
 */
void
health_figures_write(HealthFigures *figures, int64 value, bool bad,
					 TimestampTz now)
{
	if (bad != (pg_atomic_read_u32(&figures->bad) != 0) ||
		pg_atomic_read_u64(&figures->measured_at) == 0)
		pg_atomic_write_u64(&figures->since, now);
	pg_atomic_write_u64(&figures->value, value);
	pg_atomic_write_u32(&figures->bad, bad);
	pg_atomic_write_u64(&figures->measured_at, now);
}

/*
 * How many workers are at work, but for those of this database.  Looked at
 * without a lock: it is about a moment anyway.
 */
int
health_busy_workers(Oid but)
{
	int			busy = 0;

	for (int i = 0; i < weir_max_workers; i++)
		busy += pg_atomic_read_u32(&Weir->workers[i].state) == WORKER_BUSY &&
			Weir->workers[i].database != but;
	return busy;
}
