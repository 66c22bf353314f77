/*-------------------------------------------------------------------------
 *
 * feeds.h
 *	  Which queue another one feeds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_FEEDS_H
#define WEIR_FEEDS_H

#include "utils/jsonb.h"

extern void feeds_check(const char *name, Jsonb *policy);
extern void feeds_refuse_drop(const char *name);

#endif							/* WEIR_FEEDS_H */
