/*-------------------------------------------------------------------------
 *
 * tap.c
 *	  Test results in TAP, and what tests of the policy share.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

static int	tap_count;
static int	tap_failures;

/*
 * Reports one test.
 */
void
tap_ok(bool passed, const char *format,...)
{
	va_list		args;

	printf("%sok %d - ", passed ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	if (!passed)
		tap_failures++;
}

/*
 * Says something beside the tests.
 */
void
tap_note(const char *format,...)
{
	va_list		args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/*
 * Prints the plan; returns the exit status.
 */
int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures == 0 ? 0 : 1;
}

size_t		test_blocks;

/*
 * malloc, realloc and free that never fail.
 */
static void *
test_alloc(void *context, size_t size)
{
	void	   *pointer = malloc(size);

	(void) context;
	if (pointer == NULL)
		abort();
	test_blocks++;
	return pointer;
}

static void *
test_resize(void *context, void *pointer, size_t size)
{
	(void) context;
	pointer = realloc(pointer, size);
	if (pointer == NULL)
		abort();
	return pointer;
}

static void
test_release(void *context, void *pointer)
{
	(void) context;
	test_blocks--;
	free(pointer);
}

const PolicyAllocator test_allocator = {
	test_alloc, test_resize, test_release, NULL
};

/*
 * The next 64 random bits (splitmix64).
 */
uint64_t
test_random(TestRandom *random)
{
	uint64_t	x = random->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/*
 * A random number in 0 .. n - 1.
 */
int
test_below(TestRandom *random, int n)
{
	return (int) (test_random(random) % (uint64_t) n);
}

/*
 * A random number in [0, 1).
 */
double
test_uniform(TestRandom *random)
{
	return (double) (test_random(random) >> 11) / 9007199254740992.0;
}
