/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *	  What commands that create, copy, move or drop databases and the
 *	  extension mean to our processes.
 *
 * A command that wants a database for itself must never meet one of them:
 * DROP DATABASE, ALTER DATABASE ... RENAME and SET TABLESPACE, and CREATE
 * DATABASE for its template.  Nor must DROP EXTENSION wait for one, or for
 * anything that drops the extension with something else.  Before such a
 * command the database is cleared of them, but only for somebody who may
 * execute it: else everybody could stop a database's tasks.
 *
 * When CREATE EXTENSION commits the launcher is asked for a scheduler, and
 * when the list of databases changes it is told so.
 *
 * The hooks look at the kind of a statement first, so that others pass at
 * next to no cost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "api/clearing.h"
#include "api/lifecycle.h"
#include "ledger/sql.h"

static ProcessUtility_hook_type prev_process_utility = NULL;
static object_access_hook_type prev_object_access = NULL;

static bool
role_may_create_databases(void)
{
	HeapTuple	tuple;
	bool		may = superuser();

	if (may)
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (HeapTupleIsValid(tuple))
	{
		may = ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
		ReleaseSysCache(tuple);
	}
	return may;
}

static bool
database_is_template(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(oid));
	bool		is_template = false;

	if (HeapTupleIsValid(tuple))
	{
		is_template = ((Form_pg_database) GETSTRUCT(tuple))->datistemplate;
		ReleaseSysCache(tuple);
	}
	return is_template;
}

/*
 * The argument of an option of a statement; NULL if it has none.
 */
static char *
option_value(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

/*
 * CREATE DATABASE copies another one, which has to be quiet.
 */
static void
before_create_database(CreatedbStmt *stmt)
{
	char	   *name = option_value(stmt->options, "template");
	Oid			source = get_database_oid(name ? name : "template1", true);

	if (!OidIsValid(source) || !role_may_create_databases() ||
		OidIsValid(get_database_oid(stmt->dbname, true)))
		return;
	if (database_is_template(source) ||
		weir_database_ownercheck(source, GetUserId()))
		clearing_begin(source);
}

/*
 * A database that its owner drops, renames or moves.  None of it can be done
 * to the current one.
 */
static void
before_change_database(const char *name)
{
	Oid			oid = get_database_oid(name, true);

	if (OidIsValid(oid) && oid != MyDatabaseId &&
		weir_database_ownercheck(oid, GetUserId()))
		clearing_begin(oid);
}

/*
 * Does the statement name an object whose drop drops the extension, and may
 * the user drop it?
 */
static bool
drops_extension(ObjectType type, const char *name, Oid extension)
{
	Oid			schema;

	if (type == OBJECT_EXTENSION)
		return strcmp(name, "pg_weir") == 0 &&
			weir_extension_ownercheck(extension, GetUserId());
	if (strcmp(name, "weir") != 0)
		return false;
	schema = get_namespace_oid(name, true);
	return OidIsValid(schema) &&
		weir_namespace_ownercheck(schema, GetUserId());
}

/*
 * DROP EXTENSION, or DROP SCHEMA ... CASCADE of its schema: before either
 * takes a lock.
 */
static void
before_drop(DropStmt *stmt)
{
	Oid			extension;
	ListCell   *cell;

	if (stmt->removeType != OBJECT_EXTENSION &&
		(stmt->removeType != OBJECT_SCHEMA ||
		 stmt->behavior != DROP_CASCADE))
		return;
	extension = extension_oid();
	if (!OidIsValid(extension))
		return;
	foreach(cell, stmt->objects)
	{
		if (drops_extension(stmt->removeType, strVal(lfirst(cell)), extension))
			clearing_for_drop_extension();
	}
}

/*
 * DROP OWNED BY the owner of the extension drops it too.
 */
static void
before_drop_owned(DropOwnedStmt *stmt)
{
	Oid			owner;
	ListCell   *cell;

	if (!OidIsValid(extension_oid()))
		return;
	owner = extension_owner();
	foreach(cell, stmt->roles)
	{
		if (get_rolespec_oid(lfirst_node(RoleSpec, cell), true) == owner &&
			has_privs_of_role(GetUserId(), owner))
			clearing_for_drop_extension();
	}
}

/*
 * What is to be done before a statement.  Says whether it changes the list of
 * databases.
 */
static bool
lifecycle_before(Node *stmt, ProcessUtilityContext context)
{
	/* there, these are refused */
	bool		in_block = context != PROCESS_UTILITY_TOPLEVEL ||
	IsTransactionBlock() || IsSubTransaction();
	bool		tablespace;

	switch (nodeTag(stmt))
	{
		case T_CreatedbStmt:
			if (!in_block)
				before_create_database((CreatedbStmt *) stmt);
			return true;
		case T_DropdbStmt:
			if (!in_block)
				before_change_database(((DropdbStmt *) stmt)->dbname);
			return true;
		case T_AlterDatabaseStmt:
			tablespace = option_value(((AlterDatabaseStmt *) stmt)->options,
									  "tablespace") != NULL;
			if (tablespace && !in_block)
				before_change_database(((AlterDatabaseStmt *) stmt)->dbname);
			return !tablespace;
		case T_RenameStmt:
			if (((RenameStmt *) stmt)->renameType != OBJECT_DATABASE)
				return false;
			if (role_may_create_databases())
				before_change_database(((RenameStmt *) stmt)->subname);
			return true;
		case T_DropStmt:
			before_drop((DropStmt *) stmt);
			return false;
		case T_DropOwnedStmt:
			before_drop_owned((DropOwnedStmt *) stmt);
			return false;
		default:
			return false;
	}
}

/*
 * Is it a statement that we have to look at?
 */
static bool
lifecycle_concerns(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_AlterDatabaseStmt:
		case T_RenameStmt:
		case T_DropStmt:
		case T_DropOwnedStmt:
		case T_CreateExtensionStmt:
			return !RecoveryInProgress() && IsUnderPostmaster;
		default:
			return false;
	}
}

static void
lifecycle_process_utility(PlannedStmt *pstmt, const char *queryString,
						  bool readOnlyTree, ProcessUtilityContext context,
						  ParamListInfo params, QueryEnvironment *queryEnv,
						  DestReceiver *dest, QueryCompletion *qc)
{
	Node	   *stmt = pstmt->utilityStmt;
	bool		concerns = lifecycle_concerns(stmt);
	bool		creates = concerns && IsA(stmt, CreateExtensionStmt);

	if (concerns && lifecycle_before(stmt, context))
		clearing_databases_change();
	if (prev_process_utility)
		prev_process_utility(pstmt, queryString, readOnlyTree, context, params,
							 queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
	if (creates)
		clearing_after_create_extension();
}

/*
 * The net for everything else that drops the extension: by then the command
 * has its locks.
 */
static void
lifecycle_object_access(ObjectAccessType access, Oid classId, Oid objectId,
						int subId, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, classId, objectId, subId, arg);
	if (access == OAT_DROP && classId == ExtensionRelationId &&
		objectId == extension_oid())
		clearing_for_drop_extension();
}

/*
 * Installs the hooks; called while libraries are preloaded.
 */
void
lifecycle_install_hooks(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = lifecycle_process_utility;
	prev_object_access = object_access_hook;
	object_access_hook = lifecycle_object_access;
	clearing_install();
}
