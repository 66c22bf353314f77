/*-------------------------------------------------------------------------
 *
 * episode.h
 *	  One random history of a small warehouse, checked at every step.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SIM_EPISODE_H
#define WEIR_SIM_EPISODE_H

#include "model.h"

typedef struct EpisodeStats
{
	uint64_t	events;
	uint64_t	starts;
	uint64_t	refusals;
	uint64_t	behind;			/* starts behind another task */
	uint64_t	expiries;
	uint64_t	opened;			/* breakers, by themselves */
	uint64_t	probes;
	uint64_t	fallbacks;
	uint64_t	refused;		/* because a breaker is open */
	uint64_t	orphans;
	uint64_t	releases;
	uint64_t	drains;
	uint64_t	risks;			/* times that something new was told */
	uint64_t	preemptions;
	uint64_t	windows;		/* of floor shares */
	int			max_overtaken;
} EpisodeStats;

typedef struct Episode
{
	TestRandom	random;
	Model		model;
	Policy	   *policy;
	EpisodeStats *stats;
	int64_t		next_id;

	/* habits, drawn once */
	int			max_tasks;
	int			arrivals;		/* per hundred events */
	int			burst;			/* tasks that arrive together, at most */
	int			delayed;		/* per hundred arrivals */
	int			expiring;		/* per hundred arrivals */
	int			retrying;		/* per hundred attempts after the first */
	int			deadlines;		/* per hundred arrivals */
	int			dependent;		/* per hundred arrivals */
	int			keyed;			/* per hundred arrivals */
	int			solos;			/* per thousand arrivals */
	int			changes;		/* of the configuration, per hundred events */
	int			windows;		/* per hundred changes */
	int			handing;		/* over behind others, per hundred refusals */
	int			breakers;		/* per hundred changes */
	int			failing;		/* per hundred attempts */
	int			max_needs;
	int64_t		duration;		/* of a run, at most */
	bool		extremes;		/* times at the ends of time */
} Episode;

extern int	draw(Episode *e, int n);
extern bool chance(Episode *e, int percent);
extern PolicyClass draw_class(Episode *e, int queue);
extern PolicyTime draw_time(Episode *e, int64_t spread);
extern void episode_change_class(Episode *e);
extern void episode_change_queue(Episode *e);
extern void episode_change_resource(Episode *e);
extern void episode_open_windows(Episode *e);
extern void episode_end_ramps(Episode *e);
extern void episode_change_ramp(Episode *e);
extern void episode_change_health(Episode *e);
extern void episode_change_something(Episode *e);
extern void episode_forget_pause(ModelResource *state);
extern void episode_change_breaker(Episode *e);
extern void episode_report(Episode *e, const ModelTask *task);
extern bool episode_refuse(Episode *e);
extern void episode_end_breakers(Episode *e);
extern void episode_open_up(Episode *e);
extern bool episode_task_ended(Episode *e, int64_t task_id, bool succeeded);
extern bool episode_touch_task(Episode *e, ModelTask *task);
extern bool episode_put_back(Episode *e, ModelTask *task);
extern bool episode_hand_over(Episode *e);
extern void episode_take_back(Episode *e, int64_t behind);
extern void episode_hear(Episode *e);
extern bool episode_preempt(Episode *e);
extern ModelTask *episode_random_task(Episode *e);
extern bool episode_expire(Episode *e);
extern bool episode_revive(Episode *e);
extern bool episode_revive_all(Episode *e);
extern bool episode_find_gone(Episode *e, bool may_go_on);

/* The only one that is called from outside */
extern bool episode_run(uint64_t seed, int steps, EpisodeStats *stats);

#endif							/* WEIR_SIM_EPISODE_H */
