/*-------------------------------------------------------------------------
 *
 * watermark.c
 *	  Is a queue high, or low again?
 *
 * Two marks, so that a depth that goes up and down around one of them is told
 * once: a queue becomes high at the high mark, and low again at the low one.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/watermark.h"

/* What a fraction of a capacity may be off for the sake of its binary form */
#define MARK_SLACK	1e-6

/*
 * The marks, from fractions of the capacity.  No queue is high when it is
 * empty, and the low mark lies below the high one, however small the capacity.
 */
Watermarks
watermarks_of(double high, double low, uint32_t capacity)
{
	Watermarks	marks = {0, 0};
	double		tasks = high * capacity - MARK_SLACK;

	if (!(high > 0))
		return marks;
	marks.high = tasks > 0 ? (uint32_t) tasks + 1 : 1;
	if (low > 0)
		marks.low = (uint32_t) (low * capacity + MARK_SLACK);
	if (marks.low >= marks.high)
		marks.low = marks.high - 1;
	return marks;
}

/*
 * Is it high at this depth, given what it was before?
 */
bool
watermarks_high(Watermarks marks, bool before, uint32_t depth)
{
	if (marks.high == 0)
		return false;
	return before ? depth > marks.low : depth >= marks.high;
}
