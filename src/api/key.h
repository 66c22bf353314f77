/*-------------------------------------------------------------------------
 *
 * key.h
 *	  Keys in which arguments stand.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_KEY_H
#define WEIR_KEY_H

#include "utils/jsonb.h"

#define MAX_KEY_LENGTH	1000	/* bytes; an index entry must hold it */

extern char *key_expand(const char *argument, const char *template,
						const Jsonb *args);

#endif							/* WEIR_KEY_H */
