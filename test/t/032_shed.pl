# A queue that sheds is exact, too, whatever its producers do: many of them
# commit, roll back and use savepoints while its tasks start, run and end.  And
# what a crash or a new scheduler does to those that are being shed.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', 'weir.max_workers' => 3, max_connections => 40,
	restart_after_crash => 'on');
my ($ret, $out, $err);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	CREATE TABLE accepted (task_id bigint);
	CREATE TABLE seen (queue text, capacity int, depth int, unfinished int);
	SELECT weir.create_queue('shed', class => 'adhoc', capacity => 20, on_full => 'shed');
	SELECT weir.create_queue('few', class => 'adhoc', capacity => 5, on_full => 'shed');

	CREATE FUNCTION work() RETURNS void LANGUAGE sql AS $$
		INSERT INTO effect SELECT weir.current_task();
		-- sleep is the work
		SELECT pg_sleep(0.005)
	$$;
	CREATE FUNCTION note_accepted(task_id bigint) RETURNS void LANGUAGE sql AS $$
		INSERT INTO accepted SELECT task_id WHERE task_id IS NOT NULL
	$$;
	CREATE FUNCTION sample() RETURNS void LANGUAGE sql AS $$
		INSERT INTO seen SELECT name, capacity, depth FROM weir.queues WHERE name IN ('shed', 'few');
		INSERT INTO seen SELECT q.name, q.capacity, 0,
			(SELECT count(*) FROM weir.task t
			 JOIN weir.environment v ON v.environment_id = t.environment_id
			 WHERE v.queue = q.name AND NOT EXISTS
				(SELECT FROM weir.run r WHERE r.task_id = t.task_id AND r.final))
		FROM weir.queue q WHERE q.name IN ('shed', 'few')
	$$;
});

my %scripts = (
	'commit@6' => q{
		SELECT note_accepted(task_id) FROM weir.try_enqueue('SELECT work()', queue => 'shed');
		SELECT note_accepted(task_id) FROM weir.try_enqueue('SELECT work()', queue => 'few', class => 'backfill');
	},
	'rollback@4' => q{
		BEGIN;
		SELECT outcome FROM weir.try_enqueue('SELECT work()', queue => 'shed');
		SELECT outcome FROM weir.try_enqueue('SELECT work()', queue => 'few');
		ROLLBACK;
	},
	'savepoint@4' => q{
		BEGIN;
		SAVEPOINT a;
		SELECT outcome FROM weir.try_enqueue('SELECT work()', queue => 'shed');
		SAVEPOINT b;
		SELECT outcome FROM weir.try_enqueue('SELECT work()', queue => 'few');
		RELEASE b;
		ROLLBACK TO a;
		SELECT note_accepted(task_id) FROM weir.try_enqueue('SELECT work()', queue => 'few');
		COMMIT;
	},
	'cancel@1' => q{
		SELECT weir.cancel(task_id) FROM
			(SELECT task_id FROM weir.tasks WHERE state IN ('ready', 'running')
			 ORDER BY random() LIMIT 1) t;
	},
	'sample@2' => q{
		SELECT sample();
	});
$node->pgbench('-n -c 16 -j 2 -T 8 --max-tries=1',
	0, [qr/processed/], [qr/^(?!.*(?:aborted|ERROR))/s],
	'producers that commit, roll back and use savepoints', \%scripts);

note($node->safe_psql('postgres',
		'SELECT queue, max(depth), max(unfinished), count(*) FROM seen GROUP BY queue'));
note($node->safe_psql('postgres',
		"SELECT name, refused, shed FROM weir.queues WHERE name IN ('shed', 'few')"));
is( $node->safe_psql('postgres',
		'SELECT count(*) FROM seen WHERE depth > capacity OR unfinished > capacity'),
	0, 'no queue was ever fuller than its capacity, by the view or by the ledger');
