/*-------------------------------------------------------------------------
 *
 * command.c
 *	  The SQL text of a task: parsing, refusing, counting parameters.
 *
 * The same checks are made when a task is enqueued, so that a mistake is told
 * to who made it, and when it runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "run/command.h"

/* Longest wait for a relation lock while a command is analyzed, ms */
#define ANALYZE_LOCK_TIMEOUT	1

/*
 * Parses the text into raw statements.  Empty statements vanish; a text
 * without any other is refused.
 */
List *
command_parse(const char *command)
{
	List	   *statements;

	if (strlen(command) > COMMAND_MAX_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("command is too long"),
				 errdetail("It has %zu bytes, and at most %d are allowed.",
						   strlen(command), COMMAND_MAX_LENGTH),
				 errhint("Put the work into a function and the data into a table.")));
	statements = pg_parse_query(command);
	if (statements == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("command is empty")));
	return statements;
}

/*
 * The highest parameter number in the text.  It is scanned, not parsed: the
 * statements of a script are analyzed one by one when their turn comes.
 */
int
command_count_params(const char *command)
{
	core_yyscan_t scanner;
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE		location;
	int			token;
	int			max = 0;

	scanner = scanner_init(command, &extra, &ScanKeywords, ScanKeywordTokens);
	while ((token = core_yylex(&value, &location, scanner)) != 0)
	{
		if (token == WEIR_TOKEN_PARAM)
			max = Max(max, value.ival);
	}
	scanner_finish(scanner);
	return max;
}

/*
 * Is this a statement that cannot run inside a transaction block?
 */
static bool
statement_needs_autocommit(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_VacuumStmt:
			return castNode(VacuumStmt, statement)->is_vacuumcmd;
		case T_IndexStmt:
			return castNode(IndexStmt, statement)->concurrent;
		case T_DropStmt:
			return castNode(DropStmt, statement)->concurrent;
		case T_ClusterStmt:
			return castNode(ClusterStmt, statement)->relation == NULL;
		case T_ReindexStmt:
			{
				ReindexStmt *reindex = castNode(ReindexStmt, statement);
				ListCell   *lc;

				if (reindex->kind != REINDEX_OBJECT_INDEX &&
					reindex->kind != REINDEX_OBJECT_TABLE)
					return true;
				foreach(lc, reindex->params)
				{
					DefElem    *option = lfirst_node(DefElem, lc);

					if (strcmp(option->defname, "concurrently") == 0 &&
						defGetBoolean(option))
						return true;
				}
				return false;
			}
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
		case T_AlterSystemStmt:
		case T_CreateSubscriptionStmt:
		case T_DropSubscriptionStmt:
			return true;
		default:
			return false;
	}
}

static void
refuse(const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s is not allowed in a task", what),
			 hint ? errhint("%s", hint) : 0));
}

/*
 * Refuses a statement that would take the worker's transaction, connection or
 * locks out of its hands.
 */
static void
statement_refuse(Node *statement, bool autocommit)
{
	switch (nodeTag(statement))
	{
		case T_TransactionStmt:
			refuse(castNode(TransactionStmt, statement)->kind == TRANS_STMT_PREPARE ?
				   "PREPARE TRANSACTION" : "transaction control",
				   "A task is one transaction; in mode autocommit each of its statements is, and a procedure may commit.");
			break;
		case T_CopyStmt:
			if (castNode(CopyStmt, statement)->filename == NULL)
				refuse("COPY from or to the client", "A task has no client.");
			break;
		case T_DiscardStmt:
			if (castNode(DiscardStmt, statement)->target == DISCARD_ALL)
				refuse("DISCARD ALL",
					   "The worker resets its session after each task.");
			break;
		case T_ListenStmt:
			refuse("LISTEN", "A task has no client.");
			break;
		default:
			break;
	}
	if (!autocommit && statement_needs_autocommit(statement))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s%s cannot run in a task in mode \"%s\"",
						GetCommandTagName(CreateCommandTag(statement)),
						IsA(statement, IndexStmt) || IsA(statement, DropStmt) ?
						" CONCURRENTLY" : "", "transaction"),
				 errhint("Enqueue it with mode => 'autocommit'.")));
}

/*
 * Refuses a command with a statement that cannot run in that mode.
 */
void
command_refuse(List *statements, bool autocommit)
{
	ListCell   *lc;

	foreach(lc, statements)
		statement_refuse(lfirst_node(RawStmt, lc)->stmt, autocommit);
}

/*
 * The number of arguments in a JSON array; NULL is none.
 */
int
args_count(Jsonb *args)
{
	if (args == NULL)
		return 0;
	if (!JB_ROOT_IS_ARRAY(args) || JB_ROOT_IS_SCALAR(args))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments must be a JSON array"),
				 errhint("For example '[42, \"text\", null]', or jsonb_build_array(...).")));
	return JB_ROOT_COUNT(args);
}

/*
 * Checks that there is exactly one argument per parameter.
 */
void
command_check_args(int nparams, int nargs)
{
	if (nparams > COMMAND_MAX_ARGS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("command has too many parameters"),
				 errdetail("It uses $%d, and at most %d are allowed.",
						   nparams, COMMAND_MAX_ARGS)));
	if (nargs != nparams)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of arguments does not match the command"),
				 errdetail("The command has %d parameters, and %d arguments are given.",
						   nparams, nargs)));
}

/*
 * Analyzes the statement in a subtransaction that is rolled back, so that no
 * lock stays behind; false if a lock could not be had.
 */
static bool
analyze_one(RawStmt *statement, const char *command)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	int			lock_timeout = LockTimeout;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	LockTimeout = ANALYZE_LOCK_TIMEOUT;
	PG_TRY();
	{
		Oid		   *types = NULL;
		int			ntypes = 0;

		PushActiveSnapshot(GetTransactionSnapshot());
		(void) parse_analyze_varparams(copyObject(statement), command, &types,
									   &ntypes, NULL);
		PopActiveSnapshot();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	LockTimeout = lock_timeout;
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
		error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		ReThrowError(error);
	return error == NULL;
}

/*
 * Looks for missing objects and type errors in a command that is a single
 * query.  Statements of a longer script may need what earlier ones create,
 * and are not looked at.  A relation that somebody has locked is not waited
 * for: then the command is taken as it is, and this says false.
 */
bool
command_analyze(List *statements, const char *command)
{
	RawStmt    *statement = linitial_node(RawStmt, statements);

	return list_length(statements) != 1 ||
		!analyze_requires_snapshot(statement) ||
		analyze_one(statement, command);
}
