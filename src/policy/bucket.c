/*-------------------------------------------------------------------------
 *
 * bucket.c
 *	  Buckets: found, made and freed.
 *
 * A bucket exists while a task belongs to it, in whatever state the task is;
 * so the places that it needs, and its node in the line of its class, exist
 * as long.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/bucket.h"
#include "policy/place.h"

#define BUCKET_MIN_TABLE	64

/* What tells buckets from one another */
typedef struct BucketKey
{
	uint32_t	queue;
	uint32_t	owner;
	PolicyClass klass;
	bool		solo;
	bool		retry;
	int			nneeds;
	uint64_t	needs[POLICY_MAX_NEEDS];	/* sorted, each once */
} BucketKey;

/*
 * Adds a need where it belongs, unless it is there already.
 */
static void
key_add_need(BucketKey *key, uint64_t need)
{
	int			at = key->nneeds;

	while (at > 0 && key->needs[at - 1] > need)
		at--;
	if (at > 0 && key->needs[at - 1] == need)
		return;
	memmove(&key->needs[at + 1], &key->needs[at],
			(key->nneeds - at) * sizeof(uint64_t));
	key->needs[at] = need;
	key->nneeds++;
}

/*
 * The hash of a key.
 */
static uint64_t
key_hash(const BucketKey *key)
{
	uint64_t	hash;
	int			i;

	hash = policy_hash(((uint64_t) key->queue << 32) | key->owner,
					   ((uint64_t) key->klass << 2) |
					   (key->retry ? 2 : 0) | (key->solo ? 1 : 0));
	for (i = 0; i < key->nneeds; i++)
		hash = policy_hash(hash, key->needs[i]);
	return hash;
}

/*
 * Is this the bucket of the key?
 */
static bool
key_matches(const BucketKey *key, const PolicyBucket *bucket)
{
	int			i;

	if (bucket->queue->id != key->queue || bucket->owner->id != key->owner ||
		bucket->klass != key->klass || bucket->solo != key->solo ||
		bucket->retry != key->retry || bucket->nneeds != key->nneeds)
		return false;
	for (i = 0; i < key->nneeds; i++)
		if (bucket->needs[i]->key != key->needs[i])
			return false;
	return true;
}

/*
 * Gives a bucket its index.  The two arrays, of the buckets and of the free
 * indexes, grow together.
 */
static void
bucket_register(Policy *policy, PolicyBucket *bucket)
{
	if (policy->nfree_buckets == 0)
	{
		uint32_t	old = policy->nbuckets;
		uint32_t	new = old == 0 ? BUCKET_MIN_TABLE : old + old / 2;

		policy->buckets =
			policy_memory_resize(&policy->memory, policy->buckets,
								 old * sizeof(PolicyBucket *),
								 new * sizeof(PolicyBucket *));
		policy->free_buckets =
			policy_memory_resize(&policy->memory, policy->free_buckets,
								 old * sizeof(uint32_t),
								 new * sizeof(uint32_t));
		policy->nbuckets = new;
		while (new-- > old)
			policy->free_buckets[policy->nfree_buckets++] = new;
	}
	bucket->index = policy->free_buckets[--policy->nfree_buckets];
	policy->buckets[bucket->index] = bucket;
}

/*
 * Ties a new bucket to its queue, owner, resources and line.
 */
static void
bucket_attach(Policy *policy, PolicyBucket *bucket, const BucketKey *key)
{
	PolicyQueue *queue = policy_queue_get(policy, key->queue);
	int			i;

	bucket->queue = queue;
	queue->nbuckets++;
	bucket->owner = policy_owner_get(policy, key->owner);
	bucket->owner->nbuckets++;
	for (i = 0; i < key->nneeds; i++)
	{
		bucket->needs[i] = policy_resource_get(policy, key->needs[i]);
		bucket->needs[i]->nbuckets++;
	}
	bucket->line = policy_fair_get(&policy->fair,
								   &policy->classes[key->klass].line,
								   key->queue, &queue->weight, key->owner,
								   &bucket->owner->weight);
}

/*
 * The bucket of a key; a new one if there is none.
 */
