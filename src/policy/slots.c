/*-------------------------------------------------------------------------
 *
 * slots.c
 *	  The slots of a resource.
 *
 * Slots 0 to reserved - 1 are for daily tasks alone; the others are for
 * everybody.  A daily task takes the lowest slot that is free, so it tries the
 * reserved ones first.
 *
 * A cap may be lowered while work runs: slots beyond it stay held until their
 * tasks end, and count.  So a free slot is not enough: for a daily task fewer
 * slots than the cap must be held in all, for the other classes fewer outside
 * of the reservation than there are for them.
 *
 * A limit is narrower than the cap, and holds for tasks of ours alone, outside
 * of the reservation: of the slots that are there for everybody they hold so
 * many less at once, whichever these are.
 *
 * A slot may be passed on in a worker from one task to those behind it
 * (behind.c): they have it together, and it is free when the last of them ends.
 *
 * A resource that is left to a class has no slots for those after it.
 *
 * While a session waits at the gate of a resource, no slot is given to another
 * class than daily; nor while one is handed to a daily task (preempt.c).  While
 * a daily task at risk waits for the resource, capped or not, no task of class
 * backfill starts on it (risk.c).
 *
 *-------------------------------------------------------------------------
 */
#include "policy/breaker.h"
#include "policy/ramp.h"
#include "policy/slots.h"

/*
 * The mask of the first n slots.
 */
static uint64_t
slots_first(int n)
{
	return n >= POLICY_MAX_SLOTS ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/*
 * How many slots there are in a mask: sums of bits in fields of 2, 4 and 8
 * bits, then the sum of the bytes in the highest one.
 */
static int
slots_count(uint64_t mask)
{
	mask -= (mask >> 1) & UINT64_C(0x5555555555555555);
	mask = (mask & UINT64_C(0x3333333333333333)) +
		((mask >> 2) & UINT64_C(0x3333333333333333));
	mask = (mask + (mask >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (int) ((mask * UINT64_C(0x0101010101010101)) >> 56);
}

/*
 * The lowest slot of a mask that is not empty.
 */
static int
slots_lowest(uint64_t mask)
{
	return slots_count((mask & -mask) - 1);
}

/*
 * May one more task of the class hold a slot that is there for everybody, as
 * far as the limit goes, if tasks of ours hold "own"?
 */
static bool
slots_within_limit(const PolicyResource *resource, PolicyClass klass,
				   uint64_t own)
{
	int			limit = klass == POLICY_CLASS_BACKFILL ?
	resource->backfill_limit : resource->limit;

	return limit <= 0 ||
		slots_count(own & ~slots_first(resource->reserved)) <
		limit - resource->reserved;
}

/*
 * Those slots that a task of the class could take, if tasks of ours held only
 * "own".
 */
static uint64_t
slots_open(const PolicyResource *resource, PolicyClass klass, uint64_t own)
{
	uint64_t	held = own | resource->foreign;
	uint64_t	reserved = slots_first(resource->reserved);
	uint64_t	all = slots_first(resource->slots);

	if (resource->barred_from > 0 && (int) klass >= resource->barred_from)
		return 0;
	if (!slots_within_limit(resource, klass, own))
		all &= reserved;
	if (klass == POLICY_CLASS_DAILY)
		return slots_count(held) < resource->slots ? all & ~held : 0;
	if (resource->gate_waiting ||
		slots_count(held & ~reserved) >= resource->slots - resource->reserved)
		return 0;
	return all & ~reserved & ~held;
}

/*
 * Sets the cap and the reservation, each brought into its bounds.
 */
void
policy_slots_configure(PolicyResource *resource, int slots, int reserved)
{
	if (slots < 0)
		slots = 0;
	if (slots > POLICY_MAX_SLOTS)
		slots = POLICY_MAX_SLOTS;
	if (reserved < 0)
		reserved = 0;
	resource->slots = slots;
	resource->reserved = reserved < slots ? reserved : slots;
	if (slots == 0)
	{
		resource->limit = resource->backfill_limit = 0;
		resource->barred_from = 0;
	}
}

/*
 * Is the resource kept free of tasks of the class, for daily ones?
 */
static bool
slots_kept(const PolicyResource *resource, PolicyClass klass)
{
	return (klass == POLICY_CLASS_BACKFILL && resource->claims > 0) ||
		(klass > POLICY_CLASS_DAILY && resource->handed > 0);
}

/*
 * Could a task of the class start now, as far as the resource goes?  It needs
 * no slot where there is no cap.
 */
bool
policy_slots_room(const PolicyResource *resource, PolicyClass klass)
{
	return !resource->closed && !slots_kept(resource, klass) &&
		policy_breaker_room(resource) && policy_ramp_room(resource) &&
		(resource->slots == 0 ||
		 slots_open(resource, klass, resource->own) != 0);
}

/*
 * Could it if no task of ours were running?
 */
bool
policy_slots_room_alone(const PolicyResource *resource, PolicyClass klass)
{
	return !resource->closed && !slots_kept(resource, klass) &&
		policy_breaker_room(resource) &&
		(resource->slots == 0 ||
		 slots_open(resource, klass, 0) != 0);
}

/*
 * Takes a slot, of a resource with a cap and room.
 */
int
policy_slots_take(PolicyResource *resource, PolicyClass klass)
{
	uint64_t	open = slots_open(resource, klass, resource->own);
	int			slot;

	WEIR_ASSERT(open != 0);
	slot = slots_lowest(open);
	resource->own |= UINT64_C(1) << slot;
	return slot;
}

/*
 * One more task has a slot that one has already.
 */
static void
slots_stand_behind(PolicyMemory *memory, PolicyResource *resource, int slot)
{
	if (resource->behind == NULL)
		resource->behind = policy_memory_alloc(memory, POLICY_MAX_SLOTS);
	WEIR_ASSERT(resource->behind[slot] < UINT8_MAX);
	resource->behind[slot]++;
}

/*
 * Takes this very slot, whatever the cap is by now, behind who has it; false if
 * there is no such slot.
 */
bool
policy_slots_adopt(PolicyMemory *memory, PolicyResource *resource, int slot)
{
	if (slot < 0 || slot >= POLICY_MAX_SLOTS)
		return false;
	if ((resource->own >> slot) & 1)
		slots_stand_behind(memory, resource, slot);
	resource->own |= UINT64_C(1) << slot;
	return true;
}

/*
 * Counts a slot that a task has as free.
 */
void
policy_slots_lend(PolicyResource *resource, int slot)
{
	WEIR_ASSERT((resource->own >> slot) & 1);
	resource->own &= ~(UINT64_C(1) << slot);
}

/*
 * No more, or somebody has taken it: says whether.
 */
bool
policy_slots_reclaim(PolicyMemory *memory, PolicyResource *resource, int slot)
{
	bool		taken = (resource->own >> slot) & 1;

	(void) policy_slots_adopt(memory, resource, slot);
	return taken;
}

/*
 * Gives a slot back.  It is free when all that have it have done so.
 */
void
policy_slots_free(PolicyResource *resource, int slot)
{
	WEIR_ASSERT((resource->own >> slot) & 1);
	if (resource->behind != NULL && resource->behind[slot] > 0)
		resource->behind[slot]--;
	else
		resource->own &= ~(UINT64_C(1) << slot);
}
