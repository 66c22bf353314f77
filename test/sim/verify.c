/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Is the policy sound inside?
 *
 * Walks all structures and checks what their headers promise.  Returns what
 * is wrong, or NULL.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/budget.h"
#include "policy/depend.h"
#include "policy/place.h"
#include "policy/park.h"
#include "policy/slots.h"
#include "verify.h"

/*
 * Does task a go after task b in an order?
 */
static bool
after(const TaskTable *table, uint32_t a, uint32_t b)
{
	const TaskNode *x = policy_task_node(table, a);
	const TaskNode *y = policy_task_node(table, b);

	return x->key > y->key || (x->key == y->key && x->task_id > y->task_id);
}

/*
 * Counts the nodes of a heap; -1 if it is not a leftist heap.
 */
static int
verify_heap(const TaskTable *table, uint32_t node, uint32_t parent)
{
	const TaskNode *links;
	int			left;
	int			right;
	int			left_depth;
	int			right_depth;

	if (node == 0)
		return 0;
	links = policy_task_node(table, node);
	if (links->parent != parent ||
		(parent != 0 && after(table, parent, node)))
		return -1;
	left = verify_heap(table, links->left, node);
	right = verify_heap(table, links->right, node);
	left_depth = links->left == 0 ? 0 :
		policy_task_facts(table, links->left)->depth;
	right_depth = links->right == 0 ? 0 :
		policy_task_facts(table, links->right)->depth;
	if (left < 0 || right < 0 || left_depth < right_depth ||
		policy_task_facts(table, node)->depth != right_depth + 1)
		return -1;
	return left + right + 1;
}

/*
 * Counts the tasks of an order; -1 if it is none.
 */
int
verify_order(const TaskTable *table, const TaskOrder *order)
{
	int			n = verify_heap(table, order->root, 0);
	uint32_t	previous = 0;
	uint32_t	task = order->first;

	for (; task != 0 && n >= 0; task = policy_task_node(table, task)->right)
	{
		if (policy_task_node(table, task)->left != previous ||
			policy_task_facts(table, task)->depth != 0 ||
			(previous != 0 && after(table, previous, task)))
			return -1;
		previous = task;
		n++;
	}
	return previous == order->last ? n : -1;
}

/*
 * Counts the nodes of a pairing heap.
 */
static uint32_t
count_heap(const PolicyHeapNode *node)
{
	uint32_t	n = 0;

	for (; node != NULL; node = node->next)
		n += 1 + count_heap(node->child);
	return n;
}

/*
 * Does a bucket need a place?
 */
static bool
needs_place(const PolicyBucket *bucket, const PolicyPlace *place)
{
	int			i;

	for (i = 0; i < bucket->nneeds; i++)
		if (&bucket->needs[i]->place == place)
			return true;
	for (i = 0; i < bucket->nneeds && bucket->retry; i++)
		if (bucket->needs[i]->budget != NULL &&
			&bucket->needs[i]->budget->place == place)
			return true;
	if (bucket->retry && bucket->queue->budget != NULL &&
		&bucket->queue->budget->place == place)
		return true;
	return place == &bucket->queue->place || place == &bucket->owner->place;
}

/*
 * Does a ready bucket of the class need the place too?
 */
static bool
stands_in(const Policy *policy, const PolicyPlace *place, int klass)
{
	uint32_t	i;

	for (i = 0; i < policy->nbuckets; i++)
	{
		const PolicyBucket *bucket = policy->buckets[i];

		if (bucket != NULL && bucket->klass == klass &&
			bucket->node == bucket->line && needs_place(bucket, place))
			return true;
	}
	return false;
}

/*
 * Is a bucket where it belongs?
 */
static const char *
verify_bucket(const Policy *policy, const PolicyBucket *bucket)
{
	uint32_t	first = policy_order_first(&policy->tasks, &bucket->order);
	const TaskNode *facts;

	if (verify_order(&policy->tasks, &bucket->order) != (int) bucket->nready)
		return "the order of a bucket is wrong";
	if (bucket->nready + bucket->nblocked + bucket->ndelayed +
		bucket->nrunning == 0)
		return "an empty bucket is still there";
	if (bucket->solo)
		return bucket->node == NULL && !bucket->shut ? NULL :
			"a solo bucket is in a tree";
	if (first == 0)
		return bucket->node == NULL && !bucket->shut ? NULL :
			"an idle bucket is in a tree";
	facts = policy_task_node(&policy->tasks, first);
	if ((bucket->node == NULL) != bucket->shut ||
		bucket->item.rank != facts->key ||
		bucket->item.task_id != facts->task_id)
		return "a bucket is not where its rank is";
	if (bucket->shut)
		return bucket->place == NULL && bucket->look_at > policy->now ?
			NULL : "a bucket is shut for too long";
	if (bucket->place == NULL)
		return bucket->node == bucket->line ? NULL : "a bucket is astray";
	if (!needs_place(bucket, bucket->place))
		return "a bucket is parked where it needs nothing";
	if (policy_place_room(bucket->place, (PolicyClass) bucket->klass) &&
		!stands_in(policy, bucket->place, bucket->klass))
		return "a bucket is forgotten at a place with room";
	return NULL;
}

