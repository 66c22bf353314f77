# The extension comes and goes, in several databases at once.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main');

# Two databases with the extension, one without.
weir_database($node, $_) for qw(one two);
$node->safe_psql('postgres', 'CREATE DATABASE without');
for my $database (qw(one two))
{
	$node->safe_psql($database, 'CREATE TABLE done (who text)');
	$node->safe_psql($database,
		"SELECT weir.enqueue('INSERT INTO done VALUES (current_database())')");
	ok( $node->poll_query_until($database,
			"SELECT count(*) = 1 FROM done WHERE who = '$database'"),
		"a task runs in database $database");
	wait_scheduler($node, $database);
}
is(processes($node, 'without'), 0, 'nothing runs where the extension is not');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_weir scheduler'"),
	2,
	'one scheduler for each database');

# Not in the transaction that creates it: at once, not after a long wait.
my ($ret, $out, $err) = $node->psql('without',
	"BEGIN; CREATE EXTENSION pg_weir; SELECT weir.enqueue('SELECT 1')");
like($err, qr/in the transaction that creates or drops extension/,
	'no enqueue before the extension is committed');
is(processes($node, 'without'), 0, 'nothing started for a rolled-back extension');
($ret, $out, $err) = $node->psql('without',
	"BEGIN; CREATE EXTENSION pg_weir; PREPARE TRANSACTION 'p'");
like($err, qr/cannot PREPARE a transaction that has created or dropped/,
	'CREATE EXTENSION cannot be prepared');

# Immediately after the commit, in the same session.
is( $node->safe_psql('without',
		"CREATE EXTENSION pg_weir; SELECT weir.enqueue('SELECT 1') > 0"),
	't',
	'enqueue right after CREATE EXTENSION');
$node->poll_query_until('without',
	"SELECT count(*) = 1 FROM weir.runs WHERE outcome = 'succeeded'")
  or die 'task did not run';

# DROP EXTENSION while tasks run: rolled back first.
long_task($node, 'without', 3);
wait_running($node, 'without', 3);
my $pid = scheduler_pid($node, 'without');
my $session = $node->background_psql('without');
$session->query_safe('BEGIN; DROP EXTENSION pg_weir');
is(processes($node, 'without'), 0, 'nothing runs while the drop is pending');
$session->query_safe('ROLLBACK');
isnt(wait_scheduler($node, 'without', $pid), $pid, 'rolled back: started again');
wait_running($node, 'without', 3);
pass('and the tasks run again');

# A savepoint.
$pid = scheduler_pid($node, 'without');
$session->query_safe('BEGIN; SAVEPOINT a; DROP EXTENSION pg_weir; SAVEPOINT b; RELEASE a');
is(processes($node, 'without'), 0, 'a released savepoint keeps the hold');
$session->query_safe('ROLLBACK; BEGIN; SAVEPOINT a; DROP EXTENSION pg_weir; ROLLBACK TO a');
wait_running($node, 'without', 3);
pass('a savepoint that is rolled back lets everything start again');
$session->query_safe('COMMIT');
($ret, $out, $err) = $node->psql('without',
	"BEGIN; DROP EXTENSION pg_weir; PREPARE TRANSACTION 'p'");
like($err, qr/cannot PREPARE/, 'DROP EXTENSION cannot be prepared');
wait_running($node, 'without', 3);

# Who may not drop it stops nothing.
$node->safe_psql('without', 'CREATE ROLE nobody_special LOGIN');
$pid = scheduler_pid($node, 'without');
for my $command ('DROP EXTENSION pg_weir', 'DROP SCHEMA weir CASCADE',
	'DROP OWNED BY ' . $node->safe_psql('postgres', 'SELECT quote_ident(current_user)'))
{
	($ret, $out, $err) =
	  $node->psql('without', "SET ROLE nobody_special; $command");
	like($err, qr/must be owner|permission denied/, "refused: $command");
}
is(scheduler_pid($node, 'without'), $pid, 'and the scheduler has not noticed');

# Committed, while tasks run; a dependent view makes RESTRICT fail first.
$node->safe_psql('without', 'CREATE VIEW mine AS SELECT task_id FROM weir.tasks');
($ret, $out, $err) = $node->psql('without', 'DROP EXTENSION pg_weir');
like($err, qr/other objects depend on it/, 'DROP EXTENSION can fail');
wait_running($node, 'without', 3);
$node->safe_psql('without', 'DROP VIEW mine; DROP EXTENSION pg_weir');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'without' AND backend_type LIKE 'pg_weir %'"),
	'dropped: everything is gone and stays away');

# Again, and dropped with its schema; and both in one transaction.
$node->safe_psql('without', 'CREATE EXTENSION pg_weir');
long_task($node, 'without');
wait_running($node, 'without', 1);
$node->safe_psql('without', 'DROP SCHEMA weir CASCADE');
$node->safe_psql('without', 'CREATE EXTENSION pg_weir');
long_task($node, 'without');
wait_running($node, 'without', 1);
$node->safe_psql('without',
	'BEGIN; DROP EXTENSION pg_weir; CREATE EXTENSION pg_weir; COMMIT');
is( $node->safe_psql('without',
		"SELECT weir.enqueue('SELECT 1'); SELECT count(*) FROM weir.tasks"),
	"1\n1",
	'dropped and created again: an empty ledger');
$node->poll_query_until('without',
	"SELECT count(*) = 1 FROM weir.runs WHERE outcome = 'succeeded'")
  or die 'task did not run';

# The others have not suffered.
for my $database (qw(one two))
{
	is( $node->safe_psql($database, 'SELECT count(*) FROM weir.runs'),
		1, "database $database is as it was");
}

$session->quit;
my $log = log_since($node);
unlike($log, qr/PANIC|TRAP:|was terminated by signal|deadlock/, 'no crash, no deadlock');
unlike($log, qr/ended unexpectedly/, 'no scheduler was thought to have failed');

$node->stop;
done_testing();
