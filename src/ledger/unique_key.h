/*-------------------------------------------------------------------------
 *
 * unique_key.h
 *	  Who has which unique key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_UNIQUE_KEY_H
#define WEIR_UNIQUE_KEY_H

#include "datatype/timestamp.h"

extern int64 unique_key_holder(const char *key, bool *ended);
extern bool unique_keys_take(char **keys, int n, int64 first_id,
							 TimestampTz until);
extern void unique_key_release(int64 task_id, bool succeeded);
extern void unique_keys_forget(void);

#endif							/* WEIR_UNIQUE_KEY_H */
