/*-------------------------------------------------------------------------
 *
 * listener.c
 *	  A worker of the plain kind, for comparison: it sleeps until it is
 *	  notified, then claims jobs with SKIP LOCKED until there is none.
 *
 * The argument is the number of jobs after which it leaves.
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "libpq-fe.h"

static PGconn * connection;

static PGresult *
run(const char *sql)
{
	PGresult   *result = PQexec(connection, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(connection));
		exit(1);
	}
	return result;
}

/*
 * Claims and does one job; the number of jobs done.
 */
static int
do_one(void)
{
	char text[	256];
	PGresult   *claim;
	int			found;

	PQclear(run("BEGIN"));
	claim = run("SELECT id, clock_timestamp() FROM job ORDER BY id"
				" LIMIT 1 FOR UPDATE SKIP LOCKED");
	found = PQntuples(claim);
	if (found)
	{
		PQclear(run("SELECT 1"));
		snprintf(text, sizeof(text), "DELETE FROM job WHERE id = %s",
				 PQgetvalue(claim, 0, 0));
		PQclear(run(text));
		snprintf(text, sizeof(text), "INSERT INTO done VALUES (%s, '%s')",
				 PQgetvalue(claim, 0, 0), PQgetvalue(claim, 0, 1));
		PQclear(run(text));
	}
	PQclear(claim);
	PQclear(run("COMMIT"));
	return found;
}

int
main(int argc, char **argv)
{
	int			left = argc > 1 ? atoi(argv[1]) : 0;

	connection = PQconnectdb("");
	PQclear(run("LISTEN job"));
	puts("ready");
	fflush(stdout);
	while (left > 0)
	{
		struct pollfd waiting = {PQsocket(connection), POLLIN, 0};
		PGnotify   *notification;

		if (poll(&waiting, 1, -1) < 0 || !PQconsumeInput(connection))
			return 1;
		while ((notification = PQnotifies(connection)) != NULL)
		{
			PQfreemem(notification);
			while (do_one())
				left--;
		}
	}
	PQfinish(connection);
	return 0;
}
