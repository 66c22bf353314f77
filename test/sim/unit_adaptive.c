/*-------------------------------------------------------------------------
 *
 * unit_adaptive.c
 *	  Unit tests: the limit of a table, and whether it finds the best one.
 *
 * The warehouse of these tests is a closed queue: each of n tasks works for a
 * while by itself, then needs the one row that all of them need.  The more wait
 * for the row, the more each turn costs, as it does where they find one another
 * in the way.  Mean value analysis says how much gets done, and which part of
 * their time they wait.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/adaptive.h"
#include "unit.h"

#define SLOTS	16

/* What tasks do; times in seconds */
typedef struct Contention
{
	double		alone;			/* work without the row */
	double		turn;			/* with it, if nobody waits */
	double		drag;			/* its part more for each that waits */
} Contention;

static const Contention no_conflict = {1.0, 0.0001, 0};
static const Contention conflict = {0.5, 0.1, 0.10};
static const Contention much_conflict = {0.1, 0.1, 0.5};

/*
 * How many tasks end per second if n run, and which part of the time they wait.
 */
static double
contention_rate(const Contention *work, int n, double *share)
{
	double		waiting = 0;	/* tasks at the row */
	double		rate = 0;
	double		turn = work->turn;
	int			i;

	for (i = 1; i <= n; i++)
	{
		double		response;

		turn = work->turn * (1 + work->drag * waiting);
		response = turn * (1 + waiting);
		rate = i / (work->alone + response);
		waiting = rate * response;
		*share = (response - turn) / (work->alone + response);
	}
	return rate;
}

/*
 * What the best fixed cap gets done, and the lowest such cap.
 */
static double
contention_best(const Contention *work, int *cap)
{
	double		best = 0;
	double		share;
	int			n;

	for (n = 1; n <= SLOTS; n++)
	{
		double		rate = contention_rate(work, n, &share);

		if (rate > best)
		{
			best = rate;
			*cap = n;
		}
	}
	return best;
}

/*
 * Lets the limit work for so many ticks of a second, with noise, and says how
 * much was done per second in the second half.
 */
static double
run(Adaptive *adaptive, const Contention *work, int ticks, TestRandom *random)
{
	AdaptiveDecision decision;
	double		done = 0;
	int			i;
	int			k;

	for (i = 0; i < ticks; i++)
	{
		int			n = adaptive->limit ? adaptive->limit : SLOTS;
		double		share;
		double		rate = contention_rate(work, n, &share);
		double		seen = rate * (0.95 + 0.1 * test_uniform(random));

		if (i >= ticks / 2)
			done += rate;
		for (k = 0; k < 10 * n; k++)
		{
			adaptive->window.busy++;
			adaptive->window.waiting += test_uniform(random) < share;
		}
		adaptive->window.succeeded += (uint32_t) (100 * seen);
		adaptive->window.time += 100 * SECOND;
		adaptive->window.wanted = true;
		adaptive_tick(adaptive, SLOTS, 0, true, &decision);
	}
	return done / (ticks - ticks / 2);
}

/*
 * The limit gets within a tenth of the best cap, whatever it has been through.
 */
static void
test_optimum(void)
{
	static const Contention *const works[] =
	{&conflict, &no_conflict, &much_conflict, &conflict, &much_conflict,
	&no_conflict};
	int			n = sizeof(works) / sizeof(works[0]);
	uint64_t	seed;
	int			i;

	for (seed = 1; seed <= 20; seed++)
	{
		TestRandom	random = {seed};
		Adaptive	adaptive = {0};

		for (i = 0; i < n; i++)
		{
			int			cap = 0;
			double		best = contention_best(works[i], &cap);
			double		done = run(&adaptive, works[i], 1000, &random);

			if (done < 0.9 * best || seed == 1)
				tap_ok(done >= 0.9 * best,
					   "adaptive: work %d gets %.2f done, %.2f at best with cap %d (seed %d)",
					   i, done, best, cap, (int) seed);
		}
	}
}

/*
 * Three ticks with what was seen in all of them; says what was decided.
 */
static AdaptiveChange
ticks(Adaptive *adaptive, int reserved, bool acts, AdaptiveWindow window)
{
	AdaptiveDecision decision = {ADAPTIVE_KEPT};

	adaptive->window = window;
	tap_ok(!adaptive_tick(adaptive, SLOTS, reserved, acts, &decision) &&
		   !adaptive_tick(adaptive, SLOTS, reserved, acts, &decision),
		   "adaptive: no change before three ticks are over");
	return adaptive_tick(adaptive, SLOTS, reserved, acts, &decision) ?
		decision.change : ADAPTIVE_KEPT;
}

