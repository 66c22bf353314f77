/*-------------------------------------------------------------------------
 *
 * relation_watch.c
 *	  Who is to be told when a relation has changed.
 *
 * A process of the server has room for ten callbacks on relations, for itself
 * and all extensions together, and ends when one more asks: one that decodes
 * for a publication has four of its own.  So this registers a single one for
 * all of ours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"

#include "ledger/relation_watch.h"

#define MAX_WATCHES	16

static RelationChanged Watches[MAX_WATCHES];
static int	NumWatches = 0;

static void
relation_changed(Datum arg, Oid relid)
{
	for (int i = 0; i < NumWatches; i++)
		Watches[i] (relid);
}

/*
 * Has the function called whenever a relation, or what is known of it, may have
 * changed.
 */
void
relation_watch(RelationChanged changed)
{
	Assert(NumWatches < MAX_WATCHES);
	if (NumWatches == 0)
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	Watches[NumWatches++] = changed;
}
