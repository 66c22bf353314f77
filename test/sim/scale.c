/*-------------------------------------------------------------------------
 *
 * scale.c
 *	  What decisions cost, and how that grows.
 *
 * A load is described by its numbers, one of which grows at a time.  A
 * decision is one policy_next together with the policy_finished of that task.
 * Output of the table is one line per load, with a header, for plotting.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scale.h"

typedef struct Load
{
	const char *name;
	int			workers;
	uint32_t	resources;		/* cap 1 each, one per task; 0: no needs */
	int			shared;			/* slots of what all need; 0: no such thing */
	uint32_t	queues;
	uint32_t	owners;
	uint64_t	depth;			/* tasks that can run, waiting at any time */
	uint64_t	blocked;		/* tasks on saturated resources */
	uint64_t	future;			/* tasks for a time to come */
	uint64_t	decisions;
	bool		shuffled;		/* arrival not in the order of rank */
	bool		expiring;		/* they are to start within a random time */
} Load;

static const Load base_load = {
	.name = "small",
	.workers = 1000,
	.queues = 3,
	.owners = 10,
	.depth = 10000,
	.decisions = 200000
};

typedef struct Cost
{
	double		add_ns;
	double		decision_ns;
	double		longest_us;		/* of all decisions */
	double		bytes;			/* per waiting task */
} Cost;

typedef struct Scale
{
	const Load *load;
	Policy	   *policy;
	TestRandom	random;
	PolicyTime	now;
	int64_t		next_id;
	int64_t    *running;		/* ring of the tasks that run */
	int			nrunning;
	int			oldest;
} Scale;

#define BLOCKED_RESOURCES	2
#define BLOCKED_KEY			UINT64_C(1000000000)
#define SHARED_KEY			UINT64_C(2000000000)

/*
 * Nanoseconds of some clock.
 */
static double
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/*
 * Adds a task that can run as soon as its resource is free.
 */
static void
add_task(Scale *scale, PolicyTime run_at, const uint64_t *key)
{
	const Load *load = scale->load;
	PolicyTask	task = {0};

	task.task_id = scale->next_id++;
	task.queue = (uint32_t) test_below(&scale->random, (int) load->queues);
	task.owner = (uint32_t) test_below(&scale->random, (int) load->owners);
	task.klass = POLICY_CLASS_ADHOC;
	task.attempt = 1;
	task.enqueued_at = scale->now;
	if (load->shuffled)
		task.enqueued_at += test_below(&scale->random, 1000000000);
	task.run_at = run_at;
	task.deadline = POLICY_TIME_NEVER;
	task.expires_at = POLICY_TIME_NEVER;
	if (load->expiring)
		task.expires_at = INT64_C(1000000000000) +
			test_below(&scale->random, 1000000000);
	if (key != NULL)
		task.needs[task.nneeds++] = *key;
	else if (load->resources > 0)
		task.needs[task.nneeds++] = 1 +
			(uint64_t) test_below(&scale->random, (int) load->resources);
	if (key == NULL && load->shared > 0)
		task.needs[task.nneeds++] = SHARED_KEY;
	policy_add(scale->policy, &task);
}

/*
 * Sets the warehouse up: workers, capped resources, the saturated ones held by
 * others.
 */
static void
set_up(Scale *scale, const Load *load)
{
	uint64_t	i;

	scale->load = load;
	scale->policy = policy_create(&test_allocator);
	scale->random.state = 1;
	scale->now = 1;
	scale->next_id = 1;
	scale->running = calloc((size_t) load->workers, sizeof(int64_t));
	if (scale->running == NULL)
		abort();
	policy_set_workers(scale->policy, load->workers);
	for (i = 1; i <= load->resources; i++)
		policy_set_resource(scale->policy, i, 1, 0);
	policy_set_resource(scale->policy, SHARED_KEY, load->shared, 0);
	for (i = 0; i < BLOCKED_RESOURCES; i++)
	{
		policy_set_resource(scale->policy, BLOCKED_KEY + i, 1, 0);
		policy_set_foreign(scale->policy, BLOCKED_KEY + i, 1, false);
	}
}

