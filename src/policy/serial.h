/*-------------------------------------------------------------------------
 *
 * serial.h
 *	  Tasks with the same serial key, one at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_SERIAL_H
#define WEIR_POLICY_SERIAL_H

#include "policy/state.h"

extern void policy_serial_init(Policy *policy);
extern void policy_serial_release(Policy *policy);
extern void policy_serial_add(Policy *policy, const PolicyTask *task);
extern bool policy_serial_enter(Policy *policy, uint32_t task);
extern void policy_serial_leave(Policy *policy, int64_t task_id);
extern void policy_serial_begin(Policy *policy, int64_t task_id);
extern void policy_serial_forget(Policy *policy, int64_t task_id);
extern bool policy_serial_is_first(const Policy *policy, int64_t task_id);
extern void policy_serial_ended(Policy *policy, int64_t task_id);

#endif							/* WEIR_POLICY_SERIAL_H */
