/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  Whether this ledger is this installation's own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_IDENTITY_H
#define WEIR_IDENTITY_H

extern bool identity_matches(void);
extern void identity_record(const char *adopted_by);

#endif							/* WEIR_IDENTITY_H */
