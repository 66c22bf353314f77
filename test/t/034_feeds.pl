# A pipeline of two queues: the first feeds the second, which is small and slow.
# It blocks and never fails, never overflows, and loses no place, whatever
# happens to its processes.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 5, 'weir.max_crashes' => 10,
	restart_after_crash => 'on');

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	CREATE TABLE seen (depth int);
	SELECT weir.create_queue('second', capacity => 3, max_running => 2);
	SELECT weir.create_queue('first', capacity => 1000, policy => '{"feeds": "second", "max_attempts": 20, "backoff_base": 0.01}');
	CREATE FUNCTION work() RETURNS void LANGUAGE sql AS $$
		INSERT INTO effect SELECT weir.current_task();
		-- sleep is the work
		SELECT pg_sleep(0.01)
	$$;
	CREATE FUNCTION enqueue_first(n int) RETURNS bigint LANGUAGE sql AS $$
		SELECT m FROM weir.enqueue_many($q$SELECT work(), weir.enqueue('SELECT work()', queue => 'second'), $1::int$q$,
			(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, n) i), queue => 'first') e(f, l, m)
	$$;
	CREATE FUNCTION sample() RETURNS void LANGUAGE sql AS $$
		INSERT INTO seen SELECT count(*) FROM weir.tasks
		WHERE queue = 'second' AND state NOT IN ('succeeded')
	$$;
});

# Undisturbed, and watched.
$node->safe_psql('postgres', 'SELECT enqueue_first(150)');
$node->pgbench('-n -c 2 -T 3', 0, [qr/processed/], [qr/^(?!.*ERROR)/s], 'watched',
	{ 'sample@1' => 'SELECT sample();' });
wait_drained($node, 'postgres');
is($node->safe_psql('postgres', 'SELECT count(*) FROM seen WHERE depth > 3'),
	0, 'the second queue never overflows');
is( $node->safe_psql('postgres',
		'SELECT queue, outcome, count(*) FROM weir.runs GROUP BY 1, 2 ORDER BY 1, 2'),
	"first|succeeded|150\nsecond|succeeded|150",
	'the first one blocks, and does not fail');
exactly_once($node, 'postgres', 'effect', 300);

# Workers, schedulers and the server are told to stop, or killed.
$node->safe_psql('postgres', 'SELECT enqueue_first(150)');
for my $round (1 .. 12)
{
	my $what = $round % 4;
	my $pid = $node->safe_psql('postgres', $what == 3
		? 'SELECT scheduler_pid FROM weir.status'
		: "SELECT pid FROM weir.workers WHERE state = 'running' ORDER BY random() LIMIT 1");

	next if $pid eq '';
	if ($what == 0 && $round <= 8)
	{
		crash($node, $pid);
	}
	else
	{
		kill 'TERM', $pid;
		wait_gone($pid);
	}
	queue_ready($node, 'postgres');
}
wait_drained($node, 'postgres', 'all is done in spite of kills, and no place is lost');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
exactly_once($node, 'postgres', 'effect', 600);
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM weir.runs WHERE outcome NOT IN ('succeeded', 'interrupted', 'crashed')"),
	0, 'nothing failed for want of room');

# The place is free for others, too.
is($node->safe_psql('postgres',
		q{SELECT n FROM weir.enqueue_many('SELECT $1::int', '[[1], [2], [3]]', queue => 'second')}),
	3, 'the second queue takes as many as ever');
wait_drained($node, 'postgres');

# Who stands in line for room is not passed by a task that needs some.
$node->safe_psql('postgres', q{
	SELECT weir.create_queue('narrow', capacity => 1, on_full => 'wait');
	SELECT weir.create_queue('wide', policy => '{"feeds": "narrow"}');
	SELECT weir.pause('narrow');
	SELECT weir.enqueue('SELECT 0', queue => 'narrow')});
my $producer = $node->background_psql('postgres');
$producer->query_until(qr/asked/, "\\echo asked\nSELECT weir.enqueue('SELECT 1', queue => 'narrow');\n\\echo answered\n");
$node->poll_query_until('postgres', "SELECT waiting_producers = 1 FROM weir.queues WHERE name = 'narrow'")
  or die 'nobody stands in line';
$node->safe_psql('postgres', "SELECT weir.enqueue(\$\$SELECT weir.enqueue('SELECT 2', queue => 'narrow')\$\$, queue => 'wide')");
$node->poll_query_until('postgres', "SELECT blocked = 1 FROM weir.queues WHERE name = 'wide'")
  or die 'the task is not held up';
$node->safe_psql('postgres', "SELECT weir.cancel(task_id) FROM weir.tasks WHERE command = 'SELECT 0'");
$producer->query_until(qr/answered/, '');
$producer->quit;
is($node->safe_psql('postgres', "SELECT string_agg(command, ' ' ORDER BY task_id) FROM weir.tasks WHERE queue = 'narrow' AND state = 'ready'"),
	'SELECT 1', 'who stands in line is not passed');
is($node->safe_psql('postgres', "SELECT cause FROM weir.waiting WHERE queue = 'wide'"),
	'downstream_full', 'the task goes on to wait');
$node->safe_psql('postgres', "SELECT weir.resume('narrow')");
wait_drained($node, 'postgres');

unlike(log_since($node), qr/PANIC|TRAP:/, 'no assertion failed');
$node->stop;
done_testing();
