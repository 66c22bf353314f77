/*-------------------------------------------------------------------------
 *
 * event_row.c
 *	  Rows of weir.event: everything besides tasks and runs that changes what
 *	  runs, with who did it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "ledger/event_row.h"
#include "ledger/sql.h"

/*
 * The address of this session's client; NULL for a local client or a process
 * of the server.
 */
char *
client_address(void)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum		address;

	if (MyProcPort == NULL)
		return NULL;
	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	address = inet_client_addr(fcinfo);
	if (fcinfo->isnull)
		return NULL;
	return DatumGetCString(DirectFunctionCall1(inet_out, address));
}

/*
 * Records an event in this transaction.  Zero and NULL stand for nothing;
 * detail is a JSON text.
 */
void
event_write(const char *kind, int64 task_id, const char *queue,
			const char *relation, const char *reason, const char *detail)
{
	SqlSession	session;
	SqlParams	params = {0};
	char	   *session_name = GetUserNameFromId(GetSessionUserId(), true);
	char	   *current_name = GetUserNameFromId(GetUserId(), true);

	sql_begin(&session);
	sql_add_text(&params, kind);
	sql_add(&params, INT8OID, Int64GetDatum(task_id), task_id == 0);
	sql_add_text(&params, queue);
	sql_add_text(&params, relation);
	sql_add_text(&params, session_name ? session_name : "");
	sql_add_text(&params, current_name ? current_name : "");
	sql_add_text(&params, client_address());
	sql_add_text(&params, reason);
	sql_add_text(&params, detail);
	sql_execute("INSERT INTO weir.event (kind, task_id, queue, relation,"
				" session_user_name, current_user_name, client_addr, reason,"
				" detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)",
				&params);
	sql_end(&session);
}
