# Commands that want a database for themselves never meet our processes.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main', 'weir.max_databases' => 4);
my ($ret, $out, $err);

# Runs a command that must succeed though tasks are running, and waits until
# they run again.
sub undisturbed
{
	my ($what, $command, $database) = @_;

	wait_running($node, $database, 3) if defined $database;
	my ($rc, $stdout, $stderr) = $node->psql('postgres', $command);
	is("$rc $stderr", '0 ', $what);
}

# Waits for a state of the scheduler.
sub wait_for
{
	my ($database, $state) = @_;

	return $node->poll_query_until($database,
		"SELECT scheduler = '$state' FROM weir.status") ? 't' : 'f';
}

weir_database($node, 'source');
long_task($node, 'source', 3);

# CREATE DATABASE ... TEMPLATE
undisturbed('CREATE DATABASE from one where tasks run',
	'CREATE DATABASE copy TEMPLATE source', 'source');
undisturbed('... and by copying files',
	'CREATE DATABASE copy2 TEMPLATE source STRATEGY file_copy', 'source');
wait_running($node, 'source', 3);
pass('the tasks of the source run again');
is( $node->safe_psql('source',
		'SELECT count(*), count(DISTINCT task_id), bool_or(final), bool_or(charged) FROM weir.runs'),
	'6|3|f|f',
	'each was interrupted twice, which costs it no attempt');
is(wait_for('copy', 'not_adopted'), 't', 'the copy has a scheduler that waits to be adopted');
is(wait_for('copy2', 'not_adopted'), 't', 'the other copy too');
is( $node->safe_psql('copy', 'SELECT count(*) FROM weir.running'), 0,
	'and runs nothing');
undisturbed('the source can be copied under load by two at once',
	'CREATE DATABASE copy3 TEMPLATE source', 'source');


# All four entries are taken now.
$node->safe_psql('postgres', 'CREATE DATABASE fifth');
($ret, $out, $err) = $node->psql('fifth',
	"CREATE EXTENSION pg_weir; SELECT weir.enqueue('SELECT 1')");
like($err, qr/too many databases use pg_weir.*weir\.max_databases/s,
	'more databases than weir.max_databases');
undisturbed("DROP DATABASE of a copy", "DROP DATABASE $_") for qw(copy copy2 copy3);
is( $node->safe_psql('fifth', "SELECT weir.enqueue('SELECT 1')"), 1,
	'their entries are free again');
undisturbed('DROP DATABASE of an idle one', 'DROP DATABASE fifth');

# RENAME
undisturbed('ALTER DATABASE ... RENAME while tasks run',
	'ALTER DATABASE source RENAME TO renamed', 'source');
wait_running($node, 'renamed', 3);
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN; ALTER DATABASE renamed RENAME TO source');
is(processes($node, 'renamed'), 0, 'nothing runs before that is committed');
$session->query_safe('ROLLBACK');
wait_running($node, 'renamed', 3);
pass('it is rolled back: the tasks run again');
($ret, $out, $err) =
  $node->psql('postgres', 'ALTER DATABASE renamed RENAME TO postgres');
like($err, qr/already exists/, 'RENAME can fail');

# SET TABLESPACE
$node->safe_psql('postgres',
	"SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION ''");
undisturbed('ALTER DATABASE ... SET TABLESPACE while tasks run',
	'ALTER DATABASE renamed SET TABLESPACE elsewhere', 'renamed');
undisturbed('... and back',
	'ALTER DATABASE renamed SET TABLESPACE pg_default', 'renamed');

# Who may not do it stops nothing.
$node->safe_psql('postgres', 'CREATE ROLE creator LOGIN CREATEDB');
wait_running($node, 'renamed', 3);
my $pid = scheduler_pid($node, 'renamed');
for my $command (
	'CREATE DATABASE mine TEMPLATE renamed',
	'DROP DATABASE renamed',
	'DROP DATABASE renamed WITH (FORCE)',
	'ALTER DATABASE renamed RENAME TO mine',
	'ALTER DATABASE renamed SET TABLESPACE elsewhere')
{
	($ret, $out, $err) =
	  $node->psql('postgres', $command, extra_params => [ '-U', 'creator' ]);
	like($err, qr/must be owner|permission denied/, "refused: $command");
}
for my $command ('BEGIN; DROP DATABASE renamed',
	'CREATE DATABASE postgres TEMPLATE renamed',
	'CREATE DATABASE mine TEMPLATE missing',
	'DROP DATABASE missing')
{
	($ret, $out, $err) = $node->psql('postgres', $command);
	isnt($ret, 0, "fails: $command");
}
is(scheduler_pid($node, 'renamed'), $pid, 'and the scheduler has not noticed');

