# A long line for one lock: each in it is blocked by all before it, and the view
# says who is at the root before they have given up.
use strict;
use warnings FATAL => 'all';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $waiters = 30;
my $node = weir_node('main', max_connections => $waiters + 20);

$node->safe_psql('postgres', 'CREATE EXTENSION pg_weir');
my $holder = $node->background_psql('postgres');
my $pid = $holder->query_safe('SELECT pg_backend_pid()');
$holder->query_safe('BEGIN; SELECT pg_advisory_xact_lock(4728)');

my $script = $node->basedir . '/wait.sql';
append_to_file($script, "SELECT pg_advisory_xact_lock(4728);\n");
my $line = IPC::Run::start(
	[ 'pgbench', '-n', '-c', $waiters, '-t', 1, '-f', $script,
		'-h', $node->host, '-p', $node->port, 'postgres' ],
	'>', \my $out, '2>', \my $err);
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = $waiters FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"),
	'they wait');
is( $node->safe_psql('postgres', qq{
		SET statement_timeout = '60s';
		SELECT count(*), max(depth), max(waiting_behind), count(DISTINCT root_blocker), max(root_blocker) FROM weir.lock_waits}),
	join('|', $waiters, $waiters, $waiters - 1, 1, $pid),
	'the view says for whom');
$holder->query_safe('COMMIT');
$line->finish;
$holder->quit;
$node->stop;
done_testing();
