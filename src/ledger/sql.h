/*-------------------------------------------------------------------------
 *
 * sql.h
 *	  Running the ledger's own SQL, as the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SQL_H
#define WEIR_SQL_H

#include "executor/spi.h"
#include "utils/jsonb.h"

/* Most parameters that one of our statements takes */
#define SQL_MAX_PARAMS	16

typedef struct SqlParams
{
	int			n;
	Oid			types[SQL_MAX_PARAMS];
	Datum		values[SQL_MAX_PARAMS];
	char		nulls[SQL_MAX_PARAMS];
} SqlParams;

/* Takes a row of a result: its columns, which are gone afterwards */
typedef void (*SqlVisit) (const Datum *values, const bool *nulls, void *arg);

typedef struct SqlSession
{
	Oid			user;
	int			sec_context;
	int			guc_level;
	bool		snapshot;		/* pushed one */
} SqlSession;

extern Oid	extension_oid(void);
extern Oid	extension_owner(void);
extern char *extension_version(void);
extern Oid	ledger_namespace(void);

extern void sql_begin(SqlSession *session);
extern void sql_end(SqlSession *session);
extern uint64 sql_execute(const char *command, const SqlParams *params);
extern void sql_visit(const char *query, const SqlParams *params,
					  SqlVisit visit, void *arg);
extern uint64 sql_read_latest(const char *query);
extern void sql_add(SqlParams *params, Oid type, Datum value, bool isnull);
extern void sql_add_text(SqlParams *params, const char *value);
extern void sql_add_int4(SqlParams *params, int32 value);
extern void sql_add_int8(SqlParams *params, int64 value);
extern void sql_add_bool(SqlParams *params, bool value);
extern char *sql_text(uint64 row, int column);
extern Jsonb *sql_jsonb(uint64 row, int column);
extern int64 sql_int8(uint64 row, int column);
extern int32 sql_int4(uint64 row, int column);
extern bool sql_isnull(uint64 row, int column);

#endif							/* WEIR_SQL_H */
