# Intervals that wait for their inputs do so over a crash of the server, and in a
# copy, and begin when those are done.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 2);
weir_database($node, 'jobs');
# days that end twelve hours ago: three of them are due, however long this takes
$node->safe_psql('jobs', q{
	CREATE TABLE base AS SELECT date_trunc('minute', now()) - interval '12 hours' AS at;
	CREATE TABLE input (start timestamptz);
	CREATE TABLE output (start timestamptz, parts int);
	SELECT weir.create_job('up', 'INSERT INTO input VALUES ($1)', '8 hours', timezone => 'UTC',
		starts_at => at - interval '3 days', tables => '{input}') FROM base;
	SELECT weir.create_job('down', 'INSERT INTO output SELECT $1, count(*) FROM input WHERE start >= $1 AND start < $2',
		'1 day', timezone => 'UTC', starts_at => at - interval '3 days', tables => '{output}', inputs => '{input}') FROM base;
});
my $states = q{SELECT string_agg(exec, ' ' ORDER BY interval_start) FROM weir.intervals
	WHERE job = 'down' AND interval_end <= (SELECT at FROM base)};

# Has a day of the input done, counted from the first.
sub input_day
{
	my ($database, $n) = @_;

	$node->safe_psql($database, "SELECT weir.backfill('up', at + interval '1 day' * ($n - 3), at + interval '1 day' * ($n - 2)) FROM base");
}

is($node->safe_psql('jobs', q{SELECT count(*), count(task_id) FROM weir.run_due('down')}), '3|0', 'three days are blocked');
$node->stop('immediate');
$node->start;
queue_ready($node, 'jobs');
is($node->safe_psql('jobs', $states), 'blocked blocked blocked', 'they are after a crash');
input_day('jobs', 0);
ok($node->poll_query_until('jobs', "SELECT ($states) = 'done blocked blocked'"), 'a day begins when its input is done');

# The scheduler alone is gone, and another one finds them.
$node->safe_psql('jobs', q{SELECT weir.pause('backfill')});
input_day('jobs', 1);
my $pid = scheduler_pid($node, 'jobs');
$node->safe_psql('jobs', "SELECT pg_terminate_backend($pid)");
wait_scheduler($node, 'jobs', $pid);
$node->safe_psql('jobs', q{SELECT weir.resume('backfill')});
ok($node->poll_query_until('jobs', "SELECT ($states) = 'done done blocked'"), 'over the loss of the scheduler');

# A copy goes on with what waits, or not, as it is told.
my $dump = $node->basedir . '/jobs.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('jobs') ], 'pg_dump');
for my $unfinished ('keep', 'cancel')
{
	$node->safe_psql('postgres', "CREATE DATABASE \"$unfinished\" TEMPLATE template0");
	$node->command_ok(
		[ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, '-d', $node->connstr($unfinished) ],
		"restore, to $unfinished");
	$node->poll_query_until($unfinished, "SELECT scheduler = 'not_adopted' FROM weir.status");
	is($node->safe_psql($unfinished, $states), 'done done blocked', 'it is blocked in the copy');
	$node->safe_psql($unfinished, "SELECT weir.adopt('$unfinished')");
	queue_ready($node, $unfinished);
}
is($node->safe_psql('cancel', $states), 'done done missing', "adopt('cancel') forgets it");
input_day('keep', 2);
ok($node->poll_query_until('keep', "SELECT ($states) = 'done done done'"), 'the other copy goes on');
is($node->safe_psql('keep', 'SELECT parts, count(*) FROM output GROUP BY parts'), '3|3', 'every day found all of its input');
is($node->safe_psql('jobs', $states), 'done done blocked', 'the original waits');
is(ledger_faults($node, 'keep'), '', 'the ledger of the copy is in order');

$node->stop;
done_testing();
