/*-------------------------------------------------------------------------
 *
 * breaker_window.h
 *	  What a circuit breaker counts, and what follows from that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_BREAKER_WINDOW_H
#define WEIR_POLICY_BREAKER_WINDOW_H

#include "policy/state.h"

extern void policy_breaker_forget(PolicyBreaker *breaker);
extern bool policy_breaker_records(const BreakerRule *rule,
								   const char *sqlstate);
extern void policy_breaker_count(PolicyBreaker *breaker,
								 const BreakerCounts *call, PolicyTime now);
extern bool policy_breaker_trips(const PolicyBreaker *breaker);
extern bool policy_breaker_probes_failed(const PolicyBreaker *breaker);

#endif							/* WEIR_POLICY_BREAKER_WINDOW_H */
