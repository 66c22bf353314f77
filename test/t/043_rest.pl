# A scheduler that rests, since what comes cannot start anyway, misses nothing.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('rest');
my $db = 'postgres';
$node->safe_psql($db, q{
	CREATE EXTENSION pg_weir;
	SELECT weir.create_queue('shut', capacity => 100000), weir.pause('shut');
});
wait_scheduler($node, $db);

# Nothing else wakes it.
my $one = "SELECT weir.enqueue('SELECT 1', queue => 'shut');\n";
$node->safe_psql($db, $one x 300);
ok($node->poll_query_until($db, "SELECT blocked = 300 FROM weir.queues WHERE name = 'shut'"),
	'tasks of a queue that is paused become known');

# An open queue is served meanwhile, and one that opens at once.
my $script = $node->basedir . '/shut.sql';
append_to_file($script, $one);
my $clients = IPC::Run::start(
	[
		'pgbench', '-n', '-c', '4', '-t', '500', '-f', $script,
		'-h', $node->host, '-p', $node->port, $db
	],
	'>', \my $out, '2>', \my $err);
my $waited = 0;
for my $round (1 .. 20)
{
	$node->safe_psql($db, "SELECT weir.resume('shut')");
	$waited += $node->safe_psql($db, q{
		SELECT weir.enqueue('SELECT 1', queue => 'shut') AS id \gset
		SELECT (weir.wait(:id, '60 s')).outcome = 'succeeded' AS ended \gset
		SELECT weir.pause('shut') \g /dev/null
		SELECT weir.enqueue('SELECT 1') AS id \gset
		SELECT (:'ended' AND (weir.wait(:id, '60 s')).outcome = 'succeeded')::int});
}
is($waited, 20, 'whatever can start starts');
IPC::Run::finish($clients);
$node->safe_psql($db, "SELECT weir.resume('shut')");
is($node->safe_psql($db, "SELECT weir.drain('shut', '60 s')"), 't', 'everything ends');
is($node->safe_psql($db, "SELECT count(*), count(DISTINCT task_id) FROM weir.runs"),
	'2340|2340', 'and has run once');

$node->stop;
done_testing();
