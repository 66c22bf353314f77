/*-------------------------------------------------------------------------
 *
 * adaptive.c
 *	  How many of our tasks a table bears at once.
 *
 * Where tasks wait for one another's locks, fewer of them get as much done.
 * The limit goes down by a tenth, at least by one, when they spend more than
 * ADAPTIVE_HIGH of their time so, or when a deadlock or a lock timeout ended
 * one.  It goes up by one when tasks want more.  How much gets done is the
 * judge of both: what lowered it is taken back if that cost more than a little
 * of its part, and what raised it if it did not bring as much; but below
 * ADAPTIVE_LOW a raise that brought nothing is kept.  After it was taken back
 * the limit rests for a while, so that it does not go up and down all the time.
 *
 * Waits that somebody else is the cause of say nothing about how well tasks of
 * ours get on with one another.  They lower the limit of class backfill alone,
 * so that it does not fill all slots with waiting.
 *
 * Reserved slots are beyond it: the limit is never below one more than those.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/adaptive.h"

#define ADAPTIVE_HIGH		0.20
#define ADAPTIVE_LOW		0.05
#define ADAPTIVE_COOLDOWN	3	/* ticks between two decisions */
#define ADAPTIVE_SAMPLES	20	/* to decide upon, at least */
#define ADAPTIVE_REST		5	/* decisions */

/* What of its part a step up must bring, and one down may cost */
#define ADAPTIVE_PART		0.25
/* What a step up must not cost in any case */
#define ADAPTIVE_LOSS		0.10

/*
 * The limit that is never gone below.
 */
static int
adaptive_lowest(int slots, int reserved)
{
	return reserved < slots ? reserved + 1 : slots;
}

/*
 * One step down.
 */
static int
adaptive_lower(int limit, int lowest)
{
	int			lower = limit * 9 / 10;

	if (lower > limit - 1)
		lower = limit - 1;
	return lower > lowest ? lower : lowest;
}

/*
 * Brings the limits into the bounds of the cap; without any so far they are
 * the cap.
 */
void
adaptive_bound(Adaptive *adaptive, int slots, int reserved)
{
	int			lowest = adaptive_lowest(slots, reserved);

	if (adaptive->limit == 0)
		adaptive->limit = adaptive->backfill_limit = slots;
	if (adaptive->limit > slots)
		adaptive->limit = slots;
	if (adaptive->limit < lowest)
		adaptive->limit = lowest;
	if (adaptive->backfill_limit > adaptive->limit)
		adaptive->backfill_limit = adaptive->limit;
	if (adaptive->backfill_limit < lowest)
		adaptive->backfill_limit = lowest;
}

/*
 * Do tasks of ours stand in one another's way?
 */
static bool
is_contended(const AdaptiveDecision *decision)
{
	return decision->window.failed > 0 || decision->share > ADAPTIVE_HIGH;
}

/*
 * What a limit that only observes would do with the cap, in one step: it
 * cannot find out more, since nothing changes by it.
 */
static AdaptiveChange
decide_observing(Adaptive *adaptive, const AdaptiveDecision *decision,
				 int slots, int lowest)
{
	if (is_contended(decision))
	{
		adaptive->limit = adaptive_lower(slots, lowest);
		return ADAPTIVE_LOWERED;
	}
	if (decision->foreign_share > ADAPTIVE_HIGH)
	{
		adaptive->backfill_limit = adaptive_lower(slots, lowest);
		return ADAPTIVE_LOWERED_BACKFILL;
	}
	if (decision->share < ADAPTIVE_LOW &&
		decision->foreign_share < ADAPTIVE_LOW)
		adaptive->limit = adaptive->backfill_limit = slots;
	return ADAPTIVE_RAISED;
}

/*
 * Was the last step worth it?  If not it is taken back.
 */
