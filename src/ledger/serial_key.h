/*-------------------------------------------------------------------------
 *
 * serial_key.h
 *	  Serial keys: what the scheduler knows them by, and who waits for whom.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SERIAL_KEY_H
#define WEIR_SERIAL_KEY_H

#include "utils/array.h"

/* A task that does not start because of another one of its key */
typedef struct SerialWait
{
	int64		task_id;
	int64		first;			/* of its key */
	int64		before;			/* tasks that go before it */
} SerialWait;

typedef void (*SerialVisit) (const SerialWait *wait, void *arg);

extern uint64 serial_key_digest(Oid owner, const char *key);
extern void serial_key_visit_waiting(ArrayType *tasks, SerialVisit visit,
									 void *arg);

#endif							/* WEIR_SERIAL_KEY_H */
