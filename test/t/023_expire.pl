# Queue timeouts over crashes and pauses, against cancels, and of thousands of
# tasks at once: who expires has not started, and the other way round.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 2);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	SELECT weir.create_queue('exp', capacity => 10000);
});

# Work that comes faster than it can be done: each task either runs, or
# expires, and those that run did not start too late.
$node->safe_psql('postgres', q{
	SELECT n FROM weir.enqueue_many('INSERT INTO effect SELECT weir.current_task() + 0 * $1::int',
		(SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 5000) i),
		queue => 'exp', queue_timeout => '300 ms');
});
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM weir.runs r FULL JOIN effect e USING (task_id)
		WHERE (r.outcome = 'succeeded') IS DISTINCT FROM (e.task_id IS NOT NULL)
		OR r.outcome NOT IN ('succeeded', 'expired')}),
	0, 'what expired has not run, and the other way round');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM weir.runs r JOIN weir.tasks t USING (task_id)
		WHERE r.outcome = 'expired' AND (r.started_at IS NOT NULL OR r.finished_at < t.enqueued_at + t.queue_timeout)
		OR r.outcome = 'succeeded' AND r.ready_at > t.enqueued_at + t.queue_timeout}),
	0, 'neither too early nor given out too late');

# A cancel under way goes first, if it commits.
for my $end ('COMMIT', 'ROLLBACK')
{
	my $log = -s $node->logfile;
	my $session = $node->background_psql('postgres');

	$node->safe_psql('postgres', q{SELECT weir.pause('exp')});
	# in one session, or the time could be over before
	my $task = $session->query_safe(q{
		SELECT weir.enqueue('SELECT 1', queue => 'exp', queue_timeout => '3 s') AS task \gset
		BEGIN;
		SELECT weir.cancel(:task) \g /dev/null
		SELECT :task});
	# the scheduler cannot write its row while that of the cancel is open, and
	# does not wait for it
	ok( $node->poll_query_until('postgres',
			"SELECT clock_timestamp() > expires_at + interval '100 ms' FROM weir.tasks WHERE task_id = $task"),
		'its time is over');
	ok( $node->poll_query_until('postgres', q{SELECT ready = 0 FROM weir.queues WHERE name = 'exp'}),
		'it does not wait any more');
	is($node->safe_psql('postgres', "SELECT count(*) FROM weir.runs WHERE task_id = $task"),
		0, 'it has not ended');
	$session->query_safe($end);
	is( $node->safe_psql('postgres', "SELECT outcome FROM weir.wait($task, '60 s')"),
		$end eq 'COMMIT' ? 'cancelled' : 'expired', "$end of the cancel decides");
	is(count_log($node, qr/lock timeout/, $log), 0, 'the scheduler has waited for nobody');
	$session->quit;
	wait_drained($node, 'postgres');
}
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

# Over a crash of the server: what has not begun expires, from the ledger
# alone; what has begun does not.
$node->safe_psql('postgres', q{
	SELECT weir.resume('exp');
	SELECT weir.enqueue('SELECT pg_sleep(3600)', queue => 'exp', queue_timeout => '1 hour', reason => 'begun');
});
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM weir.running}), 'one task runs');
$node->safe_psql('postgres', q{
	SELECT weir.pause('exp');
	SELECT weir.enqueue('SELECT 1', queue => 'exp', queue_timeout => '1 s', reason => 'short');
	SELECT weir.enqueue('SELECT 1', queue => 'exp', queue_timeout => '1 hour', reason => 'long');
});
$node->stop('immediate');
$node->start;
queue_ready($node, 'postgres');
is( $node->safe_psql('postgres',
		q{SELECT outcome FROM weir.wait((SELECT task_id FROM weir.tasks WHERE reason = 'short'), '60 s')}),
	'expired', 'a task expires after a restart');
is( $node->safe_psql('postgres', q{
		SELECT reason, state, expires_at = enqueued_at + queue_timeout FROM weir.tasks
		WHERE reason IN ('begun', 'long') ORDER BY 1}),
	"begun|ready|t\nlong|ready|t", 'the others wait');
$node->safe_psql('postgres', q{SELECT weir.cancel(task_id) FROM weir.tasks WHERE state = 'ready'; SELECT weir.resume('exp')});
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

$node->stop;
done_testing();
