/*-------------------------------------------------------------------------
 *
 * budget_figures.c
 *	  How much of a retry budget is used, for show.
 *
 * Written by the scheduler when something was counted, and read by anybody,
 * without a lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "shmem/budget_figures.h"

void
budget_figures_init(BudgetFigures *figures)
{
	pg_atomic_init_u32(&figures->firsts, 0);
	pg_atomic_init_u32(&figures->retries, 0);
	pg_atomic_init_u32(&figures->allowed, 0);
	pg_atomic_init_u32(&figures->waiting, 0);
	pg_atomic_init_u64(&figures->opens_at, 0);
	pg_atomic_init_u64(&figures->counted_at, 0);
}

/*
 * Nothing was counted: the slot is another's now.
 */
void
budget_figures_clear(BudgetFigures *figures)
{
	static const BudgetState none = {.opens_at = POLICY_TIME_ALWAYS};

	budget_figures_write(figures, &none, 0);
}

void
budget_figures_write(BudgetFigures *figures, const BudgetState *state,
					 TimestampTz now)
{
	pg_atomic_write_u32(&figures->firsts, state->firsts);
	pg_atomic_write_u32(&figures->retries, state->retries);
	pg_atomic_write_u32(&figures->allowed, state->allowed);
	pg_atomic_write_u32(&figures->waiting, state->waiting);
	pg_atomic_write_u64(&figures->opens_at,
						state->opens_at == POLICY_TIME_ALWAYS ? 0 :
						state->opens_at);
	pg_atomic_write_u64(&figures->counted_at, now);
}