static AdaptiveChange
judge_step(Adaptive *adaptive, const AdaptiveDecision *decision)
{
	double		before = adaptive->rate_before;
	int			step = adaptive->limit - adaptive->limit_before;
	int			part = step > 0 ? adaptive->limit_before : adaptive->limit + 1;

	adaptive->rate_before = 0;
	if (decision->rate >= before * (1 + ADAPTIVE_PART * step / part))
		return ADAPTIVE_KEPT;
	adaptive->rest = ADAPTIVE_REST;
	if (step > 0 && decision->share < ADAPTIVE_LOW &&
		decision->rate >= before * (1 - ADAPTIVE_LOSS))
		return ADAPTIVE_KEPT;
	adaptive->limit = adaptive->limit_before;
	adaptive->backfill_limit = adaptive->backfill_before;
	return ADAPTIVE_TAKEN_BACK;
}

/*
 * One step, which is to be judged by what gets done.
 */
static void
take_step(Adaptive *adaptive, const AdaptiveDecision *decision, int limit)
{
	adaptive->backfill_before = adaptive->backfill_limit;
	if (adaptive->backfill_limit == adaptive->limit)
		adaptive->backfill_limit = limit;
	adaptive->limit_before = adaptive->limit;
	adaptive->limit = limit;
	adaptive->rate_before = decision->rate;
}

/*
 * Goes up by one, if that is wanted and there is room: backfill first, to where
 * the others are.
 */
static AdaptiveChange
raise_limit(Adaptive *adaptive, const AdaptiveDecision *decision, int slots)
{
	if (!decision->window.wanted)
		return ADAPTIVE_KEPT;
	if (adaptive->backfill_limit < adaptive->limit &&
		decision->foreign_share < ADAPTIVE_LOW)
		adaptive->backfill_limit++;
	else if (adaptive->limit < slots)
		take_step(adaptive, decision, adaptive->limit + 1);
	return ADAPTIVE_RAISED;
}

static AdaptiveChange
decide_acting(Adaptive *adaptive, const AdaptiveDecision *decision, int slots,
			  int lowest)
{
	int			lower = adaptive_lower(adaptive->limit, lowest);

	if (decision->foreign_share > ADAPTIVE_HIGH)
	{
		adaptive->backfill_limit = adaptive_lower(adaptive->backfill_limit,
												  lowest);
		return ADAPTIVE_LOWERED_BACKFILL;
	}
	if (adaptive->rate_before > 0 &&
		judge_step(adaptive, decision) == ADAPTIVE_TAKEN_BACK)
		return ADAPTIVE_TAKEN_BACK;
	if (adaptive->rest > 0)
	{
		adaptive->rest--;
		return ADAPTIVE_KEPT;
	}
	if (!is_contended(decision))
		return raise_limit(adaptive, decision, slots);
	take_step(adaptive, decision, lower);
	return ADAPTIVE_LOWERED;
}

/*
 * A tick has passed, which the caller has added to the window.  Every few of
 * them a decision is taken, if there is something to base it on, and a new
 * window begins.  Says whether a limit is another one now; "decision" says why.
 */
bool
adaptive_tick(Adaptive *adaptive, int slots, int reserved, bool acts,
			  AdaptiveDecision *decision)
{
	static const AdaptiveWindow empty;
	const AdaptiveWindow *window = &adaptive->window;
	int			lowest = adaptive_lowest(slots, reserved);

	adaptive_bound(adaptive, slots, reserved);
	if (++adaptive->ticks < ADAPTIVE_COOLDOWN ||
		(window->busy < ADAPTIVE_SAMPLES && window->failed == 0))
		return false;
	decision->window = *window;
	decision->from = adaptive->limit;
	decision->backfill_from = adaptive->backfill_limit;
	decision->share = window->busy ? (double) window->waiting / window->busy : 0;
	decision->foreign_share =
		window->busy ? (double) window->foreign / window->busy : 0;
	decision->rate = window->time > 0 ?
		window->succeeded * 1000000.0 / window->time : 0;
	decision->rate_before = adaptive->rate_before;
	decision->change = acts ?
		decide_acting(adaptive, decision, slots, lowest) :
		decide_observing(adaptive, decision, slots, lowest);
	adaptive_bound(adaptive, slots, reserved);
	adaptive->ticks = 0;
	adaptive->window = empty;
	return adaptive->limit != decision->from ||
		adaptive->backfill_limit != decision->backfill_from;
}
