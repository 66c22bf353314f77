/*-------------------------------------------------------------------------
 *
 * policy.h
 *	  Admission: which waiting task starts next, and on which slots.
 *
 * The policy is pure C: state and "now" go in, decisions come out.  It reads
 * no clock, takes no lock, calls no server function but the allocator that it
 * is given, and is compiled a second time into the simulator (test/sim).
 * One caller at a time: the scheduler of a database.
 *
 * A task waits in a bucket, one per (queue, owner, class, set of resources).
 * All tasks of a bucket are feasible together or blocked together, so the
 * cost of a decision follows the buckets that can run now, never the backlog:
 * a blocked bucket is parked at the thing it lacks and looked at again only
 * when that thing has room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include "policy/policy_types.h"

typedef struct Policy Policy;

extern Policy *policy_create(const PolicyAllocator *allocator);
extern void policy_destroy(Policy *policy);

/*
 * Configuration; each may be called at any time, also while work runs.  A
 * max_running, max_share or number of slots of 0 is none: no limit.  Numbers
 * out of range are brought into it.  A queue that tasks name before it is set,
 * or after it is dropped, has no limit and weight 1.
 */
extern void policy_set_workers(Policy *policy, int workers);
extern void policy_set_class(Policy *policy, PolicyClass klass, int reserved,
							 int max_share, double floor_share, double weight);
extern void policy_set_queue(Policy *policy, uint32_t queue, int max_running,
							 double weight, bool paused);
extern void policy_set_shedding(Policy *policy, uint32_t queue, bool sheds);
extern void policy_hold_up_queue(Policy *policy, uint32_t queue, bool hold);
extern void policy_drop_queue(Policy *policy, uint32_t queue);

/*
 * What the tasks of an owner may use: as many as max_running run at a time, and
 * their share among the owners of a queue follows the weight.  With "counted"
 * the policy counts those that have not ended, whether it holds them or not;
 * what was counted before stays so until then.
 */
extern void policy_set_owner(Policy *policy, uint32_t owner, int max_running,
							 double weight, bool counted);
extern void policy_drop_owner(Policy *policy, uint32_t owner);
extern void policy_owner_counts(Policy *policy, uint32_t owner,
								uint32_t *unfinished, uint32_t *running);
extern void policy_set_resource(Policy *policy, uint64_t resource, int slots,
								int reserved);
extern void policy_set_paused(Policy *policy, bool paused);

/*
 * When tasks of a class may start that need the resource, or all of them if
 * that is 0: from "opens_at" on, if they are likely to end by "closes_at".
 * POLICY_TIME_ALWAYS and POLICY_TIME_NEVER is at any time.  What is to come
 * after "closes_at" is to be told when that has come.
 */
extern void policy_set_window(Policy *policy, PolicyClass klass,
							  uint64_t resource, PolicyTime opens_at,
							  PolicyTime closes_at);

/*
 * How long runs of a queue are likely to take; 0 if that is not known.
 */
extern void policy_set_duration(Policy *policy, uint32_t queue,
								int64_t duration);

/*
 * Of the slots of a resource with a cap, tasks hold no more than "limit" at
 * once, and one of class backfill gets none if they hold "backfill_limit".
 * The reserved slots are counted in, and are not limited.  0 is no limit.  Of a
 * resource without a cap nothing is kept.
 */
extern void policy_set_limit(Policy *policy, uint64_t resource, int limit,
							 int backfill_limit);

/*
 * The time, if something is added before policy_next tells it.
 */
extern void policy_set_now(Policy *policy, PolicyTime now);

/*
 * Nothing of a class after this one starts on the resource, until it is left
 * to POLICY_NUM_CLASSES.  Of a resource without a cap nothing is kept.
 */
extern void policy_leave_to(Policy *policy, uint64_t resource, int klass);

/*
 * The rate of a resource: a start takes a token, one comes every "gap"
 * microseconds, "burst" are kept at most.  No rate if the gap is 0.  "full_at"
 * says of one that had no rate when it has all of them.
 */
