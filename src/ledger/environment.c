/*-------------------------------------------------------------------------
 *
 * environment.c
 *	  Rows of weir.environment: what many tasks have in common.
 *
 * Queue, owner and class, the names and the defaults of a session are the same
 * for all tasks that it enqueues into a queue, so they are stored once and a
 * task names them by number.  Rows are found by a hash of their content.  Two
 * sessions may store the same content at once, each under a number of its own,
 * rather than wait for one another.
 *
 * A process keeps the last few.  A row that this transaction has written is
 * forgotten when it, or any savepoint of it, is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "ledger/environment.h"
#include "ledger/heap_row.h"
#include "ledger/relation_watch.h"
#include "ledger/sql.h"

#define NUM_STRINGS \
	((sizeof(Environment) - offsetof(Environment, queue)) / sizeof(char *))
#define STRINGS(environment) \
	((const char **) ((char *) (environment) + offsetof(Environment, queue)))
#define NUM_NUMBERS		5
#define CACHE_SIZE		32

/* Columns of weir.environment; the strings come last */
enum
{
	ANUM_ENVIRONMENT_ID = 1,
	ANUM_ENVIRONMENT_HASH,
	ANUM_ENVIRONMENT_QUEUE_ID,
	ANUM_ENVIRONMENT_OWNER,
	ANUM_ENVIRONMENT_MAX_ATTEMPTS,
	ANUM_ENVIRONMENT_AUTOCOMMIT,
	ANUM_ENVIRONMENT_CLASS,
	ANUM_ENVIRONMENT_STRINGS,
	NATTS_ENVIRONMENT = ANUM_ENVIRONMENT_STRINGS + NUM_STRINGS - 1
};

/* All of it in one string of bytes, to be hashed and compared */
typedef struct Content
{
	int			length;
	int64		hash;
	char	   *bytes;
} Content;

typedef struct CacheEntry
{
	int32		id;				/* 0: unused */
	SubTransactionId written;	/* by this transaction; else 0 */
	Content		content;		/* bytes in TopMemoryContext */
} CacheEntry;

static CacheEntry Cache[CACHE_SIZE];
static int	NextEntry = 0;
static bool Unsure = false;		/* some are written by this transaction */
static Oid	EnvironmentRelation = InvalidOid;

static const char *const ClassNames[POLICY_NUM_CLASSES] = {
	"system", "daily", "adhoc", "backfill"
};

const char *
class_name(PolicyClass klass)
{
	return ClassNames[klass];
}

/*
 * Finds a class by name; false if there is none of that name.
 */
bool
class_parse(const char *name, PolicyClass *klass)
{
	for (int i = 0; i < POLICY_NUM_CLASSES; i++)
	{
		if (strcmp(name, ClassNames[i]) == 0)
		{
			*klass = (PolicyClass) i;
			return true;
		}
	}
	return false;
}

static void
cache_forget(CacheEntry *entry)
{
	if (entry->id != 0)
		pfree(entry->content.bytes);
	memset(entry, 0, sizeof(CacheEntry));
}

/*
 * Forgets what was written since the subtransaction began.  It is the last one
 * that is under way, so all with a higher number are inside of it.
 */
static void
cache_rollback(SubTransactionId since)
{
	for (int i = 0; i < CACHE_SIZE; i++)
	{
		if (Cache[i].written >= since)
			cache_forget(&Cache[i]);
	}
}

static void
environment_xact(XactEvent event, void *arg)
{
	/* every transaction of every session comes here */
	if (!Unsure || (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT))
		return;
	Unsure = false;
	if (event == XACT_EVENT_ABORT)
		cache_rollback(TopSubTransactionId);
	for (int i = 0; i < CACHE_SIZE; i++)
		Cache[i].written = InvalidSubTransactionId;
}

static void
environment_subxact(SubXactEvent event, SubTransactionId mine,
					SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		cache_rollback(mine);
}

/*
 * The table may have been dropped, with the extension, and made again.
 */
