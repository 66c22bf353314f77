/*-------------------------------------------------------------------------
 *
 * unit_workload.c
 *	  Classes against each other, over simulated days.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/duration.h"
#include "unit.h"

#define WORKERS		8			/* most of them */
#define TABLES		5			/* most of them; number 0 is none */
#define CHUNK		(30 * SECOND)

typedef struct Workload
{
	Policy	   *policy;
	TestRandom	random;
	PolicyTime	now;
	int64_t		next_id;
	int			workers;
	int			slots[TABLES];	/* the cap of a table */
	int			held[TABLES];
	int			waiting[TABLES];
	struct
	{
		int64_t		task_id;	/* 0 is none */
		PolicyClass klass;
		int			table;
		PolicyTime	started_at;
		PolicyTime	ends_at;
	}			runs[WORKERS];
} Workload;

static void
workload_begin(Workload *w, uint64_t seed, int workers)
{
	memset(w, 0, sizeof(*w));
	w->policy = unit_create(workers);
	w->random.state = seed;
	w->now = 100 * HOUR;
	w->workers = workers;
}

/*
 * Adds a task that writes a table, or none.
 */
static int64_t
workload_add(Workload *w, PolicyClass klass, uint32_t queue, int table)
{
	PolicyTask	task = unit_task(++w->next_id, klass);

	task.queue = queue;
	task.owner = queue;
	task.enqueued_at = w->now;
	if (table > 0)
		task.needs[task.nneeds++] = (uint64_t) table;
	policy_add(w->policy, &task);
	w->waiting[table]++;
	return task.task_id;
}

/*
 * Starts what can start: chunks for a time up to "longest", daily tasks for a
 * second at most.
 */
static void
workload_start(Workload *w, PolicyTime longest,
			   void (*started) (Workload *w, const PolicyStart *start))
{
	PolicyStart start;
	int			i;

	while (policy_next(w->policy, w->now, &start))
	{
		for (i = 0; w->runs[i].task_id != 0; i++)
			;
		w->runs[i].task_id = start.task_id;
		w->runs[i].klass = start.klass;
		w->runs[i].table = start.ngrants > 0 ?
			(int) start.grants[0].resource : 0;
		w->runs[i].started_at = w->now;
		w->runs[i].ends_at = w->now + 1 +
			(PolicyTime) (test_uniform(&w->random) *
						  (double) (start.klass == POLICY_CLASS_DAILY ?
									SECOND : longest));
		w->waiting[w->runs[i].table]--;
		w->held[w->runs[i].table]++;
		if (started != NULL)
			started(w, &start);
	}
}

/*
 * When the first run ends; POLICY_TIME_NEVER if none runs.
 */
static PolicyTime
workload_next_end(const Workload *w)
{
	PolicyTime	next = POLICY_TIME_NEVER;
	int			i;

	for (i = 0; i < w->workers; i++)
		if (w->runs[i].task_id != 0 && w->runs[i].ends_at < next)
			next = w->runs[i].ends_at;
	return next;
}

/*
 * Goes on to a time, and ends what has ended by then.
 */
static void
workload_advance(Workload *w, PolicyTime now)
{
	int			i;

	w->now = now;
	for (i = 0; i < w->workers; i++)
	{
		if (w->runs[i].task_id == 0 || w->runs[i].ends_at > now)
			continue;
		policy_finished(w->policy, w->runs[i].task_id);
		w->held[w->runs[i].table]--;
		w->runs[i].task_id = 0;
	}
}

static void
workload_end(Workload *w)
{
	policy_destroy(w->policy);
}

/* Starts of backfill, by the number of the start */
static bool floor_bulk[6000];
static int	floor_starts;

static void
floor_note(Workload *w, const PolicyStart *start)
{
	if (floor_starts < 6000)
		floor_bulk[floor_starts++] = start->klass == POLICY_CLASS_BACKFILL;
	/* as many as ever are ready */
	if (start->klass == POLICY_CLASS_DAILY)
		workload_add(w, POLICY_CLASS_DAILY, 1, 0);
}

/*
 * A thousand daily tasks are always ready: a backfill gets its floor of any
 * hundred starts all the same.
 */
static void
workload_floor(void)
{
	Workload	w;
	int			least = 100;
	int			sum = 0;
	int			i;

	workload_begin(&w, 1, 4);
	floor_starts = 0;
	for (i = 0; i < 1000; i++)
		workload_add(&w, POLICY_CLASS_DAILY, 1, 0);
	for (i = 0; i < 6000; i++)
		workload_add(&w, POLICY_CLASS_BACKFILL, 2, 0);
	while (floor_starts < 6000)
	{
		workload_start(&w, MINUTE, floor_note);
		workload_advance(&w, workload_next_end(&w));
	}
	for (i = 0; i < 6000; i++)
	{
		sum += floor_bulk[i];
		if (i >= 100)
			sum -= floor_bulk[i - 100];
		if (i >= 99 && sum < least)
			least = sum;
	}
	tap_ok(least >= 5, "workload: beside 1000 daily tasks at any time a "
		   "backfill has %d of any 100 starts", least);
	workload_end(&w);
}

static int64_t bound_wanted;
static PolicyTime bound_started_at;

static void
bound_note(Workload *w, const PolicyStart *start)
{
	if (start->task_id == bound_wanted)
		bound_started_at = w->now;
}

/*
 * How long it takes until the last borrower has ended, as the scheduler
 * publishes it.
 */
