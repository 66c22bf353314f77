/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  Retry budgets: how many retries may start, by the first attempts.
 *
 * A queue or a resource may have a budget: in any time as long as its window
 * no more retries start than its ratio times the first attempts that have
 * started in that window, or than its floor, if that is more.  So failures
 * never multiply the load, however many there are.
 *
 * The window is BUDGET_SLICES slices of time, and starts are counted by
 * slice.  First attempts count as long as their whole slice is in the window,
 * and retries until their whole slice is out of it: the promise is kept,
 * whenever one looks.  After that the retries of a slice leave one after the
 * other, evenly over the next slice, so that those which wait for their places
 * do not all start at once.
 *
 * Retries stand in buckets of their own.  One that finds no room in a budget
 * is parked there, and the budget stands in a heap by the time when it has
 * room again, but only while somebody is parked: what nobody waits for has no
 * timer.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/budget.h"
#include "policy/park.h"
#include "policy/place.h"
#include "policy/rank.h"

/*
 * The order of the heap.
 */
static bool
opens_before(const PolicyHeapNode *a, const PolicyHeapNode *b)
{
	return POLICY_CONTAINER(PolicyBudget, by_opening, a)->opens_at <
		POLICY_CONTAINER(PolicyBudget, by_opening, b)->opens_at;
}

/*
 * The number of the slice that a time is in, and when a slice begins.  Times
 * at the ends of time are drawn in, so that there are slices beside them.
 */
static int64_t
budget_slice_of(const PolicyBudget *budget, PolicyTime time)
{
	int64_t		number;

	if (time < POLICY_TIME_ALWAYS / 2)
		time = POLICY_TIME_ALWAYS / 2;
	if (time > POLICY_TIME_NEVER / 2)
		time = POLICY_TIME_NEVER / 2;
	number = time / budget->length;

	return time % budget->length < 0 ? number - 1 : number;
}

static PolicyTime
budget_slice_begin(const PolicyBudget *budget, int64_t number)
{
	return number * budget->length;
}

/*
 * The counts of a slice; nothing was counted in those before and after the
 * ones that are kept.
 */
static BudgetCounts
budget_counts(const PolicyBudget *budget, int64_t number)
{
	static const BudgetCounts none;

	if (number > budget->slice || number <= budget->slice - BUDGET_KEPT)
		return none;
	return budget->slices[(uint64_t) number % BUDGET_KEPT];
}

/*
 * What counts in a slice of the window's end: the first attempts of slices
 * that are in the window, and the retries of those that are not wholly out.
 */
static BudgetCounts
budget_sums(const PolicyBudget *budget, int64_t number)
{
	BudgetCounts sums = {0, 0};
	int			age;

	for (age = 0; age <= BUDGET_SLICES; age++)
	{
		BudgetCounts counts = budget_counts(budget, number - age);

		sums.retries += counts.retries;
		if (age < BUDGET_SLICES)
			sums.firsts += counts.firsts;
	}
	return sums;
}

/*
 * How many retries may be in the window, with so many first attempts.
 */
static uint32_t
budget_allowed(const PolicyBudget *budget, uint32_t firsts)
{
	/* the tiny amount is for ratios like 0.29, which times 100 is 28.9999 */
	double		allowed = budget->rule.ratio * firsts + 1e-9;

	if (allowed >= (double) UINT32_MAX)
		return UINT32_MAX;
	return allowed > budget->rule.floor ? (uint32_t) allowed :
		(uint32_t) budget->rule.floor;
}

/*
 * When, in the slice of this number, one more retry may start, if nothing is
 * counted meanwhile; POLICY_TIME_NEVER if not in that slice.
 */
static PolicyTime
budget_opens_in(const PolicyBudget *budget, int64_t number)
{
	BudgetCounts sums = budget_sums(budget, number);
	uint32_t	allowed = budget_allowed(budget, sums.firsts);
	uint32_t	leaving;
	uint32_t	to_leave;

	leaving = budget_counts(budget, number - BUDGET_SLICES - 1).retries;
	if (sums.retries >= allowed)
		return POLICY_TIME_NEVER;
	if (sums.retries + leaving < allowed)
		return budget_slice_begin(budget, number);
	to_leave = sums.retries + leaving - allowed + 1;
	/* the last one leaves when the next slice begins */
	if (to_leave == leaving)
		return POLICY_TIME_NEVER;
	return budget_slice_begin(budget, number) +
		(int64_t) (((double) budget->length * to_leave + leaving - 1) / leaving);
}

/*
 * When one more retry may start: now or before, if that is possible now.
 */
PolicyTime
policy_budget_opens_at(const PolicyBudget *budget)
{
	PolicyTime	opens_at = POLICY_TIME_ALWAYS;
	int64_t		number;

	if (budget->rule.window == 0)
		return opens_at;
	number = budget_slice_of(budget, *budget->now);
	do
		opens_at = budget_opens_in(budget, number++);
	while (opens_at == POLICY_TIME_NEVER);
	return opens_at;
}

/*
 * May one more retry start?
 */
