/*-------------------------------------------------------------------------
 *
 * unit_structures.c
 *	  Unit tests: memory, map, heap, table of tasks, order.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/heap.h"
#include "policy/map.h"
#include "policy/order.h"
#include "unit.h"

#define MANY	5000

typedef struct Thing
{
	PolicyMapEntry entry;
	PolicyHeapNode node;
	uint64_t	key;
	bool		in;
} Thing;

static Thing things[MANY];

/*
 * Sizes are counted, and what is new is zero.
 */
void
unit_memory(void)
{
	PolicyMemory memory = {test_allocator, 0};
	char	   *block = policy_memory_alloc(&memory, 10);
	bool		zero = true;
	int			i;

	memset(block, 1, 10);
	block = policy_memory_resize(&memory, block, 10, 1000);
	for (i = 0; i < 1000; i++)
		zero = zero && block[i] == (i < 10 ? 1 : 0);
	tap_ok(zero, "memory: what is new is zero, what is old stays");
	tap_ok(memory.used == 1000, "memory: bytes are counted");
	policy_memory_release(&memory, block, 1000);
	policy_memory_release(&memory, NULL, 0);
	tap_ok(memory.used == 0, "memory: bytes given back are counted");
}

/*
 * For policy_map_release.
 */
static void
thing_release(PolicyMemory *memory, PolicyMapEntry *entry)
{
	(void) memory;
	POLICY_CONTAINER(Thing, entry, entry)->in = false;
}

/*
 * Entries are found while they are in, also those whose hashes are equal, and
 * an empty map holds nothing.
 */
void
unit_map(void)
{
	PolicyMemory memory = {test_allocator, 0};
	PolicyMap	map = {NULL, 0, 0};
	int			found = 0;
	int			i;

	tap_ok(policy_map_find(&map, 1) == NULL, "map: nothing is in an empty one");
	for (i = 0; i < MANY; i++)
	{
		things[i].key = (uint64_t) i;
		policy_map_insert(&map, &memory, &things[i].entry,
						  policy_hash(0, (uint64_t) i));
	}
	for (i = 0; i < MANY; i += 2)
		policy_map_delete(&map, &memory, &things[i].entry);
	for (i = 0; i < MANY; i++)
		if ((policy_map_find(&map, policy_hash(0, (uint64_t) i)) ==
			 &things[i].entry) == (i % 2 == 1))
			found++;
	tap_ok(found == MANY, "map: those that are in are found, others are not");
	for (i = 1; i < MANY; i += 2)
		policy_map_delete(&map, &memory, &things[i].entry);
	tap_ok(memory.used == 0, "map: an empty one holds no memory");
	for (i = 0; i < 3; i++)
	{
		things[i].in = true;
		policy_map_insert(&map, &memory, &things[i].entry, 7);
	}
	policy_map_insert(&map, &memory, &things[3].entry, 7 + 16);
	tap_ok(policy_map_next(policy_map_next(policy_map_find(&map, 7))) != NULL &&
		   policy_map_next(policy_map_next
						   (policy_map_next(policy_map_find(&map, 7)))) == NULL,
		   "map: all entries of one hash are found");
	policy_map_release(&map, &memory, thing_release);
	tap_ok(memory.used == 0 && !things[0].in && !things[2].in,
		   "map: all is given back");
}

/*
 * The order of things.
 */
static bool
thing_before(const PolicyHeapNode *a, const PolicyHeapNode *b)
{
	return POLICY_CONTAINER(Thing, node, a)->key <
		POLICY_CONTAINER(Thing, node, b)->key;
}

/*
 * Random insertions and deletions, of the first and of any: the first is
 * always the least.
 */
void
unit_heap(void)
{
	TestRandom	random = {1};
	PolicyHeapNode *heap = NULL;
	bool		good = true;
	uint64_t	last = 0;
	int			round;
	int			i;

	for (i = 0; i < MANY; i++)
		things[i].in = false;
	for (round = 0; round < 20 * MANY; round++)
	{
		Thing	   *thing = &things[test_below(&random, 50)];

		if (thing->in)
			policy_heap_delete(&heap, &thing->node, thing_before);
		else
		{
			thing->key = (uint64_t) test_below(&random, 1000);
			policy_heap_insert(&heap, &thing->node, thing_before);
		}
		thing->in = !thing->in;
		for (i = 0; i < 50 && good && heap != NULL; i++)
			good = !things[i].in || things[i].key >=
				POLICY_CONTAINER(Thing, node, heap)->key;
	}
	tap_ok(good, "heap: the first is the least, whatever comes and goes");
	for (i = 0; i < 50; i++)
		if (things[i].in)
			policy_heap_delete(&heap, &things[i].node, thing_before);
	for (i = 0; i < MANY; i++)
	{
		things[i].key = (uint64_t) test_below(&random, MANY);
		policy_heap_insert(&heap, &things[i].node, thing_before);
	}
	for (i = 0; heap != NULL; i++)
	{
		good = good && POLICY_CONTAINER(Thing, node, heap)->key >= last;
		last = POLICY_CONTAINER(Thing, node, heap)->key;
		policy_heap_delete(&heap, heap, thing_before);
	}
	tap_ok(good && i == MANY, "heap: it sorts");
}

