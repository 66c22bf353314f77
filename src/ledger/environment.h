/*-------------------------------------------------------------------------
 *
 * environment.h
 *	  Rows of weir.environment: what many tasks have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ENVIRONMENT_H
#define WEIR_ENVIRONMENT_H

#include "policy/policy.h"

/*
 * Where a task was enqueued, by whom, as what, and with which defaults of the
 * session.  The numbers come first, then the strings in the order of their
 * columns; NULL for SQL nulls.
 */
typedef struct Environment
{
	int32		queue_id;
	Oid			owner;
	int32		max_attempts;
	bool		autocommit;
	PolicyClass klass;
	const char *queue;
	const char *owner_name;
	const char *session_user_name;
	const char *application_name;
	const char *client_addr;
	const char *search_path;
	const char *timezone;
} Environment;

extern const char *class_name(PolicyClass klass);
extern bool class_parse(const char *name, PolicyClass *klass);

extern void environment_install(void);
extern int32 environment_id(const Environment *environment);
extern void environment_read(int32 id, Environment *environment);

#endif							/* WEIR_ENVIRONMENT_H */
