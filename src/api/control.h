/*-------------------------------------------------------------------------
 *
 * control.h
 *	  Acting on tasks: cancel, retry, expedite.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include "shmem/layout.h"

extern void control_cancel_running(WeirDatabase *database);

#endif							/* WEIR_CONTROL_H */