is( $node->safe_psql('postgres', q{
		SELECT bool_and(q.shed = (SELECT count(*) FROM weir.runs r WHERE r.queue = q.name AND r.outcome = 'shed')),
			bool_and(q.shed > 50)
		FROM weir.queues q WHERE name IN ('shed', 'few')}),
	't|t', 'what was shed is counted');
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM accepted FULL JOIN weir.task USING (task_id)
		WHERE accepted.task_id IS NULL OR task.task_id IS NULL}),
	0, 'what was accepted is there, and nothing else');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM weir.runs r FULL JOIN effect e USING (task_id)
		WHERE (r.outcome = 'succeeded') IS DISTINCT FROM (e.task_id IS NOT NULL)
		OR r.outcome NOT IN ('succeeded', 'cancelled', 'shed') OR (r.outcome = 'shed' AND r.started_at IS NOT NULL)}),
	0, 'what was shed has not run');

# A task that is being shed does not start, and waits again if it comes to
# nothing; in whatever way the transaction ends.
sub states
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(command || ' ' || state, ', ' ORDER BY task_id) FROM weir.tasks WHERE command ~ '[0-9]'");
}

sub shedder
{
	my ($n) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query_safe("BEGIN; SELECT weir.enqueue('SELECT $n', queue => 'two', run_at => now() + '1 day'::interval)");
	return $session;
}

$node->safe_psql('postgres', q{
	SELECT weir.create_queue('two', capacity => 2, on_full => 'shed');
	SELECT weir.pause('two');
	SELECT weir.enqueue('SELECT 1', queue => 'two');
	SELECT weir.enqueue('SELECT 2', queue => 'two', run_at => now() + '1 day'::interval)});
my $session = shedder(3);
$node->safe_psql('postgres', "SELECT weir.resume('two')");
# others start meanwhile
my $task = $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT')");
$node->safe_psql('postgres', "SELECT outcome FROM weir.wait($task, '60 s')");
is(states(), 'SELECT 1 ready, SELECT 2 scheduled', 'a task that is being shed does not start');
my $pid = scheduler_pid($node, 'postgres');
$session->query_safe('ROLLBACK');
$session->quit;
ok( $node->poll_query_until('postgres', "SELECT state = 'succeeded' FROM weir.tasks WHERE command = 'SELECT 1'"),
	'and does when that is rolled back');

$node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 3', queue => 'two', run_at => now() + '1 day'::interval)");
$session = shedder(4);
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'");
$session->{run}->finish;
ok( $node->poll_query_until('postgres',
		"SELECT sum(delayed) = 2 FROM weir.queues WHERE name = 'two'"),
	'nor when its session is terminated');

# A new scheduler does not know who has taken what: the run row decides.
$session = shedder(5);
kill 'TERM', $pid;
wait_gone($pid);
queue_ready($node, 'postgres');
ok( $node->poll_query_until('postgres',
		"SELECT sum(delayed) = 2 FROM weir.queues WHERE name = 'two'"),
	'a new scheduler finds the task');
my $other = $node->background_psql('postgres', on_error_stop => 0);
$other->query_safe("BEGIN; SELECT weir.enqueue('SELECT 6', queue => 'two', run_at => now() + '1 day'::interval)");
$session->query_safe('COMMIT');
$other->query_safe('COMMIT');
is(states(), 'SELECT 1 succeeded, SELECT 2 shed, SELECT 3 shed, SELECT 5 scheduled, SELECT 6 scheduled',
	'two sessions do not end the same one');
is($node->safe_psql('postgres', "SELECT depth FROM weir.queues WHERE name = 'two'"),
	2, 'and the queue is full');
$session->quit;
$other->quit;

# A crash of the server: nothing of a transaction that was open is left.
$session = shedder(7);
$pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'");
crash($node, $pid);
$session->{run}->finish;
queue_ready($node, 'postgres');
is(states(), 'SELECT 1 succeeded, SELECT 2 shed, SELECT 3 shed, SELECT 5 scheduled, SELECT 6 scheduled',
	'a crash brings back what was being shed');
is( $node->safe_psql('postgres', "SELECT depth, delayed FROM weir.queues WHERE name = 'two'"),
	'2|2', 'and the queue is full');
is(ledger_faults($node, 'postgres'), '', 'nothing is lost');

# Depth and orders are counted anew.
$node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 8', queue => 'two', run_at => now() + '1 day'::interval)");
like(states(), qr/SELECT 5 shed, SELECT 6 scheduled, SELECT 8 scheduled$/, 'it goes on to shed');

unlike(log_since($node), qr/PANIC|TRAP:/, 'no assertion failed');
$node->stop;
done_testing();
