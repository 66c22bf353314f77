/*-------------------------------------------------------------------------
 *
 * bucket.h
 *	  Buckets: found, made and freed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_BUCKET_H
#define WEIR_POLICY_BUCKET_H

#include "policy/state.h"

extern PolicyBucket *policy_bucket_get(Policy *policy, const PolicyTask *task);
extern PolicyBucket *policy_bucket_twin(Policy *policy,
										const PolicyBucket *bucket, bool solo,
										bool retry);
extern void policy_bucket_check(Policy *policy, PolicyBucket *bucket);
extern void policy_buckets_release(Policy *policy);

#endif							/* WEIR_POLICY_BUCKET_H */
