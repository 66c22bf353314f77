/*-------------------------------------------------------------------------
 *
 * overload.c
 *	  Deadlines when there is too much to do.
 *
 * Random warehouses in which daily tasks with deadlines arrive beside backfills
 * that never run out, on tables with caps.  How long tasks take the policy only
 * learns from those that have ended.  What it preempts is rolled back and done
 * again.
 *
 * The daily tasks alone are then scheduled once more, in order of their
 * deadlines and with everything that is idle: how many are late then could not
 * be helped.  Over all warehouses the policy is to miss no more than that, but for
 * a twentieth of all, though it has the backfills beside; a single one can have
 * a few more, or fewer: a backfill begins where nobody knows that the worker will
 * be wanted, and a task that is late already is no use to hurry.  In each
 * warehouse it is to lose less than a twentieth of the work; to preempt no task
 * more than twice; to let no daily task wait that could start; and to bring all
 * backfills to an end.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "overload.h"

#define TASKS		200			/* daily ones, and as many backfills */
#define TABLES		4
#define MAX_WORKERS	6
#define NOON		(INT64_C(800000000) * SECOND)

typedef struct Work
{
	PolicyTask	task;
	int64_t		duration;		/* which the policy does not know */
	PolicyTime	started_at;		/* while it runs; POLICY_TIME_ALWAYS else */
	PolicyTime	ends_at;
	bool		ending;			/* it is preempted */
	bool		done;
	bool		late;
	int			preempted;
} Work;

typedef struct Overload
{
	Policy	   *policy;
	TestRandom	random;
	PolicyTime	now;
	int			workers;
	int			caps[TABLES];
	Work		works[2 * TASKS];	/* daily ones first, as they arrive */
	int			added;
	int			left;
	double		worked;
	double		lost;
	int			preemptions;
	int			most;			/* of one task */
	int			idle;			/* moments */
} Overload;

/* The worst of all warehouses */
typedef struct OverloadWorst
{
	int			excess;			/* late beyond hindsight, to be told */
	int			most;
	int			idle;
	double		lost;			/* share of the work */
	bool		endless;
} OverloadWorst;

/*
 * The work that a task id is about.
 */
static Work *
work_of(Overload *o, int64_t task_id)
{
	return &o->works[task_id - 1];
}

/*
 * Draws a warehouse: it is busy between a half and one and a half times what
 * the daily tasks need, with tight and loose deadlines.
 */
static void
draw_overload(Overload *o)
{
	PolicyTime	at = NOON;
	double		pressure = 0.5 + test_uniform(&o->random);
	int			i;

	o->workers = 2 + test_below(&o->random, MAX_WORKERS - 1);
	for (i = 0; i < TABLES; i++)
		o->caps[i] = 1 + test_below(&o->random, 3);
	for (i = 0; i < 2 * TASKS; i++)
	{
		Work	   *work = &o->works[i];
		PolicyTask *task = &work->task;
		bool		daily = i < TASKS;

		task->task_id = i + 1;
		task->klass = daily ? POLICY_CLASS_DAILY : POLICY_CLASS_BACKFILL;
		task->queue = daily ? 1 : 2;
		task->owner = 1;
		task->attempt = 1;
		task->run_at = POLICY_TIME_ALWAYS;
		task->expires_at = POLICY_TIME_NEVER;
		task->deadline = POLICY_TIME_NEVER;
		task->needs[task->nneeds++] =
			(uint64_t) (1 + test_below(&o->random, TABLES));
		work->started_at = POLICY_TIME_ALWAYS;
		work->duration = (int64_t) ((0.5 + test_uniform(&o->random)) *
									(double) (daily ? MINUTE : 2 * MINUTE));
		task->enqueued_at = daily ? at : NOON;
		if (!daily)
			continue;
		task->estimate = MINUTE;
		task->deadline = at + 3 * MINUTE +
			(int64_t) (test_uniform(&o->random) * 10 * (double) MINUTE);
		at += (int64_t) (test_uniform(&o->random) * 2 * (double) MINUTE /
						 (o->workers * pressure));
	}
	o->now = NOON;
	o->left = 2 * TASKS;
}

/*
 * Ends what ends now: for good, or to be done again.
 */
