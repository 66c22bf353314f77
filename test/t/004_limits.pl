# Without preloading, and without processes.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my ($ret, $out, $err);

# Not preloaded: everything says so, and nothing crashes.
my $plain = weir_node('plain', shared_preload_libraries => "''");
$plain->safe_psql('postgres', 'CREATE EXTENSION pg_weir');
($ret, $out, $err) = $plain->psql('postgres', "SELECT weir.enqueue('SELECT 1')");
like($err, qr/pg_weir must be loaded via "shared_preload_libraries"/,
	'not preloaded: a message');
like($err, qr/restart the server/, 'with a hint');
is( $plain->safe_psql('postgres', 'SELECT preloaded FROM weir.status'),
	'f', 'weir.status says so too');
$plain->safe_psql('postgres',
	'CREATE DATABASE other; ALTER DATABASE other RENAME TO another; DROP DATABASE another');
$plain->safe_psql('postgres', 'DROP EXTENSION pg_weir');
pass('and the commands that we hook into work as ever');
($ret, $out, $err) = $plain->psql('postgres', "LOAD 'pg_weir'; SELECT 1");
is($out, 1, 'LOAD does nothing');
$plain->stop;

# One process for the launcher, one for a scheduler, none for a second.
my $node = weir_node(
	'starved',
	max_worker_processes => 2,
	max_logical_replication_workers => 0);
weir_database($node, 'one');
wait_scheduler($node, 'one');
weir_database($node, 'two');
$node->wait_for_log(
	qr/could not start a scheduler, out of background worker slots/);
# once the process is that of the first one for good
$node->poll_query_until('two', 'SELECT out_of_processes FROM weir.status')
  or die 'there is a process too many';
my $position = -s $node->logfile;
($ret, $out, $err) = $node->psql('two',
	"SET weir.max_wait = 3000; SELECT weir.enqueue('SELECT 1')");
like($err, qr/scheduler of this database is not ready/,
	'a database without scheduler says so');
is( $node->safe_psql('two', 'SELECT out_of_processes FROM weir.status'),
	't', 'and why');
$node->safe_psql('one', "SELECT weir.enqueue('SELECT 1')");
ok( $node->poll_query_until('one', 'SELECT out_of_processes FROM weir.status'),
	'a scheduler that gets no worker says so too');
is( count_log($node, qr/could not start a scheduler/, $position), 0, 'the one is not logged again');
is( count_log($node, qr/could not start a worker/), 1, 'the other too');
$node->safe_psql('one', 'DROP EXTENSION pg_weir');
is(wait_scheduler($node, 'two') > 0, 1,
	'the scheduler of one leaves: the other database gets one');
is( $node->safe_psql('two', "SELECT weir.enqueue('SELECT 1') > 0"),
	't', 'and can be used');
$node->stop;

# Enough for schedulers and one worker, which two roles share.
$node->adjust_conf('postgresql.conf', 'max_worker_processes', 3);
$node->start;
$node->safe_psql('two', 'CREATE ROLE someone LOGIN');
$node->safe_psql('two', 'GRANT USAGE ON SCHEMA weir TO someone');
ok( $node->poll_query_until('two',
		"SELECT count(*) = 1 FROM weir.runs WHERE outcome = 'succeeded'"),
	'with one more process the task runs');
$node->stop;

done_testing();
