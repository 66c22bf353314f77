/*-------------------------------------------------------------------------
 *
 * quota.h
 *	  The limits of roles: configured, and what they have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SCHED_QUOTA_H
#define WEIR_SCHED_QUOTA_H

#include "sched/scheduler.h"

extern void quota_configure(Scheduler *scheduler);
extern void quota_arrived(Scheduler *scheduler,
						  const SubmitMessage *message);
extern void quota_lost(Scheduler *scheduler, const SubmitMessage *message);
extern void quota_forget(Scheduler *scheduler);
extern void quota_publish(Scheduler *scheduler);

#endif							/* WEIR_SCHED_QUOTA_H */