bool
policy_budget_room(const PolicyBudget *budget)
{
	if (budget->rule.window == 0)
		return true;
	return budget_opens_in(budget, budget_slice_of(budget, *budget->now)) <=
		*budget->now;
}

/*
 * The place of the first budget without room for the bucket, or NULL.  Only
 * retries need room there.
 */
PolicyPlace *
policy_budget_lacks(const PolicyBucket *bucket)
{
	int			i;

	if (!bucket->retry)
		return NULL;
	if (bucket->queue->budget != NULL &&
		!policy_budget_room(bucket->queue->budget))
		return &bucket->queue->budget->place;
	for (i = 0; i < bucket->nneeds; i++)
		if (bucket->needs[i]->budget != NULL &&
			!policy_budget_room(bucket->needs[i]->budget))
			return &bucket->needs[i]->budget->place;
	return NULL;
}

/*
 * Is somebody parked there?
 */
static bool
budget_awaited(const PolicyBudget *budget)
{
	int			klass;

	for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
		if (!policy_fair_empty(&budget->place.parked[klass]))
			return true;
	return false;
}

/*
 * The figures of a budget are to be told.
 */
static void
budget_note_change(Policy *policy, PolicyBudget *budget)
{
	if (budget->changed)
		return;
	budget->changed = true;
	budget->next_changed = policy->changed_budgets;
	policy->changed_budgets = budget;
}

/*
 * More tasks wait there, or less.
 */
void
policy_budget_count_waiting(Policy *policy, PolicyBudget *budget, int change)
{
	budget->waiting += change;
	budget_note_change(policy, budget);
}

/*
 * Sets the timer of a budget, if somebody waits for it and it has no room.
 */
void
policy_budget_settle(Policy *policy, PolicyBudget *budget)
{
	bool		awaited = budget_awaited(budget) && !policy_budget_room(budget);

	if (budget->timed)
		policy_heap_delete(&policy->budgets, &budget->by_opening,
						   opens_before);
	if (awaited || budget->timed)
		budget_note_change(policy, budget);
	budget->timed = awaited;
	budget->opens_at = POLICY_TIME_ALWAYS;
	if (!awaited)
		return;
	budget->opens_at = policy_budget_opens_at(budget);
	policy_heap_insert(&policy->budgets, &budget->by_opening, opens_before);
}

/*
 * Forgets the counts of slices that are of no use any more, and begins new
 * ones, up to now.
 */
static void
budget_advance(PolicyBudget *budget)
{
	static const BudgetCounts none;
	int64_t		number = budget_slice_of(budget, *budget->now);

	if (number - budget->slice > BUDGET_KEPT)
		budget->slice = number - BUDGET_KEPT;
	while (budget->slice < number)
	{
		budget->slice++;
		budget->slices[(uint64_t) budget->slice % BUDGET_KEPT] = none;
	}
}

/*
 * Counts a start of the bucket, if it is a first attempt or a retry: neither
 * are those that follow an attempt which was given back.
 */
static void
budget_count(Policy *policy, PolicyBudget *budget, bool retry)
{
	BudgetCounts *counts;

	if (budget == NULL || budget->rule.window == 0)
		return;
	budget_advance(budget);
	counts = &budget->slices[(uint64_t) budget->slice % BUDGET_KEPT];
	if (retry)
		counts->retries++;
	else
		counts->firsts++;
	budget_note_change(policy, budget);
	if (!retry)
		policy_wake(policy, &budget->place);
}

void
policy_budget_count(Policy *policy, const PolicyBucket *bucket,
					int32_t attempt)
{
	int			i;

	if (!bucket->retry && attempt != 1)
		return;
	budget_count(policy, bucket->queue->budget, bucket->retry);
	for (i = 0; i < bucket->nneeds; i++)
		budget_count(policy, bucket->needs[i]->budget, bucket->retry);
}

/*
 * A start that was counted then was none.  The caller wakes those who wait.
 */
static void
budget_uncount(Policy *policy, PolicyBudget *budget, bool retry,
			   PolicyTime started_at)
{
	BudgetCounts *counts;
	int64_t		number;

	if (budget == NULL || budget->rule.window == 0)
		return;
	number = budget_slice_of(budget, started_at);
	if (number > budget->slice || number <= budget->slice - BUDGET_KEPT)
		return;
	counts = &budget->slices[(uint64_t) number % BUDGET_KEPT];
	if (retry && counts->retries > 0)
		counts->retries--;
	if (!retry && counts->firsts > 0)
		counts->firsts--;
	budget_note_change(policy, budget);
	policy_budget_settle(policy, budget);
}

void
policy_budget_give_back(Policy *policy, const PolicyBucket *bucket,
						int32_t attempt, PolicyTime started_at)
{
	int			i;

	if (!bucket->retry && attempt != 1)
		return;
	budget_uncount(policy, bucket->queue->budget, bucket->retry, started_at);
	for (i = 0; i < bucket->nneeds; i++)
		budget_uncount(policy, bucket->needs[i]->budget, bucket->retry,
					   started_at);
}

