/*-------------------------------------------------------------------------
 *
 * verify_breaker.c
 *	  Are circuit breakers sound inside?
 *
 *-------------------------------------------------------------------------
 */
#include "verify.h"

/*
 * Does a run need the resource, and has it begun in this state of its breaker?
 */
static bool
is_probe(const Policy *policy, const PolicyRun *run,
		 const PolicyResource *resource)
{
	const PolicyBucket *bucket;
	int			i;

	if (run->task == 0 || run->fallback ||
		run->started_at < resource->breaker->since)
		return false;
	bucket = policy_bucket_of(policy, run->task);
	for (i = 0; i < bucket->nneeds; i++)
		if (bucket->needs[i] == resource)
			return true;
	return false;
}

/*
 * Are the calls in the window those that are summed up?
 */
static bool
sums_are_right(const PolicyBreaker *breaker)
{
	BreakerCounts sums = {0, 0, 0};
	uint64_t	n = breaker->ncalls;
	uint64_t	i;

	if (breaker->state != BREAKER_CLOSED)
		return true;
	for (i = 0; i < BREAKER_SLICES && breaker->rule.time_based; i++)
	{
		sums.calls += breaker->slices[i].calls;
		sums.failures += breaker->slices[i].failures;
		sums.slow += breaker->slices[i].slow;
	}
	if (n > (uint64_t) breaker->rule.window)
		n = (uint64_t) breaker->rule.window;
	for (i = 0; i < n && !breaker->rule.time_based; i++)
	{
		sums.calls++;
		sums.failures += breaker->calls[i].failed;
		sums.slow += breaker->calls[i].slow;
	}
	return sums.calls == breaker->sums.calls &&
		sums.failures == breaker->sums.failures &&
		sums.slow == breaker->sums.slow;
}

/*
 * Is a breaker in the list of those that refuse?
 */
static bool
is_listed(const Policy *policy, const PolicyBreaker *breaker)
{
	const PolicyBreaker *listed = policy->refusing;

	while (listed != NULL && listed != breaker)
		listed = listed->next_refusing;
	return listed != NULL;
}

static const char *
verify_breaker(const Policy *policy, const PolicyResource *resource)
{
	const PolicyBreaker *breaker = resource->breaker;
	int32_t		probing = 0;
	uint32_t	i;

	if (!sums_are_right(breaker))
		return "a breaker counts wrongly";
	for (i = 0; i < policy->nruns; i++)
		probing += breaker->state == BREAKER_HALF_OPEN &&
			is_probe(policy, &policy->runs[i], resource);
	if (probing != breaker->probing)
		return "a breaker counts its probes wrongly";
	if (is_listed(policy, breaker) != breaker->refusing)
		return "the list of breakers that refuse is wrong";
	return breaker->refusing || !breaker->rule.fail ||
		(breaker->state != BREAKER_OPEN &&
		 breaker->state != BREAKER_FORCED_OPEN) ? NULL :
		"a breaker does not refuse";
}

/*
 * All of them.
 */
const char *
verify_breakers(const Policy *policy)
{
	const char *complaint = NULL;
	uint32_t	i;
	const PolicyMapEntry *entry;

	for (i = 0; i < policy->resources.nheads; i++)
		for (entry = policy->resources.heads[i];
			 entry != NULL && complaint == NULL; entry = entry->next)
		{
			const PolicyResource *resource;

			resource = POLICY_CONTAINER(PolicyResource, entry, entry);
			if (resource->breaker != NULL)
				complaint = verify_breaker(policy, resource);
		}
	return complaint;
}
