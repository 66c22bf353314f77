/*-------------------------------------------------------------------------
 *
 * map.h
 *	  Hash table of structures that embed their entry.
 *
 * An entry is a member of what is looked up, so the table allocates nothing
 * but its array of chains.  It knows hashes alone: where two keys can have
 * one hash the caller compares, going on with policy_map_next.
 * policy_hash(0, key) is one to one, so maps keyed by one number need no
 * comparison.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_MAP_H
#define WEIR_POLICY_MAP_H

#include "policy/memory.h"

typedef struct PolicyMapEntry
{
	struct PolicyMapEntry *next;
	uint64_t	hash;
} PolicyMapEntry;

typedef struct PolicyMap
{
	PolicyMapEntry **heads;		/* a power of two of chains, or NULL */
	uint32_t	nheads;
	uint32_t	nentries;
} PolicyMap;

/* Gives back the structure that an entry belongs to */
typedef void (*PolicyMapRelease) (PolicyMemory *memory,
								  PolicyMapEntry *entry);

extern uint64_t policy_hash(uint64_t seed, uint64_t value);
extern PolicyMapEntry *policy_map_find(const PolicyMap *map, uint64_t hash);
extern PolicyMapEntry *policy_map_next(const PolicyMapEntry *entry);
extern void policy_map_insert(PolicyMap *map, PolicyMemory *memory,
							  PolicyMapEntry *entry, uint64_t hash);
extern void policy_map_delete(PolicyMap *map, PolicyMemory *memory,
							  PolicyMapEntry *entry);
extern void policy_map_release(PolicyMap *map, PolicyMemory *memory,
							   PolicyMapRelease release);

#endif							/* WEIR_POLICY_MAP_H */
