/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  The one process of a server that keeps the schedulers alive.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_LAUNCHER_H
#define WEIR_LAUNCHER_H

#include "postmaster/bgworker.h"

extern void launcher_register(void);
extern PGDLLEXPORT void weir_launcher_main(Datum arg);

#endif							/* WEIR_LAUNCHER_H */
