# A backfill ends early for a daily task that would be late otherwise: it is
# rolled back, waits on as before, twice at most, and what it had is handed over.
use strict;
use warnings FATAL => 'all';
use lib 'test/t';
use PostgreSQL::Test::Utils;
use Test::More;
use WeirNode;
use WeirTest;

my $node = weir_node('preempt', 'weir.max_workers' => 2);
my $db = 'postgres';
$node->safe_psql($db, q{
	CREATE EXTENSION pg_weir;
	CREATE TABLE fact (task_id bigint);
	CREATE TABLE plain (n int);
	INSERT INTO plain VALUES (0);
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

# A task that says so when it runs, and then waits for the holder's lock.
my $stubborn = q{DO $$ BEGIN
	INSERT INTO fact VALUES (weir.current_task());
	PERFORM weir.progress(0, 1, 'begun');
	PERFORM pg_advisory_xact_lock(7);
END $$};

sub wait_note
{
	my ($task, $note) = @_;

	$node->poll_query_until($db,
		"SELECT count(*) = 1 FROM weir.running WHERE task_id = $task AND note = '$note'")
	  or die "task $task does not say $note";
}

# Runs of about a second; the deadline is far away.
sub daily
{
	my ($tables, $command) = @_;

	return submit($command // 'SELECT 1', 'daily',
		tables => "'$tables'",
		deadline => "now() + '1 hour'",
		policy => q('{"estimate": 1}'));
}

sub too_late
{
	my ($task) = @_;

	$node->safe_psql($db, "SELECT weir.expedite($task, deadline => now() + '1 s')");
}

sub outcome
{
	my ($task) = @_;

	return $node->safe_psql($db, "SELECT outcome FROM weir.wait($task, '60 s')");
}

sub outcomes
{
	my ($task) = @_;

	return $node->safe_psql($db,
		"SELECT string_agg(outcome, ' ' ORDER BY attempt) FROM weir.runs WHERE task_id = $task");
}

# For a slot: not while there is time, then at once, and twice.
$holder->query_safe('SELECT pg_advisory_lock(7)');
my $chunk = submit($stubborn, 'backfill', tables => q('{fact}'), max_attempts => 1);
wait_note($chunk, 'begun');
for my $n (1, 2)
{
	my $run = daily('{fact}');
	my $adhoc = submit('SELECT 1', 'adhoc', tables => q('{fact}'));
	my $other = submit('SELECT 1', 'backfill', tables => q('{fact}'));

	$node->poll_query_until($db,
		"SELECT tier = 'on_time' AND state = 'ready' FROM weir.deadlines WHERE task_id = $run")
	  or die 'the deadline is not shown';
	is(outcomes($chunk), $n == 1 ? '' : 'preempted', "there is time: nothing happens ($n)");
	too_late($run);
	is(outcome($run), 'succeeded', "too late otherwise: the daily task starts ($n)");
	is(outcomes($chunk), join(' ', ('preempted') x $n), "the chunk was preempted ($n)");
	is(outcome($adhoc), 'succeeded', "the adhoc task follows ($n)");
	is($node->safe_psql($db,
			"SELECT string_agg(class, ' ' ORDER BY started_at) FROM weir.runs WHERE task_id IN ($run, $adhoc)"),
		'daily adhoc', "what was freed was handed to the daily task ($n)");
	is($node->safe_psql($db, "SELECT weir.cancel($other)"), '1', "a younger chunk waits ($n)");
	wait_note($chunk, 'begun');
}
is($node->safe_psql($db,
		"SELECT count(*), bool_or(charged), bool_or(final), count(reason) FROM weir.runs WHERE task_id = $chunk"),
	'2|f|f|2', 'neither attempt is charged, each says for whom');
is($node->safe_psql($db,
		"SELECT count(*), bool_and(detail ->> 'for_task' IS NOT NULL AND (detail ->> 'lost_ms')::int >= 0)
		 FROM weir.events WHERE kind = 'preempt' AND task_id = $chunk"),
	'2|t', 'and so do the events');
is($node->safe_psql($db, 'SELECT count(*), count(DISTINCT for_task) FROM weir.preemptions'),
	'2|2', 'and the view');
is($node->safe_psql($db,
		"SELECT preemptions, lost > '0' AND lost < worked, share > 0 AND share < 1 FROM weir.preempted_work"),
	'2|t|t', 'what was lost is counted');
my $third = daily('{fact}');
too_late($third);
$node->poll_query_until($db,
	"SELECT tier = 'critical' FROM weir.deadlines WHERE task_id = $third")
  or die 'the task is not critical';
is(outcomes($chunk), 'preempted preempted', 'a third time it is let finish');
is($node->safe_psql($db,
		"SELECT string_agg(cause || ' ' || holder, ', ') FROM weir.why_waiting($third)"),
	"cap task $chunk", 'and the daily task waits');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
is(outcome($chunk), 'succeeded', 'it succeeds with its only attempt that counts');
is(outcome($third), 'succeeded', 'then the daily task does');
is($node->safe_psql($db, "SELECT count(*) FROM fact WHERE task_id = $chunk"),
	'1', 'what was rolled back is gone');

# Only backfills that can be rolled back.
$holder->query_safe('SELECT pg_advisory_lock(7)');
for my $other (
	[ 'adhoc', 'of class adhoc' ],
	[ 'backfill', 'that commits by itself', mode => q('autocommit') ])
{
	my ($queue, $what, @more) = @$other;
	my $task = submit($stubborn, $queue, tables => q('{fact}'), @more);
	my $run;

	wait_note($task, 'begun');
	$run = daily('{fact}');
	too_late($run);
	$node->poll_query_until($db,
		"SELECT tier = 'critical' FROM weir.deadlines WHERE task_id = $run")
	  or die 'the task is not critical';
	is(outcomes($task), '', "a task $what is not preempted");
	$holder->query_safe('SELECT pg_advisory_unlock(7)');
	is(outcome($run), 'succeeded', 'the daily task starts after it');
	is(outcome($task), 'succeeded', 'which succeeds');
	$holder->query_safe('SELECT pg_advisory_lock(7)');
}

# For a worker: the one that has run for the shortest time.
my $old = submit($stubborn, 'backfill');
wait_note($old, 'begun');
my $young = submit($stubborn, 'backfill');
wait_note($young, 'begun');
my $run = daily('{}');
too_late($run);
is(outcome($run), 'succeeded', 'a daily task that lacks a worker gets one');
is(outcomes($young), 'preempted', 'of the task that loses least');
is(outcomes($old), '', 'not of the other');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
is(outcome($old) . ' ' . outcome($young), 'succeeded succeeded', 'both succeed');

# A command that swallows the cancel does not commit.
my $deaf = q{DO $$ BEGIN
	INSERT INTO fact VALUES (-weir.current_task());
	PERFORM weir.progress(0, 1, 'begun');
	BEGIN
		PERFORM pg_advisory_xact_lock(7);
	EXCEPTION WHEN query_canceled THEN
		PERFORM weir.progress(0, 1, 'deaf');
	END;
	BEGIN
		PERFORM pg_advisory_xact_lock(8);
	EXCEPTION WHEN query_canceled THEN
		PERFORM weir.progress(0, 1, 'deaf twice');
	END;
	PERFORM pg_advisory_xact_lock(9);
	COMMENT ON TABLE fact IS 'not reached';
END $$};
$holder->query_safe('SELECT pg_advisory_lock(n) FROM generate_series(7, 9) n');
$chunk = submit($deaf, 'backfill', tables => q('{fact}'));
wait_note($chunk, 'begun');
$run = daily('{fact}');
too_late($run);
is(outcome($run), 'succeeded', 'a command that swallows cancels is told again');
is(outcomes($chunk), 'preempted', 'until it ends');
$holder->query_safe('SELECT pg_advisory_unlock_all()');
is(outcome($chunk), 'succeeded', 'it succeeds the next time');
is($node->safe_psql($db, "SELECT count(*) FROM fact WHERE task_id = -$chunk"),
	'1', 'and has had its effect once');

# The scheduler ends when the chunk has been told, and has not listened yet.
$holder->query_safe('SELECT pg_advisory_lock(7)');
$chunk = submit(q{DO $$ BEGIN
	PERFORM weir.progress(0, 1, 'begun');
	LOOP
		BEGIN
			PERFORM pg_advisory_xact_lock(7);
			EXIT;
		EXCEPTION WHEN query_canceled THEN
			PERFORM weir.progress(0, 1, 'deaf');
		END;
	END LOOP;
END $$}, 'backfill', tables => q('{fact}'));
wait_note($chunk, 'begun');
my $adhoc = submit('SELECT 1', 'adhoc', tables => q('{fact}'), priority => -1000);
$run = daily('{fact}');
too_late($run);
wait_note($chunk, 'deaf');
my $before = scheduler_pid($node, $db);
$node->safe_psql($db, "SELECT pg_terminate_backend($before)");
wait_scheduler($node, $db, $before);
$holder->query_safe('SELECT pg_advisory_unlock(7)');
is(outcome($run), 'succeeded', 'after the end of the scheduler the daily task starts');
is(outcome($adhoc), 'succeeded', 'and the adhoc task');
is($node->safe_psql($db,
		"SELECT string_agg(class, ' ' ORDER BY started_at) FROM weir.runs WHERE task_id IN ($run, $adhoc)"),
	'daily adhoc', 'in this order');
is(outcome($chunk), 'succeeded', 'the chunk succeeds');
like(outcomes($chunk), qr/^preempted succeeded$/, 'in its second attempt');

# A daily task that runs, and waits for a lock of a backfill.
$holder->query_safe('SELECT pg_advisory_lock(7)');
$chunk = submit(q{DO $$ BEGIN
	UPDATE plain SET n = n + 1;
	PERFORM weir.progress(0, 1, 'begun');
	PERFORM pg_advisory_xact_lock(7);
END $$}, 'backfill');
wait_note($chunk, 'begun');
$run = daily('{}', 'UPDATE plain SET n = n + 100');
$node->poll_query_until($db,
	"SELECT count(*) = 1 FROM weir.lock_waits WHERE task_id = $run")
  or die 'the daily task does not wait for the lock';
is(outcomes($chunk), '', 'a lock: there is time');
too_late($run);
is(outcome($run), 'succeeded', 'then there is none, and the daily task gets the lock');
# its next attempt may take the row before the one that waits for it has woken
like(outcomes($chunk), qr/^preempted( preempted)?$/, 'of the chunk');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
is(outcome($chunk), 'succeeded', 'which follows');
is($node->safe_psql($db, 'SELECT n FROM plain'), '101', 'each has had its effect');

$holder->quit;
is($node->safe_psql($db, 'SELECT count(*) FROM weir.deadlines'), '0',
	'no deadline is left');
is(ledger_faults($node, $db), '', 'the ledger is in order');
slots_free($node, $db);
$node->stop;
done_testing();