static void
end_works(Overload *o)
{
	int			i;

	for (i = 0; i < 2 * TASKS; i++)
	{
		Work	   *work = &o->works[i];
		PolicyTask *task = &work->task;

		if (work->started_at == POLICY_TIME_ALWAYS || work->ends_at > o->now)
			continue;
		o->worked += (double) (o->now - work->started_at);
		if (work->ending)
		{
			o->lost += (double) (o->now - work->started_at);
			if (++work->preempted > o->most)
				o->most = work->preempted;
			work->ending = false;
			policy_again(o->policy, task->task_id, ++task->attempt,
						 POLICY_TIME_ALWAYS, false);
		}
		else
		{
			if (!policy_note_end(o->policy, task->task_id, work->duration))
				policy_note_run(o->policy, task->queue, 0, work->duration);
			policy_finished(o->policy, task->task_id);
			work->done = true;
			work->late = o->now > task->deadline;
			o->left--;
		}
		work->started_at = POLICY_TIME_ALWAYS;
	}
}

/*
 * Starts what can start, and preempts what is to be preempted.
 */
static void
start_works(Overload *o)
{
	PolicyStart start;
	PolicyPreemption preemption;
	PolicyRiskInfo info;
	uint64_t	key;

	while (policy_next(o->policy, o->now, &start))
	{
		Work	   *work = work_of(o, start.task_id);

		work->started_at = o->now;
		work->ends_at = o->now + work->duration;
	}
	while (policy_next_preemption(o->policy, o->now, &preemption))
	{
		Work	   *work = work_of(o, preemption.task_id);

		work->ending = true;
		work->ends_at = o->now + SECOND / 10;
		o->preemptions++;
	}
	while (policy_next_risk(o->policy, &info))
		;
	while (policy_next_history(o->policy, &key))
		;
}

/*
 * Does a daily task wait although it could start?
 */
static bool
is_idle(const Overload *o)
{
	int			used[TABLES] = {0};
	int			busy = 0;
	int			i;

	for (i = 0; i < 2 * TASKS; i++)
		if (o->works[i].started_at != POLICY_TIME_ALWAYS)
		{
			used[o->works[i].task.needs[0] - 1]++;
			busy++;
		}
	for (i = 0; i < o->added && busy < o->workers; i++)
	{
		const Work *work = &o->works[i];
		uint64_t	table = work->task.needs[0] - 1;

		if (!work->done && work->started_at == POLICY_TIME_ALWAYS &&
			used[table] < o->caps[table])
			return true;
	}
	return false;
}

/*
 * Adds what has arrived.  A few backfills wait at any time.
 */
static void
add_works(Overload *o)
{
	int			waiting = 0;
	int			i;

	while (o->added < TASKS &&
		   o->works[o->added].task.enqueued_at <= o->now)
		policy_add(o->policy, &o->works[o->added++].task);
	for (i = TASKS; i < 2 * TASKS && waiting < 2 * MAX_WORKERS; i++)
	{
		Work	   *work = &o->works[i];

		if (work->done || work->started_at != POLICY_TIME_ALWAYS)
			continue;
		waiting++;
		work->task.enqueued_at = o->now;
		(void) policy_add(o->policy, &work->task);
	}
}

/*
 * Goes on to the next time that something happens.
 */
static void
go_on(Overload *o)
{
	PolicyTime	next = policy_next_due(o->policy);
	int			i;

	if (o->added < TASKS && o->works[o->added].task.enqueued_at < next)
		next = o->works[o->added].task.enqueued_at;
	for (i = 0; i < 2 * TASKS; i++)
		if (o->works[i].started_at != POLICY_TIME_ALWAYS &&
			o->works[i].ends_at < next)
			next = o->works[i].ends_at;
	if (next > o->now)
		o->now = next;
}

/*
 * The daily task that is first by deadline of those that can start, NULL if
 * none can.
 */
static Work *
first_by_deadline(Overload *o, const int *used)
{
	Work	   *first = NULL;
	int			i;

	for (i = 0; i < TASKS; i++)
	{
		Work	   *work = &o->works[i];
		int			table = (int) work->task.needs[0] - 1;

		if (!work->done && work->started_at == POLICY_TIME_ALWAYS &&
			work->task.enqueued_at <= o->now && used[table] < o->caps[table] &&
			(first == NULL || work->task.deadline < first->task.deadline))
			first = work;
	}
	return first;
}

/*
 * How many daily tasks are late if they are alone, and go by their deadlines.
 */
