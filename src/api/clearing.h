/*-------------------------------------------------------------------------
 *
 * clearing.h
 *	  Keeping a database clear of our processes to the end of a transaction,
 *	  and telling the launcher what has changed then.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_CLEARING_H
#define WEIR_CLEARING_H

extern void clearing_install(void);
extern void clearing_begin(Oid database);
extern void clearing_for_drop_extension(void);
extern void clearing_after_create_extension(void);
extern void clearing_databases_change(void);

#endif							/* WEIR_CLEARING_H */
