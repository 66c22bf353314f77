/*-------------------------------------------------------------------------
 *
 * environment.h
 *	  Rows of weir.environment: what many tasks have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ENVIRONMENT_H
#define WEIR_ENVIRONMENT_H

/*
 * Where a task was enqueued, by whom, and with which defaults of the session;
 * NULL for SQL nulls.  All members are strings, in the order of the columns.
 */
typedef struct Environment
{
	const char *queue;
	const char *owner_name;
	const char *session_user_name;
	const char *application_name;
	const char *client_addr;
	const char *search_path;
	const char *timezone;
} Environment;

extern void environment_install(void);
extern int32 environment_id(const Environment *environment);
extern void environment_read(int32 id, Environment *environment);

#endif							/* WEIR_ENVIRONMENT_H */
