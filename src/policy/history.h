/*-------------------------------------------------------------------------
 *
 * history.h
 *	  How long the last tasks of each kind waited and ran.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_HISTORY_H
#define WEIR_POLICY_HISTORY_H

#include "policy/state.h"

extern PolicyHistory *policy_history_get(Policy *policy, uint64_t key);
extern const Forecast *policy_queue_forecast(const Policy *policy,
											 uint32_t queue);
extern void policy_histories_release(Policy *policy);

#endif							/* WEIR_POLICY_HISTORY_H */
