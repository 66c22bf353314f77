/*-------------------------------------------------------------------------
 *
 * verify_slots.c
 *	  Is it known right which slots tasks have?
 *
 *-------------------------------------------------------------------------
 */
#include "verify.h"

/*
 * How many tasks that run have a slot?
 */
static int
count_holders(const Policy *policy, const PolicyResource *resource, int slot)
{
	int			n = 0;
	uint32_t	run;
	int			i;

	for (run = 0; run < policy->nruns; run++)
		for (i = 0; policy->runs[run].task != 0 &&
			 i < policy->runs[run].ngrants; i++)
			n += policy->runs[run].resources[i] == resource &&
				policy->runs[run].slots[i] == slot;
	return n;
}

/*
 * Is a slot taken if tasks have it, and are those counted that have it behind
 * the first?
 */
static bool
slots_are_right(const Policy *policy, const PolicyResource *resource)
{
	int			slot;

	for (slot = 0; slot < POLICY_MAX_SLOTS; slot++)
	{
		int			n = count_holders(policy, resource, slot);
		int			counted = (int) ((resource->own >> slot) & 1);

		if (resource->behind != NULL)
			counted += resource->behind[slot];
		if (counted != n)
			return false;
	}
	return true;
}

const char *
verify_slots(const Policy *policy)
{
	uint32_t	head;
	const PolicyMapEntry *entry;

	for (head = 0; head < policy->resources.nheads; head++)
		for (entry = policy->resources.heads[head]; entry != NULL;
			 entry = entry->next)
			if (!slots_are_right(policy, POLICY_CONTAINER(PolicyResource,
														  entry, entry)))
				return "slots are held that nobody has, or the other way round";
	return NULL;
}
