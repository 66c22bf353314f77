/*-------------------------------------------------------------------------
 *
 * age.c
 *	  How long the oldest task of a queue has been there.
 *
 * An order by age of all tasks of a queue would cost as much as that by rank.
 * Who asks can do with less: tasks are counted by spans of the time when they
 * were enqueued.  As long as there are spans enough each time has its own, and
 * the answer is exact; after that neighbours are joined, and the answer may be
 * too early, by about the part of the whole time that one span of all is.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/age.h"
#include "policy/memory.h"
#include "policy/rank.h"

/*
 * How many spans begin at a time or before it.
 */
static uint32_t
age_find(const PolicyAges *ages, PolicyTime time)
{
	uint32_t	low = 0;
	uint32_t	high = ages->nspans;

	while (low < high)
	{
		uint32_t	middle = (low + high) / 2;

		if (ages->spans[middle].first_at <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Takes a span out of the list.
 */
static void
age_delete(PolicyAges *ages, uint32_t span)
{
	ages->nspans--;
	memmove(&ages->spans[span], &ages->spans[span + 1],
			(ages->nspans - span) * sizeof(AgeSpan));
}

/*
 * Joins the two neighbours that are shortest together.
 */
static void
age_join(PolicyAges *ages)
{
	int64_t		least = INT64_MAX;
	uint32_t	best = 0;
	uint32_t	i;

	for (i = 0; i + 1 < ages->nspans; i++)
	{
		int64_t		length = policy_time_span(ages->spans[i].first_at,
											  ages->spans[i + 1].last_at);

		if (length >= least)
			continue;
		least = length;
		best = i;
	}
	ages->spans[best].last_at = ages->spans[best + 1].last_at;
	ages->spans[best].tasks += ages->spans[best + 1].tasks;
	age_delete(ages, best + 1);
}

/*
 * Is a time, after the end of a span and before the next one, so near that the
 * span may go on until then?  If there are spans enough, none is.
 */
static bool
age_is_near(const PolicyAges *ages, uint32_t span, PolicyTime time)
{
	int64_t		whole = policy_time_span(ages->spans[0].first_at, time);

	return ages->nspans == AGE_SPANS &&
		policy_time_span(ages->spans[span].first_at, time) <= whole / AGE_SPANS;
}

/*
 * One more task.
 */
void
policy_age_add(PolicyAges *ages, PolicyTime enqueued_at)
{
	uint32_t	next = age_find(ages, enqueued_at);
	AgeSpan    *span;

	if (next > 0)
	{
		span = &ages->spans[next - 1];
		if (enqueued_at > span->last_at &&
			age_is_near(ages, next - 1, enqueued_at))
			span->last_at = enqueued_at;
		if (enqueued_at <= span->last_at)
		{
			span->tasks++;
			return;
		}
	}
	if (ages->nspans == AGE_SPANS)
	{
		age_join(ages);
		policy_age_add(ages, enqueued_at);
		return;
	}
	span = &ages->spans[next];
	memmove(span + 1, span, (ages->nspans - next) * sizeof(AgeSpan));
	ages->nspans++;
	span->first_at = span->last_at = enqueued_at;
	span->tasks = 1;
}

/*
 * One that was added is there no more.
 */
void
policy_age_remove(PolicyAges *ages, PolicyTime enqueued_at)
{
	uint32_t	span = age_find(ages, enqueued_at) - 1;

	WEIR_ASSERT(span < ages->nspans &&
				ages->spans[span].last_at >= enqueued_at);
	if (--ages->spans[span].tasks == 0)
		age_delete(ages, span);
}

/*
 * When the oldest task was enqueued, or somewhat earlier; POLICY_TIME_NEVER if
 * there is none.
 */
PolicyTime
policy_age_oldest(const PolicyAges *ages)
{
	return ages->nspans > 0 ? ages->spans[0].first_at : POLICY_TIME_NEVER;
}
