/*-------------------------------------------------------------------------
 *
 * execute.h
 *	  Executing the statements of a command through portals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_EXECUTE_H
#define WEIR_EXECUTE_H

#include "utils/jsonb.h"

/* What the last statement gave */
typedef struct ExecuteResult
{
	bool		has_rows;
	int64		rows;			/* returned or affected */
	Jsonb	   *json;			/* array of its rows; NULL if none is stored */
	const char *not_stored;		/* why not, if there were rows */
} ExecuteResult;

extern void execute_command(const char *command, Jsonb *args, bool autocommit,
							MemoryContext context, ExecuteResult *result);
extern void execute_forget_plans(void);

#endif							/* WEIR_EXECUTE_H */
