/*-------------------------------------------------------------------------
 *
 * execute.c
 *	  Executing the statements of a command through portals.
 *
 * One path for both modes.  In mode transaction the statements are not at top
 * level: what must not run in a transaction block is refused by the server
 * itself, and a procedure cannot commit.  In mode autocommit each statement
 * is at top level in a transaction of its own.
 *
 * Plans are kept by command text, unless it is a long one.  Statements are
 * analyzed lazily, one when its turn has come, since it may need what earlier
 * ones create; so each has parameter types of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "run/command.h"
#include "run/execute.h"
#include "run/params.h"
#include "run/result.h"

#define MAX_KEPT_COMMANDS	64	/* texts whose plans a worker keeps */

/* Each plan has a copy of the whole text: bytes of copies in one command */
#define MAX_KEPT_TEXT		(128 * 1024)

/* One statement of a kept command */
typedef struct KeptStatement
{
	RawStmt    *raw;
	CachedPlanSource *source;	/* NULL until it was first executed */
	Oid		   *types;
	int			ntypes;
} KeptStatement;

/* A command text and its statements */
typedef struct KeptCommand
{
	MemoryContext context;
	uint32		hash;
	uint64		last_used;
	const char *text;
	int			nstatements;
	KeptStatement *statements;
	bool		passing;		/* too long to be kept: planned for once */
} KeptCommand;

static KeptCommand Kept[MAX_KEPT_COMMANDS];
static uint64 UseCounter = 0;

/*
 * Drops a kept command with its plans.
 */
static void
kept_drop(KeptCommand *command)
{
	for (int i = 0; i < command->nstatements; i++)
	{
		if (command->statements[i].source)
			DropCachedPlan(command->statements[i].source);
	}
	if (command->context)
		MemoryContextDelete(command->context);
	memset(command, 0, sizeof(KeptCommand));
}

/*
 * Drops all kept plans: the session they were made in has changed.
 */
void
execute_forget_plans(void)
{
	for (int i = 0; i < MAX_KEPT_COMMANDS; i++)
		kept_drop(&Kept[i]);
}

/*
 * Parses a command, into the memory of the attempt.
 */
