/*-------------------------------------------------------------------------
 *
 * health.h
 *	  Health of the server: classes that wait until it is better.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_HEALTH_H
#define WEIR_POLICY_HEALTH_H

#include "policy/state.h"

extern bool policy_health_holds(const Policy *policy, PolicyClass klass,
								bool alone, HealthMeasure *measure);

#endif							/* WEIR_POLICY_HEALTH_H */
