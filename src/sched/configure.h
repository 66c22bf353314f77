/*-------------------------------------------------------------------------
 *
 * configure.h
 *	  Following the configuration.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CONFIGURE_H
#define WEIR_CONFIGURE_H

#include "sched/scheduler.h"

extern void configure_if_changed(Scheduler *scheduler);
extern bool configure(Scheduler *scheduler);
extern void configure_acknowledge(Scheduler *scheduler);
extern void configure_entered(Scheduler *scheduler);
extern void configure_forget(Scheduler *scheduler);
extern void configure_publish(Scheduler *scheduler);
extern void configure_foreign(Scheduler *scheduler);

#endif							/* WEIR_CONFIGURE_H */
