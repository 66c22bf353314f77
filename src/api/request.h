/*-------------------------------------------------------------------------
 *
 * request.h
 *	  Reading and checking the arguments of a submission.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_REQUEST_H
#define WEIR_REQUEST_H

#include "fmgr.h"

#include "api/quota.h"
#include "ledger/queue_config.h"
#include "ledger/task_row.h"
#include "shmem/layout.h"

/* What happens if an unfinished task has the unique key already */
typedef enum ConflictAction
{
	CONFLICT_SKIP,				/* nothing, and its id is returned */
	CONFLICT_REPLACE,			/* it is cancelled, unless it runs */
	CONFLICT_JOIN,				/* as skip: the caller wants its result */
	CONFLICT_ERROR
} ConflictAction;

typedef struct EnqueueRequest
{
	WeirDatabase *database;
	const QueueConfig *queue;	/* while the request is read */
	TaskRow		task;
	char	   *unique_key;		/* before arguments are put into it */
	char	   *serial_key;		/* the same, of many */
	ConflictAction on_conflict;
	int			nparams;		/* of the command */
	Jsonb	   *many_args;		/* enqueue_many: array of argument arrays */
	QuotaHold	quota;
	int			nneeds;
	uint64		needs[POLICY_MAX_NEEDS];
} EnqueueRequest;

extern void request_read(FunctionCallInfo fcinfo, EnqueueRequest *request,
						 bool many);
extern void request_check_privilege(const QueueConfig *queue,
									const TaskRow *task);
extern char *request_json_string(const char *value);
extern uint64 request_table_key(Oid relid, char **name);

#endif							/* WEIR_REQUEST_H */
