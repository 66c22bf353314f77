/*-------------------------------------------------------------------------
 *
 * admit_write.c
 *	  Whether a statement may write tables whose caps bind every session.
 *
 * Who writes such a table has a slot of it to the end of the transaction, one
 * however many statements.  Who has none tries to get one.  If none is free:
 *
 *	  empty hands			waits in line (slot_line.c)
 *	  an xid, or a slot		may hold what the holders need: does not wait
 *	  a task				has not declared the table, and does not wait
 *
 * Who does not wait is let through beside the slots, or refused, as the cap
 * says; so is the head of the line for whom a holder waits.
 *
 * A cap that only observes takes no slots from anybody; it counts those who
 * write beside them, and says who would not have got one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "api/admit_write.h"
#include "api/let_through.h"
#include "api/slot_line.h"
#include "run/attempt.h"
#include "run/slots.h"
#include "shmem/resource.h"
#include "shmem/settings.h"
#include "shmem/xact_actions.h"

/*
 * Is the role of this session exempt?  It is the role that the session works
 * as, whatever functions or referential actions change it to in between.  A
 * superuser is no member of everything here: that would exempt too many.
 */
static bool
role_exempt(const CapRule *rule)
{
	for (int i = 0; i < rule->nexempt; i++)
	{
		if (is_member_of_role_nosuper(GetOuterUserId(), rule->exempt[i]))
			return true;
	}
	return false;
}

/*
 * Does the cap concern what this session writes?
 */
static bool
rule_concerns(const CapRule *rule)
{
	return rule->slots > 0 && rule->enforce != CAP_TASKS && !role_exempt(rule);
}

/*
 * Does it make it take a slot?
 */
static bool
rule_binds(const CapRule *rule)
{
	return rule->enforce == CAP_EVERYONE && rule_concerns(rule);
}

/*
 * Why this session does not wait for a slot; NULL if it does.
 */
static const char *
cause_not_to_wait(void)
{
	if (CurrentAttempt != NULL)
		return "undeclared";
	if (slots_holds_any())
		return "holds_slot";
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return "has_written";
	return NULL;
}

/*
 * Goes on without a slot, or refuses to.
 */
static void
go_beside(ResourceSlot *resource, const CapRule *rule, const char *cause)
{
	if (rule->refuse_unsafe)
		slot_refuse_busy(resource,
						 CurrentAttempt != NULL ?
						 "Name the table in the argument \"tables\" of weir.enqueue()." :
						 "This transaction has written or holds a slot already, and does not wait: others may wait for it. Write the table first, or call weir.acquire() first.");
	/* the record first: it can fail */
	let_through_record(resource, "let_through", cause);
	xact_write_beside(resource);
	pg_atomic_fetch_add_u64(&resource->let_through, 1);
}

/*
 * Says whether the cap would have held this transaction back.
 */
static void
observe(ResourceSlot *resource)
{
	int			beside = (int) pg_atomic_read_u32(&resource->beside);

	if (beside >= slot_count_free(resource, resource_held(resource)))
	{
		const char *cause = cause_not_to_wait();

		let_through_record(resource, "would_wait", cause ? cause : "empty_hands");
		pg_atomic_fetch_add_u64(&resource->would_wait, 1);
	}
	xact_write_beside(resource);
}

/*
 * Admits the transaction to one table.  False if it has to wait.
 */
static bool
admit_one(WeirDatabase *database, ResourceSlot *resource)
{
	CapRule		rule;
	const char *cause;

	if (slots_holds(resource->key))
		return true;
	rule = resource_rule(database, resource);
	if (!rule_concerns(&rule))
		return true;
	if (CurrentAttempt != NULL)
		let_through_record(resource, "undeclared", "undeclared");
	if (rule.enforce == CAP_OBSERVE)
	{
		if (!xact_writes_beside(resource->key))
			observe(resource);
		return true;
	}
	cause = cause_not_to_wait();
	/* who waits in line goes before who could wait there, too */
	if ((cause != NULL || slot_room(resource)) && slot_try_any(resource))
		return true;
	if (xact_writes_beside(resource->key))
		return true;
	if (cause == NULL)
		return false;
	go_beside(resource, &rule, cause);
	return true;
}

/*
 * The one of the resources that a session with empty hands has to wait for,
 * as far as one can see; NULL if none.
 */
static ResourceSlot *
first_without_room(const List *resources)
{
	ListCell   *cell;

	foreach(cell, resources)
	{
		ResourceSlot *resource = lfirst(cell);

		if (resource->rule.enforce == CAP_EVERYONE &&
			!slots_holds(resource->key) &&
			!xact_writes_beside(resource->key) && !slot_room(resource))
			return resource;
	}
	return NULL;
}

/*
 * Admits the transaction to all tables, if it need not wait.  Otherwise the
 * one that has to be waited for: after admit_wait() it is tried again.  Of
 * several that have no room only one is waited for, since after that the
 * session holds a slot.
 */
ResourceSlot *
admit_write(WeirDatabase *database, const List *resources)
{
	ListCell   *cell;
	ResourceSlot *first = NULL;

	if (cause_not_to_wait() == NULL && list_length(resources) > 1)
		first = first_without_room(resources);
	if (first != NULL && !admit_one(database, first))
		return first;
	foreach(cell, resources)
	{
		if (!admit_one(database, lfirst(cell)))
			return lfirst(cell);
	}
	return NULL;
}

/*
 * Waits in line, with empty hands.
 */
void
admit_wait(WeirDatabase *database, ResourceSlot *resource)
{
	CapRule		rule = resource_rule(database, resource);

	if (!slot_wait(resource, rule.refuse_unsafe, rule_binds, weir_max_wait))
		go_beside(resource, &rule, "would_deadlock");
}