# A hold vanishes with its holder.
my $holder = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('BEGIN; ALTER DATABASE renamed RENAME TO source');
is(processes($node, 'renamed'), 0, 'held');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($holder)");
wait_running($node, 'renamed', 3);
pass('the holder is terminated: the tasks run again');
$session->{run}->finish;

# A database of a role that is no superuser, dropped by it.
$node->safe_psql('postgres', 'CREATE DATABASE owned OWNER creator');
$node->safe_psql('owned', 'CREATE EXTENSION pg_weir');
long_task($node, 'owned', 3);
wait_running($node, 'owned', 3);
($ret, $out, $err) = $node->psql('postgres', 'DROP DATABASE owned WITH (FORCE)',
	extra_params => [ '-U', 'creator' ]);
is("$ret $err", '0 ', 'its owner drops it, by force');

# One that refuses connections, and templates.
for my $property ('ALLOW_CONNECTIONS', 'IS_TEMPLATE')
{
	my ($off, $on) = $property eq 'IS_TEMPLATE' ? qw(true false) : qw(false true);
	$node->safe_psql('postgres', "ALTER DATABASE renamed $property $off");
	ok( $node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'renamed' AND backend_type = 'pg_weir scheduler'"),
		"$property $off: the scheduler leaves");
	$node->safe_psql('postgres', "ALTER DATABASE renamed $property $on");
	wait_running($node, 'renamed', 3);
	pass("$property $on: it is back");
}

# A template can have the extension, but no tasks.
$node->safe_psql('postgres', 'CREATE DATABASE pattern IS_TEMPLATE true');
$node->safe_psql('pattern', 'CREATE EXTENSION pg_weir');
($ret, $out, $err) = $node->psql('pattern', "SELECT weir.enqueue('SELECT 1')");
like($err, qr/cannot run tasks in a template/, 'no tasks in a template');
$node->safe_psql('postgres', 'CREATE DATABASE made TEMPLATE pattern');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'made' AND backend_type = 'pg_weir scheduler'"),
	'what is made from it has a scheduler without asking for one');
is( $node->safe_psql('made', "SELECT weir.enqueue('SELECT 1') > 0"),
	't', 'it is no copy of somebody else\'s ledger, so it needs no adopting');
undisturbed('DROP DATABASE of that', 'DROP DATABASE made');

# What is left of a DROP DATABASE that was interrupted.
weir_database($node, 'broken');
wait_scheduler($node, 'broken');
$node->safe_psql('postgres',
	"UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'");
my $position = -s $node->logfile;
$node->restart;
wait_running($node, 'renamed', 3);
is(processes($node, 'broken'), 0, 'nothing connects to an invalid database');
unlike(log_since($node, $position), qr/invalid database/, 'nor tries to');
undisturbed('it can be dropped', 'DROP DATABASE broken');

# Databases that come and go: the launcher looks into each of them.
$position = -s $node->logfile;
for my $i (1 .. 20)
{
	($ret, $out, $err) =
	  $node->psql('postgres', "CREATE DATABASE brief; CREATE DATABASE brief2 TEMPLATE brief; DROP DATABASE brief; DROP DATABASE brief2",
		on_error_stop => 1, extra_params => ['-q']);
	last if $ret != 0;
}
is("$ret $err", '0 ', 'no command was ever blocked');
my $log = log_since($node, $position);
unlike($log, qr/FATAL|exit code|ended unexpectedly|being accessed/,
	'and the log says nothing of it');

undisturbed('DROP DATABASE while tasks run', 'DROP DATABASE renamed', 'renamed');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type LIKE 'pg_weir %'"),
	'in the end only the launcher is there');
$log = log_since($node);
unlike($log, qr/PANIC|TRAP:|was terminated by signal|ended unexpectedly/, 'no crash, no failure');

$node->stop;
done_testing();
