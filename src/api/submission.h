/*-------------------------------------------------------------------------
 *
 * submission.h
 *	  Tasks on the way into the ledger, and what becomes of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SUBMISSION_H
#define WEIR_SUBMISSION_H

#include "api/request.h"

typedef enum SubmitOutcome
{
	SUBMIT_ACCEPTED,
	SUBMIT_REJECTED,			/* there is no room */
	SUBMIT_DUPLICATE,			/* another task has its unique key */
	SUBMIT_JOINED,				/* the same, and that is fine */
	SUBMIT_REPLACED				/* accepted, and another was cancelled */
} SubmitOutcome;

/* Tasks that differ in their arguments and keys only */
typedef struct Submission
{
	EnqueueRequest *request;
	bool		tell;			/* rather than refuse, if there is no room */
	bool		graph;			/* one of many that are read together */
	int			n;				/* those without a place are left out */
	Jsonb	  **args;
	char	  **keys;			/* NULL if the tasks have none */
	char	  **serial_keys;	/* NULL if all have the same, or none */
	int64		first_id;		/* the ids are consecutive */
	SubmitOutcome outcome;		/* of the last one */
	int64		holder;			/* who had its key */
} Submission;

extern bool submission_hold_quota(Submission *submission);
extern void submission_submit(Submission *submission);
extern void submission_promise_read(WeirDatabase *database, int64 first_id,
									int64 n, bool quota);

#endif							/* WEIR_SUBMISSION_H */
