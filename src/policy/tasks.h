/*-------------------------------------------------------------------------
 *
 * tasks.h
 *	  The table of unfinished tasks, found by index or by id.
 *
 * 60 bytes per task in pages, plus a chain head of 4 bytes for every two
 * tasks, whatever the state of the task: one that waits for its time, for
 * room or for its turn needs nothing else, because the orders that it stands
 * in are made of the links in its record (order.c).  Index 0 is no task.
 *
 * The record is in two parts: one that is looked at on the way to other tasks,
 * which never straddles a cache line, and the rest, without padding.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WEIR_POLICY_TASKS_H
#define WEIR_POLICY_TASKS_H

#include <string.h>

#include "policy/memory.h"

#define TASK_PAGE_SHIFT	10
#define TASK_PAGE_SIZE	(1 << TASK_PAGE_SHIFT)
#define TASK_PAGE_MASK	(TASK_PAGE_SIZE - 1)

typedef enum TaskState
{
	TASK_STATE_FREE,			/* to BLOCKED, DELAYED or READY: added */
	TASK_STATE_DELAYED,			/* to READY: due; to FREE: removed */
	TASK_STATE_BLOCKED,			/* to READY, DELAYED: its parents have ended,
								 * or those before it of its key; to FREE:
								 * removed */
	TASK_STATE_READY,			/* to RUNNING: started; to DELAYED: changed;
								 * to BLOCKED: one of its key goes first; to
								 * FREE: removed */
	TASK_STATE_RUNNING			/* to FREE: finished; to DELAYED, READY: again
								 * or put back */
} TaskState;

/* A time in 8 bytes that need no alignment to 8 */
typedef struct StoredTime
{
	uint32_t	halves[2];
} StoredTime;

/* What finding a task and ordering it looks at: half a cache line */
typedef struct TaskNode
{
	int64_t		task_id;
	PolicyTime	key;			/* run_at while delayed, else the rank */
	uint32_t	left;			/* also: previous in a list, index of the run,
								 * next free record */
	uint32_t	right;			/* also: next in a list */
	uint32_t	parent;
	uint32_t	chain;			/* next with the same hash of the id */
} TaskNode;

/* The rest */
typedef struct TaskFacts
{
	StoredTime	enqueued_at;
	StoredTime	deadline;
	uint32_t	bucket;
	int32_t		attempt;
	int16_t		priority;		/* clamped (rank.c) */
	uint8_t		depth;			/* in a heap: distance to a missing child plus
								 * one; in a list: 0 */
	uint8_t		state:4;		/* TaskState */
	uint8_t		preempted:2;	/* how often; 3 is often enough */
	uint8_t		firm:1;			/* not to be preempted */
} TaskFacts;

typedef struct TaskPage
{
	TaskNode	nodes[TASK_PAGE_SIZE];
	TaskFacts	facts[TASK_PAGE_SIZE];
} TaskPage;

/* Heads of the chains by id, a table that grows by one chain at a time */
typedef struct TaskIndex
{
	uint32_t  **pages;
	uint32_t	npages;
	uint32_t	base;			/* chains before this round of splits: 2^n */
	uint32_t	split;			/* chains split in this round */
} TaskIndex;

typedef struct TaskTable
{
	PolicyMemory *memory;
	TaskPage  **pages;
	uint32_t	npages;
	uint32_t	room;			/* entries of the array "pages" */
	uint32_t	used;			/* records in use */
	uint32_t	fresh;			/* first record never used */
	uint32_t	free;			/* list of records used before */
	TaskIndex	index;
} TaskTable;

extern void policy_tasks_init(TaskTable *table, PolicyMemory *memory);
extern void policy_tasks_release(TaskTable *table);
extern uint32_t policy_tasks_find(const TaskTable *table, int64_t task_id);
extern uint32_t policy_tasks_add(TaskTable *table, int64_t task_id);
extern void policy_tasks_delete(TaskTable *table, uint32_t task);

/*
 * The two parts of a record.  Pages do not move, so the pointers are good
 * until the record is deleted.
 */
static inline TaskNode *
policy_task_node(const TaskTable *table, uint32_t task)
{
	TaskPage   *page = table->pages[task >> TASK_PAGE_SHIFT];

	return &page->nodes[task & TASK_PAGE_MASK];
}

static inline TaskFacts *
policy_task_facts(const TaskTable *table, uint32_t task)
{
	TaskPage   *page = table->pages[task >> TASK_PAGE_SHIFT];

	return &page->facts[task & TASK_PAGE_MASK];
}

/*
 * A time as it is stored, and back.
 */
static inline StoredTime
policy_store_time(PolicyTime time)
{
	StoredTime	stored;

	memcpy(&stored, &time, sizeof(stored));
	return stored;
}

static inline PolicyTime
policy_stored_time(StoredTime stored)
{
	PolicyTime	time;

	memcpy(&time, &stored, sizeof(time));
	return time;
}

#endif							/* WEIR_POLICY_TASKS_H */
