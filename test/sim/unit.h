/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  Unit tests of the policy, one group per source file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_UNIT_H
#define WEIR_SIM_UNIT_H

#include "tap.h"

extern void unit_age(void);
extern void unit_memory(void);
extern void unit_map(void);
extern void unit_heap(void);
extern void unit_tasks(void);
extern void unit_order(void);
extern void unit_rank(void);
extern void unit_retry(void);
extern void unit_ramp(void);
extern void unit_health(void);
extern void unit_rate(void);
extern void unit_breaker(void);
extern void unit_budget(void);
extern void unit_slots(void);
extern void unit_watermarks(void);
extern void unit_adaptive(void);
extern void unit_share(void);
extern void unit_risk(void);
extern void unit_class(void);
extern void unit_windows(void);
extern void unit_workload(void);
extern void unit_policy(void);
extern void unit_behind(void);
extern void unit_look(void);
extern void unit_solo(void);
extern void unit_yield(void);
extern void unit_serial(void);

/* A policy to try things on, and tasks with little to say */
extern Policy *unit_create(int workers);
extern PolicyTask unit_task(int64_t task_id, PolicyClass klass);
extern int64_t unit_next(Policy *policy, PolicyTime now);

#endif							/* WEIR_SIM_UNIT_H */
