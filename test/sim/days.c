/*-------------------------------------------------------------------------
 *
 * days.c
 *	  Days of a large warehouse, in simulated time.
 *
 * Tables, each written by the tasks of one role under a cap of 1 to 4, some
 * tasks of which need one of ten named resources too.  Half of the tasks come
 * all day as adhoc work, at a rate that swings around what the workers can do;
 * a quarter comes each midnight as daily work with a deadline; a quarter is
 * backfill, which comes in bulk every other day.  Every hundredth task fails
 * and comes back later.
 *
 * There is no oracle at this size: what is checked is that no cap is exceeded,
 * no slot is given twice and no task is lost; that workers are busy while there
 * is work for them is for the reader to see.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "days.h"

#define DAY				(24 * HOUR)
#define MEAN_RUN		(20 * SECOND)
#define NAMED			10
#define NAMED_SLOTS		40
#define OWNERS			50

/* A task that runs: in a heap by the time of its end */
typedef struct Run
{
	PolicyTime	ends_at;
	PolicyStart start;
} Run;

typedef struct Days
{
	Policy	   *policy;
	TestRandom	random;
	PolicyTime	now;
	PolicyTime	next_adhoc;
	PolicyTime	next_daily;
	int			workers;
	int			resources;
	uint64_t	total;			/* tasks to come in all */
	uint64_t	added;
	uint64_t	finished;
	uint64_t	starts;
	uint64_t	peak;			/* of waiting tasks */
	size_t		empty;
	double		peak_bytes;
	uint64_t   *held;			/* slots by resource */
	Run		   *runs;
	int			nruns;
	bool		good;
} Days;

/*
 * The cap of a resource: named ones come first.
 */
static int
slots_of(int resource)
{
	return resource < NAMED ? NAMED_SLOTS : 1 + resource % 4;
}

/*
 * Adds a task.
 */
static void
add_task(Days *days, PolicyClass klass)
{
	PolicyTask	task = {0};
	int			table = NAMED + test_below(&days->random,
										   days->resources - NAMED);

	task.task_id = (int64_t) ++days->added;
	task.klass = klass;
	task.queue = (uint32_t) klass * 4 + (uint32_t) table % 4;
	task.owner = (uint32_t) table % OWNERS;
	task.attempt = 1;
	task.enqueued_at = days->now;
	task.run_at = POLICY_TIME_ALWAYS;
	task.deadline = POLICY_TIME_NEVER;
	task.expires_at = POLICY_TIME_NEVER;
	if (klass == POLICY_CLASS_DAILY)
		task.deadline = days->now + HOUR +
			(PolicyTime) test_below(&days->random, 5) * HOUR;
	task.needs[task.nneeds++] = (uint64_t) table;
	if (table % 20 == 0)
		task.needs[task.nneeds++] = (uint64_t) (table / 20) % NAMED;
	policy_add(days->policy, &task);
}

/*
 * Adds what comes now, and sets when more comes.
 */
static void
arrive(Days *days)
{
	uint64_t	per_day = (uint64_t) days->workers * (DAY / MEAN_RUN);
	uint64_t	i;

	if (days->now >= days->next_daily)
	{
		bool		bulk = (days->next_daily / DAY) % 2 == 0;

		for (i = 0; i < per_day / 4 && days->added < days->total; i++)
			add_task(days, POLICY_CLASS_DAILY);
		for (i = 0; bulk && i < per_day / 2 && days->added < days->total; i++)
			add_task(days, POLICY_CLASS_BACKFILL);
		days->next_daily += DAY;
	}
	while (days->now >= days->next_adhoc && days->added < days->total)
	{
		double		rate = (double) days->workers / (double) MEAN_RUN / 2;
		PolicyTime	hour = days->next_adhoc % DAY / HOUR;

		/* twice as much by day as by night, on the average just enough */
		rate *= hour >= 8 && hour < 20 ? 1.3 : 0.65;
		add_task(days, POLICY_CLASS_ADHOC);
		days->next_adhoc += 1 + (PolicyTime)
			(test_uniform(&days->random) * 2 / rate);
	}
}

/*
 * Puts a run where it belongs in the heap, from the end or from the top.
 */
static void
heap_up(Days *days, int i, const Run *run)
{
	for (; i > 0 && days->runs[(i - 1) / 2].ends_at > run->ends_at;
		 i = (i - 1) / 2)
		days->runs[i] = days->runs[(i - 1) / 2];
	days->runs[i] = *run;
}

static void
heap_down(Days *days, const Run *run)
{
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child + 1 < days->nruns &&
			days->runs[child + 1].ends_at < days->runs[child].ends_at)
			child++;
		if (child >= days->nruns ||
			days->runs[child].ends_at >= run->ends_at)
			break;
		days->runs[i] = days->runs[child];
		i = child;
	}
	days->runs[i] = *run;
}

/*
 * Takes note of the slots of a start; checks that they were free and that the
 * resource has them.
 */
