/*-------------------------------------------------------------------------
 *
 * command.h
 *	  The SQL text of a task: parsing, refusing, counting parameters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_COMMAND_H
#define WEIR_COMMAND_H

#include "nodes/parsenodes.h"
#include "utils/jsonb.h"

#define COMMAND_MAX_LENGTH	(16 * 1024 * 1024)
#define COMMAND_MAX_ARGS	1000

extern List *command_parse(const char *command);
extern int	command_count_params(const char *command);
extern void command_refuse(List *statements, bool autocommit);
extern void command_check_args(int nparams, int nargs);
extern bool command_analyze(List *statements, const char *command);
extern int	args_count(Jsonb *args);

#endif							/* WEIR_COMMAND_H */
