/*-------------------------------------------------------------------------
 *
 * tap.h
 *	  Test results in TAP, and what tests of the policy share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_TAP_H
#define WEIR_SIM_TAP_H

#include "policy/policy.h"

#define SECOND	INT64_C(1000000)
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)

extern void tap_ok(bool passed, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern void tap_note(const char *format,...)
			__attribute__((format(printf, 1, 2)));
extern int	tap_done(void);

/* malloc that counts what was not given back; it exits rather than fail */
extern size_t test_blocks;
extern const PolicyAllocator test_allocator;

/* Random numbers, the same everywhere for the same seed */
typedef struct TestRandom
{
	uint64_t	state;
} TestRandom;

extern uint64_t test_random(TestRandom *random);
extern int	test_below(TestRandom *random, int n);
extern double test_uniform(TestRandom *random);

#endif							/* WEIR_SIM_TAP_H */
