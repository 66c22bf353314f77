/*-------------------------------------------------------------------------
 *
 * group_row.h
 *	  Rows of weir.task_group.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_GROUP_ROW_H
#define WEIR_GROUP_ROW_H

#include "datatype/timestamp.h"

/* Tasks whose ends another one collects */
typedef struct GroupRow
{
	int64		collector;
	TimestampTz deadline;		/* POLICY_TIME_NEVER if there is none */
	bool		fail;			/* at the deadline the collector ends, too */
	int			n;
	int64	   *members;
	char	  **keys;			/* NULL for those that have none */
} GroupRow;

/* A group whose collector has not ended, and which has to end by some time */
typedef struct GroupDue
{
	int64		collector;
	TimestampTz deadline;
	bool		fail;
	bool		cancelled;		/* weir.cancel() was called for it */
} GroupDue;

typedef void (*GroupVisit) (const GroupDue *group, void *arg);

extern void group_row_insert(const GroupRow *group);
extern bool group_row_read(int64 collector, GroupRow *group);
extern void group_rows_due(int64 collector, GroupVisit visit, void *arg);

#endif							/* WEIR_GROUP_ROW_H */
