/*-------------------------------------------------------------------------
 *
 * session.c
 *	  The session in which a task finds itself, and its reset.
 *
 * A task sees the search path and the time zone of who enqueued it as its
 * defaults, then the settings of its queue, then its own.  They are set as the
 * role itself could set them, no more.  After the task everything that a
 * session can hold on to is dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "run/session.h"
#include "shmem/lazy_commit.h"

/* Settings that change who or what the session is, and are never a task's */
static const char *const RefusedSettings[] = {
	"role", "session_authorization", "session_replication_role",
	"transaction_isolation", "transaction_read_only",
	"transaction_deferrable", "is_superuser", "local_preload_libraries"
};

/* The defaults of this session, NULL while they are the worker's own */
static char *DefaultPath = NULL;
static char *DefaultZone = NULL;

/*
 * What a task in mode transaction sets has this nesting level; 0 if there is
 * none, or it has been undone.
 */
static int	SettingsLevel = 0;

/* There may be settings that are not as they were */
static bool Disturbed = false;

/*
 * The text of a setting's value.
 */
static char *
setting_text(const char *name, JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "on" : "off");
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value of setting \"%s\" must be a string, a number or a boolean",
							name)));
			return NULL;
	}
}

/*
 * Sets one parameter as the current role may, or only checks that it could.
 */
static void
setting_apply(const char *name, const char *value, GucAction action,
			  bool change)
{
	for (int i = 0; i < lengthof(RefusedSettings); i++)
	{
		if (pg_strcasecmp(name, RefusedSettings[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("setting \"%s\" cannot be set for a task", name)));
	}
	(void) set_config_option(name, value,
							 superuser() ? PGC_SUSET : PGC_USERSET,
							 PGC_S_SESSION, action, change, ERROR, false);
}

/*
 * Makes the value the session's default, to which it is reset, unless it has
 * been made that for an earlier task: most follow others from the same place.
 * What a client says when it connects is set in the same way.
 */
static void
setting_apply_default(const char *name, const char *value, char **current)
{
	if (*current && strcmp(*current, value) == 0)
		return;
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_CLIENT,
							 GUC_ACTION_SET, true, ERROR, false);
	if (*current)
		pfree(*current);
	*current = MemoryContextStrdup(TopMemoryContext, value);
	/* if the transaction is rolled back it is in force only after a reset */
	Disturbed = true;
}

/*
 * Walks over an object of settings.
 */
static void
settings_walk(Jsonb *settings, GucAction action, bool change)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	if (settings == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(settings))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("settings must be a JSON object"),
				 errhint("For example '{\"work_mem\": \"256MB\"}'.")));
	iterator = JsonbIteratorInit(&settings->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(key.val.string.val, key.val.string.len);
		(void) JsonbIteratorNext(&iterator, &value, true);
		setting_apply(name, setting_text(name, &value), action, change);
	}
}

/*
 * Checks settings when they are declared, as the role that declares them.
 */
void
session_check_settings(Jsonb *settings)
{
	settings_walk(settings, GUC_ACTION_SET, false);
}

/*
 * Puts into force what the settings of queue and task will change for a task,
 * until session_unvisit(): its command is looked at as the task will see it.
 * An error in between needs no cleaning up.
 */
int
session_visit(Jsonb *queue_settings, Jsonb *settings)
{
	int			guc_level = NewGUCNestLevel();

	settings_walk(queue_settings, GUC_ACTION_SAVE, true);
	settings_walk(settings, GUC_ACTION_SAVE, true);
	return guc_level;
}

void
session_unvisit(int guc_level)
{
	AtEOXact_GUC(true, guc_level);
}

/*
 * Makes the session's defaults those of who enqueued the task.
 */
void
session_apply_defaults(const TaskRow *task)
{
	setting_apply_default("search_path", task->environment.search_path, &DefaultPath);
	setting_apply_default("timezone", task->environment.timezone, &DefaultZone);
}

/*
 * The limit for a lock as the setting takes it: milliseconds, and none if it is
 * longer than that can say.
 */
static char *
lock_timeout_text(const Interval *limit)
{
	int64		ms = session_interval_ms(limit);

	return psprintf("%d", ms > INT_MAX ? 0 : (int) ms);
}

/*
 * Prepares the session for a task.  The transaction has begun but has no
 * snapshot yet, so its own characteristics still follow the defaults.
 */
void
session_apply(const TaskRow *task, Jsonb *queue_settings)
{
	session_apply_defaults(task);
	if (task->environment.autocommit)
		Disturbed = true;
	else
		SettingsLevel = NewGUCNestLevel();
	settings_walk(queue_settings, GUC_ACTION_SET, true);
	settings_walk(task->settings, GUC_ACTION_SET, true);
	if (task->lock_timeout)
		setting_apply("lock_timeout", lock_timeout_text(task->lock_timeout),
					  GUC_ACTION_SET, true);
	XactIsoLevel = DefaultXactIsoLevel;
	XactReadOnly = DefaultXactReadOnly;
	XactDeferrable = DefaultXactDeferrable;
}

/*
 * Undoes what queue, task and command have set, before the transaction ends:
 * that costs nothing where nothing was set.  How it commits is up to them.
 */
void
session_undo(void)
{
	int			synchronous = synchronous_commit;

	AtEOXact_GUC(false, SettingsLevel);
	SettingsLevel = 0;
	if (synchronous_commit != synchronous)
		lazy_commit_keep(synchronous);
}

/*
 * Drops what a task may have left for the next one in the same transaction.
 * What it has set is undone by the caller, and locks of the session stay to
 * the end of the transaction, which they may protect.
 */
void
session_pass_on(void)
{
	DropAllPreparedStatements();
	ResetSequenceCaches();
}

/*
 * Drops what the task may have left in the session.  Needs no transaction
 * unless there are temporary tables.  False if the session is no longer what
 * it was: a task that has changed its role has used this process up.
 */
bool
session_reset(Oid role)
{
	Oid			temp;
	Oid			temp_toast;

	if (GetUserId() != role || GetSessionUserId() != role)
		return false;
	/* cursors WITH HOLD of a command in mode autocommit */
	PortalHashTableDeleteAll();
	/* to look at all settings is not cheap */
	if (Disturbed || SettingsLevel != 0)
		ResetAllOptions();
	Disturbed = false;
	SettingsLevel = 0;
	DropAllPreparedStatements();
	LockReleaseAll(USER_LOCKMETHOD, true);
	ResetSequenceCaches();
	GetTempNamespaceState(&temp, &temp_toast);
	if (OidIsValid(temp))
	{
		StartTransactionCommand();
		/* whoever deletes from catalogs must have one */
		PushActiveSnapshot(GetTransactionSnapshot());
		ResetTempTableNamespace();
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	return true;
}

/*
 * An interval in milliseconds, a month being 30 days; what is very long is cut
 * so that it can be added to a timestamp.
 */
int64
session_interval_ms(const Interval *interval)
{
	int64		days = interval->day + (int64) interval->month * DAYS_PER_MONTH;

	return Min(interval->time / 1000 + days * (USECS_PER_DAY / 1000),
			   PG_INT64_MAX / 2000);
}
