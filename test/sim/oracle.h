/*-------------------------------------------------------------------------
 *
 * oracle.h
 *	  Is a decision of the policy right?  Asks the model.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_ORACLE_H
#define WEIR_SIM_ORACLE_H

#include "model.h"

/* More overtaking of the oldest task of a class than this is starvation */
#define ORACLE_MAX_OVERTAKEN	100

/* What went wrong, if anything did: the first complaint */
extern char oracle_complaint[512];

extern bool oracle_open(const Model *model);
extern bool oracle_drains(const Model *model);
extern bool oracle_start(Model *model, const PolicyStart *start);
extern bool oracle_drain(Model *model, PolicyTime until);
extern bool oracle_refused(Model *model);
extern bool oracle_expired(Model *model, const PolicyEnd *expired);
extern bool oracle_orphan(Model *model, int64_t parent, const PolicyEnd *orphan);
extern bool oracle_no_orphan(const Model *model, int64_t parent);
extern bool oracle_expiry(Model *model, Policy *policy);
extern bool oracle_why(Model *model, Policy *policy, const ModelTask *task);
extern bool oracle_wanted(Model *model, Policy *policy,
						  const ModelTask *task);
extern void oracle_sync(Model *model, Policy *policy);
extern bool oracle_tiers(const Model *model);
extern bool oracle_preemption(Model *model, const PolicyPreemption *preemption);
extern bool oracle_no_preemption(Model *model);
extern bool oracle_owner(const Model *model, Policy *policy, int owner);
extern bool oracle_counts(Model *model, Policy *policy, int queue);
extern bool oracle_oldest(const Model *model, Policy *policy, int queue,
						  bool few);
extern bool oracle_shed(Model *model, Policy *policy, int queue);
extern bool oracle_due(Model *model, Policy *policy);
extern bool oracle_looked_at(const Model *model, const ModelTask *task);
extern bool oracle_fallback(const Model *model, const ModelTask *task,
							const PolicyStart *start);
extern bool oracle_breaker_refused(Model *model, const PolicyEnd *refused);
extern bool oracle_none_refused(Model *model);
extern bool oracle_breakers(Model *model, Policy *policy);
extern bool oracle_complain(const char *format,...)
			__attribute__((format(printf, 1, 2)));

#endif							/* WEIR_SIM_ORACLE_H */
