/*-------------------------------------------------------------------------
 *
 * session.h
 *	  The session in which a task finds itself, and its reset.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SESSION_H
#define WEIR_SESSION_H

#include "ledger/task_row.h"

extern void session_apply_defaults(const TaskRow *task);
extern void session_pass_on(void);
extern void session_apply(const TaskRow *task, Jsonb *queue_settings);
extern void session_undo(void);
extern bool session_reset(Oid role);
extern void session_check_settings(Jsonb *settings);
extern int	session_visit(Jsonb *queue_settings, Jsonb *settings);
extern void session_unvisit(int guc_level);
extern int64 session_interval_ms(const Interval *interval);

#endif							/* WEIR_SESSION_H */
