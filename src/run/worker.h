/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The process that executes tasks of one role in one database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

extern PGDLLEXPORT void weir_worker_main(Datum slot);

#endif							/* WEIR_WORKER_H */
