/*-------------------------------------------------------------------------
 *
 * checked.h
 *	  Commands that were found good, for who submits them again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CHECKED_H
#define WEIR_CHECKED_H

extern bool checked_find(const char *command, bool autocommit, bool analyzed,
						 int *nparams);
extern void checked_remember(const char *command, bool autocommit,
							 bool analyzed, int nparams);

#endif							/* WEIR_CHECKED_H */