/*
 * Are the counts of a queue those of its buckets?
 */
static const char *
verify_queue(const Policy *policy, const PolicyQueue *queue)
{
	PolicyQueue sums = {0};
	uint32_t	i;

	for (i = 0; i < policy->nbuckets; i++)
	{
		const PolicyBucket *bucket = policy->buckets[i];

		if (bucket == NULL || bucket->queue != queue)
			continue;
		sums.ready += bucket->nready;
		sums.delayed += bucket->ndelayed;
		sums.dependent += bucket->nblocked;
		sums.running += bucket->nrunning;
		if (bucket->shut ||
			(bucket->place != NULL &&
			 (bucket->place->kind == PLACE_RESOURCE ||
			  bucket->place->kind == PLACE_BUDGET || bucket->at_limit)))
			sums.parked += bucket->nready;
		sums.nbuckets++;
	}
	return sums.ready == queue->ready && sums.delayed == queue->delayed &&
		sums.dependent == queue->dependent &&
		sums.running == queue->running && sums.parked == queue->parked &&
		sums.nbuckets == queue->nbuckets ? NULL : "a queue counts wrongly";
}

/*
 * Are the tasks that expire there, and do those count that wait?
 */
static const char *
verify_expiry(const Policy *policy)
{
	const TaskTable *table = &policy->expiry;
	uint32_t	waiting = 0;
	uint32_t	all = 0;
	uint32_t	record;

	for (record = 1; record < table->fresh; record++)
	{
		TaskState	state = (TaskState) policy_task_facts(table, record)->state;
		uint32_t	task;

		if (state == TASK_STATE_FREE)
			continue;
		task = policy_tasks_find(&policy->tasks,
								 policy_task_node(table, record)->task_id);
		if (task == 0)
			return "a task that is gone expires";
		if ((state == TASK_STATE_RUNNING) !=
			(policy_task_facts(&policy->tasks, task)->state == TASK_STATE_RUNNING ||
			 policy_depend_waits(policy, task)))
			return "a task that runs expires, or one that waits does not";
		waiting += state == TASK_STATE_DELAYED;
		all++;
	}
	if (verify_order(table, &policy->expiries) != (int) waiting)
		return "the order of expiries is wrong";
	return all == table->used ? NULL : "the count of expiries is wrong";
}

/*
 * Do the tasks stand in the orders for shedding that wait in queues that shed,
 * and no others?
 */
static const char *
verify_shed(const Policy *policy)
{
	uint32_t	all = 0;
	uint32_t	head;
	uint32_t	task;
	int			ordered = 0;
	const PolicyMapEntry *entry;

	for (head = 0; head < policy->queues.nheads; head++)
		for (entry = policy->queues.heads[head]; entry != NULL;
			 entry = entry->next)
		{
			const PolicyQueue *queue = POLICY_CONTAINER(PolicyQueue, entry, entry);
			int			klass;

			for (klass = 0; klass < POLICY_NUM_CLASSES; klass++)
				ordered += verify_order(&policy->shed, &queue->shed[klass]);
		}
	for (task = 1; task < policy->tasks.fresh; task++)
	{
		TaskState	state = (TaskState) policy_task_facts(&policy->tasks, task)->state;
		int64_t		task_id = policy_task_node(&policy->tasks, task)->task_id;

		if (state == TASK_STATE_FREE)
			continue;
		if ((policy_tasks_find(&policy->shed, task_id) != 0) !=
			(state != TASK_STATE_RUNNING &&
			 policy_bucket_of(policy, task)->queue->sheds))
			return "a task can be shed that must not, or the other way round";
		all += policy_tasks_find(&policy->shed, task_id) != 0;
	}
	return all == policy->shed.used && ordered == (int) all ? NULL :
		"the orders for shedding are wrong";
}

/*
 * Counts the edges of a list of a parent; more than there are if it is wrong.
 */
static uint32_t
verify_edge_list(const Policy *policy, uint32_t parent, uint32_t edge,
				 bool cancels)
{
	const EdgeTable *table = &policy->edges;
	uint32_t	previous = 0;
	uint32_t	n = 0;

	while (edge != 0)
	{
		const PolicyEdge *this = &table->pages[edge >> EDGE_PAGE_SHIFT]
		[edge & EDGE_PAGE_MASK];
		const TaskFacts *facts = policy_task_facts(&policy->tasks, this->child);

		if (this->parent != parent || this->previous != previous ||
			facts->state != TASK_STATE_BLOCKED ||
			(facts->depth == POLICY_ON_FAILURE_CANCEL) != cancels)
			return UINT32_MAX / 4;
		n++;
		previous = edge;
		edge = this->next;
	}
	return n;
}