/*
 * There may be room in the budgets of the bucket: a start of it was none.
 */
void
policy_budget_wake(Policy *policy, const PolicyBucket *bucket)
{
	int			i;

	if (!bucket->retry)
		return;
	if (bucket->queue->budget != NULL)
		policy_wake(policy, &bucket->queue->budget->place);
	for (i = 0; i < bucket->nneeds; i++)
		if (bucket->needs[i]->budget != NULL)
			policy_wake(policy, &bucket->needs[i]->budget->place);
}

/*
 * Wakes the next ones at the budgets that have got room with time.
 */
void
policy_budget_open_due(Policy *policy)
{
	while (policy->budgets != NULL)
	{
		PolicyBudget *budget = POLICY_CONTAINER(PolicyBudget, by_opening,
												policy->budgets);

		if (budget->opens_at > policy->now)
			return;
		policy_wake(policy, &budget->place);
		policy_budget_settle(policy, budget);
	}
}

/*
 * When the next one gets room.
 */
PolicyTime
policy_budget_next_due(const Policy *policy)
{
	return policy->budgets == NULL ? POLICY_TIME_NEVER :
		POLICY_CONTAINER(PolicyBudget, by_opening, policy->budgets)->opens_at;
}

/*
 * Sets, changes or (with a window of 0) removes a budget.  A window of another
 * length begins empty.
 */
static void
budget_set(Policy *policy, PolicyBudget **place, const BudgetRule *rule)
{
	PolicyBudget *budget = *place;
	int64_t		window = rule->window > 0 ? rule->window : 0;

	if (budget == NULL && window == 0)
		return;
	if (budget == NULL)
	{
		budget = policy_memory_alloc(&policy->memory, sizeof(PolicyBudget));
		policy_place_init(&budget->place, PLACE_BUDGET);
		budget->now = &policy->now;
		budget->opens_at = POLICY_TIME_ALWAYS;
		*place = budget;
	}
	if (window > 0 && window != budget->rule.window)
	{
		static const BudgetCounts none;
		int			i;

		budget->length = (window + BUDGET_SLICES - 1) / BUDGET_SLICES;
		for (i = 0; i < BUDGET_KEPT; i++)
			budget->slices[i] = none;
		budget->slice = budget_slice_of(budget, *budget->now);
	}
	budget->rule = *rule;
	budget->rule.window = window;
	if (!(budget->rule.ratio > 0))
		budget->rule.ratio = 0;
	if (budget->rule.floor < 1)
		budget->rule.floor = 1;
	budget_note_change(policy, budget);
	policy_wake(policy, &budget->place);
	policy_budget_settle(policy, budget);
}

void
policy_set_queue_budget(Policy *policy, uint32_t queue, const BudgetRule *rule)
{
	PolicyQueue *entry = policy_queue_get(policy, queue);

	budget_set(policy, &entry->budget, rule);
	if (entry->budget != NULL)
		entry->budget->queue = queue;
	policy_queue_check(policy, entry);
}

void
policy_set_resource_budget(Policy *policy, uint64_t resource,
						   const BudgetRule *rule)
{
	PolicyResource *entry = policy_resource_get(policy, resource);

	budget_set(policy, &entry->budget, rule);
	if (entry->budget != NULL)
		entry->budget->resource = resource;
	policy_resource_check(policy, entry);
}

/*
 * The next budget whose figures have changed; false if there is no other.
 */
bool
policy_next_budget(Policy *policy, BudgetState *state)
{
	PolicyBudget *budget = policy->changed_budgets;
	BudgetCounts sums = {0, 0};

	if (budget == NULL)
		return false;
	policy->changed_budgets = budget->next_changed;
	budget->changed = false;
	state->queue = budget->queue;
	state->resource = budget->resource;
	state->opens_at = budget->opens_at;
	state->waiting = budget->waiting;
	state->allowed = 0;
	if (budget->rule.window > 0)
	{
		sums = budget_sums(budget, budget_slice_of(budget, *budget->now));
		state->allowed = budget_allowed(budget, sums.firsts);
	}
	state->firsts = sums.firsts;
	state->retries = sums.retries;
	return true;
}

/*
 * Has no retry been counted that must not be forgotten?
 */
bool
policy_budget_idle(const PolicyBudget *budget, PolicyTime now)
{
	return budget == NULL || budget->rule.window == 0 ||
		budget_sums(budget, budget_slice_of(budget, now)).retries == 0;
}

/*
 * Frees a budget where nobody is parked.
 */
void
policy_budget_free(Policy *policy, PolicyBudget **place)
{
	PolicyBudget *budget = *place;
	PolicyBudget **link = &policy->changed_budgets;

	if (budget == NULL)
		return;
	WEIR_ASSERT(!budget->timed && !budget_awaited(budget));
	if (budget->changed)
	{
		while (*link != budget)
			link = &(*link)->next_changed;
		*link = budget->next_changed;
	}
	policy_memory_release(&policy->memory, budget, sizeof(PolicyBudget));
	*place = NULL;
}
