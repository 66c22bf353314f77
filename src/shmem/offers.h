/*-------------------------------------------------------------------------
 *
 * offers.h
 *	  Tasks that may be shed, on their way from the scheduler to sessions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_OFFERS_H
#define WEIR_OFFERS_H

#include "shmem/layout.h"

/* What a session is told that asks for offers */
typedef enum OffersAnswer
{
	OFFERS_NOT_YET,
	OFFERS_MADE,				/* there are some, or have been */
	OFFERS_NONE					/* nothing waits of that class or a lower one */
} OffersAnswer;

extern void offers_init(QueueSlot *slot);
extern void offers_withdraw(QueueSlot *slot);
extern int64 offers_take(QueueSlot *slot, PolicyClass klass);
extern uint64 offers_ask(QueueSlot *slot, uint32 capacity);
extern OffersAnswer offers_answer(QueueSlot *slot, uint64 ticket,
								  PolicyClass klass);
extern int64 offers_collect(QueueSlot *slot);
extern void offers_make(QueueSlot *slot, uint64 asked, uint64 read,
						const PolicyShed *shed, int n);

#endif							/* WEIR_OFFERS_H */
