# What must hold after any load, read from the ledger, and what the tests of
# load and failure share.
package WeirTest;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  queue_ready wait_drained wait_gone
  most_runs most_at_once cap_kept ledger_faults exactly_once slots_free);

# Waits until the depths of the database's queues are counted.
sub queue_ready
{
	my ($node, $database) = @_;

	$node->poll_query_until($database,
		"SELECT counted AND scheduler = 'running' FROM weir.status")
	  or die "depths in $database are not counted";
}

# Waits until no queue of the database has an unfinished task.
sub wait_drained
{
	my ($node, $database, $what) = @_;

	my $drained = $node->poll_query_until($database,
		'SELECT bool_and(depth = 0) FROM weir.queues');
	diag($node->safe_psql($database, 'SELECT * FROM weir.waiting LIMIT 10'))
	  if !$drained;
	ok($drained, $what // 'all tasks have ended');
}

# Waits until a process is gone.
sub wait_gone
{
	my ($pid) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if !kill 0, $pid;
		select undef, undef, undef, 0.1;
	}
	die "process $pid does not end";
}

# How many runs r of tasks t with a condition were going on at once at most, and
# how many there were: a run is the time from its start to its end, the end not
# included.
sub most_runs
{
	my ($node, $database, $condition) = @_;

	return split /\|/, $node->safe_psql($database, qq{
		WITH run AS (
			SELECT r.started_at, r.finished_at FROM weir.runs r JOIN weir.tasks t USING (task_id)
			WHERE $condition AND r.started_at IS NOT NULL
		), edge AS (
			SELECT started_at AS at, 1 AS step FROM run
			UNION ALL
			SELECT finished_at, -1 FROM run
		), level AS (
			SELECT sum(step) OVER (ORDER BY at, step ROWS UNBOUNDED PRECEDING) AS n
			FROM edge
		)
		SELECT (SELECT coalesce(max(n), 0) FROM level), (SELECT count(*) FROM run)});
}

# The same of those that declared the table or the named resource.
sub most_at_once
{
	my ($node, $database, $resource) = @_;

	return most_runs($node, $database, "(t.tables || t.resources) \@> ARRAY['$resource']");
}

# Tests that the ledger shows no moment with more runs on the table or resource
# than its cap, and that at some moment there were at least "reached": fewer
# could not have shown an excess.
sub cap_kept
{
	my ($node, $database, $resource, $cap, $reached) = @_;
	my ($most, $runs) = most_at_once($node, $database, $resource);

	note("$runs runs on $resource, at most $most at once");
	ok($most <= $cap, "never more than $cap of $runs runs on $resource at once")
	  or diag("$most at once");
	ok($most >= $reached, "and at some time $reached");
}

