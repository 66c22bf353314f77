/*-------------------------------------------------------------------------
 *
 * figures.h
 *	  What the policy has counted, into shared memory, for show.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_FIGURES_H
#define WEIR_FIGURES_H

#include "sched/scheduler.h"

extern void figures_publish(Scheduler *scheduler, TimestampTz now);

#endif							/* WEIR_FIGURES_H */
