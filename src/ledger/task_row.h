/*-------------------------------------------------------------------------
 *
 * task_row.h
 *	  Rows of weir.task.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_TASK_ROW_H
#define WEIR_TASK_ROW_H

#include "datatype/timestamp.h"
#include "ledger/environment.h"
#include "policy/policy.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* Columns of weir.task, in their order */
enum
{
	ANUM_TASK_ID = 1,
	ANUM_TASK_ENQUEUED_AT,
	ANUM_TASK_ENVIRONMENT_ID,
	ANUM_TASK_PRIORITY,
	ANUM_TASK_COMMAND,
	ANUM_TASK_ARGS,
	ANUM_TASK_RUN_AT,
	ANUM_TASK_DEADLINE,
	ANUM_TASK_TABLES,
	ANUM_TASK_TIMEOUT,
	ANUM_TASK_SETTINGS,
	ANUM_TASK_POLICY,
	ANUM_TASK_REASON,
	ANUM_TASK_UNIQUE_KEY,
	ANUM_TASK_QUEUE_TIMEOUT,
	ANUM_TASK_AFTER,
	ANUM_TASK_ON_PARENT_FAILURE,
	ANUM_TASK_RESOURCES,
	ANUM_TASK_LOCK_TIMEOUT,
	ANUM_TASK_UNIQUE_FOR,
	ANUM_TASK_SERIAL_KEY,
	NATTS_TASK = ANUM_TASK_SERIAL_KEY
};

/* A task in memory; pointers are NULL for SQL nulls */
typedef struct TaskRow
{
	int64		task_id;
	int32		priority;
	TimestampTz enqueued_at;
	bool		has_run_at;
	TimestampTz run_at;
	bool		has_deadline;
	TimestampTz deadline;
	char	   *command;
	Jsonb	   *args;
	int			ntables;
	char	   *tables[POLICY_MAX_NEEDS];	/* qualified names */
	int			nresources;
	char	   *resources[POLICY_MAX_NEEDS];
	Interval   *timeout;
	Interval   *lock_timeout;
	Jsonb	   *settings;
	Jsonb	   *policy;
	char	   *reason;
	char	   *unique_key;
	Interval   *unique_for;		/* without months and days */
	char	   *serial_key;
	Interval   *queue_timeout;	/* without months and days */
	ArrayType  *after;			/* parents: ids, rising */
	PolicyOnFailure on_failure; /* of a parent */
	Environment environment;
} TaskRow;

extern bool on_failure_parse(const char *name, PolicyOnFailure *on_failure);

/* Rows of neighbouring ids, read at once */
typedef struct TaskRange TaskRange;

extern void task_row_insert(const TaskRow *task);
extern void task_rows_insert(const TaskRow *task, Jsonb **args, char **keys,
							 char **serial_keys, int n);
extern void task_rows_insert_all(const TaskRow *const *tasks, int n);
extern TaskRow *task_row_read(int64 task_id);
extern TaskRange *task_range_read(int64 low, int64 high);
extern TaskRow *task_range_get(const TaskRange *range, int64 task_id);
extern TimestampTz task_row_expires_at(const TaskRow *task);
extern TimestampTz task_row_unique_until(const TaskRow *task);
extern int	task_row_names(Datum value, char **names);

#endif							/* WEIR_TASK_ROW_H */
