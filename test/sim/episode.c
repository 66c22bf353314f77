/*-------------------------------------------------------------------------
 *
 * episode.c
 *	  One random history of a small warehouse, checked at every step.
 *
 * An episode draws a warehouse and habits of its users from its seed, then
 * steps from event to event.  After each, the policy is asked for starts until
 * it refuses, and every answer is shown to the oracle.  In the end everything
 * is opened up, and everything must run and leave nothing behind.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "policy/age.h"
#include "episode.h"
#include "oracle.h"
#include "verify.h"

/* How often the inside of the policy is looked at, in steps */
/* Parents that are told of their end only */
#define GHOST_ID		INT64_C(-1000000)
#define GHOSTS			4

#define EPISODE_VERIFY_EVERY	16

/*
 * Any task, or NULL.
 */
ModelTask *
episode_random_task(Episode *e)
{
	int			start = draw(e, MODEL_TASKS);
	int			i;

	for (i = 0; i < MODEL_TASKS; i++)
	{
		ModelTask  *task = &e->model.tasks[(start + i) % MODEL_TASKS];

		if (task->state == MODEL_WAITING || task->state == MODEL_RUNNING)
			return task;
	}
	return NULL;
}

/*
 * Draws parents: tasks of whatever state, or ones that the policy has not
 * heard of.
 */
static void
draw_parents(Episode *e, ModelTask *task)
{
	PolicyTask *spec = &task->spec;
	int			n = 1 + draw(e, MODEL_PARENTS);

	spec->expires_at = POLICY_TIME_NEVER;
	spec->on_failure = (PolicyOnFailure) draw(e, 3);
	if (chance(e, e->expiring))
		spec->wait_limit = 1 + (int64_t) (test_uniform(&e->random) * MINUTE);
	while (n-- > 0)
	{
		const ModelTask *parent = episode_random_task(e);
		int64_t		id = GHOST_ID + draw(e, GHOSTS);
		int			i;

		if (parent != NULL && parent != task && chance(e, 90))
			id = parent->spec.task_id;
		for (i = 0; i < spec->nparents && task->parents[i] != id; i++)
			;
		if (i == spec->nparents)
			task->parents[spec->nparents++] = id;
	}
	spec->parents = task->parents;
}

/*
 * A new task.  An id that is there already must be refused.
 */
static bool
add_task(Episode *e)
{
	ModelTask  *task = e->model.tasks;
	PolicyTask *spec;
	int			i;

	for (i = 0; i < e->max_tasks && task->state != MODEL_NONE; i++)
		task++;
	if (i == e->max_tasks)
		return true;
	memset(task, 0, sizeof(*task));
	spec = &task->spec;
	spec->task_id = e->next_id++;
	spec->queue = (uint32_t) draw(e, MODEL_QUEUES);
	spec->owner = (uint32_t) draw(e, MODEL_OWNERS);
	spec->klass = draw_class(e, (int) spec->queue);
	spec->priority = chance(e, 80) ? 0 : draw(e, 2000) - 1000;
	spec->attempt = 1 + draw(e, 3);
	spec->retry = chance(e, e->retrying);
	spec->solo = draw(e, 1000) < e->solos;
	spec->enqueued_at = chance(e, 80) ? e->model.now : draw_time(e, 4 * HOUR);
	spec->run_at = chance(e, e->delayed) ? draw_time(e, 10 * MINUTE) :
		POLICY_TIME_ALWAYS;
	spec->deadline = chance(e, e->deadlines) ? draw_time(e, 4 * HOUR) :
		POLICY_TIME_NEVER;
	spec->expires_at = chance(e, e->expiring) ? draw_time(e, 20 * MINUTE) :
		POLICY_TIME_NEVER;
	if (chance(e, e->dependent))
		draw_parents(e, task);
	spec->firm = chance(e, 20);
	spec->estimate = chance(e, 50) ? 0 :
		1 + (int64_t) (test_uniform(&e->random) * HOUR);
	if (chance(e, e->keyed))
		spec->serial_key = 1 + (uint64_t) draw(e, MODEL_KEYS);
	spec->nneeds = draw(e, e->max_needs + 1);
	for (i = 0; i < spec->nneeds; i++)
		spec->needs[i] = e->model.resources[draw(e, MODEL_RESOURCES)].key;
	task->state = MODEL_WAITING;
	task->counted = e->model.owners[spec->owner].counted;
	if (!policy_add(e->policy, spec))
		return oracle_complain("a new task was refused");
	if (policy_add(e->policy, spec))
		return oracle_complain("a task was added twice");
	return true;
}

