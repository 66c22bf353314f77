/*-------------------------------------------------------------------------
 *
 * queue_config.h
 *	  What is configured for a queue, as this process last read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_QUEUE_CONFIG_H
#define WEIR_QUEUE_CONFIG_H

#include "policy/policy.h"
#include "policy/retry.h"
#include "utils/jsonb.h"

typedef struct QueueGrant
{
	Oid			role;			/* InvalidOid: everybody */
	PolicyClass max_class;
	bool		may_set_deadline;
	int32		min_priority;
} QueueGrant;

typedef struct QueueConfig
{
	int32		queue_id;
	char	   *name;
	PolicyClass klass;
	int32		capacity;
	bool		wait;			/* on_full => 'wait' */
	bool		sheds;			/* on_full => 'shed' */
	char	   *feeds_name;		/* queue that its tasks submit to; or NULL */
	int32		feeds;			/* its number, 0 if there is none such */
	int64		ramp_up;		/* us; of a ramp when it is resumed; 0: none */
	double		high_watermark; /* fractions of the capacity; 0: none */
	double		low_watermark;
	int32		max_running;	/* 0: no limit */
	double		weight;
	bool		paused;
	int32		batch;			/* most tasks in one transaction */
	bool		grouped;		/* durability => 'grouped' */
	Oid			owner;
	Jsonb	   *settings;
	RetryPolicy retry;
	BudgetRule	budget;			/* of retries */
	int			ngrants;
	QueueGrant *grants;
} QueueConfig;

extern void queue_config_install(void);
extern const QueueConfig *queue_config_by_name(const char *name);
extern const QueueConfig *queue_config_by_id(int32 queue_id);
extern const QueueConfig *queue_config_list(int *n);
extern void queue_config_changed(void);
extern char *policy_feeds(Jsonb *policy);
extern void retry_policy_parse(Jsonb *policy, RetryPolicy *retry);

#endif							/* WEIR_QUEUE_CONFIG_H */
