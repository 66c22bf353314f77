# Deadlines of daily tasks: what is known of them, events, and what follows.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;

my $node = weir_node('deadlines', 'weir.max_workers' => 4);
my $db = 'postgres';
$node->safe_psql($db, q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE fact (n int);
	CREATE TABLE other (n int);
	SELECT weir.cap_table('fact', slots => 1);
});
wait_scheduler($node, $db);
my $holder = $node->background_psql($db);

sub submit
{
	my ($command, $queue, %more) = @_;
	my $more = join '', map { ", $_ => $more{$_}" } sort keys %more;

	return $node->safe_psql($db,
		"SELECT weir.enqueue(\$c\$$command\$c\$, queue => '$queue'$more)");
}

sub outcome
{
	my ($task) = @_;

	return $node->safe_psql($db, "SELECT outcome FROM weir.wait($task, '60 s')");
}

sub wait_tier
{
	my ($task, $tier) = @_;

	$node->poll_query_until($db,
		"SELECT tier = '$tier' FROM weir.deadlines WHERE task_id = $task")
	  or die "task $task is not $tier";
}

sub events
{
	my ($task) = @_;

	return $node->safe_psql($db,
		"SELECT string_agg(kind, ' ' ORDER BY event_id) FROM weir.events
		 WHERE task_id = $task AND kind IN ('on_time', 'at_risk', 'critical', 'missed', 'met')");
}

# An adhoc task has the slot: nothing is preempted.
my $hold = q{SELECT weir.progress(0, 1, 'begun'), pg_advisory_xact_lock(7)};
$holder->query_safe('SELECT pg_advisory_lock(7)');
my $adhoc = submit($hold, 'adhoc', tables => q('{fact}'));
$node->poll_query_until($db,
	"SELECT count(*) = 1 FROM weir.running WHERE task_id = $adhoc AND note = 'begun'")
  or die 'the holder does not run';
my $run = submit('SELECT 1', 'daily', tables => q('{fact,other}'),
	deadline => "now() + '1 hour'", policy => q('{"estimate": 60}'));
wait_tier($run, 'on_time');
my $before = submit('SELECT 1', 'backfill', tables => q('{other}'));
is(outcome($before), 'succeeded', 'while there is time backfills start on its tables');

# The latest start has passed: critical, and its tables are closed to backfills.
$node->safe_psql($db, "SELECT weir.expedite($run, deadline => now() + '1 min')");
wait_tier($run, 'critical');
my $chunk = submit('SELECT 1', 'backfill', tables => q('{other}'));
my $elsewhere = submit('SELECT 1', 'backfill');
is(outcome($elsewhere), 'succeeded', 'a backfill elsewhere starts');
is($node->safe_psql($db,
		"SELECT cause, holder FROM weir.why_waiting($chunk)"),
	"yield|task $run", 'one on its tables does not, and says why');
is($node->safe_psql($db, "SELECT outcome FROM weir.runs WHERE task_id = $adhoc"),
	'', 'the adhoc task goes on');

# A new scheduler finds the same, and does not say it again.
my $scheduler = scheduler_pid($node, $db);
$node->safe_psql($db, "SELECT pg_terminate_backend($scheduler)");
wait_scheduler($node, $db, $scheduler);
wait_tier($run, 'critical');
is(events($run), 'critical', 'one event for the tier');

# There is time again.
$node->safe_psql($db, "SELECT weir.expedite($run, deadline => now() + '1 day')");
wait_tier($run, 'on_time');
is(outcome($chunk), 'succeeded', 'the backfill starts when there is time again');
$node->safe_psql($db, "SELECT weir.expedite($run, deadline => now() + '1 min')");
wait_tier($run, 'critical');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
is(outcome($run), 'succeeded', 'it is done in time after all');
$node->poll_query_until($db,
	"SELECT count(*) = 1 FROM weir.events WHERE task_id = $run AND kind = 'met'")
  or die 'no event met';
is(events($run), 'critical on_time critical met', 'each change is an event');

# One that is late, and one without an estimate.
$holder->query_safe('SELECT pg_advisory_lock(7)');
$adhoc = submit($hold, 'adhoc', tables => q('{fact}'));
$node->poll_query_until($db,
	"SELECT count(*) = 1 FROM weir.running WHERE task_id = $adhoc AND note = 'begun'")
  or die 'the holder does not run';
my $late = submit('SELECT 1', 'daily', tables => q('{fact}'),
	deadline => "now() + '1 s'");
$node->poll_query_until($db,
	"SELECT missed FROM weir.deadlines WHERE task_id = $late")
  or die 'the deadline is not missed';
$holder->query_safe('SELECT pg_advisory_unlock(7)');
is(outcome($late), 'succeeded', 'a task that is late is done nevertheless');
like(events($late), qr/missed$/, 'and recorded as that');

# From the history: twenty runs of the job are better than an estimate.
$node->safe_psql($db, q{
	SELECT n FROM weir.enqueue_many('SELECT $1', (SELECT jsonb_agg(jsonb_build_array(i)) FROM generate_series(1, 30) i), queue => 'daily');
	SELECT weir.drain('daily', '60 s');
});
$scheduler = scheduler_pid($node, $db);
$node->safe_psql($db, "SELECT pg_terminate_backend($scheduler)");
wait_scheduler($node, $db, $scheduler);
$node->safe_psql($db, "SELECT weir.pause('daily')");
$run = submit('SELECT 1', 'daily', deadline => "now() + '1 hour'",
	policy => q('{"estimate": 3000}'));
$node->poll_query_until($db,
	"SELECT deadline - latest_start < '1 min' FROM weir.deadlines WHERE task_id = $run")
  or die 'the ledger is not learned from';
pass('after a restart what the ledger knows counts more than an estimate');
$node->safe_psql($db, "SELECT weir.resume('daily')");
is(outcome($run), 'succeeded', 'the task is done');
is(events($run), '', 'nothing is said of a task that was never at risk');

$holder->quit;
$node->stop;
done_testing();