extern void policy_set_rate(Policy *policy, uint64_t resource, PolicyTime now,
							int64_t gap, int burst, PolicyTime full_at);

/*
 * Retry budgets.  What was counted is forgotten when the window gets another
 * length.  The figures of those that have changed are told one by one.
 */
extern void policy_set_queue_budget(Policy *policy, uint32_t queue,
									const BudgetRule *rule);
extern void policy_set_resource_budget(Policy *policy, uint64_t resource,
									   const BudgetRule *rule);
extern bool policy_next_budget(Policy *policy, BudgetState *state);

/*
 * Circuit breakers of resources.  Changed ones are told one by one.  The ends
 * of attempts are reported before policy_finished and the like; what restores
 * says is how the breaker that was made then was before this policy.
 */
extern void policy_set_breaker(Policy *policy, uint64_t resource,
							   const BreakerRule *rule);
extern void policy_restore_breaker(Policy *policy, uint64_t resource,
								   PolicyTime made, BreakerState state,
								   PolicyTime until);
extern void policy_report(Policy *policy, int64_t task_id,
						  const PolicyResult *result, PolicyTime now);
extern bool policy_next_breaker(Policy *policy, BreakerStatus *status);
extern bool policy_next_refused(Policy *policy, PolicyEnd *refused,
								uint64_t *resource);

/*
 * Recovery ramps: for a while only so many tasks run at a time that need the
 * resource, or of all tasks if that is 0, one at first, then more and more.
 * One begins by itself when a breaker closes, of the length that is set here;
 * with 0 none does, and those under way end.  The seed is for what is drawn.  A
 * queue has one of its tasks when it is resumed, if a length is set for it.
 * Those that have begun, gone on or ended are told one by one.
 */
extern void policy_set_ramp(Policy *policy, int64_t length, uint64_t seed);
extern void policy_begin_ramp(Policy *policy, uint64_t resource,
							  PolicyTime began_at, int64_t length);
extern void policy_set_queue_ramp(Policy *policy, uint32_t queue,
								  int64_t length);
extern void policy_begin_queue_ramp(Policy *policy, uint32_t queue,
									PolicyTime began_at, int64_t length);
extern bool policy_next_ramp(Policy *policy, RampStatus *status);

/*
 * Health of the server: while what is told of a measure exceeds its limit no
 * task of the rule's classes starts.  Says whether that is so.  Of the workers
 * those are told that other databases use.
 */
extern void policy_set_health(Policy *policy, HealthMeasure measure,
							  const HealthRule *rule);
extern bool policy_tell_health(Policy *policy, HealthMeasure measure,
							   int64_t value);
extern void policy_set_other_workers(Policy *policy, int workers);

/*
 * Nothing that needs the resource starts before "until"; for "spread" after
 * that starts are kept apart.  Only of resources with slots or a rate.
 */
extern void policy_pause_resource(Policy *policy, uint64_t resource,
								  PolicyTime until, int64_t spread);

/*
 * The next resource whose times have changed; false if there is no other.
 */
extern bool policy_next_times(Policy *policy, PolicyTimes *times);

/*
 * Forgets a resource that no task needs and that has all its tokens; false if
 * it is not such a one.
 */
extern bool policy_forget_resource(Policy *policy, uint64_t resource,
								   PolicyTime now);

/*
 * Slots of a resource that sessions outside the scheduler hold now, and
 * whether one of them waits at the gate: then a freed slot is left to it,
 * unless a daily task takes it.
 */
extern void policy_set_foreign(Policy *policy, uint64_t resource,
							   uint64_t held, bool gate_waiting);

/*
 * Tasks.  policy_add says false if the id is held already (nothing changes),
 * the others if it is not held; policy_remove also for a task that runs: that
 * one ends by policy_finished.
 */
extern bool policy_add(Policy *policy, const PolicyTask *task);

