/*-------------------------------------------------------------------------
 *
 * checked.c
 *	  Commands that were found good, for who submits them again.
 *
 * Most sessions submit the same few commands over and over, with other
 * arguments.  To parse and to analyze such a command costs as much as the rest
 * of a submission.  So a session remembers the last ones that were found good,
 * and forgets them all when anything has changed by which one could have become
 * bad: a relation, a type, a function, a schema, a membership.  That is more
 * often than needed, but where nothing changes it is never.
 *
 * A command that has become bad all the same fails when it runs, as it would
 * have if it had become so a moment later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "api/checked.h"
#include "ledger/relation_watch.h"

#define MAX_CHECKED			16	/* commands */
#define MAX_CHECKED_LENGTH	4096	/* bytes of one */

typedef struct CheckedCommand
{
	char	   *command;		/* NULL = free */
	uint32		hash;
	bool		autocommit;
	bool		analyzed;		/* its names were looked up, too */
	int			nparams;

	/* in which session it was good */
	char	   *search_path;
	Oid			user;
	bool		standard_strings;
} CheckedCommand;

static CheckedCommand Checked[MAX_CHECKED];
static int	NextChecked = 0;	/* to be replaced */
static bool Stale = false;

static void
checked_relation_changed(Oid relid)
{
	Stale = true;
}

static void
checked_object_changed(Datum arg, int cache, uint32 hash)
{
	Stale = true;
}

/*
 * From the first use on this session hears of changes.
 */
static void
checked_watch(void)
{
	static const int caches[] = {
		TYPEOID, PROCOID, OPEROID, CASTSOURCETARGET, COLLOID, NAMESPACEOID,
		AUTHOID, AUTHMEMROLEMEM
	};
	static bool watching = false;

	if (watching)
		return;
	watching = true;
	relation_watch(checked_relation_changed);
	for (int i = 0; i < lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], checked_object_changed,
									  (Datum) 0);
}

static uint32
checked_hash(const char *command)
{
	return hash_bytes((const unsigned char *) command, strlen(command));
}

static void
checked_forget(CheckedCommand *checked)
{
	CheckedCommand gone = *checked;

	if (gone.command == NULL)
		return;
	memset(checked, 0, sizeof(CheckedCommand));
	pfree(gone.command);
	pfree(gone.search_path);
}

static void
checked_forget_stale(void)
{
	if (!Stale)
		return;
	Stale = false;
	for (int i = 0; i < MAX_CHECKED; i++)
		checked_forget(&Checked[i]);
}

/*
 * Was this command found good in a session like this?  Then says how many
 * parameters it has.
 */
bool
checked_find(const char *command, bool autocommit, bool analyzed, int *nparams)
{
	uint32		hash = checked_hash(command);

	checked_forget_stale();
	for (int i = 0; i < MAX_CHECKED; i++)
	{
		const CheckedCommand *checked = &Checked[i];

		if (checked->command == NULL || checked->hash != hash ||
			checked->autocommit != autocommit ||
			(analyzed && !checked->analyzed) ||
			checked->user != GetUserId() ||
			checked->standard_strings != standard_conforming_strings ||
			strcmp(checked->search_path, namespace_search_path) != 0 ||
			strcmp(checked->command, command) != 0)
			continue;
		*nparams = checked->nparams;
		return true;
	}
	return false;
}

/*
 * This command has been found good, unless what that rests on has changed
 * meanwhile.
 */
void
checked_remember(const char *command, bool autocommit, bool analyzed,
				 int nparams)
{
	CheckedCommand checked = {0};

	checked_watch();
	if (Stale || strlen(command) > MAX_CHECKED_LENGTH)
		return;
	checked.hash = checked_hash(command);
	checked.autocommit = autocommit;
	checked.analyzed = analyzed;
	checked.nparams = nparams;
	checked.user = GetUserId();
	checked.standard_strings = standard_conforming_strings;
	checked.search_path = MemoryContextStrdup(TopMemoryContext,
											  namespace_search_path);
	checked.command = MemoryContextStrdup(TopMemoryContext, command);
	checked_forget(&Checked[NextChecked]);
	Checked[NextChecked] = checked;
	NextChecked = (NextChecked + 1) % MAX_CHECKED;
}
