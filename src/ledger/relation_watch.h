/*-------------------------------------------------------------------------
 *
 * relation_watch.h
 *	  Who is to be told when a relation has changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RELATION_WATCH_H
#define WEIR_RELATION_WATCH_H

/* InvalidOid: any relation may have */
typedef void (*RelationChanged) (Oid relid);

extern void relation_watch(RelationChanged changed);

#endif							/* WEIR_RELATION_WATCH_H */
