/*-------------------------------------------------------------------------
 *
 * event_row.h
 *	  Rows of weir.event.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_EVENT_ROW_H
#define WEIR_EVENT_ROW_H

extern void event_write(const char *kind, int64 task_id, const char *queue,
						const char *relation, const char *reason,
						const char *detail);
extern char *client_address(void);

#endif							/* WEIR_EVENT_ROW_H */