# What the ledger has that it must not have; empty if it is in order.
sub ledger_faults
{
	my ($node, $database) = @_;

	return $node->safe_psql($database, q{
		WITH last AS (
			SELECT DISTINCT ON (task_id) task_id, attempt, final FROM weir.run
			ORDER BY task_id, attempt DESC
		), fault AS (
			SELECT 'attempts of task ' || task_id || ' have a gap: '
				   || string_agg(attempt::text, ',' ORDER BY attempt) AS fault
			FROM weir.run GROUP BY task_id
			HAVING min(attempt) <> 1 OR max(attempt) <> count(*)
			UNION ALL
			SELECT 'task ' || r.task_id || ' has ' || count(*) FILTER (WHERE r.final)
				   || ' ends, and was brought back '
				   || count(*) FILTER (WHERE r.outcome = 'retried') || ' times'
			FROM weir.run r JOIN last l USING (task_id) GROUP BY r.task_id, l.final
			HAVING count(*) FILTER (WHERE r.final)
				   <> count(*) FILTER (WHERE r.outcome = 'retried') + l.final::int
			UNION ALL
			SELECT 'task ' || task_id || ' succeeded ' || count(*) || ' times'
			FROM weir.run WHERE outcome = 'succeeded' GROUP BY task_id
			HAVING count(*) > 1
			UNION ALL
			SELECT 'task ' || task_id || ' ran in attempt ' || attempt || ' after its end'
			FROM weir.run r
			WHERE EXISTS (SELECT FROM weir.run e
						  WHERE e.task_id = r.task_id AND e.attempt < r.attempt AND e.final)
			AND NOT EXISTS (SELECT FROM weir.run b
							WHERE b.task_id = r.task_id AND b.attempt <= r.attempt
							AND b.outcome = 'retried')
			UNION ALL
			SELECT 'run of no task: ' || r.task_id
			FROM weir.run r LEFT JOIN weir.task t USING (task_id)
			WHERE t.task_id IS NULL
			UNION ALL
			SELECT 'row outside of its generation: ' || t.tableoid::regclass || ' ' || t.task_id
			FROM (SELECT tableoid, task_id FROM weir.task
				  UNION ALL SELECT tableoid, task_id FROM weir.run) t
			LEFT JOIN weir.generation g
				ON t.tableoid::regclass::text IN ('weir.task_' || g.generation_id,
												  'weir.run_' || g.generation_id)
			WHERE (t.task_id >= g.low AND t.task_id < g.high) IS NOT TRUE
			UNION ALL
			SELECT 'unique key ' || coalesce(u.unique_key, t.unique_key)
				   || CASE WHEN u.task_id IS NULL THEN ' of unfinished task ' || t.task_id || ' is free'
						   ELSE ' is held by task ' || u.task_id || ', which has ended or has another one' END
			FROM (SELECT * FROM weir.unique_key WHERE free_at IS NULL) u
			FULL JOIN (SELECT t.task_id, t.unique_key FROM weir.task t
					   LEFT JOIN last USING (task_id)
					   WHERE t.unique_key IS NOT NULL AND last.final IS NOT TRUE) t
				ON t.task_id = u.task_id AND t.unique_key = u.unique_key
			WHERE u.task_id IS NULL OR t.task_id IS NULL
			UNION ALL
			SELECT 'task ' || t.task_id || ' ran in attempt ' || r.attempt
				   || ' before its parent ' || p || ' had ended'
			FROM weir.task t JOIN weir.run r USING (task_id), unnest(t.after) p
			WHERE r.started_at IS NOT NULL
			-- but for a collector that has waited for its group as long as it may
			AND NOT EXISTS (SELECT FROM weir.task_group g
							WHERE g.task_id = t.task_id AND g.deadline <= r.started_at)
			AND NOT EXISTS (SELECT FROM weir.run e
							WHERE e.task_id = p AND e.final AND e.finished_at <= r.started_at
							AND (e.outcome = 'succeeded' OR t.on_parent_failure = 'run'))
			UNION ALL
			SELECT 'task ' || k.task_id || ' ran before another one of its serial key had ended'
			FROM (SELECT r.task_id, r.started_at,
						 max(r.finished_at) OVER (PARTITION BY v.owner, t.serial_key
							ORDER BY r.started_at, r.task_id, r.attempt
							ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
				  FROM weir.task t JOIN weir.run r USING (task_id) JOIN weir.environment v USING (environment_id)
				  WHERE t.serial_key IS NOT NULL AND r.started_at IS NOT NULL) k
			WHERE k.started_at < k.before
			UNION ALL
			SELECT 'role ' || l.role || ' has ' || coalesce(l.unfinished::text, 'no number of')
				   || ' unfinished tasks instead of ' || count(t.task_id)
			FROM weir.role_limits l
			LEFT JOIN (SELECT t.task_id, v.owner_name FROM weir.task t
					   JOIN weir.environment v USING (environment_id)
					   LEFT JOIN last USING (task_id)
					   WHERE last.final IS NOT TRUE) t ON t.owner_name = l.role
			GROUP BY l.role, l.unfinished
			HAVING l.unfinished IS DISTINCT FROM count(t.task_id)
			UNION ALL
			SELECT 'queue ' || q.name || ' has depth ' || coalesce(q.depth::text, 'null')
				   || ' but ' || count(t.task_id) || ' unfinished tasks'
			FROM weir.queues q
			LEFT JOIN (SELECT t.task_id, v.queue_id FROM weir.task t
					   JOIN weir.environment v USING (environment_id)
					   LEFT JOIN last USING (task_id)
					   WHERE last.final IS NOT TRUE) t USING (queue_id)
			GROUP BY q.name, q.depth
			HAVING q.depth IS DISTINCT FROM count(t.task_id)
		)
		SELECT fault FROM fault LIMIT 20});
}

# Tests that the ledger is in order, and that each of the tasks has left its
# id in a table exactly once.  Nothing may be running.
sub exactly_once
{
	my ($node, $database, $table, $tasks) = @_;

	# a run row is committed a moment before its task leaves the depth
	$node->poll_query_until($database,
		"SELECT count(*) = 0 FROM weir.workers WHERE task_id IS NOT NULL");
	is(ledger_faults($node, $database), '',
		'the ledger has one end for each task, attempts without gaps, and the depths');
	is( $node->safe_psql($database,
			"SELECT count(*), count(DISTINCT task_id) FROM $table"),
		"$tasks|$tasks",
		"each of $tasks tasks has had its effect exactly once");
	is( $node->safe_psql($database,
			"SELECT count(*) FROM $table e FULL JOIN
			 (SELECT task_id FROM weir.run WHERE outcome = 'succeeded') r USING (task_id)
			 WHERE e.task_id IS NULL OR r.task_id IS NULL"),
		0,
		'no effect without its run, no run without its effect');
}

# Tests that nobody holds a slot, neither by the lock manager nor by the hint.
sub slots_free
{
	my ($node, $database) = @_;

	ok( $node->poll_query_until($database,
			'SELECT count(pid) = 0 FROM weir.slots'),
		'all slots are free');
	# a process notes that its slot is free when it has given it up
	ok( $node->poll_query_until($database,
			'SELECT sum(used) = 0 AND sum(waiting_sessions) = 0 FROM weir.resources'),
		'and known to be, and nobody waits for one');
}

1;