/*
 * Are all edges in the lists of their parents, and is the sum that of the
 * tasks that are blocked?
 */
static const char *
verify_edges(const Policy *policy, uint32_t blocked)
{
	const TaskTable *parents = &policy->parents;
	uint32_t	edges = 0;
	uint32_t	of_tasks = 0;
	uint32_t	i;

	for (i = 1; i < parents->fresh; i++)
	{
		const TaskNode *node = policy_task_node(parents, i);

		if (policy_task_facts(parents, i)->state == TASK_STATE_FREE)
			continue;
		if (node->left == 0 && node->right == 0)
			return "a parent of nobody is still there";
		edges += verify_edge_list(policy, i, node->left, true) +
			verify_edge_list(policy, i, node->right, false);
	}
	for (i = 1; i < policy->tasks.fresh; i++)
	{
		if (policy_task_facts(&policy->tasks, i)->state != TASK_STATE_BLOCKED)
			continue;
		of_tasks += policy_task_node(&policy->tasks, i)->right;
		blocked--;
	}
	if (blocked != 0)
		return "the count of blocked tasks is wrong";
	return edges == policy->edges.used && edges == of_tasks ? NULL :
		"the edges are wrong";
}

/*
 * Is a resource closed if nothing starts before a time that is to come, and
 * does it stand in the heap then?
 */
static const char *
verify_closed(const Policy *policy)
{
	uint32_t	closed = 0;
	uint32_t	head;
	const PolicyMapEntry *entry;
	const PolicyHeapNode *node = policy->closed;

	for (head = 0; head < policy->resources.nheads; head++)
		for (entry = policy->resources.heads[head]; entry != NULL;
			 entry = entry->next)
		{
			const PolicyResource *resource;

			resource = POLICY_CONTAINER(PolicyResource, entry, entry);
			closed += resource->closed;
			if (resource->closed != (resource->opens_at > policy->now))
				return "a resource is closed or open at the wrong time";
		}
	return closed == count_heap(node) ? NULL :
		"not all closed resources have a timer";
}

/*
 * Do resources count the tasks that run, and has each ramp a timer?
 */
static const char *
verify_ramps(const Policy *policy)
{
	uint32_t	ramps = policy->ramp != NULL && policy->ramp->on;
	uint32_t	running = 0;
	uint32_t	counted = 0;
	uint32_t	i;
	const PolicyMapEntry *entry;

	for (i = 0; i < policy->resources.nheads; i++)
		for (entry = policy->resources.heads[i]; entry != NULL;
			 entry = entry->next)
		{
			const PolicyResource *resource;

			resource = POLICY_CONTAINER(PolicyResource, entry, entry);
			ramps += resource->ramp != NULL && resource->ramp->on;
			counted += resource->running;
		}
	for (i = 0; i < policy->nbuckets; i++)
		if (policy->buckets[i] != NULL)
			running += policy->buckets[i]->nrunning *
				policy->buckets[i]->nneeds;
	for (i = 0; i < policy->queues.nheads; i++)
		for (entry = policy->queues.heads[i]; entry != NULL;
			 entry = entry->next)
		{
			const PolicyQueue *queue = POLICY_CONTAINER(PolicyQueue, entry, entry);

			ramps += queue->ramp != NULL && queue->ramp->on;
		}
	if (running != counted)
		return "resources do not count the tasks that run";
	return ramps == count_heap(policy->ramps) ? NULL :
		"not all ramps have a timer";
}

/*
 * Has a budget a timer if somebody is parked there without room, unless a
 * ready bucket is going to find that out, and does it count those?
 */
static const char *
verify_budget(const Policy *policy, const PolicyBudget *budget)
{
	uint32_t	waiting = 0;
	bool		forgotten = false;
	uint32_t	i;

	if (budget == NULL)
		return NULL;
	for (i = 0; i < policy->nbuckets; i++)
	{
		const PolicyBucket *bucket = policy->buckets[i];

		if (bucket == NULL || bucket->place != &budget->place)
			continue;
		waiting += bucket->nready;
		forgotten |= !stands_in(policy, &budget->place, bucket->klass);
	}
	if (waiting != budget->waiting)
		return "a budget counts wrongly";
	if (forgotten && !budget->timed)
		return "a budget that is waited for has no timer";
	if (waiting == 0 && budget->timed)
		return "a budget has a timer for nobody";
	return budget->timed && budget->opens_at <= policy->now ?
		"the timer of a budget is late" : NULL;
}

