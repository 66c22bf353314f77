/*-------------------------------------------------------------------------
 *
 * episode.h
 *	  One random history of a small warehouse, checked at every step.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_EPISODE_H
#define WEIR_SIM_EPISODE_H

#include "model.h"

typedef struct EpisodeStats
{
	uint64_t	events;
	uint64_t	starts;
	uint64_t	refusals;
	uint64_t	drains;
	uint64_t	windows;		/* of floor shares */
	int			max_overtaken;
} EpisodeStats;

extern bool episode_run(uint64_t seed, int steps, EpisodeStats *stats);

#endif							/* WEIR_SIM_EPISODE_H */