static PolicyTime
bound_now(const Workload *w)
{
	PolicyClassUse use;
	PolicyTime	bound = 0;
	int			i;

	policy_class_use(w->policy, POLICY_CLASS_DAILY, &use);
	for (i = 0; use.lent && i < w->workers; i++)
	{
		PolicyTime	left = policy_duration_left(CHUNK, w->now -
												w->runs[i].started_at);

		if (w->runs[i].task_id != 0 &&
			w->runs[i].klass != POLICY_CLASS_DAILY && left > bound)
			bound = left;
	}
	return bound;
}

/*
 * Ten thousand chunks are queued when a daily task comes: it starts within
 * the bound that is told then; with a reserved worker at once.
 */
static void
workload_bound(int reserved)
{
	Workload	w;
	PolicyTime	worst = 0;
	bool		within = true;
	int			i;

	workload_begin(&w, 2, 8);
	policy_set_class(w.policy, POLICY_CLASS_DAILY, reserved, 0, 0.05, 1);
	for (i = 0; i < 10000; i++)
		workload_add(&w, POLICY_CLASS_BACKFILL, 2, 0);
	for (i = 0; i < 500; i++)
	{
		PolicyTime	came;
		PolicyTime	bound;

		workload_start(&w, CHUNK, NULL);
		workload_advance(&w, w.now + (1 + test_below(&w.random, 5)) * SECOND);
		workload_start(&w, CHUNK, NULL);
		came = w.now;
		bound = bound_now(&w);
		bound_wanted = workload_add(&w, POLICY_CLASS_DAILY, 1, 0);
		bound_started_at = POLICY_TIME_NEVER;
		for (;;)
		{
			workload_start(&w, CHUNK, bound_note);
			if (bound_started_at != POLICY_TIME_NEVER)
				break;
			workload_advance(&w, workload_next_end(&w));
		}
		if (bound_started_at - came > bound)
			within = false;
		if (bound_started_at - came > worst)
			worst = bound_started_at - came;
	}
	tap_ok(within && (reserved == 0 || worst == 0),
		   "workload: a daily task beside 10,000 chunks, with %d reserved, "
		   "starts within the bound (%.1f s at most)", reserved,
		   (double) worst / (double) SECOND);
	workload_end(&w);
}

/*
 * Does a worker stand idle although a task could start?  Nothing is reserved
 * here, and each task writes one table at most.
 */
static bool
random_idle(const Workload *w)
{
	int			busy = 0;
	int			i;

	for (i = 0; i < w->workers; i++)
		busy += w->runs[i].task_id != 0;
	if (busy == w->workers)
		return false;
	for (i = 0; i < TABLES; i++)
		if (w->waiting[i] > 0 && (i == 0 || w->held[i] < w->slots[i]))
			return true;
	return false;
}

/*
 * Draws a warehouse: workers, caps, shares of the classes.
 */
static void
random_set_up(Workload *w, uint64_t seed)
{
	int			i;

	workload_begin(w, seed, 2);
	w->workers = 2 + test_below(&w->random, WORKERS - 1);
	policy_set_workers(w->policy, w->workers);
	for (i = 1; i < TABLES; i++)
	{
		w->slots[i] = 1 + test_below(&w->random, 3);
		policy_set_resource(w->policy, (uint64_t) i, w->slots[i], 0);
	}
	for (i = 0; i < POLICY_NUM_CLASSES; i++)
		policy_set_class(w->policy, (PolicyClass) i, 0,
						 test_below(&w->random, 3), 0.05,
						 0.5 + test_uniform(&w->random));
}

/*
 * Four hours in which a twentieth more comes than the workers can do; it comes
 * at random, and half of it writes tables, as much as their caps allow.  So there
 * is always somebody who could be passed by.
 */
static bool
random_workload(uint64_t seed, PolicyTime limit, PolicyTime *idle)
{
	Workload	w;
	PolicyTime	end;
	bool		good = true;

	random_set_up(&w, seed);
	end = w.now + 4 * HOUR;
	while (policy_num_tasks(w.policy) > 0 || w.now < end)
	{
		/* a third are daily tasks, of a second at most */
		double		mean = (double) (SECOND + 2 * CHUNK) / 6 / w.workers / 1.05;
		PolicyTime	next = w.now + 1 +
		(PolicyTime) (test_uniform(&w.random) * 2 * mean);
		PolicyStarved starved;
		uint32_t	from = 0;

		if (w.now < end)
		{
			PolicyClass klass = (PolicyClass) (1 + test_below(&w.random, 3));

			/* half of them write no table, so that caps are not the limit */
			workload_add(&w, klass, (uint32_t) klass * 2 +
						 (uint32_t) test_below(&w.random, 2),
						 test_below(&w.random, 2) * test_below(&w.random, TABLES));
		}
		else
			next = workload_next_end(&w);
		workload_start(&w, CHUNK, NULL);
		if (random_idle(&w))
			(*idle)++;
		if (policy_next_starved(w.policy, w.now - limit, &from, &starved))
			good = false;
		while (workload_next_end(&w) <= next)
		{
			workload_advance(&w, workload_next_end(&w));
			workload_start(&w, CHUNK, NULL);
		}
		if (next != POLICY_TIME_NEVER)
			workload_advance(&w, next);
	}
	workload_end(&w);
	return good;
}

/*
 * Nobody starves, and no worker stands idle.
 */
static void
workload_random(void)
{
	PolicyTime	idle = 0;
	int			starved = 0;
	uint64_t	seed;

	for (seed = 1; seed <= 100; seed++)
		starved += !random_workload(seed, 90 * MINUTE, &idle);
	tap_ok(starved == 0, "workload: of 100 at random %d let a task wait for "
		   "more than 90 minutes", starved);
	tap_ok(idle == 0, "workload: in none a worker stands idle beside a task "
		   "that could start");
}

void
unit_workload(void)
{
	workload_floor();
	workload_bound(0);
	workload_bound(1);
	workload_random();
}
