/*-------------------------------------------------------------------------
 *
 * holders.h
 *	  Who holds the slots of a resource, and whether they wait for us.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_HOLDERS_H
#define WEIR_HOLDERS_H

#include "storage/lock.h"

extern char *holders_text(uint64 resource);
extern bool process_waits_for_us(int pid, char **path);
extern bool holders_wait_for_us(uint64 resource, bool all, char **cycle);

#endif							/* WEIR_HOLDERS_H */
