# What the scheduler sees of waits for locks: which task, for whom, for how long,
# and how it ended.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main', 'weir.lock_sample_interval' => '10ms');

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE hot (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO hot SELECT i, 0 FROM generate_series(1, 4) i;
	-- updates a row, then waits for a key that the test holds
	CREATE PROCEDURE hold_row(row_id int, key int) LANGUAGE plpgsql AS $$
	BEGIN
		UPDATE hot SET n = n + 1 WHERE id = row_id;
		PERFORM pg_advisory_xact_lock_shared(key);
	END $$;
});

sub enqueue
{
	my ($command, $more) = @_;

	return $node->safe_psql('postgres',
		"SELECT weir.enqueue(\$\$$command\$\$, max_attempts => 1" . ($more // '') . ')');
}

# Waits until the task has waited for a lock for so long.
sub wait_waiting
{
	my ($task, $time) = @_;

	ok( $node->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM weir.running WHERE task_id = $task AND lock_wait >= interval '$time'"),
		"task $task is seen to wait for a lock for $time");
}

# The only wait of a task that is in the ledger.
sub history
{
	my ($task) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM weir.lock_wait_history h JOIN weir.runs USING (task_id, attempt) WHERE h.task_id = $task")
	  or die "no wait of task $task is recorded";
	return $node->safe_psql('postgres', qq{
		SELECT locktype, relation, blocker_tasks, root_blocker, root_task_id, root_role, depth, outcome
		FROM weir.lock_wait_history WHERE task_id = $task});
}

my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('BEGIN; SELECT pg_advisory_xact_lock(1)');

# A chain: the second waits for the first, which waits for a session.
my $first = enqueue('CALL hold_row(1, 1)', q(, queue => 'backfill'));
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.lock_waits WHERE task_id = $first"),
	'one waits for a session');
my $second = enqueue('UPDATE hot SET n = n + 1 WHERE id = 1');
wait_waiting($first, '1.2 s');
wait_waiting($second, '1.2 s');
is( $node->safe_psql('postgres', qq{
		SELECT attempt, locktype, relation, root_blocker, root_task_id, depth FROM weir.lock_waits
		WHERE task_id = $second}),
	"1|transactionid|hot|$pid||2", 'the view of live waits knows the table whose row it is');
$session->query_safe('COMMIT');
$node->safe_psql('postgres', "SELECT weir.wait($second, '1 min')");
is(history($second), "transactionid|public.hot|{$first}|$pid||$user|2|granted",
	'the wait for another task is recorded, to the root');
is(history($first), "advisory||{NULL}|$pid||$user|1|granted", 'and that for a session');
is( $node->safe_psql('postgres', qq{
		SELECT bool_and(until >= since AND waited >= interval '1 s'),
			bool_and(until <= (SELECT finished_at FROM weir.runs r WHERE r.task_id = h.task_id))
		FROM weir.lock_wait_history h}),
	't|t', 'no wait lasts longer than its run');

# How waits end.
$session->query_safe('BEGIN; SELECT pg_advisory_xact_lock(1)');
my $holder = enqueue('CALL hold_row(2, 1)');
my $other = enqueue('CALL hold_row(3, 1)');
ok($node->poll_query_until('postgres', "SELECT count(*) = 2 FROM weir.lock_waits WHERE task_id IN ($holder, $other)"),
	'two rows are held');
my $timeout = enqueue('UPDATE hot SET n = n + 1 WHERE id = 2', q(, settings => '{"lock_timeout": "4s"}'));
my $cancelled = enqueue('UPDATE hot SET n = n + 1 WHERE id = 3');
wait_waiting($cancelled, '1.2 s');
$node->safe_psql('postgres', "SELECT weir.cancel($cancelled)");
like(history($cancelled), qr/\|cancelled$/, 'a wait that was cancelled');
like(history($timeout), qr/\|timeout$/, 'one that took too long');
$session->query_safe('COMMIT');

$node->append_conf('postgresql.conf', "deadlock_timeout = '4s'\n");
$node->reload;
$session->query_safe('BEGIN; SELECT pg_advisory_xact_lock(1)');
my @pair = map { enqueue("CALL hold_row($_->[0], 1); UPDATE hot SET n = n + 1 WHERE id = $_->[1]") } [ 3, 4 ], [ 4, 3 ];
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 2 FROM weir.lock_waits WHERE task_id IN ($pair[0], $pair[1])"),
	'two tasks have a row each');
$session->query_safe('COMMIT');
$node->safe_psql('postgres', "SELECT weir.wait($_, '1 min')") for @pair;
# more than once, if its next attempt takes its row before the other one has woken
ok( $node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM weir.lock_wait_history WHERE task_id IN ($pair[0], $pair[1]) AND outcome = 'deadlock'"),
	'one of them was the victim of a deadlock');

# With nothing in hand there is nothing to look at.
SKIP:
{
	my $scheduler = scheduler_pid($node, 'postgres');
	my $switches = sub { slurp_file("/proc/$scheduler/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m; $1 };

	skip 'no /proc', 1 if !-e "/proc/$scheduler/status";
	$node->append_conf('postgresql.conf', "weir.worker_idle_timeout = '2s'\n");
	$node->reload;
	wait_running($node, 'postgres', 0);
	my $before = $switches->();
	ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM weir.workers'), 'the workers leave');
	cmp_ok($switches->() - $before, '<', 60, 'nobody looks at idle workers');
}

# Switched off.
$node->append_conf('postgresql.conf', "weir.lock_sample_interval = 0\n");
$node->reload;
$session->query_safe('BEGIN; SELECT pg_advisory_xact_lock(1)');
my $unseen = enqueue('CALL hold_row(1, 1)');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM weir.lock_waits WHERE task_id = $unseen AND waited > interval '500 ms'"),
	'a task waits');
is($node->safe_psql('postgres', "SELECT lock_wait FROM weir.running WHERE task_id = $unseen"), '00:00:00',
	'and nobody looks');
$session->query_safe('COMMIT');
$session->quit;
$node->stop;
done_testing();
