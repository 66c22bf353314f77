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

/*
 * SQL: the oid of the role that $2 names, zero for public; and whether a grant
 * is that role's, for which it may have been called otherwise when it was
 * recorded, if the oids in the ledger mean something still.
 */
#define IDENTITY_OID \
	"coalesce((SELECT r.oid FROM pg_catalog.pg_roles r" \
	" WHERE r.rolname = $2), 0)"
#define IDENTITY_IS_GRANTEE \
	"(role_name = $2 OR role <> 0 AND role = " IDENTITY_OID \
	" AND NOT EXISTS (SELECT FROM weir.identity i" \
	" WHERE i.adopted_at > granted_at" \
	" AND i.adopted_at > (SELECT min(adopted_at) FROM weir.identity)))"

extern bool identity_grantee(uint64 row, int column, Oid *role);
extern Oid	identity_role(Oid recorded, const char *name, TimestampTz at);
extern void identity_record(const char *adopted_by);

#endif							/* WEIR_IDENTITY_H */
