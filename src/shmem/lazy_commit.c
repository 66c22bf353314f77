/*-------------------------------------------------------------------------
 *
 * lazy_commit.c
 *	  A commit that leaves the flush to somebody else, or flushes as it is told.
 *
 * With durability 'grouped' the transaction of a task commits as if
 * synchronous_commit were off, and its completion is held back until a flush
 * has passed its commit record (outbox.c).  The parameter itself is not set,
 * which would cost more and could be seen: its variable is changed between
 * the last callback before the commit record and the first one after it.
 *
 * Where commits wait for a synchronous standby they do so one by one.
 *
 * What a task has set is undone before its transaction ends, but for how it
 * commits: that is kept in the same way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"

#include "compat.h"
#include "shmem/lazy_commit.h"

/* This transaction is to commit lazily, or the last one has */
static bool Requested = false;
static bool Done = false;

/* With what synchronous_commit it is to commit otherwise */
static bool Kept = false;
static int	KeptValue;

/* What synchronous_commit is, while it is overridden */
static bool Overridden = false;
static int	Synchronous;

/*
 * Sets the variable of the parameter, and what follows from it: for what a
 * commit waits where there is a synchronous standby.
 */
static void
override(int value)
{
	synchronous_commit = value;
	assign_synchronous_commit(value, NULL);
}

static void
lazy_commit_xact(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (Requested && SyncRepRequested() &&
				SyncRepStandbyNames != NULL && SyncRepStandbyNames[0] != '\0')
				Requested = false;
			if (!Requested && !Kept)
				break;
			Synchronous = synchronous_commit;
			override(Requested ? SYNCHRONOUS_COMMIT_OFF : KeptValue);
			Overridden = true;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
			if (Overridden)
				override(Synchronous);
			Done = Requested && event == XACT_EVENT_COMMIT;
			Overridden = Requested = Kept = false;
			break;
		default:
			break;
	}
}

void
lazy_commit_install(void)
{
	RegisterXactCallback(lazy_commit_xact, NULL);
}

/*
 * Lets the current transaction commit without flushing.
 */
void
lazy_commit_request(void)
{
	Requested = true;
}

/*
 * Lets the current transaction commit with this value of synchronous_commit,
 * unless it is to commit lazily.
 */
void
lazy_commit_keep(int value)
{
	Kept = true;
	KeptValue = value;
}

/*
 * Up to where somebody has to flush for the transaction that has just
 * committed to be on disk; invalid if it has taken care of itself.
 */
XLogRecPtr
lazy_commit_lsn(void)
{
	return Done ? XactLastCommitEnd : InvalidXLogRecPtr;
}
