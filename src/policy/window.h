/*-------------------------------------------------------------------------
 *
 * window.h
 *	  Times in which tasks may start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_WINDOW_H
#define WEIR_POLICY_WINDOW_H

#include "policy/state.h"

extern void policy_windows_init(PolicyWindow *windows);
extern bool policy_window_shuts(const Policy *policy,
								const PolicyBucket *bucket,
								PolicyTime *look_at);
extern bool policy_window_shut(Policy *policy, PolicyBucket *bucket);
extern void policy_window_leave(Policy *policy, PolicyBucket *bucket);
extern void policy_window_open_due(Policy *policy);
extern PolicyTime policy_window_next_due(const Policy *policy);

#endif							/* WEIR_POLICY_WINDOW_H */
