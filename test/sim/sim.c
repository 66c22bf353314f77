/*-------------------------------------------------------------------------
 *
 * sim.c
 *	  The simulator.
 *
 *		sim check [SEED [EPISODES [STEPS]]]		random histories
 *		sim scale [check]						what decisions cost
 *		sim overload [SEED [N]]					deadlines, with too much to do
 *		sim days [TASKS [WORKERS [RESOURCES]]]	days of a large warehouse
 *
 * The same seed gives the same history everywhere; a failure names the seed of
 * its episode, and "sim check SEED 1" repeats it.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "days.h"
#include "episode.h"
#include "oracle.h"
#include "overload.h"
#include "scale.h"

/*
 * A number from the command line, or the default.
 */
static long
argument(int argc, char **argv, int n, long otherwise)
{
	return argc > n ? strtol(argv[n], NULL, 10) : otherwise;
}

/*
 * Runs episodes, and reports.
 */
static void
check(uint64_t seed, long episodes, int steps)
{
	EpisodeStats stats = {0};
	clock_t		begin = clock();
	bool		good = true;
	long		i;

	for (i = 0; i < episodes && good; i++)
		good = episode_run(seed + (uint64_t) i, steps, &stats);
	if (!good)
		tap_note("seed %llu: %s", (unsigned long long) (seed + i - 1),
				 oracle_complaint);
	tap_ok(good, "%ld random histories, %.1f million events, %.1f million "
		   "decisions", i, (double) stats.events / 1e6,
		   (double) (stats.starts + stats.refusals) / 1e6);
	tap_ok(good, "the oldest task of a class was passed by at most %d times",
		   stats.max_overtaken);
	tap_note("%llu starts, %llu refusals, %llu expiries, %llu ends of "
			 "parents, %llu orphans, %llu drains, "
			 "%llu changes of risk, %llu preemptions, "
			 "%llu starts behind others, "
			 "%llu windows of floor shares, %.1f s",
			 (unsigned long long) stats.starts,
			 (unsigned long long) stats.refusals,
			 (unsigned long long) stats.expiries,
			 (unsigned long long) stats.releases,
			 (unsigned long long) stats.orphans,
			 (unsigned long long) stats.drains,
			 (unsigned long long) stats.risks,
			 (unsigned long long) stats.preemptions,
			 (unsigned long long) stats.behind,
			 (unsigned long long) stats.windows,
			 (double) (clock() - begin) / CLOCKS_PER_SEC);
	tap_note("%llu breakers opened, %llu probes, %llu fallbacks, "
			 "%llu tasks refused",
			 (unsigned long long) stats.opened,
			 (unsigned long long) stats.probes,
			 (unsigned long long) stats.fallbacks,
			 (unsigned long long) stats.refused);
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "check") == 0)
		check((uint64_t) argument(argc, argv, 2, 1),
			  argument(argc, argv, 3, 1000),
			  (int) argument(argc, argv, 4, 2000));
	else if (argc > 2 && strcmp(argv[1], "scale") == 0 &&
			 strcmp(argv[2], "check") == 0)
		scale_check();
	else if (argc > 1 && strcmp(argv[1], "scale") == 0)
		scale_table();
	else if (argc > 1 && strcmp(argv[1], "overload") == 0)
		overload_run((uint64_t) argument(argc, argv, 2, 1),
					 (int) argument(argc, argv, 3, 100));
	else if (argc > 1 && strcmp(argv[1], "days") == 0)
		days_run((uint64_t) argument(argc, argv, 2, 1000000),
				 (int) argument(argc, argv, 3, 1000),
				 (int) argument(argc, argv, 4, 100000));
	else
	{
		fprintf(stderr, "usage: sim check [SEED [EPISODES [STEPS]]] | "
				"scale [check] | overload [SEED [N]] | days [TASKS [WORKERS [RESOURCES]]]\n");
		return 2;
	}
	return tap_done();
}
