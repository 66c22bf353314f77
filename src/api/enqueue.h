/*-------------------------------------------------------------------------
 *
 * enqueue.h
 *	  Where the arguments of weir.enqueue() and its relatives stand.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_ENQUEUE_H
#define WEIR_ENQUEUE_H

enum
{
	ARG_COMMAND,
	ARG_ARGS,
	ARG_QUEUE,
	ARG_CLASS,
	ARG_PRIORITY,
	ARG_RUN_AT,
	ARG_DEADLINE,
	ARG_TABLES,
	ARG_RESOURCES,
	ARG_SERIAL_KEY,
	ARG_AFTER,
	ARG_ON_PARENT_FAILURE,
	ARG_UNIQUE_KEY,
	ARG_UNIQUE_FOR,
	ARG_ON_CONFLICT,
	ARG_TIMEOUT,
	ARG_LOCK_TIMEOUT,
	ARG_QUEUE_TIMEOUT,
	ARG_MAX_ATTEMPTS,
	ARG_MODE,
	ARG_SETTINGS,
	ARG_POLICY,
	ARG_REASON,
	ARG_VALIDATE
};

#endif							/* WEIR_ENQUEUE_H */