static void
command_read(KeptCommand *command, const char *text, uint32 hash,
			 bool autocommit, MemoryContext attempt)
{
	MemoryContext context = AllocSetContextCreate(attempt, "pg_weir command",
												  ALLOCSET_START_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	char	   *copy = pstrdup(text);
	List	   *statements = command_parse(copy);
	KeptStatement *array;
	int			n = list_length(statements);

	command_refuse(statements, autocommit);
	array = palloc0(n * sizeof(KeptStatement));
	for (int i = 0; i < n; i++)
		array[i].raw = list_nth_node(RawStmt, statements, i);
	MemoryContextSwitchTo(caller);
	command->context = context;
	command->hash = hash;
	command->text = copy;
	command->statements = array;
	command->nstatements = n;
	command->passing = strlen(copy) > MAX_KEPT_TEXT / n;
}

/*
 * Finds or keeps the command, or reads it for this attempt alone.  The mode is
 * part of the hash: what is refused differs.
 */
static KeptCommand *
kept_find(const char *text, bool autocommit, MemoryContext attempt,
		  KeptCommand *passing)
{
	uint32		hash = hash_bytes((const unsigned char *) text,
								  strlen(text)) ^ (autocommit ? 1 : 0);
	KeptCommand *oldest = &Kept[0];
	KeptCommand *found = NULL;

	for (int i = 0; i < MAX_KEPT_COMMANDS && !found; i++)
	{
		KeptCommand *command = &Kept[i];

		if (command->context && command->hash == hash &&
			strcmp(command->text, text) == 0)
			found = command;
		if (command->last_used < oldest->last_used)
			oldest = command;
	}
	if (!found)
	{
		command_read(passing, text, hash, autocommit, attempt);
		if (passing->passing)
			return passing;
		kept_drop(oldest);
		*oldest = *passing;
		MemoryContextSetParent(oldest->context, TopMemoryContext);
		found = oldest;
	}
	found->last_used = ++UseCounter;
	return found;
}

/*
 * Checks that the parser could infer all types.
 */
static void
check_types(const Oid *types, int ntypes)
{
	for (int i = 0; i < ntypes; i++)
	{
		if (types[i] == UNKNOWNOID)
			ereport(ERROR,
					(errcode(ERRCODE_INDETERMINATE_DATATYPE),
					 errmsg("could not determine data type of parameter $%d",
							i + 1)));
	}
}

/*
 * Analyzes a statement and keeps it as a plan source; that of a command in
 * passing is in the caller's memory and has no copy of the text.
 */
static void
statement_prepare(KeptCommand *command, KeptStatement *statement)
{
	CachedPlanSource *source;
	bool		snapshot = analyze_requires_snapshot(statement->raw);
	MemoryContext caller;
	Oid		   *types = NULL;
	int			ntypes = 0;
	Query	   *query;

	source = (command->passing ? CreateOneShotCachedPlan : CreateCachedPlan)
		(statement->raw, command->text, CreateCommandTag(statement->raw->stmt));
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	query = parse_analyze_varparams(copyObject(statement->raw), command->text,
									&types, &ntypes, NULL);
	check_types(types, ntypes);
	if (snapshot)
		PopActiveSnapshot();
	CompleteCachedPlan(source, pg_rewrite_query(query), NULL, types, ntypes,
					   NULL, NULL, CURSOR_OPT_PARALLEL_OK, false);
	if (!command->passing)
		SaveCachedPlan(source);
	caller = MemoryContextSwitchTo(command->context);
	if (ntypes > 0)
	{
		statement->types = palloc(ntypes * sizeof(Oid));
		memcpy(statement->types, types, ntypes * sizeof(Oid));
	}
	statement->ntypes = ntypes;
	statement->source = source;
	MemoryContextSwitchTo(caller);
}

/*
 * Drops what was kept of a statement if its names may mean something else by
 * now: the parameters may then have other types, which the server would not
 * infer again.
 */
static void
statement_check(KeptStatement *statement)
{
	CachedPlanSource *source = statement->source;

	if (source == NULL || source->search_path == NULL ||
		(source->is_valid && weir_search_path_matches(source->search_path)))
		return;
	statement->source = NULL;
	DropCachedPlan(source);
}

/*
 * Plans a prepared statement and opens its portal.  The caller's memory must
 * outlive the commits of a procedure, as the parameters do.
 */
static Portal
statement_open(KeptCommand *command, KeptStatement *statement, Jsonb *args)
{
	Portal		portal = CreateNewPortal();
	ParamListInfo params;
	CachedPlan *plan;
	bool		snapshot = analyze_requires_snapshot(statement->raw) ||
	statement->ntypes > 0;

	portal->visible = false;
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	params = params_bind(args, statement->types, statement->ntypes);
	plan = GetCachedPlan(statement->source, params, NULL, NULL);
	PortalDefineQuery(portal, NULL, command->text,
					  statement->source->commandTag, plan->stmt_list, plan);
	if (snapshot)
		PopActiveSnapshot();
	PortalStart(portal, params, 0, InvalidSnapshot);
	return portal;
}

/*
 * Executes one statement; the result is kept if it is the last one.
 */
static void
statement_execute(KeptCommand *command, KeptStatement *statement, Jsonb *args,
				  bool autocommit, MemoryContext context, bool last,
				  ExecuteResult *result)
{
	DestReceiver *receiver = last ? result_receiver_create(context) : None_Receiver;
	MemoryContext memory = context;
	MemoryContext caller;
	QueryCompletion completion;
	Portal		portal;

	if (command->passing)
		memory = AllocSetContextCreate(context, "pg_weir statement",
									   ALLOCSET_SMALL_SIZES);
	InitializeQueryCompletion(&completion);
	statement_check(statement);
	caller = MemoryContextSwitchTo(memory);
	if (statement->source == NULL)
		statement_prepare(command, statement);
	portal = statement_open(command, statement, args);
	MemoryContextSwitchTo(caller);
	(void) weir_PortalRun(portal, FETCH_ALL, autocommit, receiver,
						  &completion);
	PortalDrop(portal, false);
	if (command->passing)
	{
		statement->source = NULL;
		MemoryContextDelete(memory);
	}
	if (last)
	{
		result->has_rows = command_tag_display_rowcount(completion.commandTag);
		result->rows = (int64) completion.nprocessed;
		result->json = result_receiver_json(receiver,
											&result->not_stored);
		receiver->rDestroy(receiver);
	}
}

/*
 * Executes all statements of a command, in the current transaction or, in
 * mode autocommit, each in one of its own; then it is called and it returns
 * within a transaction, too.  The result is allocated in the context.
 */
void
execute_command(const char *text, Jsonb *args, bool autocommit,
				MemoryContext context, ExecuteResult *result)
{
	KeptCommand passing = {0};
	KeptCommand *command = kept_find(text, autocommit, context, &passing);

	memset(result, 0, sizeof(ExecuteResult));
	for (int i = 0; i < command->nstatements; i++)
	{
		CHECK_FOR_INTERRUPTS();
		statement_execute(command, &command->statements[i], args, autocommit,
						  context, i == command->nstatements - 1, result);
		if (autocommit)
		{
			CommitTransactionCommand();
			StartTransactionCommand();
		}
		else
			CommandCounterIncrement();
	}
}
