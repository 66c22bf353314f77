/*-------------------------------------------------------------------------
 *
 * budget_figures.h
 *	  How much of a retry budget is used, for show.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_BUDGET_FIGURES_H
#define WEIR_BUDGET_FIGURES_H

#include "shmem/layout.h"

extern void budget_figures_init(BudgetFigures *figures);
extern void budget_figures_clear(BudgetFigures *figures);
extern void budget_figures_write(BudgetFigures *figures,
								 const BudgetState *state, TimestampTz now);

#endif							/* WEIR_BUDGET_FIGURES_H */
