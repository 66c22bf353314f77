# Databases and extensions come and go at a rate; one database is broken.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main', 'weir.max_databases' => 3);
my ($ret, $out, $err);

# More databases than weir.max_databases, but hardly any has the extension.
$node->safe_psql('postgres', join ';', map { "CREATE DATABASE empty$_" } 1 .. 12);
weir_database($node, 'source');
long_task($node, 'source', 2);
wait_running($node, 'source', 2);
$node->restart;
wait_running($node, 'source', 2);
pass('a server with many databases finds the one with the extension');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_weir scheduler' AND datname <> 'source'"),
	'and leaves the others');

# Several sessions copy it and drop the copies, all at once.
$node->pgbench(
	'-n -c 4 -j 2 -t 5 -d postgres',
	0,
	[qr/processed: 20\/20/],
	[],
	'copies are made and dropped by four sessions',
	{
		copies => "CREATE DATABASE copy:client_id TEMPLATE source;\nDROP DATABASE copy:client_id;\n"
	});
wait_running($node, 'source', 2);
pass('the tasks of the source run again');

# Tasks that enqueue further tasks, while the extension is dropped.
$node->safe_psql('postgres', 'CREATE DATABASE volatile');
for my $round (1 .. 10)
{
	($ret, $out, $err) = $node->psql(
		'volatile', q{
		CREATE EXTENSION pg_weir;
		SELECT weir.enqueue('SELECT weir.enqueue(''SELECT count(*) FROM weir.tasks'') FROM generate_series(1, 3)')
		FROM generate_series(1, 20);
		SELECT weir.enqueue('SELECT 1');
		BEGIN;
		DROP EXTENSION pg_weir;
		ROLLBACK;
		DROP EXTENSION pg_weir;
		}, on_error_stop => 1);
	last if $ret != 0;
}
is("$ret $err", '0 ', 'DROP EXTENSION never fails for the tasks that run');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'volatile'"),
	'nothing of it is left');

# A ledger in which a scheduler cannot live.
weir_database($node, 'broken');
wait_scheduler($node, 'broken');
my $position = -s $node->logfile;
$node->safe_psql('broken', 'ALTER TABLE weir.generation RENAME TO generation_gone');
$node->safe_psql('postgres',
	'SELECT pg_terminate_backend(' . scheduler_pid($node, 'broken') . ')');
# terminated, and then failing twice
ok( $node->poll_query_until('postgres',
		"SELECT (length(log) - length(replace(log, 'generation\" does not exist', ''))) > 30 FROM (SELECT substr(pg_read_file('"
		  . $node->logfile
		  . "'), $position) AS log) l"),
	'a scheduler that fails is started again');
$node->wait_for_log(qr/scheduler of database "broken" ended unexpectedly/, $position);
is(count_log($node, qr/scheduler of database "broken" ended unexpectedly/, $position),
	1, 'which is logged once');
$node->safe_psql('source', "SELECT weir.enqueue('SELECT 1')");
ok( $node->poll_query_until('source',
		"SELECT count(*) = 1 FROM weir.runs WHERE outcome = 'succeeded'"),
	'the other database is not affected');
$node->safe_psql('broken', 'ALTER TABLE weir.generation_gone RENAME TO generation');
wait_scheduler($node, 'broken');
pass('mended: it lives');

my $log = log_since($node);
unlike($log, qr/PANIC|TRAP:|was terminated by signal|deadlock detected/,
	'no crash, no deadlock');
is( count_log($node, qr/ended unexpectedly/), 1, 'nothing else has failed');
$node->stop;

done_testing();