static int
late_in_hindsight(Overload *o)
{
	int			used[TABLES] = {0};
	int			running = 0;
	int			late = 0;
	int			left = TASKS;
	int			i;

	for (i = 0; i < TASKS; i++)
		o->works[i].done = false;
	for (o->now = NOON; left > 0;)
	{
		PolicyTime	next = POLICY_TIME_NEVER;
		Work	   *work;

		for (i = 0; i < TASKS; i++)
		{
			work = &o->works[i];
			if (work->started_at == POLICY_TIME_ALWAYS ||
				work->ends_at > o->now)
				continue;
			work->started_at = POLICY_TIME_ALWAYS;
			work->done = true;
			late += o->now > work->task.deadline;
			used[work->task.needs[0] - 1]--;
			running--;
			left--;
		}
		while (running < o->workers &&
			   (work = first_by_deadline(o, used)) != NULL)
		{
			work->started_at = o->now;
			work->ends_at = o->now + work->duration;
			used[work->task.needs[0] - 1]++;
			running++;
		}
		for (i = 0; i < TASKS; i++)
		{
			work = &o->works[i];
			if (work->started_at != POLICY_TIME_ALWAYS &&
				work->ends_at < next)
				next = work->ends_at;
			if (!work->done && work->started_at == POLICY_TIME_ALWAYS &&
				work->task.enqueued_at > o->now &&
				work->task.enqueued_at < next)
				next = work->task.enqueued_at;
		}
		if (next != POLICY_TIME_NEVER)
			o->now = next;
	}
	return late;
}

/*
 * Runs one warehouse to its end; false if it does not come to one.  Where a task
 * is left standing that is so.
 */
static bool
run_overload(Overload *o)
{
	long		steps = 0;
	int			i;

	o->policy = policy_create(&test_allocator);
	policy_set_workers(o->policy, o->workers);
	for (i = 0; i < TABLES; i++)
		policy_set_resource(o->policy, (uint64_t) i + 1, o->caps[i], 0);
	while (o->left > 0 && o->idle == 0 && steps++ < 100000)
	{
		end_works(o);
		add_works(o);
		start_works(o);
		o->idle += is_idle(o);
		go_on(o);
	}
	policy_destroy(o->policy);
	return o->left == 0;
}

/*
 * Runs a warehouse that was drawn, and adds what is worse there than elsewhere.
 * Returns how many are late.
 */
static int
judge_overload(Overload *o, OverloadWorst *worst, int *hindsight)
{
	int			late = 0;
	int			by_deadline;
	int			i;

	worst->endless |= !run_overload(o);
	for (i = 0; i < TASKS; i++)
		late += o->works[i].late;
	by_deadline = late_in_hindsight(o);
	*hindsight += by_deadline;
	if (late - by_deadline > worst->excess)
		worst->excess = late - by_deadline;
	if (o->most > worst->most)
		worst->most = o->most;
	if (o->lost > worst->lost * o->worked)
		worst->lost = o->lost / o->worked;
	worst->idle += o->idle;
	return late;
}

/*
 * Runs that many warehouses, and reports.
 */
void
overload_run(uint64_t seed, int n)
{
	Overload   *o = malloc(sizeof(Overload));
	OverloadWorst worst = {0};
	int			late = 0;
	int			hindsight = 0;
	int			preemptions = 0;
	int			i;

	if (o == NULL)
		abort();
	for (i = 0; i < n; i++)
	{
		memset(o, 0, sizeof(*o));
		o->random.state = seed + (uint64_t) i;
		draw_overload(o);
		late += judge_overload(o, &worst, &hindsight);
		preemptions += o->preemptions;
	}
	tap_ok(!worst.endless,
		   "overload: in each of %d warehouses everything ends", n);
	tap_ok(late <= hindsight + n * TASKS / 20,
		   "overload: %d of %d daily tasks are late, %d by deadlines in "
		   "hindsight without backfills; %d more in one warehouse at most",
		   late, n * TASKS, hindsight, worst.excess);
	tap_ok(worst.idle == 0,
		   "overload: no daily task waits that could start (%d)", worst.idle);
	tap_ok(worst.most <= 2,
		   "overload: no task is preempted more than %d times", worst.most);
	tap_ok(preemptions > 0 && worst.lost < 0.05,
		   "overload: %d preemptions lose %.1f %% of the work of one warehouse "
		   "at most", preemptions, 100 * worst.lost);
	free(o);
}
