/*-------------------------------------------------------------------------
 *
 * job.h
 *	  The way to the functions on jobs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_JOB_H
#define WEIR_JOB_H

extern void job_refuse_restricted(void);

#endif							/* WEIR_JOB_H */