static void
environment_invalidate(Oid relid)
{
	if (OidIsValid(relid) && relid != EnvironmentRelation)
		return;
	for (int i = 0; i < CACHE_SIZE; i++)
		cache_forget(&Cache[i]);
}

void
environment_install(void)
{
	relation_watch(environment_invalidate);
	RegisterXactCallback(environment_xact, NULL);
	RegisterSubXactCallback(environment_subxact, NULL);
}

/*
 * Puts the numbers one after another, then the strings, each behind a byte that
 * says whether it is null.
 */
static void
content_form(const Environment *environment, Content *content)
{
	const int32 numbers[NUM_NUMBERS] = {
		environment->queue_id, (int32) environment->owner,
		environment->max_attempts, environment->autocommit,
		environment->klass
	};
	const char **strings = STRINGS(environment);
	StringInfoData buffer;

	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, (const char *) numbers, sizeof(numbers));
	for (int i = 0; i < NUM_STRINGS; i++)
	{
		appendStringInfoChar(&buffer, strings[i] ? 'v' : 'n');
		if (strings[i])
			appendBinaryStringInfo(&buffer, strings[i], strlen(strings[i]) + 1);
	}
	content->bytes = buffer.data;
	content->length = buffer.len;
	content->hash = (int64) hash_bytes_extended((unsigned char *) buffer.data,
												buffer.len, 0);
}

static bool
content_equal(const Content *a, const Content *b)
{
	return a->hash == b->hash && a->length == b->length &&
		memcmp(a->bytes, b->bytes, a->length) == 0;
}

/*
 * Takes a content apart; the strings point into a copy of its bytes.
 */
static void
content_split(const Content *content, Environment *environment)
{
	const char **strings = STRINGS(environment);
	int32		numbers[NUM_NUMBERS];
	char	   *bytes = palloc(content->length);

	memcpy(bytes, content->bytes, content->length);
	memcpy(numbers, bytes, sizeof(numbers));
	bytes += sizeof(numbers);
	environment->queue_id = numbers[0];
	environment->owner = (Oid) numbers[1];
	environment->max_attempts = numbers[2];
	environment->autocommit = numbers[3] != 0;
	environment->klass = (PolicyClass) numbers[4];
	for (int i = 0; i < NUM_STRINGS; i++)
	{
		bool		isnull = *bytes++ == 'n';

		strings[i] = isnull ? NULL : bytes;
		if (!isnull)
			bytes += strlen(bytes) + 1;
	}
}

/*
 * Keeps a row, in the place of the one that came in first.
 */
static void
cache_add(const CacheEntry *found)
{
	const Content *content = &found->content;
	CacheEntry *entry = &Cache[NextEntry];
	char	   *bytes = MemoryContextAlloc(TopMemoryContext, content->length);

	NextEntry = (NextEntry + 1) % CACHE_SIZE;
	cache_forget(entry);
	*entry = *found;
	entry->content.bytes = memcpy(bytes, content->bytes, content->length);
	Unsure |= entry->written != InvalidSubTransactionId;
}

static Oid
environment_object(const char *name)
{
	return get_relname_relid(name, ledger_namespace());
}

/*
 * Takes a row apart.
 */
static void
row_read(HeapTuple tuple, TupleDesc descriptor, CacheEntry *entry)
{
	Environment environment = {0};
	const char **strings = STRINGS(&environment);

	environment.queue_id = heap_row_int4(tuple, ANUM_ENVIRONMENT_QUEUE_ID,
										 descriptor, 0);
	environment.owner = (Oid) heap_row_int4(tuple, ANUM_ENVIRONMENT_OWNER,
											descriptor, InvalidOid);
	environment.max_attempts = heap_row_int4(tuple,
											 ANUM_ENVIRONMENT_MAX_ATTEMPTS,
											 descriptor, 1);
	environment.autocommit = heap_row_bool(tuple, ANUM_ENVIRONMENT_AUTOCOMMIT,
										   descriptor);
	(void) class_parse(heap_row_text(tuple, ANUM_ENVIRONMENT_CLASS,
									 descriptor), &environment.klass);
	for (int i = 0; i < NUM_STRINGS; i++)
		strings[i] = heap_row_text(tuple, ANUM_ENVIRONMENT_STRINGS + i,
								   descriptor);
	content_form(&environment, &entry->content);
	entry->id = heap_row_int4(tuple, ANUM_ENVIRONMENT_ID, descriptor, 0);
	entry->written = InvalidSubTransactionId;
	if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
		entry->written = GetCurrentSubTransactionId();
}

