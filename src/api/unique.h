/*-------------------------------------------------------------------------
 *
 * unique.h
 *	  Submitting tasks under unique keys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_UNIQUE_H
#define WEIR_UNIQUE_H

#include "api/submission.h"

extern void unique_take(Submission *submission);

#endif							/* WEIR_UNIQUE_H */