/*
 * Ids are found at any size, growing and shrinking.
 */
void
unit_tasks(void)
{
	PolicyMemory memory = {test_allocator, 0};
	TaskTable	table = {0};
	const int	n = 50 * MANY;
	bool		good = true;
	size_t		empty;
	size_t		full;
	int			i;

	policy_tasks_init(&table, &memory);
	empty = memory.used;
	tap_ok(policy_tasks_find(&table, 0) == 0, "tasks: id 0 is not there");
	for (i = 0; i < n; i++)
		policy_tasks_add(&table, (int64_t) i * 1000 - n);
	for (i = 0; i < n; i++)
	{
		uint32_t	task = policy_tasks_find(&table, (int64_t) i * 1000 - n);

		good = good && task != 0 &&
			policy_task_node(&table, task)->task_id == (int64_t) i * 1000 - n;
	}
	tap_ok(good, "tasks: %d ids are found", n);
	full = memory.used - empty;
	tap_ok(full <= (size_t) n * 63, "tasks: %.1f bytes each",
		   (double) full / n);
	for (i = 0; i < n; i += 2)
		policy_tasks_delete(&table, policy_tasks_find(&table,
													  (int64_t) i * 1000 - n));
	for (i = 0; i < n; i++)
		good = good && (policy_tasks_find(&table, (int64_t) i * 1000 - n) != 0)
			== (i % 2 == 1);
	for (i = 1; i < n; i += 2)
		policy_tasks_delete(&table, policy_tasks_find(&table,
													  (int64_t) i * 1000 - n));
	tap_ok(good && table.used == 0, "tasks: deleted ids are not found");
	tap_ok(memory.used < empty + full / 10, "tasks: pages are given back");
	policy_tasks_add(&table, INT64_MAX);
	policy_tasks_add(&table, INT64_MIN);
	tap_ok(policy_tasks_find(&table, INT64_MAX) != 0 &&
		   policy_tasks_find(&table, INT64_MIN) != 0 &&
		   policy_tasks_find(&table, -1) == 0, "tasks: ids at the ends");
	policy_tasks_release(&table);
	tap_ok(memory.used == 0, "tasks: all is given back");
}

/*
 * Adds tasks with keys that grow but for some, deletes some, and takes the
 * rest out from the first on.
 */
static bool
order_sorts(int late_percent)
{
	PolicyMemory memory = {test_allocator, 0};
	TestRandom	random = {1};
	TaskTable	table = {0};
	TaskOrder	order = {0, 0, 0};
	PolicyTime	last = POLICY_TIME_ALWAYS;
	int64_t		last_id = 0;
	bool		good = true;
	uint32_t	task;
	int			left = MANY;
	int			i;

	policy_tasks_init(&table, &memory);
	for (i = 1; i <= MANY; i++)
	{
		bool		late = test_below(&random, 100) < late_percent;

		task = policy_tasks_add(&table, i);
		policy_task_node(&table, task)->key = late ?
			test_below(&random, MANY / 10) : i / 10;
		policy_order_insert(&table, &order, task);
	}
	for (i = 1; i <= MANY; i += 3)
	{
		policy_order_delete(&table, &order, policy_tasks_find(&table, i));
		left--;
	}
	while ((task = policy_order_first(&table, &order)) != 0)
	{
		const TaskNode *facts = policy_task_node(&table, task);

		good = good && facts->task_id % 3 != 1 &&
			(facts->key > last ||
			 (facts->key == last && facts->task_id > last_id));
		last = facts->key;
		last_id = facts->task_id;
		policy_order_delete(&table, &order, task);
		left--;
	}
	policy_tasks_release(&table);
	return good && left == 0 && order.first == 0 && order.last == 0 &&
		order.root == 0;
}

/*
 * However the tasks come, they go by key and then by id.
 */
void
unit_order(void)
{
	tap_ok(order_sorts(0), "order: of tasks that come in order");
	tap_ok(order_sorts(10), "order: of tasks a tenth of which come late");
	tap_ok(order_sorts(100), "order: of tasks that come as they like");
}
