/*-------------------------------------------------------------------------
 *
 * generation.h
 *	  The generations of the ledger: which table a task id belongs to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_GENERATION_H
#define WEIR_GENERATION_H

#include "utils/relcache.h"

typedef enum LedgerTable
{
	LEDGER_TASK,
	LEDGER_RUN
} LedgerTable;

typedef struct Generation
{
	int32		generation_id;
	bool		open;
	int64		low;
	int64		high;			/* not included */
	Oid			task;
	Oid			run;
} Generation;

extern void generation_install(void);
extern const Generation *generation_list(int *n);
extern const Generation *generation_of(int64 task_id);
extern void generation_create(int64 low, int64 high);
extern bool generation_keep_open(int64 low, int64 high);
extern void generation_visit_unfinished(void (*visit) (int64 task_id, void *arg),
										void *arg);
extern int64 generation_find_unfinished(const Generation *generation);
extern bool generation_try_close(const Generation *generation);
extern void generation_drop(int32 generation_id);
extern int64 generation_next_id(void);

#endif							/* WEIR_GENERATION_H */
