/*-------------------------------------------------------------------------
 *
 * let_through.c
 *	  The record of writes that a cap did not hold back.
 *
 * Every one is counted in shared memory by who lets it through.  An event is
 * written at most once a minute per session, table and cause, and says how many
 * there were: a row for each would double what a busy session writes.  An event
 * that goes with its transaction, or savepoint, has said nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/capped.h"
#include "api/let_through.h"
#include "ledger/event_row.h"
#include "ledger/sql.h"
#include "run/attempt.h"
#include "shmem/resource.h"

#define RECORD_INTERVAL_MS	60000

/* What the session, or the current task of a worker, was let through for */
typedef struct LetThrough
{
	struct
	{
		uint64		resource;
		char		kind[16];
		char		cause[16];
	}			key;
	TimestampTz at;				/* of the last event */
	int64		times;			/* since then */
	int			level;			/* of the transaction with the event; 0: over */
	int64		said;			/* the times in that */
} LetThrough;

static HTAB *LetThroughs = NULL;
static int64 LetThroughTask = 0;	/* whose they are */
static bool LetThroughOpen = false; /* some event is not committed */

static LetThrough *
let_through_find(const ResourceSlot *resource, const char *kind,
				 const char *cause, int64 task_id)
{
	LetThrough	probe = {0};
	LetThrough *found;
	bool		known;

	/* a worker has one task after the other */
	if (LetThroughs != NULL && task_id != LetThroughTask)
	{
		hash_destroy(LetThroughs);
		LetThroughs = NULL;
	}
	LetThroughTask = task_id;
	if (LetThroughs == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(probe.key);
		control.entrysize = sizeof(LetThrough);
		control.hcxt = TopMemoryContext;
		LetThroughs = hash_create("pg_weir let through", 16, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	probe.key.resource = resource->key;
	strlcpy(probe.key.kind, kind, sizeof(probe.key.kind));
	strlcpy(probe.key.cause, cause, sizeof(probe.key.cause));
	found = hash_search(LetThroughs, &probe.key, HASH_ENTER, &known);
	if (!known)
	{
		found->at = 0;
		found->times = 0;
		found->level = 0;
		found->said = 0;
	}
	return found;
}

/*
 * Records that this transaction writes the table although it has no slot, and
 * why.
 */
void
let_through_record(const ResourceSlot *resource, const char *kind,
				   const char *cause)
{
	int64		task_id = CurrentAttempt ? CurrentAttempt->assignment->task_id : 0;
	LetThrough *record = let_through_find(resource, kind, cause, task_id);
	TimestampTz now = GetCurrentTimestamp();

	record->times++;
	if (record->at != 0 &&
		!TimestampDifferenceExceeds(record->at, now, RECORD_INTERVAL_MS))
		return;
	/* the transaction may have dropped the extension */
	if (!OidIsValid(extension_oid()))
		return;
	event_write(kind, task_id, NULL, cap_name(resource), NULL,
				psprintf("{\"cause\": \"%s\", \"times\": " INT64_FORMAT "}",
						 cause, record->times));
	record->at = now;
	record->level = GetCurrentTransactionNestLevel();
	record->said = record->times;
	record->times = 0;
	LetThroughOpen = true;
}

/*
 * The transaction of that level has ended.
 */
static void
let_through_end(int level, bool aborted)
{
	HASH_SEQ_STATUS status;
	LetThrough *record;

	LetThroughOpen = LetThroughOpen && level > 1;
	if (LetThroughs == NULL)
		return;
	hash_seq_init(&status, LetThroughs);
	while ((record = hash_seq_search(&status)) != NULL)
	{
		if (record->level < level)
			continue;
		record->level = aborted ? 0 : level - 1;
		if (aborted)
		{
			record->at = 0;
			record->times += record->said;
		}
	}
}

static void
let_through_xact(XactEvent event, void *arg)
{
	if (LetThroughOpen && (event == XACT_EVENT_COMMIT ||
						   event == XACT_EVENT_ABORT ||
						   event == XACT_EVENT_PREPARE))
		let_through_end(1, event == XACT_EVENT_ABORT);
}

static void
let_through_subxact(SubXactEvent event, SubTransactionId mySubid,
					SubTransactionId parentSubid, void *arg)
{
	if (LetThroughOpen && (event == SUBXACT_EVENT_COMMIT_SUB ||
						   event == SUBXACT_EVENT_ABORT_SUB))
		let_through_end(GetCurrentTransactionNestLevel(),
						event == SUBXACT_EVENT_ABORT_SUB);
}

void
let_through_install(void)
{
	RegisterXactCallback(let_through_xact, NULL);
	RegisterSubXactCallback(let_through_subxact, NULL);
}
