/*-------------------------------------------------------------------------
 *
 * unique_key.h
 *	  Who has which unique key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_UNIQUE_KEY_H
#define WEIR_UNIQUE_KEY_H

extern int64 unique_key_holder(const char *key);
extern bool unique_keys_take(char **keys, int n, int64 first_id);
extern void unique_key_release(int64 task_id);

#endif							/* WEIR_UNIQUE_KEY_H */