/*
 * The task did not start after all.
 */
bool
episode_put_back(Episode *e, ModelTask *task)
{
	int64_t		behind = task->behind;

	model_end(&e->model, task, MODEL_WAITING);
	model_give_back(&e->model, task);
	task->spec.run_at = POLICY_TIME_ALWAYS;
	model_uncount(&e->model, task);
	if (!policy_put_back(e->policy, task->spec.task_id))
		return oracle_complain("a task was not put back");
	episode_take_back(e, behind);
	return true;
}

/*
 * Ends a run, in one of the ways there are.
 */
static bool
end_run(Episode *e, ModelTask *task)
{
	int64_t		task_id = task->spec.task_id;
	int64_t		behind = task->behind;
	bool		retry = false;
	bool		preempted = task->preempted_for != 0;
	bool		done;

	if (chance(e, 30))
		policy_note_run(e->policy, task->spec.queue,
						(int64_t) (test_uniform(&e->random) * HOUR),
						e->model.now - task->started_at);
	episode_report(e, task);
	switch (preempted && chance(e, 80) ? 0 : draw(e, 8))
	{
		case 0:
			model_end(&e->model, task, MODEL_WAITING);
			/* it has begun, or was sent back by a slot that was taken */
			if (chance(e, 70))
			{
				task->spec.attempt++;
				retry = chance(e, e->retrying);
				task->spec.retry = retry;
				task->spec.preempted += preempted;
				task->spec.expires_at = POLICY_TIME_NEVER;
			}
			else
				model_give_back(&e->model, task);
			task->spec.run_at = draw_time(e, 10 * MINUTE);
			task->spec.solo = task->spec.solo || draw(e, 500) < e->solos;
			done = (retry ? policy_retry : policy_again)
				(e->policy, task_id, task->spec.attempt, task->spec.run_at,
				 task->spec.solo);
			break;
		case 1:
			done = episode_put_back(e, task);
			break;
		default:
			model_end(&e->model, task, MODEL_NONE);
			model_leave(task);
			done = policy_finished(e->policy, task_id);
			if (task->state == MODEL_GONE && chance(e, 40))
				break;
			done = done && episode_task_ended(e, task_id, chance(e, 80));
			if (oracle_complaint[0] != '\0')
				return false;
	}
	if (!done)
		return oracle_complain("the end of a run was refused");
	if (policy_finished(e->policy, task_id) ||
		policy_again(e->policy, task_id, 1, 0, false) ||
		policy_put_back(e->policy, task_id))
		return oracle_complain("a run ended twice");
	episode_take_back(e, behind);
	return true;
}

/*
 * Asks for starts, until refused or for a limited number of times.
 */
static bool
tick(Episode *e)
{
	int			limit = chance(e, 10) ? 1 : MODEL_TASKS + 1;
	ModelTask  *task;
	PolicyStart start;

	if (!episode_expire(e))
		return false;
	while (limit-- > 0)
	{
		bool		started;

		oracle_sync(&e->model, e->policy);
		started = policy_next(e->policy, e->model.now, &start);
		if (!oracle_drain(&e->model, verify_drain_until(e->policy)))
			return false;
		if (!started)
		{
			e->stats->refusals++;
			task = episode_random_task(e);
			return oracle_refused(&e->model) && oracle_tiers(&e->model) &&
				(task == NULL ||
				 (oracle_why(&e->model, e->policy, task) &&
				  oracle_wanted(&e->model, e->policy, task))) &&
				oracle_counts(&e->model, e->policy, draw(e, MODEL_QUEUES)) &&
				oracle_owner(&e->model, e->policy, draw(e, MODEL_OWNERS)) &&
				oracle_oldest(&e->model, e->policy, e->stats->refusals % MODEL_QUEUES,
							  e->max_tasks <= AGE_SPANS) &&
				oracle_shed(&e->model, e->policy, draw(e, MODEL_QUEUES)) &&
				oracle_due(&e->model, e->policy) &&
				(e->breakers == 0 || episode_refuse(e)) &&
				(!chance(e, 30) || episode_preempt(e)) &&
				(!chance(e, e->handing) || episode_hand_over(e));
		}
		e->stats->starts++;
		if (!oracle_start(&e->model, &start))
			return false;
		task = model_find(&e->model, start.task_id);
		if (chance(e, 3))
		{
			/* no worker can be had after all, as often in life */
			if (!episode_put_back(e, task))
				return false;
			continue;
		}
		task->ends_at = e->model.now + 1 +
			(int64_t) (test_uniform(&e->random) * (double) e->duration);
	}
	return true;
}

