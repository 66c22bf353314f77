# Tasks with serial keys, over crashes and restarts: those of one key run one
# at a time and in order, and none is forgotten.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 4,
	'weir.generation_size' => 500);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	-- retries that wait for a budget would keep their keys for minutes, and those
	-- that earn them a place wait for the keys
	SELECT weir.create_queue('a', capacity => 10000, policy => '{"retry_budget": false}');
	SELECT weir.create_queue('b', 'backfill', capacity => 10000, policy => '{"retry_budget": false}');

	-- tasks of ten keys in two queues; some wait for others, some fail at
	-- first, some always, some are to run a little later, some expire
	CREATE PROCEDURE submit(n int, key text DEFAULT 'k') LANGUAGE plpgsql AS $$
	DECLARE
		id bigint;
	BEGIN
		FOR i IN 1..n LOOP
			id := weir.enqueue(
				-- sleep is the work
				'SELECT pg_sleep(0.005); INSERT INTO effect VALUES (weir.current_task())'
				|| CASE i % 13 WHEN 1 THEN '; SELECT 1/0'
							   WHEN 2 THEN '; DO ''BEGIN IF random() < 0.5 THEN RAISE SQLSTATE ''''53000''''; END IF; END'''
							   ELSE '' END,
				queue => (ARRAY['a', 'b'])[1 + i % 2], serial_key => key || (random() * 9)::int,
				policy => '{"backoff_base": 0.01}', max_attempts => 10,
				after => CASE WHEN i % 7 = 3 THEN ARRAY[id] END, on_parent_failure => 'run',
				run_at => CASE WHEN i % 17 = 4 THEN now() + '20 ms' END,
				queue_timeout => CASE WHEN i % 19 = 5 THEN interval '200 ms' END);
			IF i % 10 = 0 THEN
				COMMIT;
			END IF;
		END LOOP;
	END $$;
});

# Started tasks of a key that went before one with a lower id, of those that
# nothing but their place kept from running.
my $out_of_order = q{
	WITH t AS (
		SELECT t.task_id, t.serial_key,
			   (SELECT min(r.started_at) FROM weir.run r WHERE r.task_id = t.task_id) AS at
		FROM weir.task t WHERE t.run_at IS NULL AND t.serial_key LIKE 'k%')
	SELECT count(*) FROM (
		SELECT t.at, max(t.at) OVER (PARTITION BY t.serial_key ORDER BY t.task_id
									 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
		FROM t WHERE t.at IS NOT NULL) o
	WHERE o.at < o.before};

sub settled
{
	my ($what) = @_;

	wait_drained($node, 'postgres', "$what: all have ended");
	is(ledger_faults($node, 'postgres'), '',
		"$what: one at a time of each key, by the ledger");
	is($node->safe_psql('postgres', $out_of_order), 0, "$what: in order");
	is( $node->safe_psql('postgres', q{
			SELECT count(*) FROM weir.tasks t FULL JOIN effect e USING (task_id)
			WHERE (t.state = 'succeeded') IS DISTINCT FROM (e.task_id IS NOT NULL)}),
		0, "$what: what has succeeded has run once");
}

$node->safe_psql('postgres', 'CALL submit(600)');
settled('a load');

# The same in a storm: the server is killed in the middle, twice, and the
# scheduler once.
$node->safe_psql('postgres', q{SELECT weir.pause('a'), weir.pause('b'); CALL submit(900); SELECT weir.resume('a'), weir.resume('b')});
for my $how ('server', 'scheduler', 'server')
{
	my $done = $node->safe_psql('postgres', 'SELECT count(*) FROM effect');

	$node->poll_query_until('postgres', "SELECT count(*) > $done + 20 FROM effect")
	  or die 'nothing runs';
	if ($how eq 'server')
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		$node->safe_psql('postgres',
			'SELECT pg_terminate_backend(scheduler_pid) FROM weir.status');
	}
	queue_ready($node, 'postgres');
}
settled('a load over crashes');

# Several producers of the same keys, while tasks are cancelled and brought
# back: still one at a time.
$node->pgbench('--no-vacuum --client=4 --transactions=60 --max-tries=1000',
	0, [qr/processed: 240/], [qr/^$/], 'producers of the same keys', {
	'038_serial' => q{
		\set k random(0, 3)
		SELECT weir.enqueue('INSERT INTO effect VALUES (weir.current_task())', queue => 'a', serial_key => 'p' || :k);
		SELECT weir.cancel(task_id) FROM weir.waiting WHERE cause = 'serial_key' AND random() < 0.02;
		SELECT weir.retry(task_id) FROM (SELECT task_id FROM weir.tasks WHERE state = 'cancelled' LIMIT 1) c;
	}});
wait_drained($node, 'postgres', 'producers of the same keys: all have ended');
is(ledger_faults($node, 'postgres'), '',
	'producers of the same keys: one at a time, by the ledger');

# What has begun keeps its key over a restart, whatever the id of another one.
my ($first, $second) = split /\|/, $node->safe_psql('postgres', q{
	SELECT a, weir.enqueue($$DO 'BEGIN RAISE SQLSTATE ''53000''; END'$$, queue => 'a',
		serial_key => 'r', max_attempts => 3, policy => '{"backoff_base": 100000}')
	FROM weir.enqueue('SELECT 1/0', queue => 'a', serial_key => 'r') a});
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.run WHERE task_id = $second")
  or die 'the task does not fail';
$node->safe_psql('postgres', "SELECT weir.retry($first)");
my $behind = qq{SELECT cause, holder FROM weir.waiting WHERE task_id = $first};
is($node->safe_psql('postgres', $behind), "serial_key|task $second",
	'a task that waits for its next attempt holds up one that comes back');
$node->stop('immediate');
$node->start;
queue_ready($node, 'postgres');
is($node->safe_psql('postgres', $behind), "serial_key|task $second",
	'and so it does after a restart');
is($node->safe_psql('postgres', q{SELECT sum(blocked) FROM weir.queues}), 1,
	'as the scheduler sees it, too');
$node->safe_psql('postgres', "SELECT weir.cancel($second)");
wait_drained($node, 'postgres', 'until it is cancelled');

$node->stop;
done_testing();
