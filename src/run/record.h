/*-------------------------------------------------------------------------
 *
 * record.h
 *	  The record of an attempt: its run row, and the report to the scheduler.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RECORD_H
#define WEIR_RECORD_H

#include "ledger/run_row.h"
#include "run/attempt.h"
#include "run/execute.h"

extern void record_report(Attempt *attempt, CompletionKind kind,
						  uint64 resource);
extern void record_promise(Attempt *attempt, const RunRow *run);
extern void record_success(Attempt *attempt, const ExecuteResult *result,
						   RunRow *run);
extern void record_failure(Attempt *attempt, const ErrorData *error);

#endif							/* WEIR_RECORD_H */
