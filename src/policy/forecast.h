/*-------------------------------------------------------------------------
 *
 * forecast.h
 *	  How long tasks of a kind wait and run, from those that have ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_FORECAST_H
#define WEIR_POLICY_FORECAST_H

#include <stdint.h>

#define FORECAST_SAMPLES	64	/* the last ones count */
#define FORECAST_EMPIRICAL	20	/* from so many on they speak for themselves */

/* Seconds, of the last tasks of a kind */
typedef struct Forecast
{
	int			n;
	int			next;			/* the place of the next sample */
	float		waits[FORECAST_SAMPLES];	/* from when it was due */
	float		runs[FORECAST_SAMPLES];
} Forecast;

/* What is asked about a task that waits; times in microseconds */
typedef struct ForecastWait
{
	int64_t		estimate;		/* of its run, if nothing is known */
	int64_t		waited;			/* since it was due */
	int64_t		to_wait;		/* what it waits for takes so long, at least */
	int64_t		left;			/* to its deadline */
} ForecastWait;

extern void forecast_add(Forecast *forecast, int64_t wait, int64_t run);
extern int64_t forecast_run_p90(const Forecast *forecast, int64_t estimate);
extern double forecast_waiting(const Forecast *forecast,
							   const ForecastWait *wait);
extern double forecast_running(const Forecast *forecast, int64_t estimate,
							   int64_t elapsed, int64_t left);
extern int64_t forecast_remaining(const Forecast *forecast, int64_t elapsed);

#endif							/* WEIR_POLICY_FORECAST_H */
