/*-------------------------------------------------------------------------
 *
 * forecast.c
 *	  How long tasks of a kind wait and run, from those that have ended.
 *
 * From 20 samples on the probability of something is how often it would have
 * been so: empirical quantiles.  With fewer, durations are taken as normally
 * distributed around their mean; without any, around the estimate that was
 * declared for the task.  So there is always an answer.
 *
 * A task that has waited for a while is compared with those that waited longer;
 * those that did not would start now.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/forecast.h"

#define FORECAST_SECOND	1e6

/* Spread of what is known from one sample, or declared: a part of it */
#define FORECAST_SPREAD	0.25

/* Spread that durations have at least, however equal the samples are */
#define FORECAST_MIN_SPREAD	0.05

/* The 90 % quantile of the standard normal distribution */
#define FORECAST_Z90	1.2816

/* Mean and deviation of a few durations, in seconds */
typedef struct Normal
{
	double		mean;
	double		deviation;
} Normal;

/*
 * The square root, by Newton's method: the simulator does without libm.
 */
static double
square_root(double x)
{
	double		root = x > 1 ? x : 1;
	int			i;

	if (!(x > 0))
		return 0;
	for (i = 0; i < 64; i++)
		root = (root + x / root) / 2;
	return root;
}

/*
 * The part of a normal distribution below x; the error is below 0.0003
 * (a rational approximation, Abramowitz and Stegun 26.2.18).
 */
static double
normal_below(const Normal *normal, double x)
{
	double		z = (x - normal->mean) / normal->deviation;
	double		a = z < 0 ? -z : z;
	double		p = 1 + a * (0.196854 + a * (0.115194 + a *
											 (0.000344 + a * 0.019527)));

	p = 0.5 / (p * p * p * p);
	return z < 0 ? p : 1 - p;
}

/*
 * What n durations look like; "estimate" stands for them if there are none.
 */
static Normal
normal_fit(const double *x, int n, double estimate)
{
	Normal		normal = {estimate, estimate * FORECAST_SPREAD};
	double		sum = 0;
	double		squares = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += x[i];
	if (n > 0)
		normal.mean = sum / n;
	for (i = 0; i < n; i++)
		squares += (x[i] - normal.mean) * (x[i] - normal.mean);
	if (n == 1)
		normal.deviation = normal.mean * FORECAST_SPREAD;
	else if (n > 1)
		normal.deviation = square_root(squares / (n - 1));
	if (normal.deviation < normal.mean * FORECAST_MIN_SPREAD)
		normal.deviation = normal.mean * FORECAST_MIN_SPREAD;
	if (normal.deviation < 1e-6)
		normal.deviation = 1e-6;
	return normal;
}

/*
 * The runs as an array of double.
 */
static int
forecast_runs(const Forecast *forecast, double *runs)
{
	int			i;

	for (i = 0; i < forecast->n; i++)
		runs[i] = forecast->runs[i];
	return forecast->n;
}

/*
 * Sorts a few numbers.
 */
static void
sort(double *x, int n)
{
	int			i;

	for (i = 1; i < n; i++)
	{
		double		value = x[i];
		int			j = i;

		for (; j > 0 && x[j - 1] > value; j--)
			x[j] = x[j - 1];
		x[j] = value;
	}
}

/*
 * Adds a task that has ended: how long it waited, and ran.
 */
void
forecast_add(Forecast *forecast, int64_t wait, int64_t run)
{
	forecast->waits[forecast->next] =
		(float) ((wait > 0 ? wait : 0) / FORECAST_SECOND);
	forecast->runs[forecast->next] =
		(float) ((run > 0 ? run : 0) / FORECAST_SECOND);
	forecast->next = (forecast->next + 1) % FORECAST_SAMPLES;
	if (forecast->n < FORECAST_SAMPLES)
		forecast->n++;
}

/*
 * The time within which nine of ten runs end.
 */
int64_t
forecast_run_p90(const Forecast *forecast, int64_t estimate)
{
	double		runs[FORECAST_SAMPLES] = {0};
	int			n = forecast_runs(forecast, runs);
	Normal		normal;

	if (n >= FORECAST_EMPIRICAL)
	{
		sort(runs, n);
		return (int64_t) (runs[(n * 9 + 9) / 10 - 1] * FORECAST_SECOND);
	}
	normal = normal_fit(runs, n, estimate / FORECAST_SECOND);
	return (int64_t) ((normal.mean + FORECAST_Z90 * normal.deviation) *
					  FORECAST_SECOND);
}

/*
 * The probability that a task that waits is done in time.
 */
double
forecast_waiting(const Forecast *forecast, const ForecastWait *wait)
{
	double		to_wait = wait->to_wait / FORECAST_SECOND;
	double		left = wait->left / FORECAST_SECOND;
	double		x[FORECAST_SAMPLES] = {0};
	int			in_time = 0;
	int			i;
	Normal		normal;

	for (i = 0; i < forecast->n; i++)
	{
		double		rest = forecast->waits[i] -
		wait->waited / FORECAST_SECOND;

		x[i] = (rest > to_wait ? rest : to_wait) + forecast->runs[i];
		in_time += x[i] <= left;
	}
	if (forecast->n >= FORECAST_EMPIRICAL)
		return (double) in_time / forecast->n;
	normal = normal_fit(x, forecast->n, wait->estimate / FORECAST_SECOND);
	return normal_below(&normal, forecast->n > 0 ? left : left - to_wait);
}

/*
 * The probability that a task that has been running for a while is done in
 * time, given that it is not done yet.
 */
double
forecast_running(const Forecast *forecast, int64_t estimate, int64_t elapsed,
				 int64_t left)
{
	double		runs[FORECAST_SAMPLES] = {0};
	double		so_far = elapsed / FORECAST_SECOND;
	double		end = (elapsed + left) / FORECAST_SECOND;
	int			n = forecast_runs(forecast, runs);
	int			longer = 0;
	int			in_time = 0;
	Normal		normal;
	double		beyond;
	int			i;

	if (left <= 0)
		return 0;
	for (i = 0; i < n; i++)
	{
		longer += runs[i] > so_far;
		in_time += runs[i] > so_far && runs[i] <= end;
	}
	if (n >= FORECAST_EMPIRICAL && longer > 0)
		return (double) in_time / longer;
	normal = normal_fit(runs, n, estimate / FORECAST_SECOND);
	beyond = 1 - normal_below(&normal, so_far);
	if (n >= FORECAST_EMPIRICAL || beyond < 0.001)
		/* longer than any: as long again is as likely as not */
		return left >= elapsed ? 0.5 : 0;
	return (normal_below(&normal, end) - (1 - beyond)) / beyond;
}

/*
 * How long a task that has been running for a while will run on: the median of
 * those that ran longer; as long again, if none did.
 */
int64_t
forecast_remaining(const Forecast *forecast, int64_t elapsed)
{
	double		rest[FORECAST_SAMPLES];
	int			n = 0;
	int			i;

	for (i = 0; forecast != NULL && i < forecast->n; i++)
		if (forecast->runs[i] > elapsed / FORECAST_SECOND)
			rest[n++] = forecast->runs[i] - elapsed / FORECAST_SECOND;
	if (n == 0)
		return elapsed > 0 ? elapsed : 0;
	sort(rest, n);
	return (int64_t) (rest[n / 2] * FORECAST_SECOND);
}
