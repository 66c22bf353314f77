/*-------------------------------------------------------------------------
 *
 * unit_share.c
 *	  Unit tests: who gets how much.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "unit.h"

#define KEY		UINT64_C(77)

/* What started, by queue, owner and class */
typedef struct Tally
{
	int			queues[8];
	int			owners[8];
	int			classes[POLICY_NUM_CLASSES];
} Tally;

/*
 * Adds n tasks of a queue and an owner, one second younger each.
 */
static void
add_many(Policy *policy, int64_t first, int n, uint32_t queue, uint32_t owner,
		 PolicyClass klass, bool needs)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		PolicyTask	task = unit_task(first + i, klass);

		task.queue = queue;
		task.owner = owner;
		if (needs)
			task.needs[task.nneeds++] = KEY;
		policy_add(policy, &task);
	}
}

/*
 * Starts and ends n tasks, one after another, and counts.
 */
static Tally
drain(Policy *policy, int n)
{
	Tally		tally;
	PolicyStart start;

	memset(&tally, 0, sizeof(tally));
	while (n-- > 0 && policy_next(policy, HOUR, &start))
	{
		tally.queues[start.queue]++;
		tally.owners[start.owner]++;
		tally.classes[start.klass]++;
		policy_finished(policy, start.task_id);
	}
	return tally;
}

/*
 * Is a number within a tenth, and two, of what it should be?
 */
static bool
about(int number, int expected)
{
	int			off = number > expected ? number - expected : expected - number;

	return off <= 2 + expected / 10;
}

/*
 * Queues share by weight, owners equally, wherever the narrow place is.
 */
static void
share_weights(void)
{
	Policy	   *policy = unit_create(1);
	Tally		tally;

	policy_set_queue(policy, 1, 0, 1, false);
	policy_set_queue(policy, 2, 0, 3, false);
	add_many(policy, 1, 2000, 1, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 10001, 2000, 2, 1, POLICY_CLASS_ADHOC, false);
	tally = drain(policy, 1000);
	tap_ok(about(tally.queues[2], 735), "share: %d : %d of queues with 1 : 3",
		   tally.queues[1], tally.queues[2]);
	policy_destroy(policy);

	policy = unit_create(1);
	add_many(policy, 1, 2000, 1, 1, POLICY_CLASS_BACKFILL, false);
	add_many(policy, 10001, 2000, 1, 2, POLICY_CLASS_BACKFILL, false);
	tally = drain(policy, 1000);
	tap_ok(about(tally.owners[1], 525), "share: %d : %d of two owners",
		   tally.owners[1], tally.owners[2]);
	policy_destroy(policy);

	policy = unit_create(1);
	policy_set_owner(policy, 2, 0, 3, false);
	add_many(policy, 1, 2000, 1, 1, POLICY_CLASS_BACKFILL, false);
	add_many(policy, 10001, 2000, 1, 2, POLICY_CLASS_BACKFILL, false);
	tally = drain(policy, 1000);
	tap_ok(about(tally.owners[2], 712), "share: %d : %d of owners with 1 : 3",
		   tally.owners[1], tally.owners[2]);
	policy_drop_owner(policy, 2);
	tally = drain(policy, 1000);
	tap_ok(about(tally.owners[2], 500), "share: %d : %d when that is forgotten",
		   tally.owners[1], tally.owners[2]);
	policy_destroy(policy);

	policy = unit_create(8);
	policy_set_queue(policy, 1, 1, 1, false);
	add_many(policy, 1, 2000, 1, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 10001, 500, 1, 2, POLICY_CLASS_ADHOC, false);
	tally = drain(policy, 900);
	tap_ok(about(tally.owners[2], 430),
		   "share: %d : %d of owners behind the limit of a queue",
		   tally.owners[1], tally.owners[2]);
	policy_destroy(policy);
}

/*
 * Two queues share a resource by weight, also while a third one starts much
 * more elsewhere.
 */
