# Priority inheritance: what holds a lock for a task of a better class has its
# tables to itself, and to such tasks, until it has let go.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('main', 'weir.lock_sample_interval' => '10ms', 'weir.max_workers' => 8);

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE fact (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO fact SELECT i, 0 FROM generate_series(1, 5) i;
	CREATE TABLE gate (id int PRIMARY KEY, open bool NOT NULL);
	INSERT INTO gate SELECT i, false FROM generate_series(1, 9) i;
	-- holds a row until the gate is open; waits for no lock
	CREATE PROCEDURE hold(row_id int, gate_id int) LANGUAGE plpgsql AS $$
	BEGIN
		UPDATE fact SET n = n + 1 WHERE id = row_id;
		-- sleep is the work
		WHILE NOT (SELECT open FROM gate WHERE id = gate_id) LOOP PERFORM pg_sleep(0.01); END LOOP;
	END $$;
	SELECT weir.cap_table('fact', 6, adaptive => 'off');
});

sub enqueue
{
	my ($queue, $command) = @_;

	return $node->safe_psql('postgres',
		"SELECT weir.enqueue('$command', queue => '$queue', tables => '{fact}', max_attempts => 1)");
}

# Enqueues a task that holds a row, and waits until it does.
sub holder
{
	my ($queue, $row, $gate) = @_;
	my $task = enqueue($queue, "CALL hold($row, $gate)");

	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.running WHERE task_id = $task")
	  or die "task $task does not run";
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM (SELECT FROM fact WHERE id = $row FOR UPDATE SKIP LOCKED) f")
	  or die "row $row is not held";
	return $task;
}

sub open_gate
{
	$node->safe_psql('postgres', "UPDATE gate SET open = true WHERE id = $_[0]");
}

sub ends
{
	my ($task) = @_;

	is($node->safe_psql('postgres', "SELECT outcome FROM weir.wait($task, '1 min')"), 'succeeded', "task $task succeeds");
}

sub left_to
{
	my ($task, $what) = @_;

	ok($node->poll_query_until('postgres',
			"SELECT left_to IS NOT DISTINCT FROM $task FROM weir.resources"), $what);
}

# The event of an inheritance.
sub event
{
	my ($task) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM weir.events WHERE kind = 'inherit' AND task_id = $task")
	  or die "task $task has not inherited";
	return $node->safe_psql('postgres', qq{
		SELECT detail->'for_task', detail->>'for_class', detail->'depth', detail->'helped', (detail->>'seconds')::float > 0
		FROM weir.events WHERE kind = 'inherit' AND task_id = $task});
}

# A backfill holds what a daily task waits for.
my $low = holder('backfill', 1, 1);
my $high = enqueue('daily', 'UPDATE fact SET n = n + 1 WHERE id = 1');
left_to($high, 'the table is left to the daily task');
my $next = enqueue('backfill', 'SELECT 1');
my $other = enqueue('adhoc', 'SELECT 1');
ends(enqueue('daily', 'SELECT 1'));
is( $node->safe_psql('postgres', qq{
		SELECT cause, holder, detail FROM weir.why_waiting($next)
		UNION ALL SELECT cause, holder, detail FROM weir.why_waiting($other)}),
	join("\n", ("cap|task $high|resource public.fact is left to class daily: task $high waits for a lock of a task that holds a slot") x 2),
	'other classes wait, and say for whom');
open_gate(1);
ends($_) for $low, $high, $next, $other;
left_to('NULL', "then it is everybody's again");
is(event($low), "$high|daily|1|true|t", 'an event says who inherited, for whom, and that it helped');

# A chain.
my $last = holder('backfill', 2, 2);
my $middle = enqueue('adhoc', 'UPDATE fact SET n = n + 1 WHERE id = 3; UPDATE fact SET n = n + 1 WHERE id = 2');
ok( $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.lock_waits WHERE task_id = $middle"),
	'one in the middle waits');
my $first = enqueue('daily', 'UPDATE fact SET n = n + 1 WHERE id = 3');
ok( $node->poll_query_until('postgres', "SELECT max(depth) = 2 FROM weir.lock_waits WHERE task_id = $first"),
	'and one for it');
