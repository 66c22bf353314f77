/*-------------------------------------------------------------------------
 *
 * submit_ring.h
 *	  Messages from sessions to the scheduler of their database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_SUBMIT_RING_H
#define WEIR_SUBMIT_RING_H

#include "shmem/layout.h"

extern void submit_ring_init(SubmitRing *ring);
extern bool submit_ring_take_credit(SubmitRing *ring);
extern void submit_ring_await_credit(WeirDatabase *database, int mine);
extern void submit_ring_return_credit(SubmitRing *ring, uint32 n);
extern void submit_ring_post(SubmitRing *ring, const SubmitMessage *message);
extern void submit_ring_rest(SubmitRing *ring, bool resting);
extern bool submit_ring_rests(SubmitRing *ring);
extern uint64 submit_ring_posted(SubmitRing *ring);
extern int	submit_ring_read(SubmitRing *ring, SubmitMessage *messages,
							 int max);

#endif							/* WEIR_SUBMIT_RING_H */
