/*-------------------------------------------------------------------------
 *
 * policy_parameters.h
 *	  Checking the parameters in a policy object.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_PARAMETERS_H
#define WEIR_POLICY_PARAMETERS_H

#include "utils/jsonb.h"

extern void policy_parameters_check(Jsonb *policy, bool of_queue);

#endif							/* WEIR_POLICY_PARAMETERS_H */
