/*-------------------------------------------------------------------------
 *
 * key.c
 *	  Keys in which arguments stand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "api/key.h"
#include "run/params.h"

/*
 * Puts the arguments of a task into a key, which an argument of ours gives: $1 is
 * the first one.
 */
char *
key_expand(const char *argument, const char *template, const Jsonb *args)
{
	StringInfoData key;
	const char *c = template;

	initStringInfo(&key);
	while (*c)
	{
		char	   *end;
		long		number;

		if (c[0] != '$' || c[1] < '1' || c[1] > '9')
		{
			appendStringInfoChar(&key, *c++);
			continue;
		}
		number = strtol(c + 1, &end, 10);
		if (args == NULL || number > JB_ROOT_COUNT(args))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" refers to $%ld, but there is no such argument",
							argument, number)));
		appendStringInfoString(&key, params_text(args, (int) number - 1));
		c = end;
	}
	if (key.len == 0 || key.len > MAX_KEY_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must have between %d and %d bytes",
						argument, 1, MAX_KEY_LENGTH)));
	return key.data;
}
