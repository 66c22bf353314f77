/*-------------------------------------------------------------------------
 *
 * tasks.c
 *	  The table of unfinished tasks, found by index or by id.
 *
 * Both the pages of records and the index by id grow in small steps: with ten
 * million tasks a table that doubles would stop the scheduler for the better
 * part of a second, and would leave up to half of itself empty.
 *
 * The index is a linear hash table.  It has base + split chains; those below
 * "split" and those from "base" on use one bit more of the hash than the
 * others.  Adding a chain splits one in two; when all are split, base doubles.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/map.h"
#include "policy/tasks.h"

#define INDEX_PAGE_SHIFT	10
#define INDEX_PAGE_SIZE		(1 << INDEX_PAGE_SHIFT)
#define INDEX_PAGE_MASK		(INDEX_PAGE_SIZE - 1)
#define INDEX_PAGE_BYTES	(INDEX_PAGE_SIZE * sizeof(uint32_t))
#define INDEX_MIN_CHAINS	INDEX_PAGE_SIZE
#define TASKS_PER_CHAIN		2
#define BLOCK				64	/* ids whose chains are neighbours */

/* Pages kept when the last task goes, so that a small table does not flap */
#define TASK_PAGES_KEPT		16

/*
 * The number of chains now.
 */
static uint32_t
index_size(const TaskIndex *index)
{
	return index->base + index->split;
}

/*
 * The head of a chain by its number.
 */
static uint32_t *
index_head(const TaskIndex *index, uint32_t chain)
{
	return &index->pages[chain >> INDEX_PAGE_SHIFT][chain & INDEX_PAGE_MASK];
}

/*
 * The number of the chain that an id belongs to.  Tasks with ids that follow
 * one another are looked for together: their chains lie side by side.
 */
static uint32_t
index_chain(const TaskIndex *index, int64_t task_id)
{
	uint32_t	block = (uint32_t) policy_hash(0, (uint64_t) task_id / BLOCK);
	uint32_t	hash = block ^ (uint32_t) (task_id & (BLOCK - 1));
	uint32_t	chain = hash & (index->base - 1);

	if (chain < index->split)
		chain = hash & (index->base * 2 - 1);
	return chain;
}

/*
 * Sets the length of the array of pages.
 */
static void
index_resize(TaskTable *table, uint32_t npages)
{
	TaskIndex  *index = &table->index;

	index->pages = policy_memory_resize(table->memory, index->pages,
										index->npages * sizeof(uint32_t *),
										npages * sizeof(uint32_t *));
	index->npages = npages;
}

/*
 * Sees to it that there is a page for the next chain.
 */
static void
index_extend(TaskTable *table)
{
	TaskIndex  *index = &table->index;
	uint32_t	page = index_size(index) >> INDEX_PAGE_SHIFT;

	if (page < index->npages)
		return;
	index_resize(table, page + 1);
	index->pages[page] = policy_memory_alloc(table->memory, INDEX_PAGE_BYTES);
}

/*
 * Adds one chain: the next one to split gives it those of its tasks that the
 * next bit of the hash sends there.
 */
static void
index_grow(TaskTable *table)
{
	TaskIndex  *index = &table->index;
	uint32_t	low = index->split;
	uint32_t	task;

	index_extend(table);
	index->split++;
	task = *index_head(index, low);
	*index_head(index, low) = 0;
	while (task != 0)
	{
		TaskNode   *node = policy_task_node(table, task);
		uint32_t	chain = index_chain(index, node->task_id);
		uint32_t   *head = index_head(index, chain);
		uint32_t	next = node->chain;

		node->chain = *head;
		*head = task;
		task = next;
	}
	if (index->split == index->base)
	{
		index->base *= 2;
		index->split = 0;
	}
}

/*
 * Takes the last chain away again: its tasks go back to the one that it was
 * split from.
 */
static void
index_shrink(TaskTable *table)
{
	TaskIndex  *index = &table->index;
	uint32_t   *link;
	uint32_t   *high;
	uint32_t	last;

	if (index->split == 0)
	{
		index->base /= 2;
		index->split = index->base;
	}
	index->split--;
	link = index_head(index, index->split);
	while (*link != 0)
		link = &policy_task_node(table, *link)->chain;
	high = index_head(index, index_size(index));
	*link = *high;
	*high = 0;
	last = (index_size(index) - 1) >> INDEX_PAGE_SHIFT;

	/* one page is kept in reserve, against flapping */
	if (last + 2 < index->npages)
	{
		policy_memory_release(table->memory, index->pages[index->npages - 1],
							  INDEX_PAGE_BYTES);
		index_resize(table, index->npages - 1);
	}
}

