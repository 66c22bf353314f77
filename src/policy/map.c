/*-------------------------------------------------------------------------
 *
 * map.c
 *	  Hash table of structures that embed their entry.
 *
 * Chains in an array of a power of two, which doubles when there are more
 * entries than chains and halves when there are few: an empty map holds no
 * memory.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/map.h"

#define MAP_MIN_HEADS	16

/*
 * Mixes a value into a hash (the finalizer of splitmix64).  For a given seed
 * it is one to one.
 */
uint64_t
policy_hash(uint64_t seed, uint64_t value)
{
	uint64_t	x = (seed ^ value) + UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/*
 * The chain that a hash belongs to.
 */
static PolicyMapEntry **
map_chain(const PolicyMap *map, uint64_t hash)
{
	return &map->heads[hash & (map->nheads - 1)];
}

/*
 * Moves all entries to an array of another size; 0 gives the array back.
 */
static void
map_resize(PolicyMap *map, PolicyMemory *memory, uint32_t nheads)
{
	PolicyMap	old = *map;
	uint32_t	i;

	map->nheads = nheads;
	map->heads = nheads == 0 ? NULL :
		policy_memory_alloc(memory, nheads * sizeof(PolicyMapEntry *));
	for (i = 0; i < old.nheads; i++)
	{
		while (old.heads[i] != NULL)
		{
			PolicyMapEntry *entry = old.heads[i];
			PolicyMapEntry **chain = map_chain(map, entry->hash);

			old.heads[i] = entry->next;
			entry->next = *chain;
			*chain = entry;
		}
	}
	policy_memory_release(memory, old.heads,
						  old.nheads * sizeof(PolicyMapEntry *));
}

/*
 * The first entry with this hash from here on.
 */
static PolicyMapEntry *
map_scan(PolicyMapEntry *entry, uint64_t hash)
{
	while (entry != NULL && entry->hash != hash)
		entry = entry->next;
	return entry;
}

/*
 * The first entry with this hash, or NULL.
 */
PolicyMapEntry *
policy_map_find(const PolicyMap *map, uint64_t hash)
{
	if (map->nheads == 0)
		return NULL;
	return map_scan(*map_chain(map, hash), hash);
}

/*
 * The next entry with the same hash, or NULL.
 */
PolicyMapEntry *
policy_map_next(const PolicyMapEntry *entry)
{
	return map_scan(entry->next, entry->hash);
}

/*
 * Adds an entry.  Whether the key is there already is the caller's to know.
 */
void
policy_map_insert(PolicyMap *map, PolicyMemory *memory,
				  PolicyMapEntry *entry, uint64_t hash)
{
	PolicyMapEntry **chain;

	if (map->nentries >= map->nheads)
		map_resize(map, memory, map->nheads == 0 ?
				   MAP_MIN_HEADS : map->nheads * 2);
	chain = map_chain(map, hash);
	entry->hash = hash;
	entry->next = *chain;
	*chain = entry;
	map->nentries++;
}

/*
 * Takes an entry out.
 */
void
policy_map_delete(PolicyMap *map, PolicyMemory *memory, PolicyMapEntry *entry)
{
	PolicyMapEntry **link = map_chain(map, entry->hash);

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	map->nentries--;
	if (map->nentries == 0)
		map_resize(map, memory, 0);
	else if (map->nheads > MAP_MIN_HEADS && map->nentries < map->nheads / 8)
		map_resize(map, memory, map->nheads / 2);
}

/*
 * Gives back the structures of all entries, and the map's own memory.
 */
void
policy_map_release(PolicyMap *map, PolicyMemory *memory,
				   PolicyMapRelease release)
{
	uint32_t	i;

	for (i = 0; i < map->nheads; i++)
	{
		PolicyMapEntry *entry = map->heads[i];

		while (entry != NULL)
		{
			PolicyMapEntry *next = entry->next;

			release(memory, entry);
			entry = next;
		}
	}
	policy_memory_release(memory, map->heads,
						  map->nheads * sizeof(PolicyMapEntry *));
}