static PolicyBucket *
bucket_get(Policy *policy, const BucketKey *key)
{
	uint64_t	hash = key_hash(key);
	PolicyMapEntry *entry = policy_map_find(&policy->bucket_map, hash);
	PolicyBucket *bucket;

	for (; entry != NULL; entry = policy_map_next(entry))
	{
		bucket = POLICY_CONTAINER(PolicyBucket, entry, entry);
		if (key_matches(key, bucket))
			return bucket;
	}
	bucket = policy_memory_alloc(&policy->memory, sizeof(PolicyBucket) +
								 key->nneeds * sizeof(PolicyResource *));
	bucket->klass = (uint8_t) key->klass;
	bucket->solo = key->solo;
	bucket->retry = key->retry;
	bucket->nneeds = (uint8_t) key->nneeds;
	bucket_attach(policy, bucket, key);
	bucket_register(policy, bucket);
	policy_map_insert(&policy->bucket_map, &policy->memory, &bucket->entry,
					  hash);
	return bucket;
}

/*
 * Do the tasks need room in retry budgets?  Those that run alone do not: they
 * have a limit of their own, the crashes that they may cause.
 */
static bool
bucket_is_retry(bool retry, bool solo)
{
	return retry && !solo;
}

/*
 * The bucket that a task belongs to.  Needs may come in any order, and
 * repeated; those beyond what one task can have are not looked at.
 */
PolicyBucket *
policy_bucket_get(Policy *policy, const PolicyTask *task)
{
	BucketKey	key = {0};
	int			i;

	WEIR_ASSERT(task->nneeds <= POLICY_MAX_NEEDS);
	WEIR_ASSERT((unsigned int) task->klass < POLICY_NUM_CLASSES);
	key.queue = task->queue;
	key.owner = task->owner;
	key.klass = task->klass;
	key.solo = task->solo;
	key.retry = bucket_is_retry(task->retry, task->solo);
	for (i = 0; i < task->nneeds && i < POLICY_MAX_NEEDS; i++)
		key_add_need(&key, task->needs[i]);
	return bucket_get(policy, &key);
}

/*
 * The bucket that differs from this one in nothing but "solo" and "retry".
 */
PolicyBucket *
policy_bucket_twin(Policy *policy, const PolicyBucket *bucket, bool solo,
				   bool retry)
{
	BucketKey	key = {0};
	int			i;

	key.queue = bucket->queue->id;
	key.owner = bucket->owner->id;
	key.klass = (PolicyClass) bucket->klass;
	key.solo = solo;
	key.retry = bucket_is_retry(retry, solo);
	key.nneeds = bucket->nneeds;
	for (i = 0; i < bucket->nneeds; i++)
		key.needs[i] = bucket->needs[i]->key;
	return bucket_get(policy, &key);
}

/*
 * Gives the memory of a bucket back.
 */
static void
bucket_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	PolicyBucket *bucket = POLICY_CONTAINER(PolicyBucket, entry, entry);

	policy_memory_release(memory, bucket, sizeof(PolicyBucket) +
						  bucket->nneeds * sizeof(PolicyResource *));
}

/*
 * Frees a bucket that no task belongs to, and the places that nobody else
 * needs.
 */
void
policy_bucket_check(Policy *policy, PolicyBucket *bucket)
{
	int			i;

	if (bucket->nready + bucket->nblocked + bucket->ndelayed +
		bucket->nrunning > 0)
		return;
	WEIR_ASSERT(bucket->node == NULL);
	policy_fair_put(&policy->fair, bucket->line);
	bucket->queue->nbuckets--;
	policy_queue_check(policy, bucket->queue);
	bucket->owner->nbuckets--;
	policy_owner_check(policy, bucket->owner);
	for (i = 0; i < bucket->nneeds; i++)
	{
		bucket->needs[i]->nbuckets--;
		policy_resource_check(policy, bucket->needs[i]);
	}
	policy->buckets[bucket->index] = NULL;
	policy->free_buckets[policy->nfree_buckets++] = bucket->index;
	policy_map_delete(&policy->bucket_map, &policy->memory, &bucket->entry);
	bucket_release(&policy->memory, &bucket->entry);
}

/*
 * Frees all buckets, whatever stands in them.
 */
void
policy_buckets_release(Policy *policy)
{
	policy_map_release(&policy->bucket_map, &policy->memory, bucket_release);
	policy_memory_release(&policy->memory, policy->buckets,
						  policy->nbuckets * sizeof(PolicyBucket *));
	policy_memory_release(&policy->memory, policy->free_buckets,
						  policy->nbuckets * sizeof(uint32_t));
}