/*
 * Adds a task that runs already: another policy has started it, on these
 * slots.  It counts as one that policy_next has started; slots of resources
 * that it does not need are left out.
 */
extern bool policy_add_running(Policy *policy, const PolicyTask *task,
							   const PolicyGrant *grants, int ngrants);
extern bool policy_remove(Policy *policy, int64_t task_id);

/*
 * Takes out a task that waits, and says what it was; false if it runs, or is
 * not held.
 */
extern bool policy_take_out(Policy *policy, int64_t task_id, PolicyEnd *end);
extern bool policy_holds(Policy *policy, int64_t task_id);
extern bool policy_is_running(Policy *policy, int64_t task_id);
extern bool policy_change(Policy *policy, int64_t task_id,
						  const int32_t *priority,
						  const PolicyTime *deadline,
						  const PolicyTime *run_at);

/*
 * The next start, or false if nothing can start.  The task counts as running
 * and its slots as taken from then on, until policy_finished (it is gone),
 * policy_again (it waits for attempt "attempt", not before run_at) or
 * policy_put_back (it was not started after all: same attempt, same age, and
 * no share is charged; hold the owner, or it is the next one again).  If
 * policy_again says the attempt that it was started as, it did not start
 * either, and takes no token; it is a retry if it was one.  policy_retry is
 * policy_again after an attempt that failed and counts.
 */
extern bool policy_next(Policy *policy, PolicyTime now, PolicyStart *start);

/*
 * A task whose expires_at has come while it waited: it is gone, and the caller
 * ends it.  False if there is none.  To be asked before policy_next until it
 * says so, with the same "now", and again at policy_next_expiry, also while
 * nothing may start.  A task that was given out and is put back, or waits
 * again for the same attempt, has not started; one that waits for another
 * attempt has.
 */
extern bool policy_next_expired(Policy *policy, PolicyTime now,
								PolicyEnd *expired);
extern PolicyTime policy_next_expiry(Policy *policy);

/*
 * The tasks that go first when a queue is full that sheds: of those that wait,
 * for whatever, the oldest of the lowest class.  At most POLICY_MAX_SHED; they
 * go on to wait, until policy_remove.
 */
extern int	policy_next_shed(Policy *policy, uint32_t queue, PolicyShed *shed,
							 int n);

/*
 * The end of a task for those that wait for it, as for a parent or for the
 * serial key that it has: its last run is committed, and whether it succeeded.
 * If not, policy_next_orphan is asked first, until it says false: it gives out
 * those that are to be cancelled for it.  To be told of every task for which
 * policy_is_parent says so, whether it was ever held or not, and once more
 * for one that was brought back.  A task that is held no more keeps its key
 * until then, or until it is added again.
 */
extern bool policy_is_parent(Policy *policy, int64_t task_id);
extern bool policy_next_orphan(Policy *policy, int64_t parent_id,
							   PolicyEnd *orphan);
extern void policy_parent_ended(Policy *policy, int64_t task_id,
								bool succeeded, PolicyTime now);

/*
 * The task is not to wait for its parents any more, as if they had ended as
 * they must.  False if it does not wait for any.
 */
extern bool policy_unblock(Policy *policy, int64_t task_id, PolicyTime now);
extern bool policy_finished(Policy *policy, int64_t task_id);
extern bool policy_again(Policy *policy, int64_t task_id, int32_t attempt,
						 PolicyTime run_at, bool solo);
extern bool policy_retry(Policy *policy, int64_t task_id, int32_t attempt,
						 PolicyTime run_at, bool solo);
extern bool policy_put_back(Policy *policy, int64_t task_id);

/*
 * A task that runs is about to end, and the caller means to give its worker
 * to the next one ahead of time: it counts no more against the workers, nor
 * against the share of its class; its queue and its slots count it on.  Or
 * that has turned out to be wrong.  False if it does not run, or runs alone.
 */
extern bool policy_set_ending(Policy *policy, int64_t task_id, bool ending);