/*
 * Goes on to the next time that something ends or becomes due, or less far.
 */
static void
advance(Episode *e)
{
	PolicyTime	next = e->model.now + SECOND;
	PolicyTime	due = policy_next_due(e->policy);
	PolicyTime	expiry = policy_next_expiry(e->policy);
	int			i;

	if (chance(e, 30))
		next = e->model.now + MINUTE;
	if (chance(e, 20))
		return;
	for (i = 0; i < MODEL_TASKS; i++)
		if (e->model.tasks[i].state == MODEL_RUNNING &&
			e->model.tasks[i].ends_at < next)
			next = e->model.tasks[i].ends_at;
	if (due < next)
		next = due;
	if (expiry < next)
		next = expiry;
	if (next > e->model.now)
		e->model.now = next;
}

/*
 * One event and what follows from it.
 */
static bool
step(Episode *e, int number)
{
	ModelTask  *task;
	const char *complaint;
	int			i;

	e->stats->events++;
	if (chance(e, e->changes))
		episode_change_something(e);
	for (i = draw(e, e->burst + 1); i > 0 && chance(e, e->arrivals); i--)
		if (!add_task(e))
			return false;
	task = episode_random_task(e);
	if (task != NULL && chance(e, 10) && !episode_touch_task(e, task))
		return false;
	if (chance(e, 10) && !episode_revive(e))
		return false;
	if (!episode_find_gone(e, true))
		return false;
	advance(e);
	for (i = 0; i < MODEL_TASKS; i++)
	{
		task = &e->model.tasks[i];
		if (task->state == MODEL_RUNNING && task->ends_at <= e->model.now &&
			!end_run(e, task))
			return false;
	}
	if (!tick(e))
		return false;
	if (number % EPISODE_VERIFY_EVERY != 0)
		return true;
	complaint = verify_policy(e->policy);
	return complaint == NULL || oracle_complain("%s", complaint);
}

/*
 * Draws the warehouse and the habits.
 */
static void
set_up(Episode *e)
{
	int			i;

	e->next_id = chance(e, 10) ? -1000 : 1;
	e->model.now = INT64_C(800000000) * SECOND;
	e->max_tasks = 4 + draw(e, MODEL_TASKS - 4);
	e->arrivals = 20 + draw(e, 80);
	e->burst = 1 + draw(e, 4);
	e->delayed = chance(e, 50) ? 0 : draw(e, 60);
	e->expiring = chance(e, 50) ? 0 : draw(e, 60);
	e->retrying = chance(e, 30) ? 0 : draw(e, 100);
	e->deadlines = chance(e, 50) ? 0 : draw(e, 100);
	e->dependent = chance(e, 50) ? 0 : draw(e, 60);
	e->keyed = chance(e, 50) ? 0 : draw(e, 100);
	e->solos = chance(e, 50) ? 0 : draw(e, 60);
	e->changes = chance(e, 30) ? 0 : draw(e, 20);
	e->handing = chance(e, 30) ? 0 : draw(e, 100);
	e->max_needs = draw(e, 4);
	e->duration = chance(e, 15) ? HOUR : (1 + draw(e, 20)) * SECOND / 4;
	e->extremes = chance(e, 30);
	e->model.drain_until = POLICY_TIME_ALWAYS;
	e->model.workers = 1 + draw(e, 8);
	policy_set_now(e->policy, e->model.now);
	policy_set_workers(e->policy, e->model.workers);
	for (i = 0; i < MODEL_RESOURCES; i++)
	{
		ModelResource *resource = &e->model.resources[i];

		resource->key = 1 + test_random(&e->random) / 2;
		resource->burst = 1;
		resource->paused_until = POLICY_TIME_ALWAYS;
		resource->spread_until = POLICY_TIME_ALWAYS;
		resource->apart_until = POLICY_TIME_ALWAYS;
	}
	for (i = 0; i < POLICY_NUM_CLASSES; i++)
		e->model.classes[i].floor_share = 0.05;
	episode_open_windows(e);
	for (i = 0; i < 3; i++)
		episode_change_class(e);
	for (i = 0; i < MODEL_QUEUES; i++)
		episode_change_queue(e);
	for (i = 0; i < MODEL_RESOURCES; i++)
		episode_change_resource(e);
	for (i = 0; i < MODEL_RESOURCES && e->breakers > 0; i++)
		episode_change_breaker(e);
}