static void
share_resource(void)
{
	Policy	   *policy = unit_create(4);
	PolicyStart start;
	Tally		tally;
	int64_t		holder = 0;
	int			n;

	memset(&tally, 0, sizeof(tally));
	policy_set_queue(policy, 1, 0, 1, false);
	policy_set_queue(policy, 2, 0, 3, false);
	policy_set_resource(policy, KEY, 1, 0);
	add_many(policy, 1, 1000, 1, 1, POLICY_CLASS_ADHOC, true);
	add_many(policy, 10001, 1000, 2, 1, POLICY_CLASS_ADHOC, true);
	add_many(policy, 20001, 50000, 3, 1, POLICY_CLASS_ADHOC, false);
	for (n = 0; n < 40000; n++)
	{
		if (!policy_next(policy, HOUR, &start))
			break;
		tally.queues[start.queue]++;
		if (start.queue == 3)
			policy_finished(policy, start.task_id);
		else
			holder = start.task_id;
		if (n % 100 == 99)
			policy_finished(policy, holder);
	}
	tap_ok(about(tally.queues[1], 110),
		   "share: %d : %d of a resource by queues with 1 : 3, "
		   "while a third has %d starts", tally.queues[1], tally.queues[2],
		   tally.queues[3]);
	policy_destroy(policy);
}

/*
 * Who comes late or back starts where the others are.
 */
static void
share_newcomer(void)
{
	Policy	   *policy = unit_create(1);
	Tally		tally;

	add_many(policy, 1, 5000, 1, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 10001, 10, 2, 1, POLICY_CLASS_ADHOC, false);
	drain(policy, 1000);
	add_many(policy, 20001, 1000, 2, 1, POLICY_CLASS_ADHOC, false);
	tally = drain(policy, 200);
	tap_ok(about(tally.queues[2], 95), "share: no credit from idle times, "
		   "%d : %d", tally.queues[1], tally.queues[2]);
	policy_destroy(policy);

	policy = unit_create(1);
	policy_set_queue(policy, 1, 0, 0.001, false);
	add_many(policy, 1, 100, 1, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 10001, 1000, 2, 1, POLICY_CLASS_ADHOC, false);
	drain(policy, 40);
	add_many(policy, 20001, 1000, 3, 1, POLICY_CLASS_ADHOC, false);
	tally = drain(policy, 100);
	tap_ok(about(tally.queues[3], 48), "share: nor a late start behind one "
		   "that is far ahead, %d : %d", tally.queues[2], tally.queues[3]);
	policy_destroy(policy);
}

/*
 * Floor shares, in classes that would otherwise wait behind others.
 */
static void
share_floor(void)
{
	Policy	   *policy = unit_create(1);
	Tally		tally;
	int			least = 100;
	int			i;

	add_many(policy, 100001, 1000, 1, 1, POLICY_CLASS_BACKFILL, false);
	add_many(policy, 50001, 1000, 2, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 1, 5000, 3, 1, POLICY_CLASS_SYSTEM, false);
	for (i = 0; i < 20; i++)
	{
		tally = drain(policy, 100);
		if (tally.classes[POLICY_CLASS_BACKFILL] < least)
			least = tally.classes[POLICY_CLASS_BACKFILL];
		if (tally.classes[POLICY_CLASS_ADHOC] < least)
			least = tally.classes[POLICY_CLASS_ADHOC];
	}
	tap_ok(least >= 5 && tally.classes[POLICY_CLASS_SYSTEM] >= 85,
		   "share: at least %d of 100 starts for each class", least);
	policy_destroy(policy);
}

/*
 * Between classes it goes by rank: age wins in the end, weight hurries it.
 */