/*
 * Finds a row by its id, or, if that is zero, by its content; false if there
 * is none.
 */
static bool
table_find(int32 id, const Content *wanted, CacheEntry *entry)
{
	Relation	relation = table_open(environment_object("environment"),
									  AccessShareLock);
	Oid			index = environment_object(id != 0 ? "environment_pkey" :
										   "environment_hash_idx");
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	EnvironmentRelation = RelationGetRelid(relation);
	if (id != 0)
		ScanKeyInit(&key, ANUM_ENVIRONMENT_ID, BTEqualStrategyNumber, F_INT4EQ,
					Int32GetDatum(id));
	else
		ScanKeyInit(&key, ANUM_ENVIRONMENT_HASH, BTEqualStrategyNumber,
					F_INT8EQ, Int64GetDatum(wanted->hash));
	scan = systable_beginscan(relation, index, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		row_read(tuple, RelationGetDescr(relation), entry);
		found = wanted == NULL || content_equal(wanted, &entry->content);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

/*
 * Writes a row into this transaction.
 */
static int32
table_add(const Environment *environment, const Content *content)
{
	const char **strings = STRINGS(environment);
	Datum		values[NATTS_ENVIRONMENT];
	bool		nulls[NATTS_ENVIRONMENT] = {0};
	int32		id;

	id = (int32) nextval_internal(environment_object("environment_environment_id_seq"),
								  false);
	values[ANUM_ENVIRONMENT_ID - 1] = Int32GetDatum(id);
	values[ANUM_ENVIRONMENT_HASH - 1] = Int64GetDatum(content->hash);
	values[ANUM_ENVIRONMENT_QUEUE_ID - 1] =
		Int32GetDatum(environment->queue_id);
	values[ANUM_ENVIRONMENT_OWNER - 1] = ObjectIdGetDatum(environment->owner);
	values[ANUM_ENVIRONMENT_MAX_ATTEMPTS - 1] =
		Int32GetDatum(environment->max_attempts);
	values[ANUM_ENVIRONMENT_AUTOCOMMIT - 1] =
		BoolGetDatum(environment->autocommit);
	heap_row_set_text(values, nulls, ANUM_ENVIRONMENT_CLASS,
					  class_name(environment->klass));
	for (int i = 0; i < NUM_STRINGS; i++)
		heap_row_set_text(values, nulls, ANUM_ENVIRONMENT_STRINGS + i,
						  strings[i]);
	heap_row_insert(environment_object("environment"), values, nulls);
	return id;
}

/*
 * The number of the row with this content, which is written if there is none.
 */
int32
environment_id(const Environment *environment)
{
	Content		content;
	CacheEntry	entry;

	content_form(environment, &content);
	for (int i = 0; i < CACHE_SIZE; i++)
	{
		if (Cache[i].id != 0 && content_equal(&Cache[i].content, &content))
			return Cache[i].id;
	}
	if (!table_find(0, &content, &entry))
	{
		entry.id = table_add(environment, &content);
		entry.written = GetCurrentSubTransactionId();
		entry.content = content;
	}
	cache_add(&entry);
	return entry.id;
}

/*
 * Reads the row of that number, into the current memory context.
 */
void
environment_read(int32 id, Environment *environment)
{
	CacheEntry	entry;

	for (int i = 0; i < CACHE_SIZE; i++)
	{
		if (Cache[i].id == id)
		{
			content_split(&Cache[i].content, environment);
			return;
		}
	}
	if (!table_find(id, NULL, &entry))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("environment %d of a task does not exist", id)));
	cache_add(&entry);
	content_split(&entry.content, environment);
}
