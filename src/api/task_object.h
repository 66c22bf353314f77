/*-------------------------------------------------------------------------
 *
 * task_object.h
 *	  A task as a JSON object.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_TASK_OBJECT_H
#define WEIR_TASK_OBJECT_H

#include "api/request.h"

#define TASK_KEY_LENGTH	1000	/* bytes */

/* One of several tasks that are submitted at once */
typedef struct TaskObject
{
	const char *name;			/* how errors call it */
	char	   *key;			/* NULL if it has none */
	int			nkeys;			/* parents, by key */
	char	  **keys;
	bool		waits;			/* for others, whose places come later */
	int			nparents;		/* and by their place among the tasks */
	int		   *parents;
	int64		task_id;		/* when it is submitted */
	EnqueueRequest request;
} TaskObject;

typedef struct TaskReader TaskReader;

extern TaskReader *task_reader_create(void);
extern void task_object_read(const TaskReader *reader, JsonbValue *value,
							 TaskObject *object);

#endif							/* WEIR_TASK_OBJECT_H */