/*
 * Adds the tasks that are there from the start.
 */
static void
fill(Scale *scale)
{
	const Load *load = scale->load;
	uint64_t	i;

	for (i = 0; i < load->blocked; i++)
	{
		uint64_t	key = BLOCKED_KEY + i % BLOCKED_RESOURCES;

		add_task(scale, POLICY_TIME_ALWAYS, &key);
	}
	for (i = 0; i < load->future; i++)
		add_task(scale, INT64_C(1000000000000) + (PolicyTime)
				 (test_random(&scale->random) % 1000000), NULL);
	for (i = 0; i < load->depth; i++)
		add_task(scale, POLICY_TIME_ALWAYS, NULL);
}

/*
 * Ends the task that runs longest.
 */
static void
finish_oldest(Scale *scale)
{
	policy_finished(scale->policy, scale->running[scale->oldest]);
	scale->oldest = (scale->oldest + 1) % scale->load->workers;
	scale->nrunning--;
}

/*
 * Starts a task if one can start.
 */
static bool
start_one(Scale *scale)
{
	PolicyStart start;

	if (!policy_next(scale->policy, scale->now++, &start))
		return false;
	scale->running[(scale->oldest + scale->nrunning) % scale->load->workers] =
		start.task_id;
	scale->nrunning++;
	return true;
}

/*
 * All workers busy; then as many decisions as wanted: one task ends, one
 * starts, one is added, so that the depth stays.
 */
static void
measure(Scale *scale, Cost *cost)
{
	uint64_t	decisions = 0;
	double		adding = 0;
	double		begin;

	while (start_one(scale))
		add_task(scale, POLICY_TIME_ALWAYS, NULL);
	cost->longest_us = 0;
	begin = clock_ns();
	while (decisions < scale->load->decisions)
	{
		double		before = clock_ns();
		double		after;

		finish_oldest(scale);
		while (start_one(scale))
			decisions++;
		after = clock_ns();
		if ((after - before) / 1e3 > cost->longest_us)
			cost->longest_us = (after - before) / 1e3;
		while (policy_num_tasks(scale->policy) < scale->load->depth +
			   scale->load->blocked + scale->load->future)
			add_task(scale, POLICY_TIME_ALWAYS, NULL);
		adding += clock_ns() - after;
	}
	cost->decision_ns = (clock_ns() - begin - adding) / (double) decisions;
	cost->add_ns = adding / (double) decisions;
}

/*
 * What decisions cost under a load.
 */
static Cost
run_load(const Load *load)
{
	Scale		scale = {0};
	Cost		cost = {0};
	size_t		empty;
	uint64_t	waiting = load->depth + load->blocked + load->future;
	double		begin;

	set_up(&scale, load);
	empty = policy_memory(scale.policy);
	begin = clock_ns();
	fill(&scale);
	cost.add_ns = (clock_ns() - begin) / (double) waiting;
	cost.bytes = (double) (policy_memory(scale.policy) - empty) /
		(double) waiting;
	measure(&scale, &cost);
	policy_destroy(scale.policy);
	free(scale.running);
	return cost;
}

/*
 * Runs a load and prints its line of the table.
 */
static Cost
show(const Load *load)
{
	Cost		cost = run_load(load);

	tap_note("%-9s %7d %9u %6d %6u %6u %8llu %7llu %8llu %6.0f %8.0f "
			 "%8.0f %8.0f %5.1f", load->name, load->workers, load->resources,
			 load->shared, load->queues, load->owners,
			 (unsigned long long) load->depth,
			 (unsigned long long) load->blocked,
			 (unsigned long long) load->future, cost.add_ns, cost.decision_ns,
			 1e9 / cost.decision_ns, cost.longest_us, cost.bytes);
	return cost;
}

