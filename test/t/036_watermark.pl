# What was told of a queue's watermarks is not told again by a new scheduler,
# nor after a restart or a crash; what has changed meanwhile is.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', restart_after_crash => 'on');

sub told
{
	my ($high) = @_;

	$node->poll_query_until('postgres', "SELECT high = $high FROM weir.queues WHERE name = 'mark'")
	  or die 'the queue is not what it is to be';
	return $node->safe_psql('postgres',
		"SELECT string_agg(kind, ' ' ORDER BY event_id) FROM weir.events WHERE queue = 'mark' AND kind LIKE 'queue%'");
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	SELECT weir.create_queue('mark', capacity => 4, high_watermark => 1, low_watermark => 0);
	SELECT weir.pause('mark');
	SELECT n FROM weir.enqueue_many('SELECT $1::int', '[[1], [2], [3], [4]]', queue => 'mark');
});
is(told('true'), 'queue_high', 'it is told that the queue is high');

my $pid = scheduler_pid($node, 'postgres');
kill 'TERM', $pid;
wait_gone($pid);
queue_ready($node, 'postgres');
is(told('true'), 'queue_high', 'once, whatever becomes of the scheduler');

$node->restart;
queue_ready($node, 'postgres');
is(told('true'), 'queue_high', 'or of the server');

$pid = scheduler_pid($node, 'postgres');
crash($node, $pid);
queue_ready($node, 'postgres');
is(told('true'), 'queue_high', 'also if it crashes');

$node->safe_psql('postgres', "SELECT weir.resume('mark')");
wait_drained($node, 'postgres');
is(told('false'), 'queue_high queue_low', 'that it is low again is told');

$node->safe_psql('postgres', q{
	SELECT weir.pause('mark');
	SELECT n FROM weir.enqueue_many('SELECT $1::int', '[[1], [2], [3], [4]]', queue => 'mark')});
is(told('true'), 'queue_high queue_low queue_high', 'and that it is high again');
$node->safe_psql('postgres', q{
	SELECT weir.cancel_many(array_agg(task_id)) FROM weir.tasks WHERE state = 'ready'});
$node->stop('immediate');
$node->start;
queue_ready($node, 'postgres');
is(told('false'), 'queue_high queue_low queue_high queue_low', 'what was not told before a crash is told after it');

$node->stop;
done_testing();
