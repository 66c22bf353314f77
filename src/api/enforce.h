/*-------------------------------------------------------------------------
 *
 * enforce.h
 *	  Caps that bind every session: the hooks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ENFORCE_H
#define WEIR_ENFORCE_H

extern void enforce_install_hooks(void);

#endif							/* WEIR_ENFORCE_H */
