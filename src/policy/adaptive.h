/*-------------------------------------------------------------------------
 *
 * adaptive.h
 *	  How many of our tasks a table bears at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_ADAPTIVE_H
#define WEIR_POLICY_ADAPTIVE_H

#include <stdbool.h>
#include <stdint.h>

/* What was seen since the last decision; the first three are samples */
typedef struct AdaptiveWindow
{
	uint32_t	busy;			/* tasks that ran */
	uint32_t	waiting;		/* of them, for a lock of a task of ours, or
								 * it is not known of whom */
	uint32_t	foreign;		/* of them, in the end for somebody else */
	uint32_t	failed;			/* runs that a deadlock or lock timeout ended */
	uint32_t	succeeded;		/* runs */
	bool		wanted;			/* tasks waited for room */
	int64_t		time;			/* us */
} AdaptiveWindow;

/* The limits of a table, as numbers of slots; all zero at first */
typedef struct Adaptive
{
	int			limit;
	int			backfill_limit; /* not above "limit" */
	int			ticks;			/* since the last decision */
	int			rest;			/* decisions until another step is tried */
	int			limit_before;	/* the last step */
	int			backfill_before;
	double		rate_before;	/* what got done then; 0 = it is judged */
	AdaptiveWindow window;
} Adaptive;

typedef enum AdaptiveChange
{
	ADAPTIVE_KEPT,
	ADAPTIVE_LOWERED,			/* tasks wait for one another */
	ADAPTIVE_LOWERED_BACKFILL,	/* they wait for somebody else */
	ADAPTIVE_RAISED,
	ADAPTIVE_TAKEN_BACK			/* the last step did not pay */
} AdaptiveChange;

/* A decision and what it was based on */
typedef struct AdaptiveDecision
{
	AdaptiveChange change;
	int			from;
	int			backfill_from;
	double		share;			/* of the time that tasks waited for tasks */
	double		foreign_share;
	double		rate;			/* successes per second */
	double		rate_before;	/* before the step to be judged; 0 = none */
	AdaptiveWindow window;
} AdaptiveDecision;

extern void adaptive_bound(Adaptive *adaptive, int slots, int reserved);
extern bool adaptive_tick(Adaptive *adaptive, int slots, int reserved,
						  bool acts, AdaptiveDecision *decision);

#endif							/* WEIR_POLICY_ADAPTIVE_H */
