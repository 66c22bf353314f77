# A backfill that holds what a daily task waits for is asked to yield, and does.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('yield', 'weir.max_workers' => 2);
my $db = 'postgres';
$node->safe_psql($db, q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE fact (n int);
	CREATE TABLE other (n int);
	SELECT weir.cap_table('fact', slots => 1);
});
wait_scheduler($node, $db);

# Runs until it is asked to yield; says in a note that it is there.
my $polite = q{DO $$ BEGIN
	PERFORM weir.progress(0, 1, 'begun');
	WHILE NOT weir.should_yield() LOOP END LOOP;
END $$};

sub backfill
{
	my ($tables, $command) = @_;
	my $task = $node->safe_psql($db,
		'SELECT weir.enqueue($c$' . ($command // $polite)
		  . "\$c\$, queue => 'backfill', tables => '$tables')");

	$node->poll_query_until($db,
		"SELECT count(*) = 1 FROM weir.running WHERE task_id = $task AND note = 'begun'")
	  or die "chunk $task does not run";
	return $task;
}

sub daily
{
	my ($tables) = @_;

	return $node->safe_psql($db,
		"SELECT weir.enqueue('SELECT 1', queue => 'daily', tables => '$tables')");
}

sub outcome
{
	my ($task) = @_;

	return $node->safe_psql($db, "SELECT outcome FROM weir.wait($task, '60 s')");
}

# A slot.
my $chunk = backfill('{fact}');
my $elsewhere = daily('{other}');
is(outcome($elsewhere), 'succeeded', 'a daily task that needs another table starts');
is($node->safe_psql($db, "SELECT count(*) FROM weir.running WHERE task_id = $chunk"),
	'1', 'and no chunk yields for it');
my $adhoc = $node->safe_psql($db,
	"SELECT weir.enqueue('SELECT 1', tables => '{fact}')");
is($node->safe_psql($db, "SELECT cause FROM weir.why_waiting($adhoc)"),
	'cap', 'an adhoc task waits for the slot');
is($node->safe_psql($db, "SELECT count(*) FROM weir.running WHERE task_id = $chunk"),
	'1', 'and the chunk does not yield for it either');
my $run = daily('{fact}');
is(outcome($run), 'succeeded', 'a daily task that waits for the slot');
is(outcome($chunk), 'succeeded', 'has the chunk yield');
is(outcome($adhoc), 'succeeded', 'the adhoc task follows');
is($node->safe_psql($db,
		"SELECT string_agg(class, ' ' ORDER BY started_at) FROM weir.runs WHERE task_id IN ($chunk, $run, $adhoc)"),
	'backfill daily adhoc', 'in this order');

# A worker: both are busy.  One that waits for a lock does not ask.
my $holder = $node->background_psql($db);
$holder->query_safe('SELECT pg_advisory_lock(7)');
my $blocked = backfill('{}',
	q{DO $$ BEGIN PERFORM weir.progress(0, 1, 'begun'); PERFORM pg_advisory_xact_lock(7); END $$});
$chunk = backfill('{}');
$run = daily('{}');
is(outcome($run), 'succeeded', 'a daily task that waits for a worker');
is(outcome($chunk), 'succeeded', 'has a chunk yield, too');

# The request is gone with the one that waited.
$chunk = backfill('{fact}');
$run = daily('{fact}');
is(outcome($run), 'succeeded', 'once more');
$chunk = $node->safe_psql($db,
	"SELECT weir.enqueue('SELECT weir.should_yield() AS asked', queue => 'backfill', tables => '{fact}')");
is($node->safe_psql($db, "SELECT (weir.wait($chunk, '60 s')).result"),
	'[{"asked": false}]', 'the next chunk is not asked to yield');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
is(outcome($blocked), 'succeeded', 'the other one ends');
$holder->query_safe('SELECT pg_advisory_lock(8)');
$chunk = backfill('{fact}', q{DO $$ BEGIN
	PERFORM weir.progress(0, 1, 'begun');
	PERFORM pg_advisory_xact_lock(8);
	WHILE weir.should_yield() LOOP END LOOP;
END $$});
$run = daily('{fact}');
$node->poll_query_until($db,
	"SELECT cause = 'cap' FROM weir.why_waiting($run) LIMIT 1")
  or die 'the daily task does not wait';
$node->safe_psql($db, "SELECT weir.cancel($run)");
is(outcome($run), 'cancelled', 'a daily task that waited is cancelled');
$holder->query_safe('SELECT pg_advisory_unlock(8)');
is(outcome($chunk), 'succeeded', 'and the chunk is not asked any more');
$holder->quit;

# After the scheduler's end: who is in the way is found again.
$chunk = backfill('{fact}', q{DO $$ BEGIN
	PERFORM weir.progress(0, 1, 'begun');
	PERFORM pg_advisory_xact_lock(9);
	WHILE NOT weir.should_yield() LOOP END LOOP;
END $$});
my $before = scheduler_pid($node, $db);
$node->safe_psql($db, "SELECT pg_terminate_backend($before)");
$run = daily('{fact}');
wait_scheduler($node, $db, $before);
is(outcome($run), 'succeeded', 'a daily task that comes while there is no scheduler');
is(outcome($chunk), 'succeeded', 'has the chunk yield');

$node->stop;
done_testing();
