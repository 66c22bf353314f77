/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The configuration parameters, all called weir.*.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

extern bool weir_enabled;
extern bool weir_enforce;
extern int	weir_generation_size;
extern char *weir_installation;
extern int	weir_lock_sample_interval;
extern int	weir_max_crashes;
extern int	weir_max_databases;
extern int	weir_max_queues;
extern int	weir_max_resources;
extern int	weir_max_result;
extern int	weir_max_starvation;
extern int	weir_max_tasks;
extern int	weir_max_wait;
extern int	weir_max_workers;
extern int	weir_ramp_up;
extern int	weir_retention;
extern int	weir_worker_idle_timeout;
extern int	weir_worker_start_timeout;

extern void settings_define(void);

#endif							/* WEIR_SETTINGS_H */
