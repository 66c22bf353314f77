/*-------------------------------------------------------------------------
 *
 * lazy_commit.h
 *	  A commit that leaves the flush to somebody else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LAZY_COMMIT_H
#define WEIR_LAZY_COMMIT_H

#include "access/xlogdefs.h"

extern void lazy_commit_install(void);
extern void lazy_commit_request(void);
extern void lazy_commit_keep(int value);
extern XLogRecPtr lazy_commit_lsn(void);

#endif							/* WEIR_LAZY_COMMIT_H */