static void
take_slots(Days *days, const PolicyStart *start)
{
	int			i;

	for (i = 0; i < start->ngrants; i++)
	{
		uint64_t	resource = start->grants[i].resource;
		uint64_t	bit = UINT64_C(1) << start->grants[i].slot;

		if (days->held[resource] & bit ||
			start->grants[i].slot >= slots_of((int) resource))
			days->good = false;
		days->held[resource] |= bit;
	}
}

/*
 * Starts what can start.
 */
static void
start_tasks(Days *days)
{
	Run			run;

	while (policy_next(days->policy, days->now, &run.start))
	{
		double		u = test_uniform(&days->random);

		days->starts++;
		take_slots(days, &run.start);
		if (days->nruns == days->workers)
			days->good = false;
		run.ends_at = days->now + 1 + (PolicyTime) (u * 2 * (double) MEAN_RUN);
		heap_up(days, days->nruns++, &run);
	}
}

/*
 * Ends the run whose time has come.
 */
static void
end_task(Days *days)
{
	Run			run = days->runs[0];
	Run			last = days->runs[--days->nruns];
	int			i;

	if (days->nruns > 0)
		heap_down(days, &last);
	for (i = 0; i < run.start.ngrants; i++)
		days->held[run.start.grants[i].resource] &=
			~(UINT64_C(1) << run.start.grants[i].slot);
	if (test_below(&days->random, 100) == 0)
		policy_again(days->policy, run.start.task_id, run.start.attempt + 1,
					 days->now + (1 + test_below(&days->random, 300)) * SECOND,
					 false);
	else
	{
		policy_finished(days->policy, run.start.task_id);
		days->finished++;
	}
}

/*
 * Goes on to the next time that something happens.
 */
static void
advance(Days *days)
{
	PolicyTime	next = policy_next_due(days->policy);

	if (days->nruns > 0 && days->runs[0].ends_at < next)
		next = days->runs[0].ends_at;
	if (days->added < days->total && days->next_adhoc < next)
		next = days->next_adhoc;
	if (days->added < days->total && days->next_daily < next)
		next = days->next_daily;
	if (next > days->now && next != POLICY_TIME_NEVER)
		days->now = next;
}

/*
 * Takes note of what is told of deadlines.
 */
static void
hear(Days *days)
{
	PolicyRiskInfo info;

	while (policy_next_risk(days->policy, &info))
		;
}

/*
 * Remembers what most waiting tasks took, looked at now and then.
 */
static void
look_at_peak(Days *days)
{
	uint64_t	waiting = policy_num_tasks(days->policy) -
	(uint64_t) days->nruns;

	if (waiting <= days->peak)
		return;
	days->peak = waiting;
	days->peak_bytes = (double) (policy_memory(days->policy) - days->empty) /
		(double) waiting;
}

/*
 * Runs that many tasks to their end, and reports.
 */
void
days_run(uint64_t tasks, int workers, int resources)
{
	Days		days;
	clock_t		begin = clock();
	double		seconds;
	int			i;

	memset(&days, 0, sizeof(days));
	days.policy = policy_create(&test_allocator);
	days.random.state = 1;
	days.workers = workers;
	days.resources = resources;
	days.total = tasks;
	days.good = true;
	days.held = calloc((size_t) resources, sizeof(uint64_t));
	days.runs = calloc((size_t) workers + 1, sizeof(Run));
	if (days.held == NULL || days.runs == NULL)
		abort();
	policy_set_workers(days.policy, workers);
	policy_set_class(days.policy, POLICY_CLASS_DAILY, workers / 5, 0, 0.05, 1);
	for (i = 0; i < resources; i++)
		policy_set_resource(days.policy, (uint64_t) i, slots_of(i), 0);
	days.empty = policy_memory(days.policy);
	while (days.good && (days.added < tasks ||
						 policy_num_tasks(days.policy) > 0))
	{
		arrive(&days);
		while (days.nruns > 0 && days.runs[0].ends_at <= days.now)
			end_task(&days);
		start_tasks(&days);
		hear(&days);
		look_at_peak(&days);
		advance(&days);
	}
	seconds = (double) (clock() - begin) / CLOCKS_PER_SEC;
	tap_ok(days.good && days.finished == tasks,
		   "%llu tasks, %d workers, %d resources: all ran, no cap exceeded",
		   (unsigned long long) days.finished, workers, resources);
	tap_note("%.1f simulated days, %llu starts, workers busy %.0f %% of the "
			 "time", (double) days.now / (double) DAY,
			 (unsigned long long) days.starts, 100 * (double) days.starts *
			 (double) MEAN_RUN / ((double) days.now * (double) workers));
	tap_note("%.1f s, %.0f starts/s, simulation included; at most %llu "
			 "waiting, %.1f bytes each with all buckets", seconds,
			 (double) days.starts / seconds, (unsigned long long) days.peak,
			 days.peak_bytes);
	policy_destroy(days.policy);
	free(days.held);
	free(days.runs);
}