/*
 * The head of the table.
 */
static void
show_head(void)
{
	tap_note("%-9s %7s %9s %6s %6s %6s %8s %7s %8s %6s %8s %8s %8s %5s",
			 "load", "workers", "resources", "shared", "queues", "owners",
			 "depth", "blocked", "future", "add_ns", "start_ns", "starts/s",
			 "worst_us", "bytes");
}

#define GRAPH_TASKS		100000
#define GRAPH_PARENTS	3

/*
 * A graph in which each task waits for some of the thousand before it: what an
 * edge costs to be made and to be released, and in memory.
 */
static void
scale_graph(void)
{
	Policy	   *policy = policy_create(&test_allocator);
	TestRandom	random = {1};
	PolicyStart start;
	int64_t		done = 0;
	int64_t		id;
	size_t		before;
	double		begin;
	double		added;
	double		edges = (double) GRAPH_TASKS * GRAPH_PARENTS;

	policy_set_workers(policy, 1);
	before = policy_memory(policy);
	begin = clock_ns();
	for (id = 1; id <= GRAPH_TASKS; id++)
	{
		int64_t		parents[GRAPH_PARENTS];
		PolicyTask	task = {0};

		task.task_id = id;
		task.klass = POLICY_CLASS_ADHOC;
		task.attempt = 1;
		task.run_at = POLICY_TIME_ALWAYS;
		task.deadline = POLICY_TIME_NEVER;
		task.expires_at = POLICY_TIME_NEVER;
		task.parents = parents;
		while (id > 1000 && task.nparents < GRAPH_PARENTS)
		{
			/* each from a third of its own: they differ */
			parents[task.nparents] = id - 1 - task.nparents * 333 -
				test_below(&random, 333);
			task.nparents++;
		}
		policy_add(policy, &task);
	}
	added = clock_ns();
	tap_ok((double) (policy_memory(policy) - before) / GRAPH_TASKS < 62.1 * 2 +
		   24.5 * GRAPH_PARENTS, "graph: %.1f bytes per task with %d parents",
		   (double) (policy_memory(policy) - before) / GRAPH_TASKS,
		   GRAPH_PARENTS);
	while (policy_next(policy, 1, &start))
	{
		policy_finished(policy, start.task_id);
		policy_parent_ended(policy, start.task_id, true, 1);
		done++;
	}
	tap_ok(done == GRAPH_TASKS && policy_num_tasks(policy) == 0,
		   "graph: %d tasks, %.0f ns per edge to add, %.0f to run and release",
		   GRAPH_TASKS, (added - begin) / edges,
		   (clock_ns() - added) / edges);
	policy_destroy(policy);
}

/*
 * A few loads, in a few seconds.  The bounds are wide: caches and busy
 * machines make a factor, a wrong order of growth makes hundreds.
 */
