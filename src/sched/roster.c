/*-------------------------------------------------------------------------
 *
 * roster.c
 *	  The databases of the server, as the launcher knows them.
 *
 * The launcher is connected to no database, so that the shared catalogs are
 * all that it can read: which databases there are, not which of them have the
 * extension.  It finds that out by starting a scheduler in each of them once.
 *
 * Templates are left alone: a process in one would be in the way of whoever
 * copies it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "sched/roster.h"

static int
roster_compare(const void *a, const void *b)
{
	Oid			left = ((const RosterEntry *) a)->oid;
	Oid			right = ((const RosterEntry *) b)->oid;

	return left < right ? -1 : left > right;
}

RosterEntry *
roster_find(Roster *roster, Oid oid)
{
	RosterEntry key = {0};

	key.oid = oid;
	if (roster->n == 0)
		return NULL;
	return bsearch(&key, roster->entries, roster->n, sizeof(RosterEntry),
				   roster_compare);
}

/*
 * Notes one database.  Whether it has been probed is known from before; one
 * that becomes eligible again is probed again.
 */
static void
roster_note(RosterEntry *entry, Form_pg_database form, Roster *before)
{
	RosterEntry *known = roster_find(before, form->oid);

	entry->oid = form->oid;
	entry->name = form->datname;
	/* a limit of -2 marks one whose DROP DATABASE did not get to its end */
	entry->eligible = form->datallowconn && !form->datistemplate &&
		form->datconnlimit >= -1;
	entry->probed = entry->eligible && known && known->eligible &&
		known->probed;
}

/*
 * Reads the list of databases anew.  False, and nothing has changed, if that
 * would have to wait for somebody's lock: the launcher never waits for one.
 */
bool
roster_read(Roster *roster, MemoryContext context)
{
	Roster		fresh = {0};
	int			room = 16;
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	if (!ConditionalLockRelationOid(DatabaseRelationId, AccessShareLock))
	{
		CommitTransactionCommand();
		return false;
	}
	(void) GetTransactionSnapshot();
	fresh.entries = MemoryContextAlloc(context, room * sizeof(RosterEntry));
	relation = table_open(DatabaseRelationId, NoLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		if (fresh.n == room)
		{
			room *= 2;
			fresh.entries = repalloc(fresh.entries,
									 room * sizeof(RosterEntry));
		}
		roster_note(&fresh.entries[fresh.n++],
					(Form_pg_database) GETSTRUCT(tuple), roster);
	}
	table_endscan(scan);
	table_close(relation, NoLock);
	CommitTransactionCommand();
	qsort(fresh.entries, fresh.n, sizeof(RosterEntry), roster_compare);
	if (roster->entries)
		pfree(roster->entries);
	*roster = fresh;
	return true;
}
