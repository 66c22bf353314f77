/*-------------------------------------------------------------------------
 *
 * breaker_config.h
 *	  Circuit breakers, as they are written in the configuration.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_BREAKER_CONFIG_H
#define WEIR_BREAKER_CONFIG_H

#include "policy/policy.h"
#include "utils/jsonb.h"

extern const char *breaker_state_name(BreakerState state);
extern bool breaker_state_parse(const char *name, BreakerState *state);
extern void breaker_config_parse(Jsonb *breaker, BreakerRule *rule);
extern char *breaker_config_fallback(Jsonb *breaker);

#endif							/* WEIR_BREAKER_CONFIG_H */