/*
 * What lowers which limit, and how far.
 */
static void
test_lowering(void)
{
	Adaptive	adaptive = {0};
	AdaptiveWindow waiting = {.busy = 100,.waiting = 21};
	AdaptiveWindow deadlock = {.busy = 100,.failed = 1};
	AdaptiveWindow foreign = {.busy = 100,.foreign = 90};
	AdaptiveWindow quiet = {.busy = 100,.waiting = 19};
	AdaptiveWindow few = {.busy = 19,.waiting = 19};
	int			i;

	tap_ok(ticks(&adaptive, 2, true, waiting) == ADAPTIVE_LOWERED &&
		   adaptive.limit == 14, "adaptive: a tenth less");
	tap_ok(ticks(&adaptive, 2, true, deadlock) == ADAPTIVE_LOWERED &&
		   adaptive.limit == 12, "adaptive: less after a deadlock");
	tap_ok(ticks(&adaptive, 2, true, foreign) == ADAPTIVE_LOWERED_BACKFILL &&
		   adaptive.limit == 12 && adaptive.backfill_limit == 10,
		   "adaptive: waits for others are the backfill's");
	tap_ok(ticks(&adaptive, 2, true, quiet) == ADAPTIVE_KEPT,
		   "adaptive: there is a band where nothing happens");
	for (i = 0; i < 20; i++)
		ticks(&adaptive, 2, true, deadlock);
	tap_ok(adaptive.limit == 3 && adaptive.backfill_limit == 3,
		   "adaptive: one slot beside the reserved ones stays");
	tap_ok(ticks(&adaptive, 2, true, few) == ADAPTIVE_KEPT,
		   "adaptive: little is no base");
}

/*
 * What raises it.
 */
static void
test_raising(void)
{
	Adaptive	adaptive = {.limit = 4,.backfill_limit = 3};
	AdaptiveWindow idle = {.busy = 100,.succeeded = 100,.time = SECOND};
	AdaptiveWindow wanted = {.busy = 100,.succeeded = 100,.wanted = true,
	.time = SECOND};
	AdaptiveWindow more = wanted;
	AdaptiveWindow less = wanted;
	int			i;

	more.succeeded = 120;
	less.succeeded = 80;
	tap_ok(ticks(&adaptive, 0, true, idle) == ADAPTIVE_KEPT,
		   "adaptive: not raised if nobody wants more");
	tap_ok(ticks(&adaptive, 0, true, wanted) == ADAPTIVE_RAISED &&
		   adaptive.backfill_limit == 4 && adaptive.limit == 4,
		   "adaptive: the backfill follows first");
	tap_ok(ticks(&adaptive, 0, true, wanted) == ADAPTIVE_RAISED &&
		   adaptive.limit == 5, "adaptive: raised");
	tap_ok(ticks(&adaptive, 0, true, more) == ADAPTIVE_RAISED &&
		   adaptive.limit == 6, "adaptive: raised on, if it pays");
	tap_ok(ticks(&adaptive, 0, true, less) == ADAPTIVE_TAKEN_BACK &&
		   adaptive.limit == 5, "adaptive: taken back if it does not");
	for (i = 0; i < 5; i++)
		tap_ok(ticks(&adaptive, 0, true, wanted) == ADAPTIVE_KEPT,
			   "adaptive: then there is a rest");
	tap_ok(ticks(&adaptive, 0, true, wanted) == ADAPTIVE_RAISED,
		   "adaptive: after which it is tried again");
	adaptive_bound(&adaptive, 2, 0);
	tap_ok(adaptive.limit == 2 && adaptive.backfill_limit == 2,
		   "adaptive: never above the cap");
}

/*
 * One that only observes tells one step, and takes it back.
 */
static void
test_observing(void)
{
	Adaptive	adaptive = {0};
	AdaptiveWindow waiting = {.busy = 100,.waiting = 50};
	AdaptiveWindow quiet = {.busy = 100,.wanted = true};

	tap_ok(ticks(&adaptive, 0, false, waiting) == ADAPTIVE_LOWERED &&
		   adaptive.limit == 14, "adaptive: observed, one step down");
	tap_ok(ticks(&adaptive, 0, false, waiting) == ADAPTIVE_KEPT &&
		   adaptive.limit == 14, "adaptive: and not another one");
	tap_ok(ticks(&adaptive, 0, false, quiet) == ADAPTIVE_RAISED &&
		   adaptive.limit == SLOTS, "adaptive: observed, back to the cap");
}

void
unit_adaptive(void)
{
	test_lowering();
	test_raising();
	test_observing();
	test_optimum();
}
