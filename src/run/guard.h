/*-------------------------------------------------------------------------
 *
 * guard.h
 *	  Keeps a task from releasing its slots.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_GUARD_H
#define WEIR_GUARD_H

extern void guard_install(void);

#endif							/* WEIR_GUARD_H */