static const char *
verify_budgets(const Policy *policy)
{
	const char *complaint = NULL;
	uint32_t	i;
	int			k;

	for (i = 0; i < policy->nbuckets && complaint == NULL; i++)
	{
		const PolicyBucket *bucket = policy->buckets[i];

		if (bucket == NULL)
			continue;
		complaint = verify_budget(policy, bucket->queue->budget);
		for (k = 0; k < bucket->nneeds && complaint == NULL; k++)
			complaint = verify_budget(policy, bucket->needs[k]->budget);
	}
	return complaint;
}

/*
 * Do all buckets that are shut have a timer?
 */
static const char *
verify_shut(const Policy *policy)
{
	uint32_t	shut = 0;
	uint32_t	i;

	for (i = 0; i < policy->nbuckets; i++)
		shut += policy->buckets[i] != NULL && policy->buckets[i]->shut;
	return shut == count_heap(policy->shut) ? NULL :
		"not all buckets that are shut have a timer";
}

/*
 * Are the resources closed to backfills that tasks at risk need, and those
 * handed over that are said to be?
 */
static const char *
verify_risks(const Policy *policy)
{
	const PolicyRisk *risk = policy->urgent;
	uint32_t	listed = 0;
	uint32_t	claims = 0;
	uint32_t	closed = 0;
	uint32_t	handed = policy->handed_workers;
	uint32_t	head;
	const PolicyMapEntry *entry;

	for (; risk != NULL; risk = risk->next)
		listed++;
	for (head = 0; head < policy->risks.nheads; head++)
		for (entry = policy->risks.heads[head]; entry != NULL;
			 entry = entry->next)
		{
			uint32_t	task;

			risk = POLICY_CONTAINER(PolicyRisk, entry, entry);
			task = policy_tasks_find(&policy->tasks, risk->task_id);
			if (task == 0)
				return "a task that is gone has a deadline";
			listed -= risk->tier != POLICY_TIER_ON_TIME;
			if (risk->claims)
				claims += policy_bucket_of(policy, task)->nneeds;
		}
	if (listed != 0)
		return "the list of tasks at risk is wrong";
	for (head = 0; head < policy->resources.nheads; head++)
		for (entry = policy->resources.heads[head]; entry != NULL;
			 entry = entry->next)
		{
			closed += POLICY_CONTAINER(PolicyResource, entry, entry)->claims;
			handed += POLICY_CONTAINER(PolicyResource, entry, entry)->handed;
		}
	if (count_heap(policy->looks) != policy->risks.nentries)
		return "not all deadlines have a timer";
	if (handed != policy->nhandoffs)
		return "what is handed over is wrong";
	return closed == claims ? NULL : "what is closed to backfills is wrong";
}

/*
 * Everything.
 */
const char *
verify_policy(const Policy *policy)
{
	uint32_t	tasks = 0;
	uint32_t	blocked = 0;
	uint32_t	delayed = 0;
	uint32_t	running = 0;
	const char *complaint;
	uint32_t	i;

	for (i = 0; i < policy->nbuckets; i++)
	{
		const PolicyBucket *bucket = policy->buckets[i];

		if (bucket == NULL)
			continue;
		complaint = verify_bucket(policy, bucket);
		if (complaint == NULL)
			complaint = verify_queue(policy, bucket->queue);
		if (complaint != NULL)
			return complaint;
		tasks += bucket->nready + bucket->nblocked + bucket->ndelayed +
			bucket->nrunning;
		blocked += bucket->nblocked;
		delayed += bucket->ndelayed;
		running += bucket->nrunning;
	}
	if (verify_closed(policy) != NULL)
		return verify_closed(policy);
	if (verify_ramps(policy) != NULL)
		return verify_ramps(policy);
	if (verify_budgets(policy) != NULL)
		return verify_budgets(policy);
	if (verify_shut(policy) != NULL)
		return verify_shut(policy);
	if (verify_order(&policy->tasks, &policy->timers) != (int) delayed)
		return "the order of timers is wrong";
	if (tasks != policy->tasks.used || (int) running != policy->running)
		return "the counts of tasks are wrong";
	if (verify_shed(policy) != NULL)
		return verify_shed(policy);
	if (verify_risks(policy) != NULL)
		return verify_risks(policy);
	complaint = verify_lines(policy);
	if (complaint == NULL)
		complaint = verify_slots(policy);
	if (complaint == NULL)
		complaint = verify_breakers(policy);
	if (complaint == NULL)
		complaint = verify_edges(policy, blocked);
	return complaint != NULL ? complaint : verify_expiry(policy);
}

/*
 * Until when the policy drains for a solo task, POLICY_TIME_ALWAYS if it does
 * not.
 */
PolicyTime
verify_drain_until(const Policy *policy)
{
	return policy->solo.drain_until;
}
