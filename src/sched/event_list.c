/*-------------------------------------------------------------------------
 *
 * event_list.c
 *	  Events of the scheduler that are still to be written.
 *
 * What has happened in the policy is noted at once, and written with all that
 * has happened in the same round, in a step.  If that fails they stay, and are
 * tried again a little later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "sched/event_list.h"

/* Pause before events that could not be written are tried again */
#define EVENT_LIST_RETRY_US	INT64CONST(1000000)

/*
 * A new event of that many bytes, zeroed, for the caller to fill in.
 */
void *
event_list_add(Scheduler *scheduler, EventList *list, Size size)
{
	MemoryContext caller = MemoryContextSwitchTo(scheduler->context);
	void	   *event = palloc0(size);

	list->events = lappend(list->events, event);
	MemoryContextSwitchTo(caller);
	return event;
}

/*
 * Writes the events, if there are any and it is time: "step", which is told
 * the list, writes all of them.
 */
void
event_list_write(Scheduler *scheduler, EventList *list, const char *what,
				 SchedulerStep step, TimestampTz now)
{
	if (list->events == NIL || now < list->retry_at)
		return;
	if (scheduler_step(scheduler, what, step, list->events))
	{
		list_free_deep(list->events);
		list->events = NIL;
	}
	else
		list->retry_at = now + EVENT_LIST_RETRY_US;
}

/*
 * When events are to be written that could not be.
 */
TimestampTz
event_list_next_timer(const EventList *list)
{
	return list->events != NIL ? list->retry_at : POLICY_TIME_NEVER;
}
