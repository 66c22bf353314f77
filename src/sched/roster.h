/*-------------------------------------------------------------------------
 *
 * roster.h
 *	  The databases of the server, as the launcher knows them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ROSTER_H
#define WEIR_ROSTER_H

#include "utils/palloc.h"

typedef struct RosterEntry
{
	Oid			oid;
	NameData	name;
	bool		eligible;		/* our processes may connect to it */
	bool		probed;			/* a scheduler has been started in it */
} RosterEntry;

typedef struct Roster
{
	int			n;
	RosterEntry *entries;		/* by oid */
} Roster;

extern bool roster_read(Roster *roster, MemoryContext context);
extern RosterEntry *roster_find(Roster *roster, Oid oid);

#endif							/* WEIR_ROSTER_H */