/*
 * The next start behind such a task, in its worker: policy_next as if it had
 * ended, its slots included.  It says which slots, and that they may be those
 * of the other task; both are given back before they are free.  A slot is not
 * passed on when it has been for "keep".  If it is false the task is not about
 * to end; it is the caller's to say so if the start cannot be used.
 */
extern bool policy_next_behind(Policy *policy, PolicyTime now, int64_t task_id,
							   int64_t keep, PolicyStart *start);

/*
 * Does a task of a better class wait for a slot of the resource, which this
 * class has?
 */
extern bool policy_slot_wanted(const Policy *policy, uint64_t resource,
							   PolicyClass klass);

/*
 * Does a daily task wait for a slot, or a worker, that this task holds?  Only
 * one that runs and is of class backfill is asked to yield.  To be asked when
 * policy_next has said that nothing can start.
 */
extern bool policy_to_yield(Policy *policy, int64_t task_id, PolicyWant *want);

/*
 * The next task that is to end early, to be asked when policy_next has said
 * that nothing can start.  The caller has it rolled back and says policy_again;
 * it may also end by itself.  What it has is left to the task that it ends for.
 */
extern bool policy_next_preemption(Policy *policy, PolicyTime now,
								   PolicyPreemption *preemption);

/*
 * The same for a daily task that runs, and is blocked by a lock that another
 * task has: is that one to end early?
 */
extern bool policy_preempt_blocker(Policy *policy, PolicyTime now,
								   int64_t task_id, int64_t blocker_id);
extern bool policy_blocks_daily(Policy *policy, int64_t task_id,
								int64_t blocker_id);
extern int	policy_handed(Policy *policy, uint64_t resource);

/*
 * Deadlines of daily tasks: the next one of which there is something new, and
 * what is known of one.  The next kind of tasks that nothing is known of, and
 * how long one of a kind waited and ran; a queue is the kind of its tasks.  The
 * same of a task that has succeeded, before policy_finished; false if it has no
 * deadline.
 */
extern bool policy_next_risk(Policy *policy, PolicyRiskInfo *info);
extern bool policy_risk(Policy *policy, int64_t task_id,
						PolicyRiskInfo *info);
extern bool policy_next_history(Policy *policy, uint64_t *key);
extern void policy_note_run(Policy *policy, uint64_t key, int64_t wait,
							int64_t run);
extern bool policy_note_end(Policy *policy, int64_t task_id, int64_t run);

/*
 * Tasks of this owner cannot be placed for now (no worker of that role can be
 * had); they are passed over until the owner is held no more.
 */
extern void policy_hold_owner(Policy *policy, uint32_t owner, bool hold);

/*
 * When policy_next is to be asked again although nothing else happens: a task
 * becomes due, a window or a resource opens, or the wait for an empty server (for a solo
 * task) is over.  Not after "now" if more tasks are due than policy_next looked
 * at, which it does only while no worker is free.  POLICY_TIME_NEVER if there
 * is no such time.
 */
extern PolicyTime policy_next_due(Policy *policy);

/*
 * Tasks that are due, were enqueued at a time or before it, and are the first
 * of their bucket, one after another; false if there is no other.  "*next" is
 * where to go on, 0 at first.
 */
extern bool policy_next_starved(Policy *policy, PolicyTime enqueued_at,
								uint32_t *next, PolicyStarved *starved);

/* Looking in */
extern bool policy_task_needs(Policy *policy, int64_t task_id, uint64_t resource);
extern PolicyWhy policy_why(Policy *policy, int64_t task_id, PolicyTime now);
extern void policy_queue_counts(Policy *policy, uint32_t queue,
								PolicyQueueCounts *counts);
extern void policy_class_use(Policy *policy, PolicyClass klass,
							 PolicyClassUse *use);
extern uint64_t policy_num_tasks(Policy *policy);
extern size_t policy_memory(Policy *policy);

#endif							/* WEIR_POLICY_H */