void
scale_check(void)
{
	Load		load = base_load;
	Cost		small;
	Cost		other;

	show_head();
	small = show(&load);
	load.name = "deep";
	load.depth = 1000000;
	other = show(&load);
	tap_ok(other.bytes <= 64, "%.1f bytes per waiting task", other.bytes);
	tap_ok(other.decision_ns < 30 * small.decision_ns,
		   "a decision at depth 1,000,000 costs %.1f times one at 10,000",
		   other.decision_ns / small.decision_ns);
	load.name = "shuffled";
	load.shuffled = true;
	other = show(&load);
	tap_ok(other.decision_ns < 60 * small.decision_ns,
		   "in random order of rank %.1f times",
		   other.decision_ns / small.decision_ns);
	load.shuffled = false;
	load.name = "buckets";
	load.owners = 10000;
	other = show(&load);
	tap_ok(other.decision_ns < 60 * small.decision_ns,
		   "with 10,000 owners %.1f times",
		   other.decision_ns / small.decision_ns);
	load.owners = base_load.owners;
	load.name = "expiring";
	load.expiring = true;
	other = show(&load);
	tap_ok(other.decision_ns < 60 * small.decision_ns && other.bytes <= 128,
		   "with a queue timeout %.1f times, %.1f bytes per waiting task",
		   other.decision_ns / small.decision_ns, other.bytes);
	load.expiring = false;
	scale_graph();
	load.depth = 10000;
	load.name = "blocked";
	load.blocked = 100000;
	other = show(&load);
	tap_ok(other.decision_ns < 10 * small.decision_ns,
		   "with 100,000 blocked tasks %.1f times",
		   other.decision_ns / small.decision_ns);
	load.blocked = 0;
	load.name = "future";
	load.future = 1000000;
	other = show(&load);
	tap_ok(other.decision_ns < 10 * small.decision_ns && other.bytes <= 64,
		   "with 1,000,000 future tasks %.1f times",
		   other.decision_ns / small.decision_ns);
	load.future = 0;
	load.name = "resources";
	load.resources = 100000;
	load.depth = 200000;
	other = show(&load);
	tap_ok(other.decision_ns < 100 * small.decision_ns,
		   "with 100,000 resources %.1f times",
		   other.decision_ns / small.decision_ns);
	load.name = "shared";
	load.shared = 10;
	other = show(&load);
	tap_ok(other.decision_ns < 100 * small.decision_ns,
		   "and one of 10 slots that all need %.1f times",
		   other.decision_ns / small.decision_ns);
}

/*
 * What grows.  There are twice as many tasks as resources, so that each can be
 * busy; a bucket of its own for each owner.
 */
static void
grow_depth(Load *load, uint64_t n)
{
	load->depth = n;
}

static void
grow_shuffled(Load *load, uint64_t n)
{
	load->depth = n;
	load->shuffled = true;
}

static void
grow_workers(Load *load, uint64_t n)
{
	load->workers = (int) n;
	load->depth = 100000;
}

static void
grow_resources(Load *load, uint64_t n)
{
	load->resources = (uint32_t) n;
	load->depth = 2 * n > 10000 ? 2 * n : 10000;
}

static void
grow_shared(Load *load, uint64_t n)
{
	grow_resources(load, n);
	load->shared = 10;
}

static void
grow_buckets(Load *load, uint64_t n)
{
	load->queues = 1;
	load->owners = (uint32_t) n;
	load->depth = 1000000;
}

static void
grow_queues(Load *load, uint64_t n)
{
	load->queues = (uint32_t) n;
	load->depth = 100000;
}

static void
grow_blocked(Load *load, uint64_t n)
{
	load->blocked = n;
}

static void
grow_future(Load *load, uint64_t n)
{
	load->future = n;
}

static void
grow_warehouse(Load *load, uint64_t n)
{
	load->queues = 1;
	load->owners = 1;
	load->resources = 100000;
	load->depth = n;
}

static void
grow(const char *name, uint64_t from, uint64_t upto,
	 void (*set) (Load *load, uint64_t n))
{
	uint64_t	n;

	for (n = from; n <= upto; n *= 10)
	{
		Load		load = base_load;

		load.name = name;
		set(&load, n);
		show(&load);
	}
}

/*
 * One number grows at a time.
 */
void
scale_table(void)
{
	show_head();
	grow("depth", 1000, 10000000, grow_depth);
	grow("shuffled", 1000, 10000000, grow_shuffled);
	grow("workers", 10, 10000, grow_workers);
	grow("resources", 100, 100000, grow_resources);
	grow("shared", 100, 100000, grow_shared);
	grow("buckets", 10, 100000, grow_buckets);
	grow("queues", 10, 10000, grow_queues);
	grow("blocked", 1000, 1000000, grow_blocked);
	grow("future", 1000, 10000000, grow_future);
	grow("warehouse", 100000, 10000000, grow_warehouse);
}
