/*-------------------------------------------------------------------------
 *
 * resource.h
 *	  Capped resources and the hint of which slots are held.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_RESOURCE_H
#define WEIR_RESOURCE_H

#include "shmem/layout.h"

/*
 * The key of a resource: its kind and its oid or number.  The kinds are the
 * private classes of our advisory locks (see run/slots.c).
 */
#define RESOURCE_KIND_TABLE		0x5701
#define RESOURCE_KIND_NAMED		0x5702
#define RESOURCE_KIND_QUEUE		0x5703	/* only gates: producers in line */
#define RESOURCE_KEY(kind, id)	(((uint64) (kind) << 32) | (uint32) (id))
#define RESOURCE_KIND(key)		((uint16) ((key) >> 32))
#define RESOURCE_ID(key)		((uint32) (key))

/* The key of an entry whose resource was forgotten, on the way to others */
#define RESOURCE_FORGOTTEN		UINT64CONST(1)

extern bool cap_enforce_parse(const char *text, CapEnforce *enforce);
extern bool cap_adaptive_parse(const char *text, CapAdaptive *adaptive);
extern void ramp_figures_init(RampFigures *figures);
extern void resource_init(WeirDatabase *database);
extern void resource_begin_reading(WeirDatabase *database);
extern void resource_end_reading(WeirDatabase *database);
extern bool resource_set(WeirDatabase *database, uint64 key,
						 const CapRule *rule);
extern CapRule resource_rule(WeirDatabase *database, ResourceSlot *resource);
extern ResourceSlot *resource_find(WeirDatabase *database, uint64 key);
extern void resource_mark(ResourceSlot *resource, int slot, bool held);
extern bool resource_line_first(ResourceSlot *resource,
								const Assignment *assignment);
extern uint64 resource_held(ResourceSlot *resource);
extern void resource_set_enforcing(WeirDatabase *database, uint32 n);
extern void resource_suspect_enforcing(WeirDatabase *database);
extern ResourceSlot *resource_probe(WeirDatabase *database, uint64 key);
extern void resource_vacate(WeirDatabase *database, ResourceSlot *resource);

/*
 * Is the entry one of a resource?
 */
static inline bool
resource_in_use(const ResourceSlot *resource)
{
	return resource->key > RESOURCE_FORGOTTEN;
}

#endif							/* WEIR_RESOURCE_H */
