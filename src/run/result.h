/*-------------------------------------------------------------------------
 *
 * result.h
 *	  Catching the rows of a statement as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RESULT_H
#define WEIR_RESULT_H

#include "tcop/dest.h"
#include "utils/jsonb.h"

extern DestReceiver *result_receiver_create(MemoryContext context);
extern Jsonb *result_receiver_json(DestReceiver *receiver,
								   const char **not_stored);

#endif							/* WEIR_RESULT_H */
