/*-------------------------------------------------------------------------
 *
 * xact_list.h
 *	  The list of what a transaction owes; for the files that keep it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_XACT_LIST_H
#define WEIR_XACT_LIST_H

#include "shmem/xact_actions.h"

typedef enum ActionKind
{
	ACTION_DEPTH,				/* reserved: give back at abort */
	ACTION_QUOTA,				/* the same, of a role */
	ACTION_MESSAGE,				/* credit taken: post, or return at abort */
	ACTION_END_TASK,			/* commit: give back depth, tell waiters */
	ACTION_CLOSE_QUEUE,			/* either way: open, but it may be gone */
	ACTION_CONFIG,				/* commit: the scheduler reads it again */
	ACTION_REBUILD,				/* commit: the scheduler starts over */
	ACTION_SLOT,				/* either way: the slot is free */
	ACTION_BESIDE,				/* either way: one less beside the slots */
	ACTION_FEED,				/* commit: a reserved place is a task's */
	ACTION_COMPLETE				/* commit: the worker reports */
} ActionKind;

typedef struct Action
{
	ActionKind	kind;
	bool		shedding;		/* MESSAGE, END_TASK: of a task that is shed */
	int			level;			/* nesting depth of the subtransaction */
	WeirDatabase *database;
	union
	{
		struct
		{
			QueueSlot  *slot;
			uint32		n;
		}			depth;
		struct
		{
			ResourceSlot *resource;
			int			slot;
			bool		foreign;	/* not a task's */
		}			resource;
		struct
		{
			WeirWorker *worker;
			int			place;
		}			feed;
		struct
		{
			WeirWorker *worker;
			Completion	completion;
		}			complete;
		struct
		{
			RoleSlot   *slot;
			uint32		n;
		}			quota;
		bool		cap_set;	/* one may bind every session by now */
		SubmitMessage message;
	}			u;
} Action;

/* Owner: xact_actions.c */
extern Action *XactActions;
extern int	NumXactActions;

extern Action *xact_action_add(ActionKind kind, WeirDatabase *database);

/* Owner: xact_messages.c */
extern void xact_message_post(WeirDatabase *database,
							  const SubmitMessage *message);

#endif							/* WEIR_XACT_LIST_H */
