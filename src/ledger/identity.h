/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  Whether this ledger is this installation's own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_IDENTITY_H
#define WEIR_IDENTITY_H

#include "datatype/timestamp.h"

extern void identity_install(void);
extern bool identity_matches(void);
extern Oid	identity_role(Oid recorded, const char *name, TimestampTz at);
extern void identity_record(const char *adopted_by);

#endif							/* WEIR_IDENTITY_H */
