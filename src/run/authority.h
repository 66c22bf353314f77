/*-------------------------------------------------------------------------
 *
 * authority.h
 *	  Whether this worker still is what it was when it connected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_AUTHORITY_H
#define WEIR_AUTHORITY_H

extern void authority_watch(void);
extern bool authority_holds(void);

#endif							/* WEIR_AUTHORITY_H */