/*
 * Runs everything to its end: nothing must be left, waiting or in memory.
 */
static bool
wind_up(Episode *e, size_t empty)
{
	PolicyTime	always = POLICY_TIME_ALWAYS;
	int			rounds;
	int			i;

	episode_open_up(e);
	for (i = 0; i < MODEL_TASKS; i++)
	{
		if (e->model.tasks[i].state != MODEL_WAITING)
			continue;
		e->model.tasks[i].spec.run_at = always;
		if (!policy_change(e->policy, e->model.tasks[i].spec.task_id, NULL,
						   NULL, &always))
			return oracle_complain("a change was refused");
	}
	for (rounds = 0; policy_num_tasks(e->policy) > 0; rounds++)
	{
		if (rounds > 4 * MODEL_TASKS)
			return oracle_complain("tasks are left for ever");
		if (!episode_revive_all(e) || !episode_find_gone(e, false))
			return false;
		if (!tick(e))
			return false;
		for (i = 0; i < MODEL_TASKS; i++)
		{
			ModelTask  *task = &e->model.tasks[i];

			if (task->state != MODEL_RUNNING)
				continue;
			model_end(&e->model, task, MODEL_NONE);
			model_leave(task);
			if (!policy_finished(e->policy, task->spec.task_id))
				return oracle_complain("the end of a run was refused");
			if (!episode_task_ended(e, task->spec.task_id, true))
				return false;
		}
	}

	/* the tables of pages, runs and buckets have a room to grow that stays */
	if (!episode_find_gone(e, false))
		return false;
	if (!verify_no_keys(e->policy))
		return oracle_complain("a serial key is left for ever");
	return policy_memory(e->policy) <= empty + 512 * 1024 ||
		oracle_complain("an empty policy has %zu bytes",
						policy_memory(e->policy));
}

/*
 * Runs an episode; returns false, with a complaint, if something was wrong.
 */
bool
episode_run(uint64_t seed, int steps, EpisodeStats *stats)
{
	Episode    *e = calloc(1, sizeof(Episode));
	size_t		blocks = test_blocks;
	size_t		empty;
	bool		good = true;
	int			i;

	if (e == NULL)
		abort();
	e->random.state = seed;
	e->windows = seed % 2 == 0 ? 1 + (int) (seed % 30) : 0;
	e->breakers = seed % 3 == 0 ? 1 + (int) (seed % 40) : 0;
	e->failing = seed % 3 == 0 ? 1 + (int) (seed % 90) : 0;
	e->stats = stats;
	e->policy = policy_create(&test_allocator);
	empty = policy_memory(e->policy);
	set_up(e);
	for (i = 0; i < steps && good; i++)
		good = step(e, i);
	if (good)
		good = wind_up(e, empty);
	stats->drains += e->model.ndrains;
	stats->windows += e->model.nwindows;
	stats->opened += e->model.nopened;
	stats->probes += e->model.nprobes;
	stats->fallbacks += e->model.nfallbacks;
	if (e->model.max_overtaken > stats->max_overtaken)
		stats->max_overtaken = e->model.max_overtaken;
	policy_destroy(e->policy);
	if (good && test_blocks != blocks)
		good = oracle_complain("memory was not given back");
	free(e);
	return good;
}