static void
share_classes(void)
{
	Policy	   *policy = unit_create(1);
	PolicyTask	old = unit_task(1, POLICY_CLASS_BACKFILL);
	PolicyTask	young = unit_task(2, POLICY_CLASS_ADHOC);
	PolicyTask	third;

	young.enqueued_at = old.enqueued_at + HOUR;
	policy_add(policy, &young);
	policy_add(policy, &old);
	tap_ok(unit_next(policy, 2 * HOUR) == 1, "share: age wins in the end");
	policy_finished(policy, 1);
	third = unit_task(3, POLICY_CLASS_DAILY);
	third.enqueued_at = young.enqueued_at + 2 * SECOND;
	policy_add(policy, &third);
	policy_set_class(policy, POLICY_CLASS_DAILY, 0, 0, 0.05, 2);
	tap_ok(unit_next(policy, 2 * HOUR) == 3,
		   "share: what is late counts by weight");
	policy_finished(policy, 3);
	tap_ok(unit_next(policy, 2 * HOUR) == 2, "share: then the other one");
	policy_destroy(policy);
}

/*
 * A queue of next to no weight moves all the same.
 */
static void
share_least(void)
{
	Policy	   *policy = unit_create(1);
	Tally		tally;

	policy_set_queue(policy, 1, 0, 0.0001, false);
	policy_set_queue(policy, 2, 0, 1000, false);
	add_many(policy, 1, 100, 1, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 10001, 5000, 2, 1, POLICY_CLASS_ADHOC, false);
	tally = drain(policy, 1000);
	tap_ok(tally.queues[1] >= 49, "share: %d of 1000 for the least weight",
		   tally.queues[1]);
	policy_destroy(policy);
}

/*
 * A start that came to nothing counts for nothing.
 */
static void
share_put_back(void)
{
	Policy	   *policy = unit_create(1);
	PolicyStart start;
	int			i;

	add_many(policy, 1, 10, 1, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 101, 10, 2, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 201, 10, 3, 1, POLICY_CLASS_BACKFILL, false);
	for (i = 0; i < 100; i++)
	{
		if (!policy_next(policy, HOUR, &start) || start.task_id != 1)
			break;
		policy_put_back(policy, 1);
	}
	tap_ok(i == 100, "share: who could not be placed keeps his turn");
	policy_hold_owner(policy, 1, true);
	tap_ok(unit_next(policy, HOUR) == 0, "share: unless his owner is held");
	policy_destroy(policy);
}

/*
 * Owners for whom there is no worker do not lose what they have waited for
 * when the one who has a worker cannot be placed a second time, either.
 */
static void
share_held(void)
{
	Policy	   *policy = unit_create(2);
	PolicyStart start;
	int64_t		running = 0;
	int			first = 0;
	int			i;

	add_many(policy, 1, 200, 1, 1, POLICY_CLASS_ADHOC, false);
	add_many(policy, 1001, 200, 1, 2, POLICY_CLASS_ADHOC, false);
	add_many(policy, 2001, 200, 1, 3, POLICY_CLASS_ADHOC, false);
	for (i = 0; i < 100; i++)
	{
		bool		begun = false;
		uint32_t	owner;

		/* only owner 1 has a worker, and only one */
		while (policy_next(policy, HOUR, &start))
		{
			if (!begun)
				first += start.owner == 1;
			begun = true;
			if (start.owner == 1 && running == 0)
				running = start.task_id;
			else
			{
				policy_put_back(policy, start.task_id);
				policy_hold_owner(policy, start.owner, true);
			}
		}
		policy_finished(policy, running);
		running = 0;
		for (owner = 1; owner <= 3; owner++)
			policy_hold_owner(policy, owner, false);
	}
	/* the first round, and one in twenty goes by rank */
	tap_ok(first <= 10, "share: who waits for a worker is first, but for %d of 100",
		   first);
	policy_destroy(policy);
}

void
unit_share(void)
{
	share_weights();
	share_resource();
	share_newcomer();
	share_floor();
	share_classes();
	share_least();
	share_put_back();
	share_held();
}
