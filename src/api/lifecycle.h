/*-------------------------------------------------------------------------
 *
 * lifecycle.h
 *	  What commands that create, copy, move or drop databases and the
 *	  extension mean to our processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LIFECYCLE_H
#define WEIR_LIFECYCLE_H

extern void lifecycle_install_hooks(void);

#endif							/* WEIR_LIFECYCLE_H */
