# Launcher, schedulers and workers are killed, terminated and reloaded.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main', restart_after_crash => 'on');

weir_database($node, 'work');
$node->safe_psql('work', 'CREATE TABLE done (n int)');

# A scheduler that is terminated.
long_task($node, 'work', 2);
wait_running($node, 'work', 2);
my $workers = "SELECT string_agg(pid::text, ',' ORDER BY pid) FROM weir.workers WHERE state = 'running'";
my $before = $node->safe_psql('work', $workers);
my $pid = scheduler_pid($node, 'work');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$pid = wait_scheduler($node, 'work', $pid);
is($node->safe_psql('work', $workers), $before,
	'the scheduler is terminated: a new one, and the tasks have not noticed');
$node->safe_psql('work', "SELECT weir.enqueue('INSERT INTO done VALUES (1)')");
ok($node->poll_query_until('work', 'SELECT count(*) = 1 FROM done'),
	'and it starts tasks');

# A launcher that is terminated.
my $launcher = launcher_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
$node->poll_query_until('postgres',
	"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $launcher")
  or die 'launcher did not go';
$node->safe_psql('postgres', 'CREATE DATABASE meanwhile');
$node->safe_psql('meanwhile', 'CREATE EXTENSION pg_weir');
is( $node->safe_psql('meanwhile', "SELECT weir.enqueue('SELECT 1') > 0"),
	't', 'what is asked of a launcher that is away is done when it is back');
isnt(launcher_pid($node), $launcher, 'there is a new launcher');
is(scheduler_pid($node, 'work'), $pid, 'which has left the scheduler alone');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_weir scheduler'"),
	2,
	'one scheduler for each database');

# Both: the new launcher knows the scheduler of the old one.
$launcher = launcher_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_weir launcher' AND pid <> $launcher")
  or die 'no new launcher';
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
isnt(wait_scheduler($node, 'work', $pid),
	$pid, 'a new launcher replaces the scheduler of an old one');
is($node->safe_psql('work', $workers), $before, 'and the tasks have not noticed');

# Killed: the server restarts all.
for my $what ('launcher', 'scheduler', 'worker')
{
	# a task that is suspected of the crash runs alone
	my $again = $what eq 'worker' ? 1 : 2;
	wait_running($node, 'work', 2);
	my $victim = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_weir $what' AND datname IS NOT DISTINCT FROM "
		  . ($what eq 'launcher' ? 'NULL' : "'work'")
		  . ' LIMIT 1');
	my $position = -s $node->logfile;
	is(kill('KILL', $victim), 1, "kill -9 of a $what");
	$node->wait_for_log(qr/all server processes terminated/, $position);
	$node->poll_query_until('postgres', 'SELECT true') or die 'server is down';
	wait_running($node, 'work', $again);
	pass('the server restarts, and tasks run again');
}
is( $node->safe_psql('work', 'SELECT count(*) FROM done'),
	1, 'what had been done has been done once');

is( $node->safe_psql('work',
		"SELECT count(*) FROM weir.runs WHERE outcome = 'crashed' AND NOT final"),
	1, 'the task of the worker that was killed is suspected');
$node->safe_psql('work',
	"SELECT weir.cancel_many(array_agg(task_id)) FROM weir.tasks WHERE state IN ('ready', 'running', 'retrying')");
long_task($node, 'work', 2);
wait_running($node, 'work', 2);

# Reload.
$node->append_conf('postgresql.conf', "weir.enabled = off\n");
$node->reload;
ok( $node->poll_query_until('work', 'SELECT NOT enabled FROM weir.status'),
	'weir.enabled is off');
# what the scheduler does next, it does after it has reloaded
$node->safe_psql('work', "SELECT weir.enqueue('INSERT INTO done VALUES (2)')");
ok( $node->poll_query_until('work',
		"SELECT ready + blocked > 0 AND running > 0 FROM weir.queues WHERE name = 'adhoc'"),
	'a task waits');
is($node->safe_psql('work', 'SELECT count(*) FROM done'), 1, 'and does not run');
$node->append_conf('postgresql.conf', "weir.enabled = on\n");
$node->reload;
ok($node->poll_query_until('work', 'SELECT count(*) = 2 FROM done'),
	'weir.enabled is on: it runs');
ok( $node->poll_query_until('work',
		"SELECT count(*) = 1 FROM weir.workers WHERE state = 'idle'"),
	'its worker is idle');
$node->append_conf('postgresql.conf', "weir.worker_idle_timeout = 1\n");
$node->reload;
ok( $node->poll_query_until('work',
		"SELECT count(*) = 0 FROM weir.workers WHERE state = 'idle'"),
	'weir.worker_idle_timeout is short: it leaves');

my $log = log_since($node);
unlike($log, qr/PANIC|TRAP:/, 'no panic');
$node->stop;

# In the binary mode of pg_upgrade nothing of ours runs.
my $position = -s $node->logfile;
system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile,
	'-o', '-b', 'start');
is(processes($node), 0, 'no launcher in binary upgrade mode');
system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, 'stop');

done_testing();
