/*-------------------------------------------------------------------------
 *
 * history.c
 *	  How long the last tasks of each kind waited and ran.
 *
 * A kind is a job, or a queue.  A history is made when somebody asks for it,
 * and kept.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/history.h"

/*
 * The history of a kind of tasks; a new one is to be told what is known.
 */
PolicyHistory *
policy_history_get(Policy *policy, uint64_t key)
{
	PolicyMapEntry *entry = policy_map_find(&policy->histories,
											policy_hash(0, key));
	PolicyHistory *history;

	if (entry != NULL)
		return POLICY_CONTAINER(PolicyHistory, entry, entry);
	history = policy_memory_alloc(&policy->memory, sizeof(PolicyHistory));
	history->key = key;
	history->next_untold = policy->untold;
	policy->untold = history;
	policy_map_insert(&policy->histories, &policy->memory, &history->entry,
					  policy_hash(0, key));
	return history;
}

/*
 * Takes note of a task that has ended.
 */
void
policy_note_run(Policy *policy, uint64_t key, int64_t wait, int64_t run)
{
	forecast_add(&policy_history_get(policy, key)->forecast, wait, run);
}

/*
 * The next history that was made, of which nothing is known yet.
 */
bool
policy_next_history(Policy *policy, uint64_t *key)
{
	PolicyHistory *history = policy->untold;

	if (history == NULL)
		return false;
	policy->untold = history->next_untold;
	*key = history->key;
	return true;
}

/*
 * The durations of tasks of a queue, NULL if none is known.
 */
const Forecast *
policy_queue_forecast(const Policy *policy, uint32_t queue)
{
	PolicyMapEntry *entry = policy_map_find(&policy->histories,
											policy_hash(0, queue));

	return entry == NULL ? NULL :
		&POLICY_CONTAINER(PolicyHistory, entry, entry)->forecast;
}

static void
history_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	policy_memory_release(memory,
						  POLICY_CONTAINER(PolicyHistory, entry, entry),
						  sizeof(PolicyHistory));
}

/*
 * Frees all of them.
 */
void
policy_histories_release(Policy *policy)
{
	policy_map_release(&policy->histories, &policy->memory, history_release);
}
