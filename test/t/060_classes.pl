# Classes over restarts, dumps and with fewer workers than are reserved; a
# backfill beside daily tasks, and the other way round.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 4);
my $configured = q{SELECT class, reserved, reserved_in_force, max_share, floor_share, weight
	FROM weir.classes ORDER BY class};

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	SELECT weir.create_queue('bulk', class => 'backfill', capacity => 5000);
	SELECT weir.create_queue('day', class => 'daily', capacity => 5000);
	SELECT weir.create_queue('other', capacity => 100);
	SELECT weir.set_class('daily', reserved => 2, weight => 3);
	SELECT weir.set_class('backfill', reserved => 1, max_share => 0.5, floor_share => 0.2);
});

# What was set survives a restart and a dump.
$node->restart;
queue_ready($node, 'postgres');
my $set = "adhoc|0|0||0.05|1\nbackfill|1|1|0.5|0.2|1\ndaily|2|2||0.05|3\nsystem|0|0||0.05|1";
is($node->safe_psql('postgres', $configured), $set, 'classes after a restart');
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok(
	[ 'psql', '-1Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restored');
is( $node->safe_psql('restored', $configured =~ s/reserved_in_force, //r),
	$set =~ s/^(\w+\|\d+)\|\d+/$1/mgr, 'classes after a restore');
$node->safe_psql('postgres', 'DROP DATABASE restored');

# With fewer workers than are reserved one is left for all, and the log says so.
$node->append_conf('postgresql.conf', 'weir.max_workers = 2');
my $log = -s $node->logfile;
$node->restart;
queue_ready($node, 'postgres');
is( $node->safe_psql('postgres', $configured),
	"adhoc|0|0||0.05|1\nbackfill|1|0|0.5|0.2|1\ndaily|2|1||0.05|3\nsystem|0|0||0.05|1",
	'the lowest class loses its workers first');
ok($node->wait_for_log(qr/classes have more workers reserved than there are to spare/, $log), 'it is logged');
my $task = $node->safe_psql('postgres', q{SELECT weir.enqueue('SELECT 1', queue => 'other')});
is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($task, '60 s')"),
	'succeeded', 'other classes still have a worker');
$node->safe_psql('postgres', q{SELECT weir.set_class('daily', reset => '{reserved, weight}'),
	weir.set_class('backfill', reset => '{reserved, max_share, floor_share}')});

# Daily tasks are always ready: a backfill gets its floor of every hundred
# starts all the same.
$node->safe_psql('postgres', q{
	SELECT weir.pause('bulk'), weir.pause('day');
	SELECT n FROM weir.enqueue_many('SELECT $1::int', (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 1000) i), queue => 'day');
	SELECT n FROM weir.enqueue_many('SELECT $1::int', (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 1000) i), queue => 'bulk');
	SELECT weir.resume('bulk'), weir.resume('day');
});
wait_drained($node, 'postgres');
my $least = $node->safe_psql('postgres', q{
	WITH start AS (
		SELECT class, row_number() OVER (ORDER BY ready_at, started_at) AS i FROM weir.runs WHERE queue IN ('day', 'bulk')
	), last AS (
		SELECT max(i) AS i FROM start WHERE class = 'daily'
	)
	SELECT min(n) FROM (SELECT s.i, count(*) FILTER (WHERE class = 'backfill')
		OVER (ORDER BY s.i ROWS 99 PRECEDING) AS n FROM start s, last WHERE s.i <= last.i) w WHERE i >= 100});
# starts of one moment are in any order here
cmp_ok($least, '>=', 3, "a backfill beside daily tasks has $least of any 100 starts");

# A thousand chunks are queued, then a daily task comes: it starts as soon as
# one of those that run has ended, before any other chunk that waited.  Some can
# start before the scheduler hears of it, a few for each worker on a machine
# that is busy, but not the hundreds that came before it.
$node->safe_psql('postgres', q{
	SELECT n FROM weir.enqueue_many('SELECT pg_sleep($1)', (SELECT jsonb_agg('[0.05]'::jsonb) FROM generate_series(1, 1000)),
		queue => 'bulk')});
$node->poll_query_until('postgres',
	q{SELECT lent AND reclaim_bound > '0' FROM weir.classes WHERE class = 'daily'}) or die 'nothing is lent';
for my $round (1 .. 5)
{
	my ($bound, $daily) = split /\|/, $node->safe_psql('postgres', q{
		SELECT extract(epoch FROM (SELECT reclaim_bound FROM weir.classes WHERE class = 'daily')),
			weir.enqueue('SELECT 2', queue => 'day')});
	$node->safe_psql('postgres', "SELECT outcome FROM weir.wait($daily, '60 s')");
	my $between = $node->safe_psql('postgres', qq{
		SELECT count(*) FROM weir.runs b JOIN weir.runs d ON d.task_id = $daily JOIN weir.tasks t ON t.task_id = d.task_id
		WHERE b.queue = 'bulk' AND b.ready_at > t.enqueued_at AND b.ready_at < d.ready_at});
	cmp_ok($between, '<=', 100, "round $round: a daily task goes before the chunks that wait (bound $bound s)");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.events WHERE kind = 'starvation'}), 0, 'nobody starves');
is($node->safe_psql('postgres', q{SELECT weir.cancel_many(array_agg(task_id)) > 0 FROM weir.waiting}), 't', 'the rest is cancelled');
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');

done_testing();