/*
 * Gives back all pages of records but "keep" of them.
 */
static void
tasks_trim(TaskTable *table, uint32_t keep)
{
	while (table->npages > keep)
		policy_memory_release(table->memory, table->pages[--table->npages],
							  sizeof(TaskPage));
}

/*
 * An empty table.
 */
void
policy_tasks_init(TaskTable *table, PolicyMemory *memory)
{
	table->memory = memory;
	table->fresh = 1;
	index_extend(table);
	table->index.base = INDEX_MIN_CHAINS;
}

/*
 * Gives all memory of the table back.
 */
void
policy_tasks_release(TaskTable *table)
{
	TaskIndex  *index = &table->index;
	uint32_t	i;

	tasks_trim(table, 0);
	policy_memory_release(table->memory, table->pages,
						  table->room * sizeof(TaskPage *));
	for (i = 0; i < index->npages; i++)
		policy_memory_release(table->memory, index->pages[i],
							  INDEX_PAGE_BYTES);
	policy_memory_release(table->memory, index->pages,
						  index->npages * sizeof(uint32_t *));
}

/*
 * The index of a task by its id, 0 if there is none.
 */
uint32_t
policy_tasks_find(const TaskTable *table, int64_t task_id)
{
	uint32_t	task = *index_head(&table->index,
								   index_chain(&table->index, task_id));

	while (task != 0)
	{
		const TaskNode *node = policy_task_node(table, task);

		if (node->task_id == task_id)
			break;
		task = node->chain;
	}
	return task;
}

/*
 * Sees to it that there is a page for the next fresh record.  The array of
 * pages grows by a quarter.
 */
static void
tasks_extend(TaskTable *table)
{
	if ((table->fresh >> TASK_PAGE_SHIFT) < table->npages)
		return;
	if (table->npages == table->room)
	{
		uint32_t	room = table->room + table->room / 4 + TASK_PAGES_KEPT;

		table->pages = policy_memory_resize(table->memory, table->pages,
											table->room * sizeof(TaskPage *),
											room * sizeof(TaskPage *));
		table->room = room;
	}
	table->pages[table->npages] = policy_memory_alloc(table->memory,
													  sizeof(TaskPage));
	table->npages++;
}

/*
 * A new record, of an id that is not there yet.
 */
uint32_t
policy_tasks_add(TaskTable *table, int64_t task_id)
{
	static const TaskFacts no_facts;
	uint32_t	task = table->free;
	TaskNode   *node;
	uint32_t   *head;

	if (task == 0)
	{
		tasks_extend(table);
		task = table->fresh++;
	}
	else
		table->free = policy_task_node(table, task)->left;
	table->used++;
	if (table->used > index_size(&table->index) * (uint64_t) TASKS_PER_CHAIN)
		index_grow(table);
	head = index_head(&table->index, index_chain(&table->index, task_id));
	*policy_task_facts(table, task) = no_facts;
	node = policy_task_node(table, task);
	node->task_id = task_id;
	node->chain = *head;
	*head = task;
	return task;
}

/*
 * Frees a record, which must be in no order.  When it was the last one the
 * pages of a large table go too.
 */
void
policy_tasks_delete(TaskTable *table, uint32_t task)
{
	TaskNode   *node = policy_task_node(table, task);
	uint32_t   *link = index_head(&table->index,
								  index_chain(&table->index, node->task_id));

	while (*link != task)
		link = &policy_task_node(table, *link)->chain;
	*link = node->chain;
	policy_task_facts(table, task)->state = TASK_STATE_FREE;
	node->left = table->free;
	table->free = task;
	table->used--;
	if (index_size(&table->index) > INDEX_MIN_CHAINS &&
		table->used < index_size(&table->index))
		index_shrink(table);
	if (table->used == 0)
	{
		table->free = 0;
		table->fresh = 1;
		tasks_trim(table, TASK_PAGES_KEPT);
	}
}
