# A scheduler that follows another, or counts anew, while tasks run and
# sessions hold what it counts; and what a task's first snapshot must not
# precede.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main', 'weir.max_resources' => 16);

weir_database($node, 'work');
wait_scheduler($node, 'work');

# Terminates the scheduler and waits for the next one, and until that has
# started a task.
sub take_over
{
	my $pid = scheduler_pid($node, 'work');

	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	wait_scheduler($node, 'work', $pid);
	my $task = $node->safe_psql('work',
		"SELECT weir.enqueue('SELECT 1', queue => 'probe')");
	$node->poll_query_until('work',
		"SELECT state = 'succeeded' FROM weir.tasks WHERE task_id = $task")
	  or die 'the new scheduler starts nothing';
}

# What predecessors have started counts.
$node->safe_psql('work', q{
	SELECT weir.create_queue('probe', 'adhoc');
	SELECT weir.create_queue('one', 'adhoc', max_running => 1);
	SELECT weir.create_queue('capped', 'adhoc');
	CREATE TABLE t (n int);
	SELECT weir.cap_table('t', 2);
	SELECT weir.enqueue('SELECT pg_sleep(3600)', queue => 'one') FROM generate_series(1, 3);
	SELECT weir.enqueue('SELECT pg_sleep(3600)', queue => 'capped', tables => '{t}') FROM generate_series(1, 4);
});
wait_running($node, 'work', 3);
my $running = "SELECT name, running FROM weir.queues WHERE name IN ('one', 'capped') ORDER BY name";
for my $round (1, 2)
{
	take_over();
	is( $node->safe_psql('work', $running),
		"capped|2\none|1",
		"takeover $round: the queue's limit and the cap are kept");
	# the probe is in the ledger a moment before its worker has done with it
	wait_running($node, 'work', 3);
	pass('and no more tasks run');
}
$node->safe_psql('work',
	"SELECT weir.cancel(min(task_id)) FROM weir.tasks WHERE state = 'running' AND queue = 'one'");
ok( $node->poll_query_until('work',
		"SELECT count(*) = 1 FROM weir.tasks WHERE state = 'cancelled'"),
	'one of them ends');
wait_running($node, 'work', 3);
take_over();
is($node->safe_psql('work', $running),
	"capped|2\none|1", 'and one other has its place');
$node->safe_psql('work',
	"SELECT weir.cancel(task_id) FROM weir.tasks WHERE state NOT IN ('succeeded', 'cancelled')");
wait_running($node, 'work', 0);

# The first task of a worker reads its queue by SQL; that must not be its
# snapshot.
$node->safe_psql('work', q{
	CREATE TABLE seen (level text, locks bigint);
	SELECT weir.create_queue('serial', 'adhoc',
		settings => '{"default_transaction_isolation": "serializable"}');
});
for my $round (1, 2)
{
	# a changed configuration is read again, by whatever worker it is
	$node->safe_psql('work', "SELECT weir.alter_queue('probe', capacity => 1000 + $round)");
	my $task = $node->safe_psql('work',
		q{SELECT weir.enqueue('INSERT INTO seen SELECT current_setting(''transaction_isolation''), count(*) FROM t;
			UPDATE seen SET locks = (SELECT count(*) FROM pg_locks WHERE mode = ''SIReadLock'' AND pid = pg_backend_pid())',
			queue => 'serial')});
	$node->poll_query_until('work',
		"SELECT state = 'succeeded' FROM weir.tasks WHERE task_id = $task")
	  or die 'task does not succeed';
	is( $node->safe_psql('work',
			'DELETE FROM seen RETURNING level, locks > 0'),
		'serializable|t',
		'serializable is in force in a task that chooses it');
}

# More recreated tables than there are entries for capped ones.
for my $n (1 .. 20)
{
	$node->safe_psql('work',
		"CREATE TABLE again (n int); SELECT weir.cap_table('again', 1)");
	my $got = $node->safe_psql('work', "SELECT weir.try_acquire('again')");
	die "no slot in round $n" if $got ne 't';
	$node->safe_psql('work',
		"SELECT weir.uncap_table('again'); DROP TABLE again");
}
pass('entries of tables that are gone are used again');

# Depths are counted anew while a session has enqueued and not committed.
my $session = $node->background_psql('work');
$session->query_safe(
	"BEGIN; SELECT weir.enqueue('SELECT 1', queue => 'probe') FROM generate_series(1, 3)");
$node->append_conf('postgresql.conf', "weir.installation = 'other'");
$node->reload;
my $pid = scheduler_pid($node, 'work');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok( $node->poll_query_until('work',
		"SELECT scheduler = 'not_adopted' FROM weir.status"),
	'the installation has changed');
$node->safe_psql('work', "SELECT weir.adopt('keep')");
wait_scheduler($node, 'work', $pid);
is( $node->safe_psql('work',
		"SELECT depth FROM weir.queues WHERE name = 'probe'"),
	0,
	'what is not committed is not counted');
$session->query_safe('ROLLBACK');
is( $node->safe_psql('work',
		"SELECT depth FROM weir.queues WHERE name = 'probe'"),
	0,
	'and does not pass below zero when it is undone');
my $task = $node->safe_psql('work',
	"SELECT weir.enqueue('SELECT 1', queue => 'probe')");
ok( $node->poll_query_until('work',
		"SELECT state = 'succeeded' FROM weir.tasks WHERE task_id = $task"),
	'the queue takes tasks and runs them');
$session->quit;

$node->stop;
done_testing();
