/*-------------------------------------------------------------------------
 *
 * event_list.h
 *	  Events of the scheduler that are still to be written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_EVENT_LIST_H
#define WEIR_EVENT_LIST_H

#include "sched/scheduler.h"

extern void *event_list_add(Scheduler *scheduler, EventList *list, Size size);
extern void event_list_write(Scheduler *scheduler, EventList *list,
							 const char *what, SchedulerStep step,
							 TimestampTz now);
extern TimestampTz event_list_next_timer(const EventList *list);

#endif							/* WEIR_EVENT_LIST_H */
