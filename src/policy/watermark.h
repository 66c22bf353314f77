/*-------------------------------------------------------------------------
 *
 * watermark.h
 *	  Is a queue high, or low again?
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_WATERMARK_H
#define WEIR_POLICY_WATERMARK_H

#include <stdbool.h>
#include <stdint.h>

/* In tasks */
typedef struct Watermarks
{
	uint32_t	high;			/* 0 = none */
	uint32_t	low;			/* below it */
} Watermarks;

extern Watermarks watermarks_of(double high, double low, uint32_t capacity);
extern bool watermarks_high(Watermarks marks, bool before, uint32_t depth);

#endif							/* WEIR_POLICY_WATERMARK_H */
