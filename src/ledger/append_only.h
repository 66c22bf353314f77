/*-------------------------------------------------------------------------
 *
 * append_only.h
 *	  The ledger's triggers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_APPEND_ONLY_H
#define WEIR_APPEND_ONLY_H

extern void append_only_suspend(bool suspend);

#endif							/* WEIR_APPEND_ONLY_H */
