/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The differences between PostgreSQL 15, 16, 17 and 18.
 *
 * The code is written against the newest interface; this file, the only one
 * that looks at PG_VERSION_NUM, bends the older ones to it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_COMPAT_H
#define WEIR_COMPAT_H

#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"

/* 16 has a header of its own for assign_synchronous_commit() and the like */
#if PG_VERSION_NUM >= 160000
#include "utils/guc_hooks.h"
#else
#include "replication/syncrep.h"
#endif

#if PG_VERSION_NUM < 150000
#error "pg_weir needs PostgreSQL 15 or newer"
#endif

/* 18 says it before the declaration, and no more behind it */
#if PG_VERSION_NUM < 180000
#define pg_noreturn				pg_attribute_noreturn()
#endif

/* 17 numbers processes by ProcNumber; before, PGPROC carried pgprocno */
#if PG_VERSION_NUM < 170000
#define MyProcNumber			(MyProc->pgprocno)
typedef int ProcNumber;
#define INVALID_PROC_NUMBER		(-1)
#endif

/* 18 has one more argument: whether a failed try is logged */
#if PG_VERSION_NUM >= 180000
#define weir_LockTry(tag, mode, session) \
	LockAcquireExtended((tag), (mode), (session), true, true, NULL, false)
#else
#define weir_LockTry(tag, mode, session) \
	LockAcquireExtended((tag), (mode), (session), true, true, NULL)
#endif

/* 16 has soft errors, and an argument to ask for them */
#if PG_VERSION_NUM >= 160000
#define weir_qualified_name(text)	stringToQualifiedNameList((text), NULL)
#else
#define weir_qualified_name(text)	stringToQualifiedNameList((text))
#endif

/* 16 has another name for it */
#if PG_VERSION_NUM >= 160000
#define weir_local_beentry(i)	pgstat_get_local_beentry_by_index(i)
#else
#define weir_local_beentry(i)	pgstat_fetch_stat_local_beentry(i)
#endif

/*
 * The scanner's token for a parameter.  17 does not install gram.h any more;
 * the tokens that are no keywords have the same numbers in all versions, since
 * PL/pgSQL's grammar relies on them.
 */
#define WEIR_TOKEN_PARAM		267

/* 17 has another name for it */
#if PG_VERSION_NUM >= 170000
#define weir_search_path_matches(path)	SearchPathMatchesCurrentEnvironment(path)
#else
#define weir_search_path_matches(path)	OverrideSearchPathMatchesCurrent(path)
#endif

/* 16 asks whether only summarizing indexes are to be updated */
#if PG_VERSION_NUM >= 160000
#define weir_ExecInsertIndexTuples(result, slot, estate) \
	ExecInsertIndexTuples((result), (slot), (estate), false, false, NULL, \
						  NIL, false)
#else
#define weir_ExecInsertIndexTuples(result, slot, estate) \
	ExecInsertIndexTuples((result), (slot), (estate), false, false, NULL, NIL)
#endif

/* 16 keeps the privileges that a plan needs apart from its range table */
#if PG_VERSION_NUM >= 160000
#define weir_plan_permitted(plan) \
	ExecCheckPermissions((plan)->rtable, (plan)->permInfos, false)
#else
#define weir_plan_permitted(plan) \
	ExecCheckRTPerms((plan)->rtable, false)
#endif

/* 18 dropped the "run once" flag of PortalRun */
#if PG_VERSION_NUM >= 180000
#define weir_PortalRun(portal, count, toplevel, dest, qc) \
	PortalRun((portal), (count), (toplevel), (dest), (dest), (qc))
#else
#define weir_PortalRun(portal, count, toplevel, dest, qc) \
	PortalRun((portal), (count), (toplevel), true, (dest), (dest), (qc))
#endif

/*
 * 17 has transaction_timeout, whose timer ends the process.  Ours that must
 * not be ended do without; a worker takes the timer over: it stops it, and
 * says how long the transaction may last, in ms, 0 being for ever.
 */
static inline void
weir_pin_transaction_timeout(void)
{
#if PG_VERSION_NUM >= 170000
	SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
#endif
}

static inline int
weir_take_transaction_timeout(void)
{
#if PG_VERSION_NUM >= 170000
	if (TransactionTimeout > 0)
		disable_timeout(TRANSACTION_TIMEOUT, false);
	return TransactionTimeout;
#else
	return 0;
#endif
}

/* 17 lets extensions name their wait events */
#if PG_VERSION_NUM >= 170000
#define weir_wait_event_number(name)	WaitEventExtensionNew(name)
#else
#define weir_wait_event_number(name)	PG_WAIT_EXTENSION
#endif

/* 16 has one function for the privileges on all kinds of objects */
#if PG_VERSION_NUM >= 160000
#define weir_database_aclcheck(database, role, mode) \
	object_aclcheck(DatabaseRelationId, (database), (role), (mode))
#define weir_class_ownercheck(relation, role) \
	object_ownercheck(RelationRelationId, (relation), (role))
#define weir_database_ownercheck(database, role) \
	object_ownercheck(DatabaseRelationId, (database), (role))
#define weir_extension_ownercheck(extension, role) \
	object_ownercheck(ExtensionRelationId, (extension), (role))
#define weir_namespace_ownercheck(namespace, role) \
	object_ownercheck(NamespaceRelationId, (namespace), (role))
#else
#define weir_database_aclcheck(database, role, mode) \
	pg_database_aclcheck((database), (role), (mode))
#define weir_class_ownercheck(relation, role) \
	pg_class_ownercheck((relation), (role))
#define weir_database_ownercheck(database, role) \
	pg_database_ownercheck((database), (role))
#define weir_extension_ownercheck(extension, role) \
	pg_extension_ownercheck((extension), (role))
#define weir_namespace_ownercheck(namespace, role) \
	pg_namespace_ownercheck((namespace), (role))
#endif

#endif							/* WEIR_COMPAT_H */
