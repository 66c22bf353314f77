/*-------------------------------------------------------------------------
 *
 * health_figures.h
 *	  What was measured of the server's health, for show.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_HEALTH_FIGURES_H
#define WEIR_HEALTH_FIGURES_H

#include "shmem/layout.h"

extern const char *health_measure_name(HealthMeasure measure);
extern bool health_measure_parse(const char *name, HealthMeasure *measure);
extern void health_figures_init(HealthFigures *figures);
extern void health_figures_clear(HealthFigures *figures);
extern void health_figures_write(HealthFigures *figures, int64 value,
								 bool bad, TimestampTz now);
extern int	health_busy_workers(Oid but);

#endif							/* WEIR_HEALTH_FIGURES_H */
