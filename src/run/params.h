/*-------------------------------------------------------------------------
 *
 * params.h
 *	  Binding a task's JSON arguments to the parameters of a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_PARAMS_H
#define WEIR_PARAMS_H

#include "nodes/params.h"
#include "utils/jsonb.h"

extern Datum params_value(JsonbValue *value, Oid type, bool *isnull);
extern ParamListInfo params_bind(Jsonb *args, const Oid *types, int ntypes);
extern char *params_text(const Jsonb *args, int i);

#endif							/* WEIR_PARAMS_H */
