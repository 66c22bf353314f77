# Mode autocommit: an attempt that was interrupted has perhaps had its effect,
# so it is not started a second time unless the task allows that.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('main', restart_after_crash => 'on');

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE effect (task_id bigint);
	CREATE TABLE fact ();
	SELECT weir.cap_table('fact', 1)});

# Notes how far it has come, leaves a mark, both committed, then does not end.
sub enqueue
{
	my ($options) = @_;

	return $node->safe_psql('postgres',
		"SELECT weir.enqueue('SELECT weir.checkpoint(to_jsonb(coalesce(weir.checkpoint()::int, 0) + 1)); INSERT INTO effect SELECT weir.current_task(); SELECT pg_sleep(3600)', mode => 'autocommit'$options)");
}

# What it has noted, by attempt.
sub checkpoints
{
	my ($task) = @_;

	return $node->safe_psql('postgres',
		"SELECT string_agg(attempt || ': ' || checkpoint, ', ' ORDER BY attempt) FROM weir.checkpoints WHERE task_id = $task");
}

sub effects
{
	my ($task) = @_;

	return $node->safe_psql('postgres', "SELECT count(*) FROM effect WHERE task_id = $task");
}

# Waits until the mark of that attempt is committed; returns the worker.
sub wait_mark
{
	my ($task, $attempt) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = $attempt FROM effect WHERE task_id = $task")
	  or die "attempt $attempt of task $task does not run";
	return $node->safe_psql('postgres', "SELECT pid FROM weir.running WHERE task_id = $task");
}

# How each way to be interrupted is told.
my %ways = (
	'SIGTERM of its worker' => {
		act => sub {
			$node->safe_psql('postgres', "SELECT pg_terminate_backend($_[0])");
		},
		outcome => 'interrupted', sqlstate => '57P01' },
	'an immediate stop' => {
		act => sub { $node->stop('immediate'); $node->start; },
		outcome => 'interrupted', sqlstate => '57P01' },
	'a fast stop' => {
		act => sub { $node->stop('fast'); $node->start; },
		outcome => 'interrupted', sqlstate => '57P01' },
	'a crash of its worker' => {
		act => sub { crash($node, $_[0]); },
		outcome => 'crashed', sqlstate => '57P02' });
for my $way (sort keys %ways)
{
	my %expected = %{ $ways{$way} };
	my $task = enqueue(q{, tables => '{fact}'});

	$expected{act}->(wait_mark($task, 1));
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM weir.dead_letters WHERE task_id = $task")
	  or die 'no dead letter';
	is( $node->safe_psql('postgres',
			"SELECT attempts, outcome, sqlstate FROM weir.dead_letters WHERE task_id = $task"),
		"1|$expected{outcome}|$expected{sqlstate}", "after $way it is a dead letter that says so");
	is(effects($task), 1, 'it was not started again');
	is(checkpoints($task), '1: 1', 'and what it has noted is there');
	slots_free($node, 'postgres');
}

# One that may be repeated is, with the effect for each attempt.
my $task = enqueue(', max_attempts => 2');
for my $attempt (1 .. 2)
{
	my $pid = wait_mark($task, $attempt);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
}
is( $node->safe_psql('postgres', "SELECT attempt, outcome, final, charged FROM weir.wait($task)"),
	'2|interrupted|t|t', 'with two attempts it runs twice');
is(effects($task), 2, 'and has its effect twice');
is(checkpoints($task), '1: 1, 2: 2', 'the second time it knows where the first one was');

# A scheduler that goes does not matter to it: it is claimed.
my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(1)');
$task = $node->safe_psql('postgres',
	q{SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task(); SELECT pg_advisory_lock(1); SELECT pg_advisory_unlock(1)', mode => 'autocommit')});
wait_mark($task, 1);
my $pid = scheduler_pid($node, 'postgres');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_scheduler($node, 'postgres', $pid);
is( $node->safe_psql('postgres', "SELECT count(*) FROM weir.running WHERE task_id = $task"),
	1, 'a new scheduler lets it run on');
$holder->query_safe('SELECT pg_advisory_unlock(1)');
is( $node->safe_psql('postgres', "SELECT attempt, outcome FROM weir.wait($task)"),
	'1|succeeded', 'it succeeds in the same attempt');
is(effects($task), 1, 'with a single effect');
$holder->quit;

# A failure is one, and the statements before it stay.
$task = $node->safe_psql('postgres',
	q{SELECT weir.enqueue('INSERT INTO effect SELECT weir.current_task(); SELECT 1/0', mode => 'autocommit')});
is( $node->safe_psql('postgres', "SELECT attempt, outcome, final, sqlstate FROM weir.wait($task)"),
	'1|failed|t|22012', 'an error ends it');
is(effects($task), 1, 'after its first statement was committed');
is( $node->safe_psql('postgres',
		'SELECT count(*) - count(DISTINCT (task_id, attempt)), count(*) = (SELECT count(*) FROM weir.runs) FROM weir.claim'),
	'0|t', 'there is one claim for each attempt');
wait_drained($node, 'postgres');
is(ledger_faults($node, 'postgres'), '', 'the ledger is in order');
unlike(log_since($node), qr/PANIC|TRAP:/, 'no failed assertion');
$node->stop;
done_testing();