ok( $node->poll_query_until('postgres', "SELECT left_to = $first FROM weir.resources"), 'both inherit from the first');
open_gate(2);
ends($_) for $last, $middle, $first;
is(event($middle), "$first|daily|1|true|t", 'the one that it waits for');
like(event($last), qr/^$first\|daily\|2\|true\|t$/m, 'and the one behind that');

# Equals do not inherit.
my $equal = holder('backfill', 4, 3);
my $waiting = enqueue('backfill', 'UPDATE fact SET n = n + 1 WHERE id = 4');
ok( $node->poll_query_until('postgres', "SELECT lock_wait > interval '0.5 s' FROM weir.running WHERE task_id = $waiting"),
	'one of the same class waits');
left_to('NULL', 'nothing is left to it');
ends(enqueue('backfill', 'SELECT 1'));
open_gate(3);
ends($waiting);

# Without a slot of a table there is nothing to inherit.
$node->safe_psql('postgres', 'CREATE TABLE loose (id int PRIMARY KEY, n int NOT NULL); INSERT INTO loose VALUES (1, 0)');
my $loose = $node->safe_psql('postgres',
	"SELECT weir.enqueue('UPDATE loose SET n = n + 1; CALL hold(2, 4)', queue => 'backfill', max_attempts => 1)");
$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM (SELECT FROM loose FOR UPDATE SKIP LOCKED) f')
  or die 'the row is not held';
my $stuck = $node->safe_psql('postgres', "SELECT weir.enqueue('UPDATE loose SET n = n + 1', queue => 'daily', max_attempts => 1)");
ok( $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.lock_waits WHERE task_id = $stuck AND root_task_id = $loose"),
	'a task waits for one that holds no slot');
ok($node->poll_query_until('postgres', "SELECT lock_wait > interval '0.5 s' FROM weir.running WHERE task_id = $stuck"), 'for long');
open_gate(4);
ends($_) for $loose, $stuck;
is($node->safe_psql('postgres', "SELECT count(*) FROM weir.events WHERE kind = 'inherit' AND task_id = $loose"),
	0, 'which inherits nothing, and no event says so');

# A slot: who holds the last one of those that a daily task needs.  The event is of
# a wait that has lasted, as the scheduler has seen it: from its second round on.
$node->safe_psql('postgres', q{CREATE TABLE slotted (n int); SELECT weir.cap_table('slotted', 1)});
my $slow = $node->safe_psql('postgres',
	"SELECT weir.enqueue('CALL hold(2, 5)', queue => 'backfill', tables => '{slotted}', max_attempts => 1)");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.slots WHERE task_id = $slow")
  or die "task $slow does not run";
my $wants = $node->safe_psql('postgres', "SELECT weir.enqueue('SELECT 1', queue => 'daily', tables => '{slotted}')");
ok( $node->poll_query_until('postgres', "SELECT cause = 'cap' FROM weir.why_waiting($wants) LIMIT 1"),
	'a daily task waits for a slot');
my $beat = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
for my $more ('100 ms', '0 ms', '400 ms')
{
	$node->poll_query_until('postgres', "SELECT heartbeat > timestamptz '$beat' + interval '$more' FROM weir.status")
	  or die 'the scheduler does not go on';
	$beat = $node->safe_psql('postgres', 'SELECT heartbeat FROM weir.status');
}
open_gate(5);
ends($_) for $slow, $wants;
is(event($slow), "$wants|daily||true|t", 'and an event says so when it has it');
is($node->safe_psql('postgres', "SELECT relation FROM weir.events WHERE kind = 'inherit' AND task_id = $slow"),
	'public.slotted', 'and of which table');

# A session at the root is told of.
my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('BEGIN; UPDATE fact SET n = n + 1 WHERE id = 5');
my $blocked = enqueue('daily', 'UPDATE fact SET n = n + 1 WHERE id = 5');
ok( $node->poll_query_until('postgres', qq{
		SELECT count(*) = 1 FROM weir.events WHERE kind = 'blocked_by_session' AND task_id = $blocked
		AND relation = 'public.fact' AND (detail->'pid')::int = $pid AND detail->>'role' = current_user}),
	'an event tells of a session that blocks a task for long');
$session->query_safe('COMMIT');
ends($blocked);
$session->quit;
$node->stop;
done_testing();
